"""Writes one picture in every form that phones and programs save, and hostile files of all kinds.

All is made from a seed, so that every run sees the same files and none is downloaded.
"""

import io
import pickle
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import ExifTags, Image, ImageFilter, ImageOps

from durian import limits

SENTENCES = (
    limits.EMPTY,
    limits.UNREADABLE,
    limits.TOO_HEAVY,
    limits.TOO_LARGE,
    limits.NOT_A_PHOTO,
    limits.DAMAGED,
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


GOOD = save(picture(), "JPEG")  # a photograph as good as any


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
    """Return the picture on a larger transparent ground, whose hidden colour is bright."""
    clear = Image.new("RGBA", (image.width * 2, image.height * 2), (255, 0, 255, 0))
    clear.paste(image, (image.width // 2, image.height // 2))
    return clear


def on_white(image: Image.Image) -> Image.Image:
    """Return what a person sees of `_transparent`."""
    white = Image.new("RGB", (image.width * 2, image.height * 2), "white")
    white.paste(image, (image.width // 2, image.height // 2))
    return white


# What is compared is how files are read, not what a codec throws away.
_BEST = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "MPO": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 100},
    "AVIF": {"quality": 95, "speed": 9, "subsampling": "4:4:4"},
    "HEIF": {"quality": 98, "enc_params": {"preset": "ultrafast"}},
}


def _dithered(image: Image.Image) -> Image.Image:
    """Return the picture in 256 colours, mixed from neighbours as most programs do."""
    palette = image.quantize(256, method=Image.Quantize.FASTOCTREE)
    return image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


def _second(image: Image.Image) -> dict[str, object]:
    """Return what makes Pillow save a second, very different picture behind the first."""
    return {"save_all": True, "append_images": [Image.new("RGB", image.size, (255, 0, 255))]}


def forms(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yield the picture in every form whose colours must come back the same: (file name, bytes)."""
    array, dithered = np.asarray(image), _dithered(image)

    yield "baseline.jpg", save(image, "JPEG", **_BEST["JPEG"])
    yield "progressive.jpg", save(image, "JPEG", progressive=True, **_BEST["JPEG"])
    yield "restarts.jpg", save(image, "JPEG", restart_marker_rows=1, **_BEST["JPEG"])
    yield "cmyk.jpg", save(image.convert("CMYK"), "JPEG", **_BEST["JPEG"])
    yield "ycck.jpg", _ycck(image)
    jpeg, part = save(image, "JPEG", **_BEST["JPEG"]), segment(0xE1, b"Exif\0\0" + bytes(65_000))
    yield "20-parts-of-exif.jpg", jpeg[:2] + 20 * part + jpeg[2:]
    yield "12-megapixels.jpg", save(image.resize((4032, 3024)), "JPEG", quality=85)
    yield "two-pictures.mpo", save(image, "MPO", **_second(image), **_BEST["MPO"])
    yield "8-bit.png", save(image, "PNG")
    yield "16-bit.png", png(array.astype(np.uint16) * 257)
    yield "interlaced.png", png(array, interlaced=True)
    yield "palette.png", save(dithered, "PNG")
    yield "opaque-alpha.png", save(image.convert("RGBA"), "PNG")
    yield "animated.png", save(image, "PNG", **_second(image))
    yield "lossy.webp", save(image, "WEBP", **_BEST["WEBP"])
    yield "lossless.webp", save(image, "WEBP", lossless=True)
    yield "animated.webp", save(image, "WEBP", lossless=True, **_second(image))
    yield "still.gif", save(dithered, "GIF")
    yield "animated.gif", save(dithered, "GIF", **_second(image))
    yield "commented.gif", save(dithered, "GIF", comment=b"a" * 200_000)
    yield "24-bit.bmp", save(image, "BMP")
    yield "plain.tiff", save(image, "TIFF")
    yield "lzw.tiff", save(image, "TIFF", compression="tiff_lzw")
    yield "deflate.tiff", save(image, "TIFF", compression="tiff_adobe_deflate")
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


def unsafe_forms(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yield intact pictures of kinds that make Pillow 12 read past its memory."""
    yield "jpeg.tiff", save(image, "TIFF", compression="jpeg", quality=95)
    yield "ycbcr.tiff", save(image.convert("YCbCr"), "TIFF")
    array = np.asarray(image.resize((64, 64)))
    tiles = {"tag322": (64,), "tag323": (64,), "tag324": (8,), "tag325": (array.size,)}
    yield "tiles.tiff", tiff(array, **tiles)
    jpeg = save(image, "JPEG", **_BEST["JPEG"])
    at = next(at for at in range(len(jpeg)) if jpeg[at : at + 2] == b"\xff\xc0")
    frame = jpeg[at : at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])]
    wider = frame[:7] + (2 * image.width).to_bytes(2) + frame[9:]
    yield "said-twice.jpg", jpeg[:at] + wider + jpeg[at:]
    yield "said-again.jpg", jpeg[:-2] + wider + jpeg[-2:]


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


def hostile() -> Iterator[tuple[str, bytes]]:
    """Yield a thousand files that are damaged, are no photographs or are attacks."""
    image = picture(160, 120)
    whole = dict([*forms(image), *grey_forms(image), *clear_forms(image)])
    del whole["12-megapixels.jpg"]  # a baseline JPEG like the other, only slower
    yield from _damaged(whole)
    yield from _misnamed(whole)
    yield from _absurd()
    yield from unsafe_forms(image)
    yield from _bombs()
    yield from _metadata(image)
    yield from strangers()


def _damaged(whole: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    rng = random.Random(7)
    for name, data in whole.items():
        for tenth in range(10):
            yield f"truncated-{tenth}-{name}", data[: len(data) * (2 * tenth + 1) // 20]
        for share in (0.0005, 0.005, 0.05):
            flipped = bytearray(data)
            for _ in range(max(1, int(len(data) * share))):
                flipped[rng.randrange(len(data))] = rng.randrange(256)
            yield f"flipped-{share}-{name}", bytes(flipped)
        head = bytearray(data)
        for _ in range(8):
            head[rng.randrange(min(400, len(data)))] ^= 1 << rng.randrange(8)
        yield f"flipped-head-{name}", bytes(head)


def _misnamed(whole: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    jpeg, image = whole["baseline.jpg"], whole["8-bit.png"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../../escape.txt", "out")
    yield from (
        ("really-a-png.jpg", image),
        ("really-a-jpeg.heic", jpeg),
        ("really-a-heic.png", whole["still.heic"]),
        ("really-an-avif.webp", whole["still.avif"]),
        ("really-a-gif.jpg", whole["still.gif"]),
        ("no-name", jpeg),
        ("photo.jpg.exe", jpeg),
        ("photo.html", jpeg),
        ("photo.svg", image),
        ("jpeg-and-zip.jpg", jpeg + archive.getvalue()),
        ("jpeg-and-html.html", jpeg[:2] + segment(0xFE, _HTML) + jpeg[2:]),
        ("png-and-html.png", image + _HTML),
        ("gif-and-script.gif", b"GIF89a/*" + b"*/=1;alert(document.domain)//"),
        ("pdf-and-jpeg.pdf", b"%PDF-1.7\n" + jpeg),
        ("html-and-jpeg.jpg", _HTML + jpeg),
        (
            "php-and-png.png",
            image[:33] + chunk(b"tEXt", b"c\0<?php system($_GET[0]); ?>") + image[33:],
        ),
        ("two-jpegs.jpg", jpeg * 2),
        ("jpeg-after-nulls.jpg", bytes(512) + jpeg),
    )


def _absurd() -> Iterator[tuple[str, bytes]]:
    """Yield headers that no picture has."""
    most = 2**31 - 1
    for width, height in (
        (0, 0),
        (0, 9),
        (9, 0),
        (most, most),
        (most, 1),
        (1, most),
        (2**32 - 1, 9),
    ):
        yield f"{width}x{height}.png", png_header(width, height)
    for depth, colour in ((3, 2), (16, 3), (255, 255), (1, 6), (0, 0)):
        yield f"depth-{depth}-colour-{colour}.png", png_header(9, 9, depth, colour)
    for side in (0, 1, 65500, 65535):
        yield f"{side}x{side}.jpg", jpeg_header(side, side)
        yield f"{side}x{side}.gif", gif_header(side, side)
    for width, height in ((0, 0), (-1, -1), (most, most), (9, -(2**31)), (30_000, 30_000)):
        for bits in (1, 8, 24, 33):
            info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, 0, 0, 0, 0, 0)
            yield f"{width}x{height}x{bits}.bmp", b"BM" + struct.pack("<IHHI", 99, 0, 0, 54) + info
    small = np.zeros((4, 4, 3), np.uint8)
    for name, tags in {
        "no-size": {"tag256": (0,), "tag257": (0,)},
        "huge-size": {"tag256": (2**31,), "tag257": (2**31,)},
        "huge-strip": {"tag279": (2**32 - 1,)},
        "strip-elsewhere": {"tag273": (2**32 - 2,)},
        "no-channels": {"tag277": (0,)},
        "many-channels": {"tag277": (65535,)},
        "odd-depth": {"tag258": (7, 99, 0)},
        "odd-compression": {"tag259": (7,)},
        "old-jpeg": {"tag259": (6,)},
        "fax": {"tag259": (4,)},
        "many-strips": {"tag273": (8,) * 9999, "tag278": (1,), "tag279": (48,) * 9999},
        "huge-tiles": {"tag322": (2**30,), "tag323": (2**30,), "tag324": (8,), "tag325": (48,)},
        "wide-tiles": {"tag322": (65536,), "tag323": (65536,), "tag259": (5,), "tag324": (8,)},
        "lab": {"tag262": (8,)},
        "separated": {"tag262": (5,), "tag277": (4,), "tag258": (8, 8, 8, 8)},
        "turned-oddly": {"tag274": (99,)},
        "self-thumbnail": {"tag330": (8,), "tag34665": (8,)},
    }.items():
        yield f"{name}.tiff", tiff(small, **tags)
    loop = tiff(small)
    after = 8 + small.size
    yield (
        "looping-pages.tiff",
        loop.replace(bytes(4) + b"\x08\0", struct.pack("<I", after) + b"\x08\0"),
    )
    yield "no-directory.tiff", b"II*\0" + struct.pack("<I", 2**32 - 1)
    yield "big.tiff", b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60) + bytes(4096)
    for magic in (
        *(b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"MM\0*"),
        *(b"RIFF\xff\xff\xff\xffWEBPVP8 ", b"RIFF\0\0\0\0WEBPVP8L", b"RIFF\x1a\0\0\0WEBPVP8X"),
        *(b"\0\0\0\x18ftyp" + brand for brand in (b"heic", b"avif", b"mif1", b"msf1", b"hevc")),
    ):
        for tail in (b"", bytes(64), b"\xff" * 4096):
            yield f"only-{magic[:12].hex()}-{len(tail)}", magic + tail


def _bombs() -> Iterator[tuple[str, bytes]]:
    """Yield small files that decode to huge pictures, and large ones of very many small parts."""
    many = limits.MAX_BYTES - 4096
    image = save(Image.new("RGB", (64, 64)), "PNG")
    yield "one-megapixel-over.png", png_header(51_000_000, 1)
    yield "400-megapixels.png", save(Image.new("1", (20_000, 20_000)), "PNG")
    yield "120-megapixels.png", save(Image.new("1", (12_000, 10_000)), "PNG")
    yield "49-megapixels.png", save(Image.new("1", (7000, 7000)), "PNG")
    yield "49-megapixels-clear.png", save(Image.new("RGBA", (7000, 7000)), "PNG")
    yield "49-megapixels.gif", save(Image.new("P", (7000, 7000)), "GIF")
    yield (
        "49-megapixels.webp",
        save(Image.new("RGB", (7000, 7000)), "WEBP", lossless=True, method=0),
    )
    yield "49-megapixels.jpg", save(Image.new("RGB", (7000, 7000)), "JPEG", progressive=True)
    yield "49-megapixels.tiff", save(Image.new("RGB", (7000, 7000)), "TIFF", compression="tiff_lzw")
    yield "a-line-of-49-megapixels.png", save(Image.new("L", (49_000_000, 1)), "PNG")
    yield "huge-canvas.webp", _webp_canvas(2**24, 2**24)
    yield "large-canvas.webp", _webp_canvas(16_384, 16_384)
    for kind, name in (("HEIF", "heic"), ("AVIF", "avif")):
        data = save(Image.new("RGB", (64, 64)), kind)
        for side in (0, 65_535, 2**32 - 1):
            size = struct.pack(">II", side, side)
            yield f"promises-{side}.{name}", data.replace(struct.pack(">II", 64, 64), size)
    yield "endless-scans.jpg", endless_scans(7000, 3000)
    yield "fifty-scans.jpg", endless_scans(7000, 50)
    jpeg = save(Image.new("RGB", (64, 64)), "JPEG")
    yield "endless-segments.jpg", jpeg[:2] + segment(0xFE) * (many // 4) + jpeg[2:]
    yield "endless-segments-behind.jpg", jpeg[:-2] + segment(0xFE) * (many // 4) + jpeg[-2:]
    yield "endless-filling.jpg", jpeg[:2] + b"\xff" * many + jpeg[2:]
    yield "endless-chunks.png", image[:33] + chunk(b"abCd") * (many // 12) + image[33:]
    yield "endless-empty-data.png", image[:33] + chunk(b"IDAT") * (many // 12) + image[33:]
    unpacked = zlib.compress(bytes(2**24), 9)
    for kind in (b"zTXt", b"iCCP"):
        text = chunk(kind, b"a\0\0" + unpacked)
        yield f"{kind.decode()}-bomb.png", image[:33] + text * 100 + image[33:]
    gif = save(Image.new("P", (64, 64)), "GIF")
    at = gif.index(b",", 13)
    yield (
        "endless-comment.gif",
        gif[:at] + b"!\xfe" + (b"\xff" + b"a" * 255) * (many // 256) + gif[at:],
    )
    yield "endless-comments.gif", gif[:at] + b"!\xfe\1a\0" * (many // 5) + gif[at:]
    heads = b"Exif\0\0" * (many // 6)
    yield "exif-heads.png", image[:33] + chunk(b"eXIf", heads) + image[33:]
    raw = b"\nexif\n%d\n" % len(heads) + heads[: 2**18].hex().encode()
    text = b"Raw profile type exif\0\0" + zlib.compress(raw, 9)
    yield "exif-heads-packed.png", image[:33] + chunk(b"zTXt", text) + image[33:]
    webp = save(Image.new("RGB", (64, 64)), "WEBP", exif=b"?" * len(heads), lossless=True)
    yield "exif-heads.webp", webp.replace(b"?" * len(heads), heads)
    part = segment(0xE1, heads[:65_526])
    yield "exif-heads.jpg", jpeg[:2] + part * (many // len(part)) + jpeg[2:]
    for kind, name in (("HEIF", "heic"), ("AVIF", "avif")):
        exif = (b"MM\0*\0\0\0\x08" + bytes(10)).ljust(len(heads), b"?")
        data = save(Image.new("RGB", (64, 64)), kind, exif=b"Exif\0\0" + exif)
        yield f"exif-heads.{name}", data.replace(exif, heads)
    yield "too-heavy.jpg", jpeg + bytes(limits.MAX_BYTES)
    yield "nulls.png", bytes(many)


def _webp_canvas(width: int, height: int) -> bytes:
    """Return an animated WebP that promises this canvas and holds one small frame."""
    frame = save(Image.new("RGB", (16, 16)), "WEBP")[12:]
    box = b"".join(value.to_bytes(3, "little") for value in (0, 0, 15, 15, 100)) + b"\0"
    canvas = b"".join((value - 1).to_bytes(3, "little") for value in (width, height))
    chunks = b"".join(
        kind + struct.pack("<I", len(data)) + data
        for kind, data in (
            (b"VP8X", b"\2\0\0\0" + canvas),
            (b"ANIM", bytes(6)),
            (b"ANMF", box + frame),
        )
    )
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def _metadata(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yield intact pictures whose EXIF, XMP or profile is wrong, refers to itself or never ends."""
    jpeg, rng = save(image, "JPEG"), random.Random(11)

    def directory(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
        packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
        return struct.pack("<H", len(entries)) + packed + struct.pack("<I", following)

    head = b"II*\0\x08\0\0\0"
    nested = b"".join(directory((34665, 4, 1, 8 + 18 * (n + 1))) for n in range(3000))
    for name, exif in {
        "turned-99": head + directory((274, 3, 1, 99)),
        "turned-as-text": head + directory((274, 2, 4, 0x41414141)),
        "turned-many-times": head + directory((274, 3, 2**31, 8)),
        "exif-in-itself": head + directory((34665, 4, 1, 8), (330, 4, 1, 8), following=8),
        "exif-3000-deep": head + nested,
        "exif-65535-tags": head + b"\xff\xff" + b"\x12\1\3\0\1\0\0\0\6\0\0\0" * 5000,
        "exif-huge-counts": head + directory(*((n, 12, 2**32 - 1, 8) for n in range(300))),
        "exif-elsewhere": b"II*\0" + struct.pack("<I", 2**32 - 1),
        "exif-big": b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60) + bytes(900),
        "exif-random": rng.randbytes(60_000),
        "exif-empty": b"",
        "gps-nonsense": head + directory((34853, 4, 1, 8), (274, 3, 1, 6)),
    }.items():
        yield f"{name}.jpg", jpeg[:2] + segment(0xE1, b"Exif\0\0" + exif) + jpeg[2:]
        yield f"{name}.png", save(image, "PNG", exif=exif)
        yield f"{name}.webp", save(image, "WEBP", exif=exif)
        yield f"{name}.heic", save(image, "HEIF", exif=exif or None)
    long = segment(0xE1, b"Exif\0\0" + bytes(65_000))
    yield "exif-of-16-megabytes.jpg", jpeg[:2] + long * 250 + jpeg[2:]
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + b'tiff:Orientation="9"' + b"<a>" * 20_000
    yield "xmp-deep.jpg", jpeg[:2] + segment(0xE1, xmp) + jpeg[2:]
    mpf = segment(0xE2, b"MPF\0" + head + directory((45057, 4, 1, 2**31), (45058, 7, 2**31, 8)))
    yield "mpo-of-2147483648-pictures.jpg", jpeg[:2] + mpf + jpeg[2:]

    good = icc_profile(DISPLAY_P3)
    profiles = {
        "profile-random": rng.randbytes(3000),
        "profile-of-15-megabytes": good + bytes(15_000_000),
        "profile-many-tags": good[:128] + struct.pack(">I", 2**31) + good[132:],
        "profile-tags-elsewhere": good[:136] + b"\xff" * 120 + good[256:],
        "profile-long-curve": good.replace(
            b"curv\0\0\0\0\0\0\0\1", b"curv\0\0\0\0\x7f\xff\xff\xff"
        ),
        "profile-lut": good[:12] + b"prtrCMYKLab " + good[24:],
        "profile-named": good[:12] + b"nmclRGB Lab " + good[24:],
        "profile-link": good[:12] + b"linkRGB CMYK" + good[24:],
        "profile-header-only": good[:128],
    }
    for n in range(10):
        flipped = bytearray(good)
        for _ in range(12):
            flipped[rng.randrange(len(good))] = rng.randrange(256)
        profiles[f"profile-flipped-{n}"] = bytes(flipped)
    for name, profile in profiles.items():
        yield f"{name}.jpg", save(image, "JPEG", icc_profile=profile)
        yield f"{name}.webp", save(image, "WEBP", icc_profile=profile)


_HTML = b"<!doctype html><script>fetch('/config')</script><img src=x onerror=alert(1)>"


def strangers() -> Iterator[tuple[str, bytes]]:
    """Yield files that are no photographs, though other programs open some as pictures."""
    yield "empty.jpg", b""
    yield "one-byte.jpg", b"\xff"
    yield "text.jpg", b"a durian\n" * 99
    yield "random.jpg", random.Random(13).randbytes(100_000)
    yield "page.html", _HTML
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">%s</svg>'
    yield "script.svg", svg % b"<script>alert(1)</script>"
    yield "script.png", svg % b"<script>alert(1)</script>"
    yield "fetch.svg", svg % b'<image href="http://169.254.169.254/latest/meta-data/"/>'
    entity = b'<!DOCTYPE s [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    yield "entity.svg", entity + svg % b"<text>&e;</text>"
    laughs = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 20))
    yield "laughs.svg", b'<!DOCTYPE s [<!ENTITY l0 "ha">%s]>' % laughs + svg % b"&l19;"
    yield (
        "paper.pdf",
        b"%PDF-1.7\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript>>>>endobj\n%%EOF",
    )
    yield "film.mp4", b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(5000)
    yield "film.mov", b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(5000)
    yield "film.webm", b"\x1aE\xdf\xa3" + bytes(5000)
    yield "film.avi", b"RIFF\xff\0\0\0AVI LIST" + bytes(500)
    yield "sound.wav", b"RIFF\xff\0\0\0WAVEfmt " + bytes(500)
    yield "program.exe", b"MZ" + bytes(500)
    yield "program", b"\x7fELF" + bytes(500)
    yield "weights.pkl", pickle.dumps({"weights": [1.0]})
    yield "weights.h5", b"\x89HDF\r\n\x1a\n" + bytes(500)
    yield "print.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file\n"
    yield "drawing.wmf", b"\xd7\xcd\xc6\x9a\0\0" + bytes(500)
    yield "layers.psd", b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 9, 9, 8, 3) + bytes(500)
    for kind in ("PPM", "TGA", "PCX", "ICO", "ICNS", "SGI", "IM", "MSP", "DDS", "QOI", "JPEG2000"):
        mode = "1" if kind == "MSP" else "RGB"
        yield f"unusual.{kind.lower()}", save(Image.new(mode, (64, 64)), kind)
    yield "list.csv", b"name,breed\n" * 99
    yield "data.json", b"[" * 100_000
