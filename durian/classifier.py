"""Weights and photographs in, confidences out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from . import hub
from .backend import keras_on_tensorflow
from .breeds import LABELS
from .heat import heat
from .photo import PhotoError, open_photo, to_array

if TYPE_CHECKING:
    import keras

MAX_BATCH = 4  # photographs that go through the network together

Photo = Image.Image | np.ndarray | bytes | str | Path

NOT_LOADED = (
    "TensorFlow could not load the model: install this project's requirements.txt into a fresh"
    " environment, and start again."
)
TOO_LITTLE_MEMORY = (
    "There is too little memory for the model: close other programs, and start again."
)

Answer = tuple[
    np.ndarray, np.ndarray
]  # confidences (5,) and class activation maps (n, n, 5), float32


class DurianClassifier:
    """Tells the breed of a durian from a photograph. Safe to share between threads."""

    def __init__(self, model: keras.Model) -> None:
        self._input_size = model.input_shape[1]
        self._network = _compiled(model)
        # Photographs of several threads take turns. Batches of up to four by way of a queue and a
        # worker answered 0.94, 0.99 and 0.72 times as many a second on two busy cores (1, 4 and 16
        # threads), and Gradio's `batch=True` 0.74, 0.94 and 0.79 times as many.
        self._turn = threading.Lock()

    @classmethod
    def load(cls) -> DurianClassifier:
        """Return the project's classifier, its weights from the Hub or from `model/`.

        Raises ModelError, one sentence that says what to do, whatever it is that fails.
        A program that trains nothing itself gets answers faster with the environment variable
        TF_ONEDNN_ASSUME_FROZEN_WEIGHTS=1, which app.py sets.
        """
        try:
            return cls._load(hub.weights_path())
        except hub.ModelError:
            raise
        except Exception as error:  # whatever a broken installation can raise
            no_memory = isinstance(error, MemoryError)
            raise hub.ModelError(TOO_LITTLE_MEMORY if no_memory else NOT_LOADED) from error

    @classmethod
    def _load(cls, weights: Path) -> DurianClassifier:
        with keras_on_tensorflow():
            from . import network  # here, so that importing the library does not import TensorFlow

            config = hub.runtime_config()
            model = network.build(len(config["kinds"]), config["temperature"])
            model.load_weights(weights)
            classifier = cls(model)
            classifier.predict(Image.new("RGB", (1, 1)))  # warm up
            return classifier

    def predict(self, image: Image.Image) -> dict[str, float]:
        """Return the confidence of each of the five labels, 0–1, in class order, sum 1.

        `image` may have any mode; `open_photo` gives one that is upright and in sRGB. Raises
        PhotoError where it cannot be decoded or has more than `limits.MAX_PIXELS`.
        """
        confidences, _ = self._run(to_array(image, self._input_size)[None])[0]
        return _by_label(confidences)

    def explain(self, image: Image.Image) -> np.ndarray:
        """Return a heat map of what led to the answer: (height, width) float32, 0–1.

        It is the class activation map of the likeliest class (`network.with_maps`), 1 where it is
        highest. Colours count for the whole photo and are left out. `image` is as `open_photo`
        returns it. Raises PhotoError as `predict` does.
        """
        confidences, maps = self._run(to_array(image, self._input_size)[None])[0]
        return heat(image.size, maps[..., confidences.argmax()])

    def predict_batch(self, photos: Iterable[Photo]) -> list[dict[str, float]]:
        """Return what `predict` would for each photograph; the network gets batches of them.

        A photograph is a path, a file's bytes, a Pillow image, or an (h, w, 3) uint8 RGB array.
        Raises PhotoError for one that cannot be used and TypeError for anything else; the message
        starts with the photograph's number, from 0, and its path.
        """
        if isinstance(photos, str | bytes | Path | Image.Image):
            raise TypeError("predict_batch takes several photographs: put this one into a list")
        arrays = (self._array(number, photo) for number, photo in enumerate(photos))
        answers = []
        while batch := list(islice(arrays, MAX_BATCH)):
            answers += [_by_label(confidences) for confidences, _ in self._run(np.stack(batch))]
        return answers

    def _array(self, number: int, photo: Photo) -> np.ndarray:
        name = f"Photo {number} ({photo})" if isinstance(photo, str | Path) else f"Photo {number}"
        try:
            return to_array(_image(photo), self._input_size)
        except (PhotoError, TypeError) as error:
            raise type(error)(f"{name}: {error}") from error

    def _run(self, photos: np.ndarray) -> list[Answer]:
        """Return the answer to each photograph of an array (n, size, size, 3) uint8 RGB."""
        with self._turn:
            return list(zip(*self._network(photos), strict=True))


def _by_label(confidences: np.ndarray) -> dict[str, float]:
    return dict(zip(LABELS, map(float, confidences), strict=True))


def _image(photo: Photo) -> Image.Image:
    """Return a photograph of any of the kinds that `predict_batch` takes as a Pillow image."""
    if isinstance(photo, Image.Image):
        return photo
    if isinstance(photo, bytes | str | Path):
        return open_photo(photo)
    if not isinstance(photo, np.ndarray):
        kind = type(photo).__name__
        raise TypeError(f"give a path, bytes, a Pillow image or an array instead of this {kind}.")
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or not photo.size:
        shape = f"{photo.dtype} {photo.shape}"
        raise TypeError(f"give an array as uint8 (height, width, 3) instead of {shape}.")
    return Image.fromarray(photo)


def _compiled(model: keras.Model) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Return `model`, and its class activation maps, as a function of (n, s, s, 3) uint8 RGB.

    The weights stay variables: as constants of a graph, TensorFlow keeps five copies of them. The
    batch norms stay layers: folded into the convolutions before them, they saved nothing beyond
    what varies from run to run (the plain network takes 0.97 times the processor time).
    """
    import tensorflow as tf

    from .network import with_maps

    model = with_maps(model)
    photos = tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8)
    function = tf.function(
        lambda photos: model(photos, training=False), input_signature=[photos]
    ).get_concrete_function()
    return lambda photos: [answer.numpy() for answer in function(tf.constant(photos))]
