"""Weights and photographs in, confidences out.

The batch norms are worked into the convolutions once; one worker thread runs the network, taking
together what waits together.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from . import hub
from .backend import keras_on_tensorflow
from .breeds import LABELS
from .heat import heat
from .photo import to_array

if TYPE_CHECKING:
    import keras

MAX_BATCH = 4  # photographs that go through the network together

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
        self._waiting: queue.SimpleQueue[tuple[np.ndarray, Future[Answer]]] = queue.SimpleQueue()
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
        """Return the confidence of each of the five labels, in class order, sum 1."""
        return self.predict_batch([image])[0]

    def explain(self, image: Image.Image) -> np.ndarray:
        """Return where the network saw what it answered, (height, width) float32, 0–1.

        1 is the place that spoke most for it (Grad-CAM, see `network.with_maps`); colours, which
        the network weighs as a whole, have no place. `image` is as `open_photo` returns it.
        """
        confidences, maps = self._answers([image])[0]
        return heat(image.size, maps[..., confidences.argmax()])

    def predict_batch(self, images: Sequence[Image.Image]) -> list[dict[str, float]]:
        """Return what `predict` would for each image, at less time an image."""
        return [
            dict(zip(LABELS, map(float, confidences), strict=True))
            for confidences, _ in self._answers(images)
        ]

    def _answers(self, images: Sequence[Image.Image]) -> list[Answer]:
        answers = []
        for image in images:
            answer: Future[Answer] = Future()
            self._waiting.put((to_array(image, self._input_size), answer))
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
