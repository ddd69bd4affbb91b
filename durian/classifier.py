"""Weights and photographs in, confidences out.

The Keras graph is frozen to constants once, so that TensorFlow's graph optimiser can fold the
batch norms into the convolutions; one worker thread runs it, taking together what waits together.
"""

from __future__ import annotations

import ctypes
import gc
import os
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from . import hub
from .breeds import LABELS
from .heat import heat
from .photo import to_array

if TYPE_CHECKING:
    import keras

MAX_BATCH = 8  # photographs that go through the network together

Answer = tuple[np.ndarray, np.ndarray]  # confidences (5,) and class maps (7, 7, 5), float32


class DurianClassifier:
    """Tells the breed of a durian from a photograph. Safe to share between threads."""

    def __init__(self, model: keras.Model) -> None:
        self._input_size = model.input_shape[1]
        self._network = _freeze(model)
        self._waiting: queue.SimpleQueue[tuple[np.ndarray, Future[Answer]]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="network", daemon=True).start()

    @classmethod
    def load(cls) -> DurianClassifier:
        """Return the project's classifier, its weights from the Hub or from `model/`.

        Raises hub.WeightsError, one sentence that says what to do, when there are no weights.
        """
        weights = hub.weights_path()
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        from . import network  # here, so that importing the library does not import TensorFlow

        model = network.build()
        model.load_weights(weights)
        classifier = cls(model)
        del model  # its weights are in the frozen graph now
        gc.collect()
        classifier.predict(Image.new("RGB", (1, 1)))  # warm up
        with suppress(AttributeError, OSError, TypeError):  # only glibc has it
            ctypes.CDLL(None).malloc_trim(0)  # hand back what freezing and optimising took
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


def _freeze(model: keras.Model) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Return `model`, and its class maps, as a function of uint8 photographs.

    Its weights are constants of a TensorFlow session, which, unlike a `tf.function`, does not keep
    a copy of them for every stage from the graph to its kernels.
    """
    import tensorflow as tf

    from .network import with_maps

    model = with_maps(model)
    signature = tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8)
    traced = tf.function(
        lambda photos: model(photos, training=False), input_signature=[signature]
    ).get_concrete_function()

    variables = {id(variable.handle): variable for variable in traced.graph.variables}
    values = {}  # of the weights, by the names of the tensors to replace
    for source, inside in traced.graph.captures:
        if (variable := variables.get(id(source))) is not None:
            values |= {read.outputs[0].name: variable.numpy() for read in inside.consumers()}
        else:
            values[inside.name] = source.numpy()
    definition = traced.graph.as_graph_def()
    for node in definition.node:  # answers need not wait for the reading of variables
        node.input[:] = [name for name in node.input if not name.startswith("^")]

    with tf.Graph().as_default() as graph:
        answers = tf.import_graph_def(
            definition,
            {name: tf.constant(value) for name, value in values.items()},
            [output.name for output in traced.outputs],
            name="",
        )
    settings = tf.compat.v1.ConfigProto()
    settings.experimental.optimize_for_static_graph = True  # keeps no second copy of the graph
    rewrites = settings.graph_options.rewrite_options  # those that pay, once: each copies the graph
    rewrites.optimizers.extend(["constfold", "remap"])
    rewrites.meta_optimizer_iterations = rewrites.ONE
    session = tf.compat.v1.Session(graph=graph, config=settings)
    return session.make_callable(answers, [graph.get_tensor_by_name(traced.inputs[0].name)])
