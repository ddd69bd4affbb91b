"""Trains and asks the model fold by fold, so that each wild photograph is judged by one that never
saw its fruit.

    python -m durian.training.folds PHOTOS RENDERS FAR STORE [--deals 3] [--seconds 3600]

Recipes that differ in the last layer alone share masks and features. The first run is the model to
ship: it learns from the training split, and its weights lie in STORE beside all answers.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from .. import network
from ..photo import to_array
from . import fit
from .dataset import SPLITS, Sample, labels, load, masks, read_manifests, read_renders, read_unnamed
from .imagenet import xception
from .recipe import SHIPPED, Recipe
from .unknowns import read_far_unknowns
from .views import Views, laid_on, make_views

FOLDS = 5
SECOND_DAY = "20200817"
LAST_LAYERS = {
    "whitened": SHIPPED,
    "not whitened": replace(SHIPPED, shrinkage=None, penalty=1e-4),
}


def gather(photos: Path, renders: Path, far: Path) -> list[Sample]:
    """Return all pictures that training and its measurements use."""
    samples = read_manifests(photos) + read_unnamed(photos)
    return samples + read_renders(renders) + read_far_unknowns(far)


def runs(samples: Sequence[Sample], deals: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield a name, the pictures to learn from and those to ask, as row numbers.

    The first run is the split's own. Then come five folds by fruit over all wild photographs with a
    named breed that are not `extra`, dealt in another way for each seed. One run leaves out the
    second day in the studio.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    split = np.array([sample.split for sample in samples])
    learn = np.isin(split, ("train", "extra", "masks"))
    yield "split", np.flatnonzero(learn), np.flatnonzero(np.isin(split, ("valid", "test")))
    group, style = (np.array([getattr(s, name) for s in samples]) for name in ("group", "style"))
    second = (style == "studio") & (np.char.find(group, SECOND_DAY) >= 0)
    wild = np.flatnonzero((style == "wild") & np.isin(split, SPLITS))
    others = np.setdiff1d(np.flatnonzero(learn), wild)
    for deal in range(deals):
        folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=deal)
        dealt = folds.split(wild, labels(samples)[wild], group[wild])
        for number, (rest, fold) in enumerate(dealt):
            yield f"{deal}-{number}", np.concatenate([wild[rest], others]), wild[fold]
        if not deal:
            yield "first day", np.flatnonzero(learn & ~second), np.flatnonzero(second)


def swapped(samples: Sequence[Sample], rows: np.ndarray, size: int, kind: str) -> np.ndarray:
    """Return studio photographs with their fruit on scenes of a kind, (n, 304, 304, 3) uint8."""
    scenes = load([sample for sample in samples if sample.kind == kind], size)
    random = np.random.default_rng(0)
    pictures = []
    for row in rows:
        (photo,) = load(samples[row : row + 1], size)
        fruit = masks(samples[row], photo)[..., 0]
        moved = laid_on(photo, fruit, scenes[random.integers(len(scenes))])
        pictures.append(to_array(Image.fromarray(moved), network.INPUT_SIZE))
    return np.stack(pictures)


def prepare(
    samples: Sequence[Sample], learn: np.ndarray, recipe: Recipe, store: Path
) -> tuple[keras.Model, Views, fit.Maps]:
    """Return a network with its palette, all views, and what its backbone makes of them."""
    scenery = [sample for sample in samples if sample.kind == "scenery"]
    backgrounds = load(scenery, recipe.photo_size) if scenery else np.zeros((0,))
    views = make_views(samples, learn, backgrounds, recipe, network.INPUT_SIZE, store)
    breeds = np.flatnonzero(learn & np.array([s.label >= 0 and not s.no_durian for s in samples]))
    model = network.build(xception=xception())
    network.set_palette(model, fit.palette_colours(views, breeds, recipe.seed))
    maps = fit.make_maps(model, views, recipe, store)
    fit.standardise_maps(model, maps)
    return model, views, maps


def main() -> None:
    """Run all folds, and keep every answer."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("photos", "renders", "far", "store"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--deals", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_args()
    start = time.monotonic()
    samples = gather(options.photos, options.renders, options.far)
    wild = np.array([sample.style == "wild" for sample in samples])
    learn = np.array([s.split in ("train", "extra", "masks") for s in samples]) | wild
    model, views, maps = prepare(samples, learn, SHIPPED, options.store)
    print(f"{time.monotonic() - start:.0f} s: {len(views.rows)} views", flush=True)
    lesson = fit.mask_lesson(samples, views)
    longest = 0.0
    for name, rows, asked in runs(samples, options.deals):
        began = time.monotonic()
        if began - start + longest > options.seconds:
            break
        losses = fit.train_masks(
            model, maps, views.masks, lesson * np.isin(views.rows, rows), SHIPPED
        )
        head = model.get_layer("mask_head").get_weights()
        pooled = fit.pool(model, maps, SHIPPED)
        plain = np.flatnonzero(np.isin(views.rows, asked) & (views.numbers == 0))
        answers = {"rows": views.rows[plain]}
        for recipe_name, recipe in LAST_LAYERS.items():
            weights = fit.train_classifier(pooled, views, samples, rows, recipe)
            answers[recipe_name] = fit.confidences(fit.logits(pooled[plain], weights))
            if name == "split":
                file = options.store / f"last-{recipe_name.replace(' ', '-')}.npz"
                np.savez(file, **weights)
        if name == "split":
            np.savez(options.store / "masks.npz", *head)
            palette = model.get_layer("palette").get_layer("colours").get_weights()
            np.savez(options.store / "palette.npz", *palette)
        np.savez(options.store / f"answers-{name}.npz", **answers)
        longest = max(longest, time.monotonic() - began)
        told = {key: round(float(_told(samples, answers, key)), 3) for key in LAST_LAYERS}
        print(f"{time.monotonic() - start:.0f} s: {name}", json.dumps(told), losses[-1], flush=True)


def _told(samples: Sequence[Sample], answers: dict[str, np.ndarray], key: str) -> float:
    return (answers[key].argmax(axis=1) == labels(samples)[answers["rows"]]).mean()


if __name__ == "__main__":
    main()
