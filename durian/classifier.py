"""Weights and photographs in, confidences out.

The batch norms are worked into the convolutions once; one worker thread runs the network, taking
together what waits together.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
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

Answer = tuple[np.ndarray, np.ndarray]  # confidences (5,) and class maps (7, 7, 5), float32


class DurianClassifier:
    """Tells the breed of a durian from a photograph. Safe to share between threads."""

    def __init__(self, model: keras.Model) -> None:
        self._input_size = model.input_shape[1]
        self._network = _compiled(model)
        # Bounded, so that a long list of photographs is not decoded faster than it is answered.
        self._waiting: queue.Queue[tuple[np.ndarray, Future[Answer]]] = queue.Queue(2 * MAX_BATCH)
        threading.Thread(target=self._work, name="network", daemon=True).start()

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

            model = network.build()
            model.load_weights(weights)
            classifier = cls(model)
            classifier.predict(Image.new("RGB", (1, 1)))  # warm up
            return classifier

    def predict(self, image: Image.Image) -> dict[str, float]:
        """Return the confidence of each of the five labels, 0–1, in class order, sum 1.

        `image` may have any mode; `open_photo` gives one that is upright and in sRGB. Raises
        PhotoError where it cannot be decoded or has more than `limits.MAX_PIXELS`.
        """
        confidences, _ = self._answers([to_array(image, self._input_size)])[0]
        return _by_label(confidences)

    def explain(self, image: Image.Image) -> np.ndarray:
        """Return a heat map of what led to the answer: (height, width) float32, 0–1.

        It is the class activation map of the likeliest class (`network.with_maps`), 1 where it is
        highest. Colours count for the whole photo and are left out. `image` is as `open_photo`
        returns it. Raises PhotoError as `predict` does.
        """
        confidences, maps = self._answers([to_array(image, self._input_size)])[0]
        return heat(image.size, maps[..., confidences.argmax()])

    def predict_batch(self, photos: Iterable[Photo]) -> list[dict[str, float]]:
        """Return what `predict` would for each photograph, in less time per photograph.

        A photograph is a path, a file's bytes, a Pillow image, or an (h, w, 3) uint8 RGB array.
        Raises PhotoError for one that cannot be used and TypeError for anything else; the message
        starts with the photograph's number, from 0, and its path.
        """
        if isinstance(photos, str | bytes | Path | Image.Image):
            raise TypeError("predict_batch takes several photographs: put this one into a list")
        arrays = (self._array(number, photo) for number, photo in enumerate(photos))
        return [_by_label(confidences) for confidences, _ in self._answers(arrays)]

    def _array(self, number: int, photo: Photo) -> np.ndarray:
        name = f"Photo {number} ({photo})" if isinstance(photo, str | Path) else f"Photo {number}"
        try:
            return to_array(_image(photo), self._input_size)
        except (PhotoError, TypeError) as error:
            raise type(error)(f"{name}: {error}") from error

    def _answers(self, arrays: Iterable[np.ndarray]) -> list[Answer]:
        answers = []
        for array in arrays:
            answer: Future[Answer] = Future()
            self._waiting.put((array, answer))
            answers.append(answer)
        return [answer.result() for answer in answers]

    def _run(self, photos: np.ndarray) -> list[Answer]:  # photos: (n, s, s, 3) uint8
        return list(zip(*self._network(photos), strict=True))

    def _work(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < MAX_BATCH and not self._waiting.empty():
                batch.append(self._waiting.get())
            try:
                rows = self._run(np.stack([photo for photo, _ in batch]))
            except Exception as error:  # the waiting callers get it; the worker lives on
                for _, answer in batch:
                    answer.set_exception(error)
            else:
                for (_, answer), row in zip(batch, rows, strict=True):
                    answer.set_result(row)


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
    """Return `model`, and its class maps, as a function of uint8 photographs; `model` goes into it.

    The weights stay variables: as constants of a graph, TensorFlow keeps five copies of them.
    """
    import tensorflow as tf

    from .network import with_maps

    model = with_maps(model)
    _fold_norms(model)
    photos = tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8)
    function = tf.function(
        lambda photos: model(photos, training=False), input_signature=[photos]
    ).get_concrete_function()
    return lambda photos: [answer.numpy() for answer in function(tf.constant(photos))]


def _fold_norms(model: keras.Model) -> None:
    """Work each batch norm into the kernel of the convolution before it, which feeds it alone.

    What is left of a norm is one sum, which TensorFlow computes together with the convolution.
    """
    from keras import layers, ops

    convolutions = {
        id(layer.output): layer
        for layer in _layers(model)
        if isinstance(layer, layers.Conv2D | layers.SeparableConv2D) and not layer.use_bias
    }
    for norm in _layers(model):
        if isinstance(norm, layers.BatchNormalization) and id(norm.input) in convolutions:
            kernel = convolutions.pop(id(norm.input)).weights[-1]  # of two, the pointwise one
            scale = norm.gamma / ops.sqrt(norm.moving_variance + norm.epsilon)
            kernel.assign(kernel * scale)
            shift = norm.beta - norm.moving_mean * scale
            norm.call = lambda inputs, shift=shift, **_: inputs + shift


def _layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Yield the layers of a model and of the models in it."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _layers(layer)
        else:
            yield layer
