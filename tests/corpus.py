"""Writes one picture in every form that phones and programs save, and hostile files of all kinds.

Everything is made here from a seed, so every run sees the same files; nothing needs a download.
"""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import ExifTags, Image, ImageFilter, ImageOps

from durian import photo

SENTENCES = (
    photo.EMPTY,
    photo.UNREADABLE,
    photo.TOO_HEAVY,
    photo.TOO_LARGE,
    photo.NOT_A_PHOTO,
    photo.DAMAGED,
)

# ICC colorants (red, green, blue; XYZ under D50) and gamma of two wide colour spaces
DISPLAY_P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141))
GAMMA = 2.2

# How to undo each EXIF orientation, so that a viewer that obeys the tag sees the picture upright
UNDO = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
ROTATABLE = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF", "MPO")


def picture(width: int = 320, height: int = 240) -> Image.Image:
    """Return a picture like a photograph: soft colours, edges, grain, and no two corners alike."""
    rng = np.random.default_rng(7)
    soft = Image.fromarray(rng.integers((70, 80, 50), (180, 160, 130), (6, 8, 3), np.uint8))
    image = soft.resize((width, height), Image.Resampling.BICUBIC)
    for colour, box in (
        ((215, 180, 40), (0.1, 0.2, 0.5, 0.9)),
        ((70, 110, 40), (0.6, 0.1, 0.9, 0.4)),
    ):
        mask = Image.new("L", (64, 64))
        mask.paste(255, (8, 8, 56, 56))
        left, top, right, bottom = (
            int(at * side) for at, side in zip(box, (width, height) * 2, strict=True)
        )
        mask = mask.filter(ImageFilter.GaussianBlur(4)).resize((right - left, bottom - top))
        image.paste(colour, (left, top), mask)
    grain = rng.normal(0, 3, (height, width, 1))
    return Image.fromarray((np.asarray(image) + grain).clip(0, 255).astype(np.uint8))


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return the image as a file of one of Pillow's formats."""
    file = io.BytesIO()
    image.copy().save(file, kind, **options)  # Pillow leaves an encoder's settings on the image
    return file.getvalue()


def rotated(image: Image.Image, kind: str, orientation: int) -> bytes:
    """Return a file whose pixels lie as a turned phone writes them, with the tag that says so."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    undo = UNDO[orientation]
    turned = image if undo is None else image.transpose(undo)
    return save(turned, kind, exif=exif.tobytes(), **_BEST.get(kind, {}))


def profiled(image: Image.Image, colorants: tuple) -> tuple[Image.Image, bytes]:
    """Return the same colours as numbers of another colour space, and its ICC profile.

    The arithmetic is spelled out, so that it checks Little CMS instead of repeating it.
    """
    values = np.asarray(image) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    linear = linear @ np.array(SRGB) @ np.linalg.inv(np.array(colorants))
    encoded = (linear.clip(0, 1) ** (1 / GAMMA) * 255).round().astype(np.uint8)
    return Image.fromarray(encoded), icc_profile(colorants)


def icc_profile(colorants: tuple) -> bytes:
    """Return a matrix profile (ICC.1:2001, version 2)."""

    def xyz(values: tuple) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))

    curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(GAMMA * 256))
    text = b"text\0\0\0\0durian\0\0"
    name = b"desc\0\0\0\0" + struct.pack(">I", 7) + b"durian\0" + bytes(79)
    white = xyz((0.9642, 1, 0.8249))
    tags = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, colorants), strict=True))
    tags |= {b"wtpt": white, b"cprt": text, b"desc": name}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, data, at = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for tag, value in tags.items():
        table += tag + struct.pack(">II", at + len(data), len(value))
        data += value
    head = struct.pack(">I4sI", 128 + len(table + data), b"lcms", 0x02100000)
    head += b"mntrRGB XYZ " + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp"
    head = head.ljust(68, b"\0") + white[8:] + bytes(48)
    return head + table + data


def png(array: np.ndarray, interlaced: bool = False, *extra: bytes) -> bytes:
    """Return an (h, w, 3) uint8 or uint16 array as a PNG, as Pillow cannot: 16 bits, interlaced."""
    height, width, _ = array.shape
    whole = ((0, 0, 1, 1),)
    adam7 = (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    )
    rows = b"".join(
        b"\0" + row.astype(array.dtype.newbyteorder(">")).tobytes()
        for x, y, dx, dy in (adam7 if interlaced else whole)
        for row in array[y::dy, x::dx]
        if row.size
    )
    header = struct.pack(">IIBBBBB", width, height, array.itemsize * 8, 2, 0, 0, interlaced)
    return _png(header, *extra, chunk(b"IDAT", zlib.compress(rows)))


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    """Return one chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(header: bytes, *chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND")


def tiff(array: np.ndarray, **tags: tuple[int, ...]) -> bytes:
    """Return an (h, w, 3) array as an uncompressed TIFF of any depth; tags change its own."""
    height, width, _ = array.shape
    data = array.astype(array.dtype.newbyteorder("<")).tobytes()
    values = {
        256: (width,),
        257: (height,),
        258: (array.itemsize * 8,) * 3,
        259: (1,),
        262: (2,),
        273: (8,),
        277: (3,),
        278: (height,),
        279: (len(data),),
    }
    values |= {int(tag.removeprefix("tag")): value for tag, value in tags.items()}
    directory, extra, start = b"", b"", 8 + len(data)
    after = start + 2 + 12 * len(values) + 4
    for tag, value in sorted(values.items()):
        packed = struct.pack(f"<{len(value)}I", *(v & 0xFFFFFFFF for v in value))
        if len(value) > 1:
            packed, extra = struct.pack("<I", after + len(extra)), extra + packed
        directory += struct.pack("<HHI", tag, 4, len(value)) + packed
    directory = struct.pack("<H", len(values)) + directory + bytes(4)
    return struct.pack("<2sHI", b"II", 42, start) + data + directory + extra


def _ycck(image: Image.Image) -> bytes:
    """Return an Adobe YCCK JPEG: YCbCr of the inverted inks, and black, under transform 2."""
    y, cb, cr = ImageOps.invert(image).convert("YCbCr").split()
    inks = Image.merge(
        "CMYK", [*(c.point(lambda v: 255 - v) for c in (y, cb, cr)), Image.new("L", image.size)]
    )
    data = save(inks, "JPEG", quality=95, subsampling=0)
    at = data.index(b"Adobe") + 11
    return data[:at] + b"\2" + data[at + 1 :]


def _transparent(image: Image.Image) -> Image.Image:
    """Return the picture on a larger transparent ground that hides a loud colour."""
    clear = Image.new("RGBA", (image.width * 2, image.height * 2), (255, 0, 255, 0))
    clear.paste(image, (image.width // 2, image.height // 2))
    return clear


def on_white(image: Image.Image) -> Image.Image:
    """Return what a person sees of `_transparent`."""
    white = Image.new("RGB", (image.width * 2, image.height * 2), "white")
    white.paste(image, (image.width // 2, image.height // 2))
    return white


_BEST = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "MPO": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
    "AVIF": {"quality": 95, "speed": 9},
    "HEIF": {"quality": 95},
}


def _second(image: Image.Image) -> dict[str, object]:
    """Return what makes Pillow save a second, very different picture behind the first."""
    return {"save_all": True, "append_images": [Image.new("RGB", image.size, (255, 0, 255))]}


def forms(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yield the picture in every form whose colours must come back the same: (file name, bytes)."""
    array = np.asarray(image)

    yield "baseline.jpg", save(image, "JPEG", **_BEST["JPEG"])
    yield "progressive.jpg", save(image, "JPEG", progressive=True, **_BEST["JPEG"])
    yield "restarts.jpg", save(image, "JPEG", restart_marker_rows=1, **_BEST["JPEG"])
    yield "cmyk.jpg", save(image.convert("CMYK"), "JPEG", **_BEST["JPEG"])
    yield "ycck.jpg", _ycck(image)
    yield "12-megapixels.jpg", save(image.resize((4032, 3024)), "JPEG", quality=85)
    yield "two-pictures.mpo", save(image, "MPO", **_second(image), **_BEST["MPO"])
    yield "8-bit.png", save(image, "PNG")
    yield "16-bit.png", png(array.astype(np.uint16) * 257)
    yield "interlaced.png", png(array, interlaced=True)
    yield "palette.png", save(image.quantize(256), "PNG")
    yield "opaque-alpha.png", save(image.convert("RGBA"), "PNG")
    yield "animated.png", save(image, "PNG", **_second(image))
    yield "lossy.webp", save(image, "WEBP", **_BEST["WEBP"])
    yield "lossless.webp", save(image, "WEBP", lossless=True)
    yield "animated.webp", save(image, "WEBP", lossless=True, **_second(image))
    yield "still.gif", save(image.quantize(256), "GIF")
    yield "animated.gif", save(image.quantize(256), "GIF", **_second(image))
    yield "24-bit.bmp", save(image, "BMP")
    yield "plain.tiff", save(image, "TIFF")
    yield "lzw.tiff", save(image, "TIFF", compression="tiff_lzw")
    yield "deflate.tiff", save(image, "TIFF", compression="tiff_adobe_deflate")
    yield "jpeg.tiff", save(image, "TIFF", compression="jpeg", quality=95)
    yield "pages.tiff", save(image, "TIFF", **_second(image))
    yield "16-bit.tiff", tiff(array.astype(np.uint16) * 257)
    yield "still.avif", save(image, "AVIF", **_BEST["AVIF"])
    yield "animated.avif", save(image, "AVIF", **_second(image), **_BEST["AVIF"])
    yield "still.heic", save(image, "HEIF", **_BEST["HEIF"])
    yield "two-pictures.heic", save(image, "HEIF", **_second(image), **_BEST["HEIF"])
    yield "turned.heic", rotated(image, "HEIF", 6)
    for name, colorants in (("display-p3", DISPLAY_P3), ("adobe-rgb", ADOBE_RGB)):
        other, profile = profiled(image, colorants)
        for kind, suffix in (("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("HEIF", "heic")):
            data = save(other, kind, icc_profile=profile, **_BEST.get(kind, {}))
            yield f"{name}.{suffix}", data


def grey_forms(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yield the picture in every form that keeps only its grey levels."""
    grey = image.convert("L")
    deep = Image.fromarray(np.asarray(grey, np.uint16) * 257)
    yield "grey.jpg", save(grey, "JPEG", quality=95)
    yield "grey.png", save(grey, "PNG")
    yield "grey-16-bit.png", save(deep, "PNG")
    yield "grey-16-bit.tiff", save(deep, "TIFF")
    yield "grey-32-bit.tiff", save(Image.fromarray(np.asarray(deep, np.int32)), "TIFF")
    yield "grey-float.tiff", save(Image.fromarray(np.asarray(grey, np.float32) / 255), "TIFF")
    yield "grey-alpha.png", save(grey.convert("LA"), "PNG")
    yield "grey.webp", save(grey, "WEBP", quality=95)
    yield "grey.heic", save(grey, "HEIF", quality=95)


def clear_forms(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yield the picture on a transparent ground in every form that has one."""
    clear = _transparent(image)
    yield "clear.png", save(clear, "PNG")
    yield "clear.webp", save(clear, "WEBP", lossless=True, exact=True)
    yield "clear.tiff", save(clear, "TIFF")
    yield "clear.avif", save(clear, "AVIF", **_BEST["AVIF"])
    yield "clear.heic", save(clear, "HEIF", **_BEST["HEIF"])
    yield "clear-palette.png", save(clear.quantize(256, Image.Quantize.FASTOCTREE), "PNG")
    yield "clear.gif", save(clear, "GIF")


def segment(marker: int, data: bytes = b"") -> bytes:
    """Return one segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def png_header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    """Return a PNG that promises this size and holds nothing."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return _png(header, chunk(b"IDAT", zlib.compress(bytes(64))))


def jpeg_header(width: int, height: int) -> bytes:
    """Return a JPEG that promises this size and holds nothing."""
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"
    return b"\xff\xd8" + segment(0xC0, frame) + segment(0xDA, b"\1\1\0\0\x3f\0") + b"\xff\xd9"


def gif_header(width: int, height: int) -> bytes:
    """Return a GIF that promises this size and holds nothing."""
    screen = struct.pack("<HH", width, height)
    return b"GIF89a" + screen + b"\x80\0\0" + bytes(6) + b",\0\0\0\0" + screen + b"\0\2\2D\1\0;"


def endless_scans(side: int, scans: int) -> bytes:
    """Return a progressive JPEG whose every scan costs a pass over all pixels and few bytes."""
    blocks = (-(-side // 8)) ** 2

    def bits(text: str) -> bytes:
        text += "1" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8).replace(b"\xff", b"\xff\0")

    one_code = b"\1" + bytes(15)
    frame = struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0"
    head = b"\xff\xd8" + segment(0xDB, b"\0" + b"\x10" * 64) + segment(0xC2, frame)
    head += segment(0xC4, b"\0" + one_code + b"\0") + segment(0xC4, b"\x10" + one_code + b"\xe0")
    first = segment(0xDA, b"\1\1\0\0\0\0") + bits("0" * blocks)
    empty = bits(("0" + "1" * 14) * (blocks // 32767 + 1))  # runs of 32767 blocks without a change
    rest = (
        segment(0xDA, bytes([1, 1, 0, 1 + n % 63, 1 + n % 63, 0])) + empty for n in range(scans)
    )
    return head + first + b"".join(rest) + b"\xff\xd9"
