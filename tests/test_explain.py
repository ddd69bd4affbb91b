"""Where the network looked: on the fruit, in a picture of the photo's size."""

from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from durian import open_photo
from durian.heat import heat, overlay

from .running import EXAMPLES, App

MASKS = Path(__file__).parent / "masks"  # white on fruit, by `examples/render.py --mask`, small
HOT = 0.5  # of the greatest heat
ON_FRUIT = 0.8  # of the hot area, at least


def share_on_fruit(warmth: np.ndarray, mask: Path) -> float:
    """Return how much of a photo's hot area lies on the fruit."""
    height, width = warmth.shape
    fruit = np.asarray(Image.open(mask).convert("L").resize((width, height))) > 127
    return fruit[warmth >= HOT].mean()


def test_the_hot_area_lies_on_the_fruit(classifier):
    shares = {
        path.stem: share_on_fruit(classifier.explain(open_photo(path)), MASKS / f"{path.stem}.png")
        for path in EXAMPLES
    }
    hits = [stem for stem, share in shares.items() if share >= ON_FRUIT]
    assert len(shares) == 8
    assert len(hits) >= 5 / 6 * len(shares), shares


@pytest.mark.parametrize("size", [(640, 480), (300, 700), (1200, 150), (1, 1)])
def test_heat_covers_a_photo_of_any_shape(classifier, size: tuple[int, int]):
    photo = open_photo(EXAMPLES[0]).resize(size)
    warmth = classifier.explain(photo)
    assert warmth.shape == size[::-1]
    assert warmth.dtype == np.float32
    assert 0 <= warmth.min() <= warmth.max() <= 1
    assert overlay(photo, warmth).size == size


def test_ends_that_the_network_does_not_see_stay_cold():
    warmth = heat((900, 100), np.ones((19, 19), "float32"))
    assert warmth[:, :300].max() == warmth[:, 600:].max() == 0
    assert warmth[:, 300:600].min() == 1


def test_what_speaks_against_the_answer_is_no_heat():
    assert heat((70, 70), -np.ones((19, 19), "float32")).max() == 0


def test_the_app_answers_with_a_picture_of_the_photos_size(app: App, tmp_path: Path):
    client = Client(app.url, verbose=False, download_files=tmp_path)
    upright = tmp_path / "upright.jpg"
    turned = Image.open(EXAMPLES[0])
    exif = Image.Exif()
    exif[0x0112] = 6  # a camera held upright: turn by 90° to look at it
    turned.save(upright, exif=exif)
    for path, size in ((EXAMPLES[0], turned.size), (upright, turned.size[::-1])):
        answer = Image.open(client.predict(handle_file(path), api_name="/explain"))
        assert answer.size == size
        photo = np.asarray(open_photo(path), float)
        assert np.abs(np.asarray(answer.convert("RGB"), float) - photo).mean() > 10  # it shows


def test_a_photo_with_nothing_for_any_answer_is_explained(app: App, tmp_path: Path):
    path = tmp_path / "white.png"
    Image.new("RGB", (64, 64), "white").save(path)
    client = Client(app.url, verbose=False, download_files=tmp_path)
    assert Image.open(client.predict(handle_file(path), api_name="/explain")).size == (64, 64)
