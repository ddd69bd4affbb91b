"""Turns what `durian.training.folds` left in STORE into the model's files.

    python -m durian.training.ship PHOTOS RENDERS FAR STORE

The temperature and the thresholds are fitted on photographs outside the test split that their model
never saw: the studio's validation photographs, and wild ones as the folds answered.
`durian.training.evaluation` comes next.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from .. import hub, network
from ..breeds import CLASSES, LABELS, NONE
from . import calibration, export, fit
from .dataset import Sample, labels
from .folds import Answers, arguments, deals, gather, out_of_fold, read_answers
from .recipe import SHIPPED


def read_trained(store: Path) -> tuple[keras.Model, dict[str, np.ndarray]]:
    """Return the network that the split's run left in `store`, and its last layer."""
    trained = network.build()
    trained.load_weights(store / "masks-and-palette.weights.h5")
    with np.load(store / "last layer, shipped.npz") as layer:
        return trained, dict(layer)


def ship(
    trained: keras.Model,
    layer: dict[str, np.ndarray],
    samples: Sequence[Sample],
    answers: dict[str, Answers],
    folder: Path,
) -> dict:
    """Write weights and runtime config to `folder`; return the config.

    The network gets the last layer and the temperature.
    """
    temperature = calibration.fit_temperature(unseen(samples, answers))
    export.save(fit.with_last_layer(trained, layer, temperature), folder)
    learnt = np.flatnonzero([sample.split in ("train", "extra", "masks") for sample in samples])
    config = {
        "labels": list(LABELS),
        "classes": list(CLASSES),
        "kinds": fit.kinds(samples, learnt, SHIPPED)[1],
        "input_size": network.INPUT_SIZE,
        "sha256": hub.sha256(folder / hub.WEIGHTS),
        "temperature": temperature,
        "thresholds": thresholds(samples, answers, temperature),
    }
    text = json.dumps(config, indent=1, ensure_ascii=False) + "\n"
    (folder / hub.CONFIG).write_text(text, encoding="utf-8")
    return config


def unseen(
    samples: Sequence[Sample], answers: dict[str, Answers]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return logits and labels of photographs that their model never saw, none of the test split.

    They are the studio's validation photographs and, from each deal of the folds, wild ones.
    """
    truth, parts = labels(samples), []
    split, style = (np.array([getattr(s, name) for s in samples]) for name in ("split", "style"))
    runs = [(answers["split"], (style == "studio") & (split == "valid"))]
    runs += [(run, split != "test") for runs in deals(answers) for run in runs]
    for run, chosen in runs:
        asked = chosen[run.rows]
        parts.append((run.logits["shipped"][asked], truth[run.rows[asked]]))
    return parts


def thresholds(
    samples: Sequence[Sample], answers: dict[str, Answers], temperature: float
) -> dict[str, float | None]:
    """Return the confidence from which each class is named for sure; None where it never is."""
    truth, none = labels(samples), CLASSES.index(NONE)
    rows, confidences = [], []
    for runs in deals(answers):
        asked, said = out_of_fold(runs, temperature)
        keep = np.array([samples[row].split != "test" for row in asked])
        rows.append(asked[keep])
        confidences.append(said[keep])
    rows, said = np.concatenate(rows), np.concatenate(confidences)
    found = {
        slug: calibration.choose_threshold(said, truth[rows], number)
        for number, slug in enumerate(CLASSES)
    }
    other = np.array([truth[row] == none and not samples[row].no_durian for row in rows])
    claims = (found["mao-shan-wang"], calibration.choose_claim(said[other]))
    found["mao-shan-wang"] = None if None in claims else max(claims)
    return found


def main() -> None:
    """Write the model's files."""
    options = arguments(__doc__).parse_args()
    samples = gather(options.photos, options.renders, options.far)
    ship(*read_trained(options.store), samples, read_answers(options.store), hub.BUNDLE)


if __name__ == "__main__":
    main()
