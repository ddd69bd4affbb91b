"""The library, on the real weights."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from durian import PhotoError, open_photo
from durian.breeds import BREEDS, LABELS
from durian.network import INPUT_SIZE
from durian.photo import to_array
from durian.training import corruptions
from durian.training.dataset import Sample, load

from .running import EXAMPLES, ROOT


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    return [open_photo(path) for path in EXAMPLES]


def label_of(path: Path) -> str:
    return BREEDS[path.stem.rpartition("-")[0]]["label"]


def test_importing_the_library_loads_no_framework():
    code = (
        "import sys; from durian import open_photo;"
        "sys.exit(bool({'tensorflow', 'keras', 'gradio'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_each_answer_names_five_labels_in_class_order_and_sums_to_one(classifier, photos):
    answer = classifier.predict(photos[0])
    assert tuple(answer) == LABELS
    assert LABELS == ("D24", "Golden Phoenix", "Mao Shan Wang", "Red Prawn", "Not one of these")
    assert sum(answer.values()) == pytest.approx(1, abs=1e-5)
    assert all(isinstance(value, float) for value in answer.values())


@pytest.mark.parametrize(
    "degraded",
    [
        lambda photo: corruptions.blurred(photo, 1.5),
        lambda photo: corruptions.compressed(photo, 20),
        lambda photo: corruptions.lit(photo, np.array([1.05, 1, 0.95])),
        lambda photo: corruptions.lit(photo, np.array([0.95, 1, 1.05])),
        lambda photo: corruptions.lit(photo, np.full(3, 0.8)),
        lambda photo: corruptions.lit(photo, np.full(3, 1.2)),
    ],
    ids=["blurred", "compressed", "warmer", "colder", "darker", "brighter"],
)
def test_a_poor_photo_of_an_example_still_comes_out_as_its_breed(classifier, photos, degraded):
    poor = [Image.fromarray(degraded(to_array(photo, 448))) for photo in photos]
    answers = classifier.predict_batch(poor)
    assert [max(answer, key=answer.get) for answer in answers] == [*map(label_of, EXAMPLES)]


@pytest.mark.parametrize("colour", ["white", "black", "grey", "red", "navy", "olive"])
def test_a_plain_colour_is_not_a_durian(classifier, colour):
    answer = classifier.predict(Image.new("RGB", (640, 480), colour))
    assert max(answer, key=answer.get) == "Not one of these"


def test_a_batch_gets_the_answers_of_its_photos(classifier, photos):
    alone = [classifier.predict(photo) for photo in photos]
    together = classifier.predict_batch(photos * 3)  # more than one batch, and an odd rest
    for one, other in zip(alone * 3, together, strict=True):
        assert list(one.values()) == pytest.approx(list(other.values()), abs=1e-4)
    assert classifier.predict_batch([]) == []


def test_a_batch_takes_paths_bytes_pictures_and_arrays(classifier, photos):
    path = EXAMPLES[0]
    array = np.asarray(photos[0])
    kinds = [path, str(path), path.read_bytes(), photos[0], array]
    answers = classifier.predict_batch(kind for kind in kinds)
    alone = list(classifier.predict(photos[0]).values())
    for answer in answers:
        assert list(answer.values()) == pytest.approx(alone, abs=1e-4)
    (together,) = classifier.predict_batch(array[None])  # an array of photographs
    assert list(together.values()) == pytest.approx(alone, abs=1e-4)


@pytest.mark.parametrize(
    ("photo", "sentence"),
    [
        ("no/such.jpg", "Photo 1 (no/such.jpg): This photo could not be read"),
        (b"", "Photo 1: This file is empty"),
        (b"a durian", "Photo 1: This is not a photo we can open"),
        (Image.new("L", (9000, 9000)), "Photo 1: This photo has too many pixels"),
        (None, "Photo 1: give a path, bytes, a Pillow image or an array instead of this NoneType."),
        (
            np.zeros((9, 9, 3)),
            "Photo 1: give an array as uint8 (height, width, 3) instead of float64",
        ),
        (np.zeros((9, 9), "uint8"), "Photo 1: give an array as uint8 (height, width, 3)"),
    ],
    ids=["path", "empty", "text", "large", "nothing", "floats", "grey"],
)
def test_a_batch_says_which_photo_is_wrong(classifier, photos, photo, sentence: str):
    with pytest.raises((PhotoError, TypeError), match=re.escape(sentence)):
        classifier.predict_batch([photos[0], photo, photos[1]])


@pytest.mark.parametrize(
    "photo", [str(EXAMPLES[0]), EXAMPLES[0], b"\xff\xd8", Image.new("L", (9, 9))]
)
def test_a_photo_in_place_of_a_batch_is_refused(classifier, photo):
    with pytest.raises(TypeError, match="put this one into a list"):
        classifier.predict_batch(photo)


def test_threads_get_their_own_answers(classifier, photos):
    alone = [classifier.predict(photo) for photo in photos]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(classifier.predict, photos * 4))
    for one, other in zip(alone * 4, answers, strict=True):
        assert list(one.values()) == pytest.approx(list(other.values()), abs=1e-4)


def test_training_sees_photographs_exactly_as_the_page_does(photos):
    samples = [Sample(path, 0, "train", "render", path.stem) for path in EXAMPLES]
    np.testing.assert_array_equal(
        load(samples, INPUT_SIZE), np.stack([to_array(photo, INPUT_SIZE) for photo in photos])
    )
