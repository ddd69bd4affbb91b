"""Trains the mask head: where the fruit is, and where its flesh is.

It learns by gradient descent from outlines, boxes around flesh, cut-outs and renders, each where it
says something.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers, ops

from .dataset import Sample
from .features import Maps, batches, predict
from .recipe import Recipe
from .views import Views

MASK_VIEWS = 3  # of each picture, to learn masks from
PLENTY = 4  # of studio photographs and far unknowns, which are many, one in so many teaches masks


def mask_weights(samples: Sequence[Sample], views: Views) -> np.ndarray:
    """Return how much each view counts in learning masks: (m,) float32.

    An outline counts most. Views without a known mask do not count, nor do most of what is plenty.
    """
    weights = np.array([_mask_weight(sample) for sample in samples], "float32")
    known = views.masks[..., [1, 3]].max(axis=(1, 2, 3)) > 0
    plenty = np.array([sample.style in ("studio", "far") for sample in samples])
    weights[plenty & (np.arange(len(samples)) % PLENTY > 0)] = 0
    return weights[views.rows] * known * (views.numbers < MASK_VIEWS)


def _mask_weight(sample: Sample) -> float:
    """Return how much a picture counts in learning masks: an outline most, what is plenty least."""
    if sample.fruit is not None:
        return 1.0
    if sample.no_durian and sample.style != "far":
        return 0.5
    return {"studio": 0.5, "far": 0.5, "render": 0.3}.get(sample.style, 0.35)


def standardise_maps(model: keras.Model, maps: Maps) -> None:
    """Make the mask head see feature maps of mean 0 and variance 1."""
    some = slice(None, None, max(1, len(maps.early) // 256))
    for name, part in (("standardise_early", maps.early), ("standardise_middle", maps.middle)):
        part = part[some].astype("float32")
        set_statistics(
            model.get_layer("mask_head").get_layer(name),
            part.mean(axis=(0, 1, 2)),
            part.var(axis=(0, 1, 2)) + 1e-4,
        )


def set_statistics(layer: layers.Normalization, mean: np.ndarray, variance: np.ndarray) -> None:
    """Set the mean and the variance, (d,) float32, that a Normalization layer goes by."""
    layer.set_weights([mean, variance, np.zeros((), "int32")])
    layer.finalize_state()


def train_masks(
    model: keras.Model, maps: Maps, truth: np.ndarray, weights: np.ndarray, recipe: Recipe
) -> list[float]:
    """Train the mask head on views of weight above 0; return the mean loss of each epoch.

    truth: (m, 38, 38, 4) uint8, see `dataset.masks`; weights: (m,) float32. `standardise_maps`
    comes first, once.
    """
    head = model.get_layer("mask_head")
    keras.utils.set_random_seed(recipe.seed)
    for layer in head.layers:  # a fresh start
        if isinstance(layer, layers.Conv2D):
            kernel, bias = layer.get_weights()
            layer.set_weights([layer.kernel_initializer(kernel.shape), 0 * bias])
    batches = _MaskBatches(maps, truth, weights, recipe)
    steps = recipe.mask_epochs * len(batches)
    rate = keras.optimizers.schedules.CosineDecay(
        recipe.mask_rate / 10,
        steps,
        warmup_target=recipe.mask_rate,
        warmup_steps=max(1, steps // 8),
    )
    head.compile(keras.optimizers.AdamW(rate, weight_decay=0.01), mask_loss)
    return head.fit(batches, epochs=recipe.mask_epochs, verbose=0).history["loss"]


class _MaskBatches(keras.utils.PyDataset):
    def __init__(self, maps: Maps, truth: np.ndarray, weights: np.ndarray, recipe: Recipe) -> None:
        super().__init__()
        self.maps, self.truth, self.weights = maps, truth, weights
        self.size = recipe.mask_batch
        self.random = np.random.default_rng(recipe.seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return max(1, len(self.order) // self.size)

    def on_epoch_end(self) -> None:
        self.order = self.random.permutation(np.flatnonzero(self.weights))

    def __getitem__(self, index: int) -> tuple:
        batch = np.sort(self.order[index * self.size : (index + 1) * self.size])
        return (
            (self.maps.early[batch], self.maps.middle[batch]),
            self.truth[batch],
            self.weights[batch],
        )


def mask_loss(truth: keras.KerasTensor, said: keras.KerasTensor) -> keras.KerasTensor:
    """Return the cross-entropy and a share of the Dice loss of masks where they are known: (n,).

    truth: (n, 38, 38, 4) uint8, as `dataset.masks` has it; said: (n, 38, 38, 2), 0–1. Dice:
    Milletari et al. 2016, arXiv:1606.04797.
    """
    truth = ops.cast(truth, "float32") / 255
    mask, known = truth[..., ::2], ops.cast(truth[..., 1::2] > 0.95, "float32")
    said = ops.clip(said, 1e-6, 1 - 1e-6)
    entropy = -(mask * ops.log(said) + (1 - mask) * ops.log(1 - said)) * known
    entropy = ops.sum(entropy, axis=(1, 2, 3)) / (ops.sum(known, axis=(1, 2, 3)) + 1)
    mask, said = mask * known, said * known
    both, each = (ops.sum(part, axis=(1, 2)) for part in (mask * said, mask + said))  # (n, 2)
    there = (ops.mean(known, axis=(1, 2)) > 0.5) & (ops.sum(mask, axis=(1, 2)) > 0)
    dice = (1 - (2 * both + 1) / (each + 1)) * ops.cast(there, "float32")
    return entropy + 0.3 * ops.sum(dice, axis=-1)


def predict_masks(model: keras.Model, maps: Maps, chosen: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Return the masks of some views, (n, 38, 38, 2) uint8, 0–255; chosen: (n,) int, which."""
    head = model.get_layer("mask_head")
    parts = [
        predict(head, [maps.early[chosen[rows]], maps.middle[chosen[rows]]], recipe.batch)
        for rows in batches(len(chosen), recipe.batch)
    ]
    return (255 * np.concatenate(parts)).astype("uint8")
