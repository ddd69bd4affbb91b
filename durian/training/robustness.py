"""Asks the model about photographs that were changed on purpose."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from .. import network
from ..photo import to_array
from . import corruptions
from .dataset import Sample, labels, load, masks
from .recipe import SHIPPED
from .views import laid_on

Ask = Callable[[np.ndarray], np.ndarray]  # photographs (n, 304, 304, 3) uint8 → (n, 5)


def robustness(samples: Sequence[Sample], ask: Ask) -> dict[str, float]:
    """Return the accuracy on the studio's test photographs, as they are and spoilt."""
    rows = np.flatnonzero([s.style == "studio" and s.split == "test" for s in samples])
    truth, side = labels(samples)[rows], SHIPPED.photo_size
    photos = load([samples[row] for row in rows], side)
    random = np.random.default_rng(0)

    def right(pictures: Sequence[np.ndarray]) -> float:
        small = [to_array(Image.fromarray(p), network.INPUT_SIZE) for p in pictures]
        return float((ask(np.stack(small)).argmax(axis=1) == truth).mean())

    def each(change: Callable, *values: object) -> float:
        return right([change(photo, *values) for photo in photos])

    return {
        "as they are": right(photos),
        "on other backgrounds": right(swapped(samples, rows, photos)),
        "a drawn hand in the way": right([corruptions.hand_over(p, random)[0] for p in photos]),
        "out of focus by half a percent": each(corruptions.blurred, side / 200),
        "as a JPEG of quality 20": each(corruptions.compressed, 20),
        "in a warmer light (red +4%, blue −4%)": each(corruptions.lit, [1.04, 1, 0.96]),
        "in a colder light (red −4%, blue +4%)": each(corruptions.lit, [0.96, 1, 1.04]),
        "fruit blanked out": right(_blanked(samples, rows, photos)),
        "always the commonest class (chance)": float(np.bincount(truth).max() / len(truth)),
    }


def _blanked(samples: Sequence[Sample], rows: np.ndarray, photos: np.ndarray) -> list[np.ndarray]:
    """Return the photographs with their fruit painted over in the table's colour."""
    pictures = []
    for row, photo in zip(rows, photos, strict=True):
        fruit = masks(samples[row], photo)[..., 0] > 127
        table = np.median(photo[~fruit], axis=0)
        pictures.append(np.where(fruit[..., None], table, photo).astype("uint8"))
    return pictures


def swapped(samples: Sequence[Sample], rows: np.ndarray, photos: np.ndarray) -> list[np.ndarray]:
    """Return studio photographs, (n, s, s, 3) uint8, the fruit on backgrounds of the test."""
    scenes = load([sample for sample in samples if sample.kind == "views"], photos.shape[1])
    random = np.random.default_rng(0)
    return [
        laid_on(photo, masks(samples[row], photo)[..., 0], scenes[random.integers(len(scenes))])
        for row, photo in zip(rows, photos, strict=True)
    ]
