"""Trains and asks the model fold by fold: each wild photograph is asked of one that never saw its
fruit.

    python -m durian.training.folds PHOTOS RENDERS FAR STORE [--deals 3]

Recipes that differ in the last layer alone share masks and features. The first run is the model to
ship: it learns from the training split, and its weights lie in STORE beside all answers.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from .. import network
from ..breeds import CLASSES
from . import fit
from .dataset import SPLITS, Sample, labels, load, read_manifests, read_renders, read_unnamed
from .features import Maps, make_maps, palette_colours, pool
from .imagenet import xception
from .masks import mask_weights, predict_masks, standardise_maps, train_masks
from .recipe import SHIPPED, Recipe
from .unknowns import read_far_unknowns
from .views import Views, make_views

FOLDS = 5
SECOND_DAY = "20200817"
LAST_LAYERS = {  # each of the others changes one thing
    "shipped": SHIPPED,
    "a sixth of the penalty": replace(SHIPPED, penalty=5e-6),
    "renders at the weight of a photograph": replace(SHIPPED, render_weight=1.0),
    "none at the weight of a breed": replace(SHIPPED, none_weight=1.0),
    "one logit for none": replace(SHIPPED, varieties=False),
    "no whitening": replace(SHIPPED, shrinkage=None),
    "no colours": replace(SHIPPED, palette=False),
}
# A third of the time, and masks that are a little worse: the folds do not flatter.
IN_FOLDS = {"shipped": replace(SHIPPED, mask_epochs=2)}


def gather(photos: Path, renders: Path, far: Path) -> list[Sample]:
    """Return all pictures that training and its measurements use."""
    samples = read_manifests(photos) + read_unnamed(photos)
    return samples + read_renders(renders) + read_far_unknowns(far)


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser of the four folders that training and its measurements use."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    for name in ("photos", "renders", "far", "store"):
        parser.add_argument(name, type=Path)
    return parser


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


def prepare(
    samples: Sequence[Sample], learn: np.ndarray, recipe: Recipe, store: Path
) -> tuple[keras.Model, Views, Maps]:
    """Return a network with its palette, all views, and what its backbone makes of them.

    learn: (n,) bool, the pictures that any run learns from.
    """
    scenery = [sample for sample in samples if sample.kind == "scenery"]
    backgrounds = load(scenery, recipe.photo_size) if scenery else np.zeros((0,))
    views = make_views(samples, learn, backgrounds, recipe, network.INPUT_SIZE, store)
    breeds = np.flatnonzero(learn & np.array([s.label >= 0 and not s.no_durian for s in samples]))
    palette = store / "palette.npy"
    if not palette.exists():
        np.save(palette, palette_colours(views, breeds, recipe.seed))
    model = network.build(xception=xception())
    network.set_palette(model, np.load(palette))
    maps = make_maps(model, views, recipe, store)
    standardise_maps(model, maps)
    return model, views, maps


def run(
    model: keras.Model,
    samples: Sequence[Sample],
    views: Views,
    maps: Maps,
    rows: np.ndarray,
    recipes: dict[str, Recipe],
    masks: Path,
) -> tuple[np.ndarray, dict[str, dict[str, np.ndarray]]]:
    """Train on the pictures `rows`; return all features, (m, 4752), and each recipe's last layer.

    The mask head, trained by the recipe `shipped`, stays in `model`. Its weights go to the file
    `masks`, or come from there.
    """
    if masks.exists():
        model.get_layer("mask_head").load_weights(masks)
    else:
        chosen = mask_weights(samples, views) * np.isin(views.rows, rows)
        losses = train_masks(model, maps, views.masks, chosen, recipes["shipped"])
        print("mask loss by epoch:", *(f"{loss:.3f}" for loss in losses), flush=True)
        model.get_layer("mask_head").save_weights(masks)
    pooled = pool(model, maps, SHIPPED)
    layers = {
        name: fit.train_classifier(pooled, views, samples, rows, recipe)
        for name, recipe in recipes.items()
    }
    return pooled, layers


@dataclass(frozen=True)
class Answers:
    """What one run said of the pictures that it was asked about."""

    rows: np.ndarray  # (n,) int, which pictures
    masks: np.ndarray  # (n, 38, 38, 2) uint8, fruit and flesh, 0–255
    logits: dict[str, np.ndarray]  # by name of the recipe, (n, kinds) float32


def read_answers(store: Path) -> dict[str, Answers]:
    """Return what the runs in `store` said, by their names: split, first day, 0-0, 0-1, …"""
    runs = {}
    for path in sorted(store.glob("answers-*.npz")):
        with np.load(path) as file:
            logits = {name: file[name] for name in file.files if name not in ("rows", "masks")}
            name = path.stem.removeprefix("answers-")
            runs[name] = Answers(file["rows"], file["masks"], logits)
    return runs


def deals(answers: dict[str, Answers]) -> list[list[Answers]]:
    """Return the finished deals of the folds, the runs of each."""
    dealt = [[run for name, run in answers.items() if name.startswith(f"{n}-")] for n in range(9)]
    return [runs for runs in dealt if len(runs) == FOLDS]


def out_of_fold(
    runs: Sequence[Answers], temperature: float, name: str = "shipped"
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pictures of one deal, (n,) int in ascending order, and (n, 5) confidences."""
    rows = np.concatenate([run.rows for run in runs])
    parts = [fit.confidences(run.logits[name], temperature) for run in runs]
    order = np.argsort(rows)
    return rows[order], np.concatenate(parts)[order]


def main() -> None:
    """Run all folds, and keep every answer."""
    parser = arguments(__doc__)
    parser.add_argument("--deals", type=int, default=3)
    options = parser.parse_args()
    store, start = options.store, time.monotonic()
    samples = gather(options.photos, options.renders, options.far)
    wild = np.array([sample.style == "wild" for sample in samples])
    learn = np.array([s.split in ("train", "extra", "masks") for s in samples]) | wild
    model, views, maps = prepare(samples, learn, SHIPPED, store)
    print(f"{time.monotonic() - start:.0f} s: {len(views.rows)} views", flush=True)
    for name, rows, asked in runs(samples, options.deals):
        if (store / f"answers-{name}.npz").exists():
            continue  # a run that was stopped goes on
        recipes = LAST_LAYERS if name == "split" else IN_FOLDS
        pooled, layers = run(
            model, samples, views, maps, rows, recipes, store / f"masks-{name}.weights.h5"
        )
        plain = np.flatnonzero(np.isin(views.rows, asked) & (views.numbers == 0))
        answers = {key: fit.logits(pooled[plain], layer) for key, layer in layers.items()}
        answers["rows"] = views.rows[plain]
        answers["masks"] = predict_masks(model, maps, plain, SHIPPED)
        if name == "split":
            model.save_weights(store / "masks-and-palette.weights.h5")
            for key, layer in layers.items():
                np.savez(store / f"last layer, {key}.npz", **layer)
        np.savez(store / f"answers-{name}.npz", **answers)
        told = {key: round(float(_told(samples, answers, key)), 3) for key in layers}
        print(f"{time.monotonic() - start:.0f} s: {name}", json.dumps(told), flush=True)


def _told(samples: Sequence[Sample], answers: dict[str, np.ndarray], key: str) -> float:
    said = np.minimum(answers[key].argmax(axis=1), len(CLASSES) - 1)
    return (said == labels(samples)[answers["rows"]]).mean()


if __name__ == "__main__":
    main()
