"""Turns decoded pixels into an upright sRGB picture that is no larger than needed.

A large picture goes through in strips, so that beside it nothing of its size is in memory.
"""

import io
from collections.abc import Callable
from math import ceil

import numpy as np
from PIL import ExifTags, Image, ImageCms

WORKING_SIDE = 512  # pixels: photographs are reduced by the whole factor that leaves this many
WORKING_PIXELS = 2**22  # long ones are reduced to this many, however short their short side is
STRIP = 2**20  # pixels in a strip

Strip = Callable[[int, int], Image.Image]
"""Returns a picture's rows from one number to below another, in a mode of Pillow's."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright_rgb(image: Image.Image) -> Image.Image:
    """Return a fresh RGB picture: no larger than needed, on white, in sRGB and upright.

    Raises whatever the decoder of `image` raises where it is damaged.
    """
    image.load()
    turn = _TURNS.get(_orientation(image))
    profile = image.info.get("icc_profile")
    white = _white_level(image) if image.mode[0] in "IF" else None
    small = reduced(image.size, lambda top, end: eight_bits(strip_of(image, top, end), white))
    small = srgb(small, profile)
    return small if turn is None else small.transpose(turn)


def strip_of(image: Image.Image, top: int, end: int) -> Image.Image:
    """Return the rows `top` to below `end` of a decoded image."""
    return image.crop((0, top, image.width, end))


def reduced(size: tuple[int, int], strip: Strip) -> Image.Image:
    """Return a picture of this (width, height) on white, no larger than needed, as L, RGB or CMYK.

    Each pixel is the mean of a square; `strip` gives modes L, RGB, RGBA and CMYK.
    """
    width, height = size
    excess = (width * height / WORKING_PIXELS) ** 0.5
    factor = max(1, min(size) // WORKING_SIDE, ceil(excess))
    step = factor * max(1, STRIP // (width * factor))  # rows
    small = None
    for top in range(0, height, step):
        part = _on_white(strip(top, min(top + step, height))).reduce(factor)
        if small is None:
            small = Image.new(part.mode, (part.width, -(-height // factor)))
        small.paste(part, (0, top // factor))
    return small


def srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a copy in sRGB, without metadata; a profile that does not fit it is ignored."""
    converted = None
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            pass
    converted = converted or image.convert("RGB")
    converted.info = {}
    return converted


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _orientation(image: Image.Image) -> int | None:
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # broken metadata is no reason to refuse a picture
        return None


def _white_level(image: Image.Image) -> float:
    """Return the level that is white in an image of mode I or F: 1, 255, 65535, or its highest."""
    if image.mode.startswith("I;16"):
        return 65535
    rows = max(1, STRIP // image.width)
    peak = max(
        _levels(strip_of(image, top, min(top + rows, image.height))).max()
        for top in range(0, image.height, rows)
    )
    return next((white for white in (1, 255, 65535) if peak <= white), peak)


def _levels(image: Image.Image) -> np.ndarray:
    """Return the levels of an image of mode I or F, (height, width) float32, all of them finite."""
    return np.nan_to_num(np.asarray(image, np.float32))


def eight_bits(image: Image.Image, white: float | None = None) -> Image.Image:
    """Return an image in one of the modes L, RGB, RGBA and CMYK; `white` is its level in I or F."""
    if white is not None:
        levels = np.clip(_levels(image), 0, white) * (255 / white)
        return Image.fromarray(np.rint(levels).astype(np.uint8))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")
