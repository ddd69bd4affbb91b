"""Opens any photograph that somebody may send, and frames it for the network."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from .decoding import decode, refusal
from .limits import (
    DAMAGED,
    EMPTY,
    MAX_BYTES,
    MAX_PIXELS,
    TOO_HEAVY,
    TOO_LARGE,
    UNREADABLE,
    PhotoError,
)
from .pixels import upright_rgb

MAX_ASPECT = 3  # a longer picture keeps its middle


def open_photo(source: str | Path | bytes | BinaryIO) -> Image.Image:
    """Return the photograph at a path, in bytes or in a binary file as an upright sRGB picture.

    The picture is in mode RGB and carries no metadata. Transparent parts are white, of several
    frames or pages it is the first, and large photographs come back smaller. Threads may call
    this at the same time: what all of them decode stays below `limits.MAX_MEMORY`. Raises
    PhotoError where there is no photograph to return.
    """
    data = _read(source)
    if not data:
        raise PhotoError(EMPTY)
    if len(data) > MAX_BYTES:
        raise PhotoError(TOO_HEAVY)
    return decode(data)


def to_array(image: Image.Image, size: int) -> np.ndarray:
    """Return any Pillow image as the network takes it: (size, size, 3) uint8, RGB 0–255.

    The whole picture is squashed to the square. Raises PhotoError where it cannot be read, or has
    more than `limits.MAX_PIXELS`.
    """
    if image.width * image.height > MAX_PIXELS:
        raise PhotoError(TOO_LARGE)
    with refusal(DAMAGED):
        image = upright_rgb(image)
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, frame(image.size)))


def frame(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the part of a photo of this (width, height) that `to_array` takes in.

    It is a box in pixels: left, top, right, bottom.
    """
    width, height = (min(side, MAX_ASPECT * min(size)) for side in size)
    left, top = (size[0] - width) / 2, (size[1] - height) / 2
    return left, top, left + width, top + height


def _read(source: str | Path | bytes | BinaryIO) -> bytes:
    if isinstance(source, bytes):
        return source
    with refusal(UNREADABLE):
        if not isinstance(source, str | Path):
            return source.read(MAX_BYTES + 1)
        with Path(source).open("rb") as file:
            return file.read(MAX_BYTES + 1)
