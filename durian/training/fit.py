"""Trains the classifier head: photographs in, a network out, its backbone as ImageNet left it.

The head has three parts, trained one after the other: masks by gradient descent, the palette by
clustering, and the last layer by logistic regression on the features of many views.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from .. import network
from ..breeds import CLASSES, NONE
from ..network import OPPONENT, PALETTE_SIZE
from . import linear
from .dataset import Sample, balance
from .recipe import Recipe
from .views import Views

MASK_VIEWS = 3  # of each picture, to learn masks from
PLENTY = 4  # of studio photographs and far unknowns, which are many, one in so many teaches masks
RARE_VARIETY = 3  # a variety with fewer photographs has no logit of its own


def palette_colours(views: Views, rows: np.ndarray, seed: int) -> np.ndarray:
    """Return the (128, 3) float32 colours in −1…1 that best sum up the plain views of `rows`."""
    from sklearn.cluster import MiniBatchKMeans

    plain = views.photos[np.isin(views.rows, rows) & (views.numbers == 0)]
    pixels = plain[:, 8::16, 8::16].reshape(-1, 3) / np.float32(127.5) - 1
    clusters = MiniBatchKMeans(PALETTE_SIZE, random_state=seed, n_init=3).fit(pixels @ OPPONENT.T)
    return (clusters.cluster_centers_ @ np.linalg.inv(OPPONENT).T).astype("float32")


@dataclass(frozen=True)
class Maps:
    """What the backbone and the palette make of the views, in their order."""

    early: np.ndarray  # (m, 38, 38, 256) float16
    middle: np.ndarray  # (m, 19, 19, 728) float16
    colours: np.ndarray  # (m, 38, 38, 128) float16


def make_maps(model: keras.Model, views: Views, recipe: Recipe, store: Path) -> Maps:
    """Return the feature maps of all views; they lie in files in `store`, 1.6 MB a view."""
    scaled = model.get_layer("scale")(model.input)
    maps = model.get_layer("backbone")(scaled, training=False)
    see = keras.Model(model.input, [*maps, model.get_layer("palette")(scaled)])
    names = [field.name for field in fields(Maps)]
    parts = [
        np.lib.format.open_memmap(
            store / f"{name}.npy", "w+", "float16", (len(views.rows), *output.shape[1:])
        )
        for name, output in zip(names, see.outputs, strict=True)
    ]
    for batch in _batches(len(views.rows), recipe.batch):
        answers = _predict(see, [views.photos[batch]], recipe.batch)
        for part, answer in zip(parts, answers, strict=True):
            part[batch] = answer
    return Maps(*parts)


def mask_lesson(samples: Sequence[Sample], views: Views) -> np.ndarray:
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
        _set_statistics(
            model.get_layer("mask_head").get_layer(name),
            part.mean(axis=(0, 1, 2)),
            part.var(axis=(0, 1, 2)) + 1e-4,
        )


def _set_statistics(layer: layers.Normalization, mean: np.ndarray, variance: np.ndarray) -> None:
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


def pool(model: keras.Model, maps: Maps, recipe: Recipe) -> np.ndarray:
    """Return what the last layer goes by, not yet standardised: (m, 4752) float32."""
    pooling = model.get_layer("pooling")
    early = layers.Input(maps.early.shape[1:])
    middle, colours = (layers.Input(part.shape[1:]) for part in (maps.middle, maps.colours))
    masks = model.get_layer("mask_head")([early, middle])
    head = keras.Model([early, middle, colours], pooling([middle, masks, colours]))
    parts = [
        _predict(head, [maps.early[rows], maps.middle[rows], maps.colours[rows]], recipe.batch)
        for rows in _batches(len(maps.early), recipe.batch)
    ]
    return np.concatenate(parts).astype("float32")


def kinds(samples: Sequence[Sample], rows: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Return which logit each picture belongs to, (n,) int: a breed's, or one of the kinds of none.

    Kinds of none are other durians, each variety with enough photographs among `rows`, other fruit,
    and everything else.
    """
    labels = np.array([sample.label for sample in samples])
    none = CLASSES.index(NONE)
    if not recipe.varieties:
        return labels
    names = np.array(
        ["far" if s.style == "far" else "other fruit" if s.no_durian else s.kind for s in samples]
    )
    found, counts = np.unique(names[rows][labels[rows] == none], return_counts=True)
    own = [name for name, count in zip(found, counts, strict=True) if count >= RARE_VARIETY]
    number = {name: none + 1 + index for index, name in enumerate(own)}
    return np.array(
        [
            number.get(name, none) if label == none else label
            for name, label in zip(names, labels, strict=True)
        ]
    )


def train_classifier(
    pooled: np.ndarray,
    views: Views,
    samples: Sequence[Sample],
    rows: np.ndarray,
    recipe: Recipe,
) -> dict[str, np.ndarray]:
    """Return the weights of the last layer: mean, variance, kernel and bias.

    pooled: (m, 4752) float32, the features of all `views`; rows: the pictures to learn from.
    """
    targets = kinds(samples, rows, recipe)
    chance = np.zeros(len(samples), "float32")
    chance[rows] = balance([samples[row] for row in rows])
    chance *= [recipe.render_weight if sample.style == "render" else 1 for sample in samples]
    chosen = views.of(rows)
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


def set_classifier(model: keras.Model, weights: dict[str, np.ndarray]) -> None:
    """Put the last layer's weights, as `train_classifier` returns them, into the network."""
    _set_statistics(model.get_layer("standardise"), weights["mean"], weights["variance"])
    model.get_layer("logits").set_weights([weights["kernel"], weights["bias"]])


def logits(pooled: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
    """Return the (n, kinds) logits that the last layer gives for features (n, 4752)."""
    even = (pooled - weights["mean"]) / np.maximum(np.sqrt(weights["variance"]), 1e-7)
    return even @ weights["kernel"] + weights["bias"]


def confidences(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return the (n, 5) confidences for logits of kinds, those of none added up."""
    logits = logits / temperature
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    none = len(CLASSES) - 1
    return np.concatenate([shares[:, :none], shares[:, none:].sum(axis=1, keepdims=True)], axis=1)


def _batches(count: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def _predict(
    model: keras.Model, inputs: list[np.ndarray], batch: int
) -> np.ndarray | list[np.ndarray]:
    """Return what a model makes of up to `batch` rows, filled up: one shape is compiled once."""
    count = len(inputs[0])
    if missing := batch - count:
        inputs = [np.concatenate([part, part[:1].repeat(missing, axis=0)]) for part in inputs]
    answer = model.predict_on_batch(inputs if len(inputs) > 1 else inputs[0])
    if isinstance(answer, list):
        return [part[:count] for part in answer]
    return answer[:count]
