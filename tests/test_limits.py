"""Photographs of up to 200 megapixels are opened in bounded memory."""

import json
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from PIL import Image

from durian import PhotoError, limits, open_photo

from . import corpus
from .running import ROOT

AT_ONCE = 2
MOST = 250 * 2**20  # bytes that decoding may add to a process, however many photos come at once
WHOLE = (8192, 6144)  # 50 megapixels of a phone
# Opens each file in several threads at once; prints the memory that took, and the shortest side.
DECODE = """
import json, resource, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from durian import memory, open_photo

def peak(name):
    line = next(line for line in open("/proc/self/status") if line.startswith(name))
    return int(line.split()[1]) * 1024

memory.return_large_blocks()
told = {}
for path in map(Path, sys.argv[2:]):
    files = int(sys.argv[1]) * [path.read_bytes()]
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = peak("VmHWM")
    with ThreadPoolExecutor(len(files)) as pool:
        sizes = [photo.size for photo in pool.map(open_photo, files)]
    told[path.name] = [peak("VmHWM") - before, min(map(min, sizes))]
print(json.dumps(told))
"""


def plain(size: tuple[int, int], kind: str, mode: str = "RGB", **options: object) -> bytes:
    """Return a picture of one colour."""
    return corpus.save(Image.new(mode, size, 90 if mode in "LP" else "olive"), kind, **options)


LARGEST = {
    "baseline-200.jpg": lambda: plain((16384, 12288), "JPEG", "L"),
    "progressive-50.jpg": lambda: plain(WHOLE, "JPEG", progressive=True),
    "50.png": lambda: plain(WHOLE, "PNG", "RGBA", compress_level=1),
    "50.gif": lambda: plain(WHOLE, "GIF", "P"),
    "50.tiff": lambda: plain(WHOLE, "TIFF", compression="tiff_lzw"),
    "one-strip-19.tiff": lambda: plain(
        (4800, 3900), "TIFF", compression="tiff_lzw", tiffinfo={278: 3900}
    ),
    "14.webp": lambda: plain((4400, 3250), "WEBP", lossless=True, method=0),
    "23.avif": lambda: plain((5500, 4125), "AVIF", speed=10),
    "48.heic": lambda: plain((8064, 6048), "HEIF", enc_params={"preset": "ultrafast"}, quality=20),
}


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="not Linux")
def test_the_largest_of_each_kind_are_decoded_together_in_bounded_memory(tmp_path: Path):
    for name, data in LARGEST.items():
        (tmp_path / name).write_bytes(data())
    done = subprocess.run(
        [sys.executable, "-c", DECODE, str(AT_ONCE), *(tmp_path / name for name in LARGEST)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    told = json.loads(done.stdout or "{}")
    assert told.keys() == LARGEST.keys(), done.stderr
    print(told)
    assert {name: took for name, (took, _) in told.items() if took > MOST} == {}
    assert all(side >= 512 for _, side in told.values())


def stating(data: bytes, size: tuple[int, int], packed: str) -> bytes:
    """Return a file of 64×64 pixels with another size in its header."""
    before, after = struct.pack(packed, 64, 64), struct.pack(packed, *size)
    assert before in data
    return data.replace(before, after)


@pytest.mark.parametrize(
    "large",
    [
        lambda: stating(plain((64, 64), "JPEG"), (12320, 16400), ">HH"),
        lambda: stating(plain((64, 64), "JPEG", progressive=True), (6200, 8192), ">HH"),
        lambda: stating(
            plain((64, 64), "JPEG", progressive=True, subsampling=0), (6144, 8192), ">HH"
        ),
        lambda: stating(plain((64, 64), "JPEG"), (1000, 65000), ">HH"),  # too narrow to be halved
        lambda: corpus.png_header(8192, 6200),
        lambda: corpus.png_header(30_000, 30_000),  # over Pillow's own limit, too
        lambda: corpus.gif_header(8192, 6200),
        lambda: plain((4400, 3400), "WEBP", lossless=True, method=0),
        lambda: plain((5800, 4125), "AVIF", speed=10),
        lambda: stating(plain((64, 64), "HEIF"), (8192, 6300), ">II"),
    ],
    ids=[
        "jpeg",
        "progressive",
        "4:4:4",
        "narrow",
        "png",
        "huge png",
        "gif",
        "webp",
        "avif",
        "heic",
    ],
)
def test_what_would_take_more_is_refused(large: Callable[[], bytes]):
    with pytest.raises(PhotoError, match=f"^{re.escape(limits.TOO_LARGE)}$"):
        open_photo(large())


def test_a_long_panorama_that_broke_off_shows_what_came():
    data = plain((40_000, 1000), "JPEG")
    image = open_photo(data[: len(data) * 9 // 10])
    assert image.width * image.height <= 2**22


def test_the_workarounds_for_pillow_12_go_when_gradio_allows_pillow_13():
    needed = [Requirement(line) for line in metadata.requires("gradio")]
    (pillow,) = (requirement for requirement in needed if requirement.name == "pillow")
    assert not pillow.specifier.contains("13.0"), "remove durian/pillow12.py, and raise the pin"
