"""Decodes a photograph's file within bounds on memory and time."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, JpegImagePlugin

from . import jpeg, pillow12, pixels
from .limits import (
    DAMAGED,
    MAX_GIF_READS,
    MAX_JPEG_PIXELS,
    MAX_MEMORY,
    MAX_PIXELS,
    MAX_READS,
    NOT_A_PHOTO,
    TOO_LARGE,
    PhotoError,
)

FORMATS = ("PNG", "WEBP", "HEIF", "AVIF", "GIF", "BMP", "TIFF")  # and JPEG

# Bytes a pixel at the peak of decoding, measured. Of other formats, Pillow holds the picture once.
WEBP = 16  # four times in RGBA: up to 14 megapixels
AVIF = 10  # up to 23 megapixels
TIFF_STRIP = 8  # beside the picture: one strip, which may be all of it
HEIF_PLANES = {420: 1.5, 422: 2, 444: 3}  # by chroma subsampling, beside the picture in RGB

SIDES = (pixels.WORKING_SIDE, pixels.WORKING_SIDE)

pillow_heif.register_heif_opener()


@contextmanager
def refusal(sentence: str) -> Iterator[None]:
    """Turn whatever a decoder raises on a bad file (nearly anything) into a PhotoError."""
    try:
        yield
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:  # Pillow's own limit, from the header too
        raise PhotoError(TOO_LARGE) from error
    except Exception as error:
        raise PhotoError(sentence) from error


def decode(data: bytes) -> Image.Image:
    """Return the photograph in a file's bytes: mode RGB, upright, in sRGB, no larger than needed.

    Waits while photographs that other threads decode leave too little memory. Raises PhotoError.
    """
    with refusal(NOT_A_PHOTO):
        header = jpeg.read_header(data)
        image = pillow12.opened(data, header, _open)
        _check_size(image, header)
        image.draft(None, SIDES)  # of a JPEG
        memory = _memory(image, header)
    if memory > MAX_MEMORY:
        raise PhotoError(TOO_LARGE)
    with _budget.taken(memory), refusal(DAMAGED):
        if image.format == "HEIF":
            return _heif(data)
        try:
            return pixels.upright_rgb(image)
        except OSError:
            if not header:
                raise
        image = _open(data + jpeg.END)
        image.draft(None, SIDES)
        return pixels.upright_rgb(_arrived(image))


class _Reader(io.BytesIO):
    """A file's bytes, which refuse a decoder that reads them in too many little pieces."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.left = MAX_GIF_READS if data.startswith(b"GIF") else MAX_READS

    def read(self, size: int | None = -1) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise PhotoError(NOT_A_PHOTO)
        return super().read(size)


class _Budget:
    """Bytes that threads share: one that asks for more than are left waits."""

    def __init__(self, left: int) -> None:
        self._left = left
        self._changed = Condition()

    @contextmanager
    def taken(self, count: int) -> Iterator[None]:
        """Reserve `count` bytes for the block; no more than the whole budget."""
        with self._changed:
            self._changed.wait_for(lambda: self._left >= count)
            self._left -= count
        try:
            yield
        finally:
            with self._changed:
                self._left += count
                self._changed.notify_all()


_budget = _Budget(MAX_MEMORY)


def _open(data: bytes) -> Image.Image:
    if data.startswith(b"\xff\xd8"):
        # Image.open refuses more than 179 megapixels, and reads what follows the picture.
        return JpegImagePlugin.JpegImageFile(_Reader(data))
    return Image.open(_Reader(data), formats=FORMATS)


def _check_size(image: Image.Image, header: jpeg.Header | None) -> None:
    """Refuse what takes too long; libjpeg decodes a JPEG at an eighth of its size, if need be."""
    most = MAX_JPEG_PIXELS if header and not header.coefficients else MAX_PIXELS
    if image.width * image.height > most:
        raise PhotoError(TOO_LARGE)


def _memory(image: Image.Image, header: jpeg.Header | None) -> int:
    """Return the bytes that decoding takes at its peak, once a JPEG is drafted."""
    count = image.width * image.height
    channels = {"1": 1, "L": 1, "P": 1}.get(image.mode, 4)  # bytes a pixel in Pillow
    if header:
        return count * channels + header.coefficients
    if image.format == "HEIF":
        planes = HEIF_PLANES.get(image.info.get("chroma"), max(HEIF_PLANES.values()))
        depth = 2 if image.info.get("bit_depth", 8) > 8 else 1
        return int(count * (planes * depth + len(image.getbands())))
    if image.format == "TIFF":
        rows = image.tag_v2.get(ExifTags.Base.RowsPerStrip, image.height)
        return count * channels + min(rows, image.height) * image.width * TIFF_STRIP
    return count * {"WEBP": WEBP, "AVIF": AVIF}.get(image.format, channels)


def _heif(data: bytes) -> Image.Image:
    """Decode an HEIC file in libheif's own memory, of which the plugin for Pillow makes a copy."""
    file = pillow_heif.open_heif(data, remove_stride=False)
    memory, stride = file.data, file.stride  # decodes it
    width, height = file.size  # which decoding can change

    def strip(top: int, end: int) -> Image.Image:
        part = memory[top * stride : end * stride]
        size = (width, end - top)
        return pixels.eight_bits(
            Image.frombuffer(file.mode, size, part, "raw", file.mode, stride, 1)
        )

    small = pixels.reduced((width, height), strip)
    return pixels.srgb(small, file.info.get("icc_profile"))


def _arrived(image: Image.Image) -> Image.Image:
    """Cut a JPEG that broke off to the rows that came; libjpeg fills the rest with mid-grey."""
    for last in range(image.height - 1, image.height // 2 - 2, -1):
        row = np.asarray(pixels.strip_of(image, last, last + 1))
        if row.min() < 127 or row.max() > 128:
            return image.crop((0, 0, image.width, last + 1))
    raise PhotoError(DAMAGED)
