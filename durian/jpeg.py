"""Reads a JPEG's markers: what it says of its size, and how much work it is."""

import re
import struct
from dataclasses import dataclass

from .limits import MAX_EXIFS, MAX_READS, MAX_SCANS, NOT_A_PHOTO, PhotoError

END = b"\xff\xd9"
_START, _EXIF, _SCAN = b"\xff\xd8", b"\xff\xe1", b"\xff\xda"
_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")  # none that may stand inside a scan
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers that state the picture's size
_SEQUENTIAL = {0xC0, 0xC1, 0xC9}  # … and that it is not progressive


@dataclass(frozen=True)
class Header:
    """What a JPEG says of itself, without its thumbnails and further pictures."""

    sizes: list[tuple[int, int]]
    """Each (width, height) that it states, in pixels; a sound file states one."""

    coefficients: int
    """Bytes in which libjpeg keeps all of the picture's coefficients while it decodes.

    0 if it need not, since each row of the picture is stored in one piece.
    """


def read_header(data: bytes) -> Header | None:
    """Return what the bytes of a JPEG say of it, None for other files.

    Raises PhotoError where there is too much of anything, struct.error or IndexError where the
    header breaks off.
    """
    if not data.startswith(_START):
        return None
    segments = scans = exifs = at = coefficients = 0
    sizes, sampling, progressive = [], [], False
    while (marker := _MARKER.search(data, at)) and marker[0] != END:
        begin = marker.end()
        at = begin + int.from_bytes(data[begin : begin + 2])
        segments += 1
        exifs += marker[0] == _EXIF and data.startswith(b"Exif", begin + 2)
        if marker[0][1] in _FRAMES:
            height, width, components = struct.unpack_from(">HHB", data, begin + 2 + 1)
            sizes.append((width, height))
            sampling = [data[begin + 9 + 3 * number] for number in range(components)]
            progressive = marker[0][1] not in _SEQUENTIAL
        if marker[0] == _SCAN:
            scans += 1
            if scans == 1 and (progressive or data[begin + 2] < len(sampling)):
                coefficients = _coefficients(sizes[-1], sampling)
        if segments > MAX_READS or scans > MAX_SCANS or exifs > MAX_EXIFS:
            raise PhotoError(NOT_A_PHOTO)
    return Header(sizes, coefficients)


def _coefficients(size: tuple[int, int], sampling: list[int]) -> int:
    """Return the bytes of all coefficients, two each.

    `sampling` tells how finely each component is sampled: 1–4 times horizontally in the upper four
    bits, 1–4 times vertically in the lower four.
    """
    across, down = [factor >> 4 for factor in sampling], [factor & 15 for factor in sampling]
    shares = sum(x * y for x, y in zip(across, down, strict=True))
    return 2 * size[0] * size[1] * shares // (max(across) * max(down))
