"""Turns any photograph somebody may send into an upright sRGB picture, or says kindly why not."""

import io
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageCms

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000

# No real photograph comes near these. Files made to keep a decoder busy do: Pillow walks a file's
# chunks one by one in Python, copies a GIF's comment anew for every 255 bytes of it and a JPEG's
# metadata for every 64 KB, and libjpeg passes over the whole picture for every scan.
MAX_READS = 20_000
MAX_GIF_READS = 2_000
MAX_EXIFS = 20
MAX_SCANS = 100

FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "BMP", "TIFF")
WORKING_SIDE = 512  # a larger photograph is halved, thirded… while its short side stays above this
MAX_ASPECT = 3  # a longer picture keeps its middle

EMPTY = "This file is empty, so please choose the photo again."
UNREADABLE = "This photo could not be read, so please choose it again."
TOO_HEAVY = f"This photo is over {MAX_BYTES // 1024**2} MB, so please send a smaller copy."
TOO_LARGE = f"This photo is over {MAX_PIXELS // 10**6} megapixels, so please send a smaller copy."
NOT_A_PHOTO = "This is not a photo we can open, so please send a JPEG, PNG, WebP or HEIC file."
DAMAGED = "This photo is damaged or only partly here, so please send it again."

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_JPEG_START, _JPEG_EXIF, _JPEG_SCAN, _JPEG_END = b"\xff\xd8", b"\xff\xe1", b"\xff\xda", b"\xff\xd9"
_JPEG_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")  # none that may stand inside a scan
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers that say the picture's size
_EXIF_HEADS = re.compile(rb"(?:Exif\0\0)+")

pillow_heif.register_heif_opener()

# Gradio does not allow Pillow 13 yet, so what that mends for decoders is kept out here.
_load_exif = Image.Exif.load


def _load_exif_at_once(exif: Image.Exif, data: bytes | None) -> None:
    """Skip the heads of metadata in one go: Pillow copies all of it for each (CVE-2026-96643)."""
    heads = _EXIF_HEADS.match(data or b"")
    _load_exif(exif, data[heads.end() :] if heads else data)


Image.Exif.load = _load_exif_at_once


class PhotoError(ValueError):
    """A photo that cannot be used; the message is one sentence for the person who sent it."""


def open_photo(source: str | Path | bytes | BinaryIO) -> Image.Image:
    """Return the photograph at a path, in bytes or in a binary file as an upright sRGB picture.

    The picture is in mode RGB and carries no metadata. Transparent parts are white, of several
    frames or pages it is the first, and large photographs come back smaller. Raises PhotoError
    where there is no photograph to return.
    """
    data = _read(source)
    if not data:
        raise PhotoError(EMPTY)
    if len(data) > MAX_BYTES:
        raise PhotoError(TOO_HEAVY)
    with _refusal(NOT_A_PHOTO):
        image = _open(data)
    _check_size(image)
    with _refusal(DAMAGED):
        try:
            return _upright_rgb(image)
        except OSError:
            if image.format not in ("JPEG", "MPO"):
                raise
        return _upright_rgb(_arrived(_open(data + _JPEG_END)))


def to_array(image: Image.Image, size: int) -> np.ndarray:
    """Return any Pillow image as (size, size, 3) uint8 RGB: the network's one view of a picture.

    The whole picture is squashed to the square. Raises PhotoError where it cannot be read.
    """
    _check_size(image)
    with _refusal(DAMAGED):
        image = _upright_rgb(image)
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, frame(image.size)))


def frame(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the part of a photo of this (width, height) that `to_array` takes in, as a box."""
    width, height = (min(side, MAX_ASPECT * min(size)) for side in size)
    left, top = (size[0] - width) / 2, (size[1] - height) / 2
    return left, top, left + width, top + height


class _Reader(io.BytesIO):
    """Bytes that give up on a decoder that keeps asking for the next little piece."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.left = MAX_GIF_READS if data.startswith(b"GIF") else MAX_READS

    def read(self, size: int | None = -1) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise PhotoError(NOT_A_PHOTO)
        return super().read(size)


@contextmanager
def _refusal(sentence: str) -> Iterator[None]:
    """Turn whatever a decoder raises on a bad file (nearly anything) into a PhotoError."""
    try:
        yield
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:  # Pillow's own limit, from the header too
        raise PhotoError(TOO_LARGE) from error
    except Exception as error:
        raise PhotoError(sentence) from error


def _read(source: str | Path | bytes | BinaryIO) -> bytes:
    if isinstance(source, bytes):
        return source
    with _refusal(UNREADABLE):
        if not isinstance(source, str | Path):
            return source.read(MAX_BYTES + 1)
        with Path(source).open("rb") as file:
            return file.read(MAX_BYTES + 1)


def _open(data: bytes) -> Image.Image:
    """Read the header, and of a large JPEG prepare to decode only as much as is needed."""
    sizes = _jpeg_sizes(data) if data.startswith(_JPEG_START) else []
    image = Image.open(_Reader(data), formats=FORMATS)
    if image.format == "TIFF":
        _check_tiff(image)
    if image.format in ("JPEG", "MPO"):
        if sizes != [image.size]:
            raise PhotoError(NOT_A_PHOTO)
        _check_size(image)
        image.draft(None, (WORKING_SIDE, WORKING_SIDE))
    return image


def _jpeg_sizes(data: bytes) -> list[tuple[int, int]]:
    """Return each (width, height) that a JPEG says it has; it has to be one, and the right one.

    Pillow writes past its memory where libjpeg takes another width for the right one
    (CVE-2026-112403). Thumbnails and pictures that it may carry besides are skipped. Raises
    PhotoError where there is too much of anything.
    """
    segments = scans = exifs = at = 0
    sizes = []
    while (marker := _JPEG_MARKER.search(data, at)) and marker[0] != _JPEG_END:
        segments += 1
        scans += marker[0] == _JPEG_SCAN
        exifs += marker[0] == _JPEG_EXIF and data.startswith(b"Exif", marker.end() + 2)
        if segments > MAX_READS or scans > MAX_SCANS or exifs > MAX_EXIFS:
            raise PhotoError(NOT_A_PHOTO)
        at = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
        if marker[0][1] in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, marker.end() + 3)
            sizes.append((width, height))
    return sizes


def _check_tiff(image: Image.Image) -> None:
    """Refuse what no camera writes and Pillow reads past its memory for.

    Tiles (CVE-2026-112395), YCbCr (GHSA-c6hw-5grf-ff96) and JPEG strips (GHSA-q45j-58j2-45rg).
    """
    tags, name = image.tag_v2, ExifTags.Base
    tiles = {name.TileWidth, name.TileLength, name.TileOffsets, name.TileByteCounts}
    ycbcr = tags.get(name.PhotometricInterpretation) == 6
    if ycbcr or tags.get(name.Compression) in (6, 7) or tiles & set(tags):
        raise PhotoError(NOT_A_PHOTO)


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise PhotoError(TOO_LARGE)


def _arrived(image: Image.Image) -> Image.Image:
    """Cut a JPEG that broke off to the rows that came; libjpeg fills the rest with mid-grey."""
    rows = np.asarray(image).reshape(image.height, -1)
    came = np.flatnonzero((np.abs(rows - 127.5) > 1).any(axis=1))
    if not came.size or came[-1] + 1 < image.height / 2:
        raise PhotoError(DAMAGED)
    return image.crop((0, 0, image.width, came[-1] + 1))


def _upright_rgb(image: Image.Image) -> Image.Image:
    """Return a fresh picture: decoded, no larger than needed, on white, in sRGB and upright."""
    image.load()
    turn = _TURNS.get(_orientation(image))
    profile = image.info.get("icc_profile")
    image = _eight_bits(image)
    if (factor := min(image.size) // WORKING_SIDE) > 1:
        smaller = (round(image.width / factor), round(image.height / factor))
        image = image.resize(smaller, Image.Resampling.BOX)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    image = _srgb(image, profile)
    image.info = {}
    return image if turn is None else image.transpose(turn)


def _orientation(image: Image.Image) -> int | None:
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # broken metadata is no reason to refuse a picture
        return None


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return the image in one of the modes L, RGB, RGBA and CMYK."""
    if image.mode[0] in "IF":
        levels = np.array(image, np.float32)  # 200 MB at most, hence worked on in place
        np.nan_to_num(levels, copy=False)
        peak = 65535 if image.mode.startswith("I;16") else levels.max()
        white = next((white for white in (1, 255, 65535) if peak <= white), peak)
        np.clip(levels, 0, white, out=levels)
        levels *= 255 / white
        return Image.fromarray(np.rint(levels, out=levels).astype(np.uint8))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a copy in sRGB; a profile that is broken or meant for other channels is ignored."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            pass
    return image.convert("RGB")
