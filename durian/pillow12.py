"""Keeps out files that Pillow 12 mishandles; goes when Gradio allows Pillow 13, which is fixed.

A test fails as soon as Gradio's requirement allows Pillow 13. The one call of `opened` then becomes
`open_(data)`. The advisories are listed in .github/SECURITY.md.
"""

import re
from collections.abc import Callable

from PIL import ExifTags, Image

from . import jpeg
from .limits import NOT_A_PHOTO, PhotoError

_HEAD = b"Exif\0\0"
_HEADS = re.compile(rb"(?:Exif\0\0)+")
_AVIF_EXIF = re.compile(rb"(infe[\2\3]...(?:..|....)..)Exif", re.DOTALL)  # an item's type


def opened(
    data: bytes, header: jpeg.Header | None, open_: Callable[[bytes], Image.Image]
) -> Image.Image:
    """Return `open_(data)`, the image of a file, still to be decoded; `header` is a JPEG's.

    Raises PhotoError where Pillow 12 would read or write past its memory, or take minutes.
    """
    if _HEAD * 8 in data:  # CVE-2026-96643: Pillow copies all metadata for each of its heads
        raise PhotoError(NOT_A_PHOTO)
    if data[4:8] == b"ftyp":
        # The same, of an item in many parts. Such a file's orientation is no part of its Exif.
        data = _AVIF_EXIF.sub(rb"\1none", data)
    image = open_(data)
    if image.format == "TIFF":
        _check_tiff(image)
    elif header and header.sizes != [image.size]:
        # CVE-2026-112403: libjpeg and Pillow may each go by another of the two sizes.
        raise PhotoError(NOT_A_PHOTO)
    elif image.format == "PNG":
        image._exif = _Exif()  # CVE-2026-96643: a PNG's metadata can be packed
    return image


class _Exif(Image.Exif):
    """Metadata whose heads are skipped in one go."""

    def load(self, data: bytes | None) -> None:
        heads = _HEADS.match(data or b"")
        super().load(data[heads.end() :] if heads else data)


def _check_tiff(image: Image.Image) -> None:
    """Refuse files that no camera writes and that make Pillow read past its memory.

    Tiles (CVE-2026-112395), YCbCr (GHSA-c6hw-5grf-ff96) and JPEG strips (GHSA-q45j-58j2-45rg).
    """
    tags, name = image.tag_v2, ExifTags.Base
    tiles = {name.TileWidth, name.TileLength, name.TileOffsets, name.TileByteCounts}
    ycbcr = tags.get(name.PhotometricInterpretation) == 6
    if ycbcr or tags.get(name.Compression) in (6, 7) or tiles & set(tags):
        raise PhotoError(NOT_A_PHOTO)
