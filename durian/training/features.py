"""What the last layer goes by: feature maps and colours of every view, averaged inside the masks.

The backbone never changes, so each view passes through it once, and its maps lie on disk.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import keras
import numpy as np
from keras import layers

from ..network import OPPONENT, PALETTE_SIZE
from .recipe import Recipe
from .views import Views


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
    finished = store / "maps.finished"
    if finished.exists():
        return Maps(*(np.load(store / f"{name}.npy", mmap_mode="r") for name in names))
    parts = [
        np.lib.format.open_memmap(
            store / f"{name}.npy", "w+", "float16", (len(views.rows), *output.shape[1:])
        )
        for name, output in zip(names, see.outputs, strict=True)
    ]
    for batch in batches(len(views.rows), recipe.batch):
        answers = predict(see, [views.photos[batch]], recipe.batch)
        for part, answer in zip(parts, answers, strict=True):
            part[batch] = answer
    finished.touch()
    return Maps(*parts)


def pool(model: keras.Model, maps: Maps, recipe: Recipe) -> np.ndarray:
    """Return what the last layer goes by, not yet standardised: (m, 4752) float32."""
    pooling = model.get_layer("pooling")
    early = layers.Input(maps.early.shape[1:])
    middle, colours = (layers.Input(part.shape[1:]) for part in (maps.middle, maps.colours))
    masks = model.get_layer("mask_head")([early, middle])
    head = keras.Model([early, middle, colours], pooling([middle, masks, colours]))
    parts = [
        predict(head, [maps.early[rows], maps.middle[rows], maps.colours[rows]], recipe.batch)
        for rows in batches(len(maps.early), recipe.batch)
    ]
    return np.concatenate(parts).astype("float32")


def batches(count: int, size: int) -> list[slice]:
    """Return slices of up to `size` that together hold 0…count−1."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def predict(
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
