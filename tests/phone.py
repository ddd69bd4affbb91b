"""Photographs as phones make them, of a sample: large, heavy and full of metadata."""

import io
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from .running import EXAMPLES

MAKER = "Durian Phones"  # stands in the metadata


def metadata(orientation: int = 1) -> Image.Exif:
    """Return what a phone writes beside the pixels: its maker, and where it was."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = MAKER
    exif[ExifTags.Base.Orientation] = orientation
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (1.0, 21.0, 7.0)
    return exif


def phone_photo(size: tuple[int, int] = (4032, 3024), sample: Path = EXAMPLES[0]) -> bytes:
    """Return a JPEG of this (width, height) with grain and metadata; 12 megapixels weigh 4 MB."""
    rng = np.random.default_rng(7)
    coarse = np.kron(rng.normal(0, 10, (128, 128)), np.ones((4, 4)))  # which a small copy keeps
    grain = np.rint(coarse + rng.normal(0, 5, coarse.shape)).astype(np.int16)[..., None]
    width, height = size
    pixels = np.asarray(Image.open(sample).resize(size), np.int16)
    pixels = pixels + np.tile(grain, (height // 512 + 1, width // 512 + 1, 1))[:height, :width]
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(
        file, "JPEG", quality=90, exif=metadata()
    )
    return file.getvalue()
