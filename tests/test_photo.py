"""What somebody sees happen to a photograph, whatever phone or program wrote it."""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from durian import limits, pixels
from durian.hub import runtime_config
from durian.photo import PhotoError, open_photo, to_array

from . import corpus

SIZE = runtime_config()["input_size"]
PICTURE = corpus.picture(640, 480)
CLOSE, LOSSY = 1, 3  # mean difference in levels of 255; LOSSY for pictures of 256 colours

Forms = Callable[[Image.Image], Iterator[tuple[str, bytes]]]


@cache
def files(forms: Forms = corpus.forms) -> dict[str, bytes]:
    """Return the files that `forms` yields for PICTURE, by name; writing them takes seconds."""
    return dict(forms(PICTURE))


def each(forms: Forms) -> pytest.MarkDecorator:
    """Run a test with the name of each file that `forms` yields."""
    return pytest.mark.parametrize("name", [name for name, _ in forms(corpus.picture(64, 48))])


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return how far two pictures lie apart as the network sees them, of 255 levels."""
    return np.abs(to_array(one, SIZE).astype(int) - to_array(other, SIZE)).mean()


def refusal(source: object) -> str:
    """Return the sentence with which a file is refused."""
    with pytest.raises(PhotoError) as caught:
        open_photo(source)
    return str(caught.value)


@each(corpus.forms)
def test_every_form_looks_the_same(name: str) -> None:
    image = open_photo(files()[name])
    assert image.mode == "RGB"
    assert abs(image.width / image.height - PICTURE.width / PICTURE.height) < 0.01
    palette = name.startswith("palette") or name.endswith("gif")
    assert difference(image, PICTURE) < (LOSSY if palette else CLOSE)


@each(corpus.unsafe_forms)
def test_a_file_that_makes_pillow_read_past_its_memory_is_refused(name: str) -> None:
    assert refusal(files(corpus.unsafe_forms)[name]) == limits.NOT_A_PHOTO


@each(corpus.grey_forms)
def test_grey_levels_survive(name: str) -> None:
    image = open_photo(files(corpus.grey_forms)[name])
    assert difference(image, PICTURE.convert("L")) < CLOSE


@each(corpus.clear_forms)
def test_transparent_parts_are_white(name: str) -> None:
    image = open_photo(files(corpus.clear_forms)[name])
    assert image.getpixel((2, 2)) == (255, 255, 255)
    assert difference(image, corpus.on_white(PICTURE)) < CLOSE


@pytest.mark.parametrize("orientation", corpus.UNDO)
@pytest.mark.parametrize("kind", corpus.ROTATABLE)
def test_a_turned_phone_gives_an_upright_picture(kind: str, orientation: int) -> None:
    data = corpus.rotated(PICTURE, kind, orientation)
    if orientation != 1:
        raw = Image.open(io.BytesIO(data))
        tagged = raw.getexif().get(274) == orientation or b"irot" in data or b"imir" in data
        assert tagged, "the file must really say that it is turned"
    image = open_photo(data)
    assert image.size == PICTURE.size
    assert difference(image, PICTURE) < CLOSE


@pytest.mark.parametrize("colorants", [corpus.DISPLAY_P3, corpus.ADOBE_RGB])
def test_wide_colours_are_not_washed_out(colorants: tuple) -> None:
    numbers, profile = corpus.profiled(PICTURE, colorants)
    assert difference(numbers, PICTURE) > 2 * CLOSE, "without its profile it looks different"
    data = corpus.save(numbers, "PNG", icc_profile=profile)
    assert difference(open_photo(data), PICTURE) < CLOSE / 2


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("profile", [b"nonsense", corpus.icc_profile(corpus.SRGB)[:200]])
def test_a_broken_profile_is_ignored(mode: str, profile: bytes) -> None:
    data = corpus.save(PICTURE.convert(mode), "JPEG", quality=95, icc_profile=profile)
    assert difference(open_photo(data), PICTURE.convert(mode)) < CLOSE


def test_a_profile_for_other_channels_is_ignored() -> None:
    profile = corpus.icc_profile(corpus.SRGB)
    data = corpus.save(PICTURE.convert("CMYK"), "JPEG", quality=95, icc_profile=profile)
    assert difference(open_photo(data), PICTURE) < CLOSE


def test_a_grey_photo_may_carry_a_colour_profile() -> None:
    grey = PICTURE.convert("L")
    data = corpus.save(grey, "JPEG", quality=95, icc_profile=corpus.icc_profile(corpus.SRGB))
    assert difference(open_photo(data), grey) < 2 * CLOSE


@pytest.mark.parametrize(
    "name", ["baseline.jpg", "progressive.jpg", "cmyk.jpg", "two-pictures.mpo"]
)
@pytest.mark.parametrize("share", [0.7, 0.9, 0.99])
def test_a_jpeg_whose_tail_is_missing_shows_what_came(name: str, share: float) -> None:
    data = files()[name]
    if name.endswith("mpo"):
        data = data[: data.index(b"\xff\xd8\xff", 3)]
    image = open_photo(data[: int(len(data) * share)])
    assert image.width == PICTURE.width
    assert image.height >= 0.6 * PICTURE.height
    came = PICTURE.crop((0, 0, image.width, image.height))
    assert difference(image, came) < LOSSY


def test_a_jpeg_of_which_little_came_is_refused() -> None:
    data = files()["baseline.jpg"]
    assert refusal(data[: len(data) // 3]) == limits.DAMAGED


@pytest.mark.parametrize(
    "name", ["8-bit.png", "lossy.webp", "still.heic", "still.avif", "24-bit.bmp"]
)
def test_half_a_file_is_refused(name: str) -> None:
    assert refusal(files()[name][: len(files()[name]) // 2]) in (limits.DAMAGED, limits.NOT_A_PHOTO)


def test_a_large_jpeg_keeps_its_colours_but_not_its_size() -> None:
    large = open_photo(files()["12-megapixels.jpg"])
    assert pixels.WORKING_SIDE <= min(large.size) < 2 * pixels.WORKING_SIDE + 8


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (2, 3), (16000, 16)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    data = corpus.save(Image.new("RGB", size, (200, 180, 40)), "PNG")
    array = to_array(open_photo(data), SIZE)
    assert array.shape == (SIZE, SIZE, 3)
    assert array.dtype == np.uint8
    assert (array == (200, 180, 40)).all()


def test_a_very_long_picture_keeps_its_middle() -> None:
    long = Image.new("RGB", (3000, 100), "blue")
    long.paste("red", (1350, 0, 1650, 100))
    array = to_array(long, SIZE)
    assert (array[:, 4:-4] == (255, 0, 0)).all()


def test_a_picture_that_is_not_very_long_is_not_cropped() -> None:
    wide = Image.new("RGB", (300, 100), "blue")
    wide.paste("red", (0, 0, 30, 100))
    assert (to_array(wide, SIZE)[:, :10] == (255, 0, 0)).all()


def test_huge_files_are_refused() -> None:
    assert refusal(bytes(limits.MAX_BYTES + 1)) == limits.TOO_HEAVY
    assert refusal(io.BytesIO(bytes(limits.MAX_BYTES + 1))) == limits.TOO_HEAVY


def test_a_photo_may_come_from_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    data = files()["baseline.jpg"]
    path.write_bytes(data)
    with path.open("rb") as file:
        for source in (path, str(path), io.BytesIO(data), file):
            assert open_photo(source).tobytes() == open_photo(data).tobytes()


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "missing.jpg", "\0"):
        assert refusal(source) == limits.UNREADABLE
    assert refusal(b"") == limits.EMPTY
    assert refusal(b"not a photo") == limits.NOT_A_PHOTO


def test_every_refusal_is_one_plain_sentence() -> None:
    for sentence in corpus.SENTENCES:
        assert sentence.count(".") == 1
        assert sentence.endswith(".")
        assert "please" in sentence
        assert not set(sentence) & set("<>!\n/\\")


def test_nothing_of_the_file_comes_along() -> None:
    exif = Image.Exif()
    exif[271] = "Somebody's phone"
    image = open_photo(corpus.save(PICTURE, "JPEG", exif=exif, comment=b"at home"))
    assert not image.info
    assert not image.getexif()


def test_the_library_takes_pictures_that_somebody_else_opened() -> None:
    for kind in ("JPEG", "PNG", "HEIF"):
        mine = Image.open(io.BytesIO(corpus.rotated(PICTURE, kind, 6)))
        assert difference(mine, PICTURE) < CLOSE
    for mode in ("L", "P", "RGBA", "LA", "CMYK", "YCbCr", "1", "I;16", "I", "F"):
        assert to_array(Image.new(mode, (40, 30)), SIZE).shape == (SIZE, SIZE, 3)


def test_a_picture_given_to_the_library_is_left_alone() -> None:
    mine = Image.open(io.BytesIO(corpus.rotated(PICTURE, "PNG", 3)))
    mine.load()
    before, info = mine.tobytes(), dict(mine.info)
    to_array(mine, SIZE)
    assert mine.tobytes() == before
    assert mine.info == info
    assert mine.getexif()[274] == 3


def test_a_broken_picture_given_to_the_library_is_refused() -> None:
    broken = Image.open(io.BytesIO(files()["8-bit.png"][:5000]))
    with pytest.raises(PhotoError):
        to_array(broken, SIZE)


def test_threads_do_not_disturb_each_other() -> None:
    alone = {name: open_photo(data).tobytes() for name, data in files().items()}
    with ThreadPoolExecutor(8) as pool:
        for _ in range(2):
            together = pool.map(lambda data: open_photo(data).tobytes(), files().values())
            assert dict(zip(files(), together, strict=True)) == alone
