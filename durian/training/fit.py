"""Trains the last layer: multinomial logistic regression on what the rest of the network gives."""

from collections.abc import Sequence

import keras
import numpy as np

from .. import network
from ..breeds import CLASSES, NONE
from ..network import PALETTE_SIZE
from . import linear
from .dataset import UNNAMED, Sample, balance
from .masks import set_statistics
from .recipe import Recipe
from .views import Views

RARE_VARIETY = 3  # a variety with fewer photographs has no logit of its own


def kinds(
    samples: Sequence[Sample], rows: np.ndarray, recipe: Recipe
) -> tuple[np.ndarray, list[str]]:
    """Return the logit that each picture belongs to, (n,) int, and the names of the logits.

    First come the four breeds, then the kinds of none: what is too rare for a logit of its own,
    each variety of durian with enough photographs among `rows`, other fruit, and far unknowns.
    """
    labels = np.array([sample.label for sample in samples])
    none = CLASSES.index(NONE)
    if not recipe.varieties:
        return labels, list(CLASSES)
    names = np.array(
        [
            "far" if s.style == "far" else "other fruit" if s.no_durian else s.variety
            for s in samples
        ]
    )
    found, counts = np.unique(names[rows][labels[rows] == none], return_counts=True)
    own = [str(name) for name, n in zip(found, counts, strict=True) if n >= RARE_VARIETY]
    number = {name: none + 1 + index for index, name in enumerate(own)}
    numbers = [
        number.get(name, none) if label == none else label
        for name, label in zip(names, labels, strict=True)
    ]
    return np.array(numbers), [*CLASSES, *own]


def train_classifier(
    pooled: np.ndarray,
    views: Views,
    samples: Sequence[Sample],
    rows: np.ndarray,
    recipe: Recipe,
) -> dict[str, np.ndarray]:
    """Return the weights of the last layer: mean, variance, kernel and bias.

    pooled: (m, 4752) float32, the features of all `views`; rows: the pictures to learn from, those
    of unnamed durians excepted.
    """
    rows = np.array([row for row in rows if samples[row].label != UNNAMED])
    targets, _ = kinds(samples, rows, recipe)
    none = CLASSES.index(NONE)
    chance = np.zeros(len(samples), "float32")
    chance[rows] = balance([samples[row] for row in rows])
    chance *= [recipe.render_weight if sample.style == "render" else 1 for sample in samples]
    chance *= [recipe.none_weight if sample.label == none else 1 for sample in samples]
    chosen = views.of(rows)
    chance /= np.maximum(np.bincount(views.rows[chosen], minlength=len(samples)), 1)
    part, weights = pooled[chosen], chance[views.rows[chosen]]
    share = (weights / weights.sum())[:, None]
    mean = (part * share).sum(axis=0)
    variance = ((part - mean) ** 2 * share).sum(axis=0) + 1e-6
    scale = _block_scales(part.shape[1], recipe)
    inputs = (part - mean) / np.sqrt(variance) * scale
    numbers = targets[views.rows[chosen]]
    kernel, bias = linear.fit(inputs, numbers, weights, recipe.penalty, recipe.shrinkage)
    return {
        "mean": mean,
        "variance": variance,
        "kernel": kernel * scale[:, None],
        "bias": bias,
    }


def _block_scales(width: int, recipe: Recipe) -> np.ndarray:
    """Return (width,) float32 by which means, root mean squares and colours count the same."""
    colours = len(network.REGIONS) * PALETTE_SIZE
    shapes = (width - colours) // 2
    blocks = [(shapes, 1), (shapes, 1), (colours, float(recipe.palette))]
    return np.concatenate([np.full(n, on / n**0.5, "float32") for n, on in blocks])


def with_last_layer(
    model: keras.Model, weights: dict[str, np.ndarray], temperature: float = 1.0
) -> keras.Model:
    """Return a network with the other layers of `model` and a last layer by `train_classifier`."""
    whole = network.build(len(weights["bias"]), temperature)
    for name in ("backbone", "mask_head", "palette"):
        whole.get_layer(name).set_weights(model.get_layer(name).get_weights())
    for layer in whole.get_layer("mask_head").layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # `set_weights` alone changes nothing that it computes
    set_statistics(whole.get_layer("standardise"), weights["mean"], weights["variance"])
    whole.get_layer("logits").set_weights([weights["kernel"], weights["bias"]])
    return whole


def logits(pooled: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
    """Return the (n, kinds) logits that the last layer gives for features (n, 4752)."""
    even = (pooled - weights["mean"]) / np.maximum(np.sqrt(weights["variance"]), 1e-7)
    return even @ weights["kernel"] + weights["bias"]


def confidences(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return the (n, 5) confidences for logits of kinds, as the network works them out."""
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    none = len(CLASSES) - 1
    sums = np.concatenate([shares[:, :none], shares[:, none:].sum(axis=1, keepdims=True)], axis=1)
    flat = (sums + network.TINY) ** (1 / temperature)
    return flat / flat.sum(axis=1, keepdims=True)
