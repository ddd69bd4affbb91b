"""Chooses how sure an answer must be to be named, by what a wrong claim costs a buyer.

    python -m durian.training.claims PHOTOS

Monthong is the commonest durian in the world and Mao Shan Wang among the dearest. So the threshold
of Mao Shan Wang is the lowest at which at most one in ten photographs of other breeds, in the wild,
is surely called so. It is chosen on photographs that the model never learnt from and measured on
the test photographs; both go to `model/`, and the card is written from them.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import DurianClassifier, open_photo
from ..breeds import CLASSES, NONE
from ..hub import BUNDLE, CONFIG, MEASUREMENTS
from . import card
from .dataset import Sample, read_manifest
from .metrics import share

CLAIM = "mao-shan-wang"
MOST = 0.1  # the share of other breeds that may surely be called so
UNSEEN = (("manifest", "valid"), ("manifest2", "train"), ("manifest2", "valid"))
TEST = (("manifest", "test"), ("manifest2", "test"))  # the shipped model learnt from manifest alone
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9)


def claimed(confidences: np.ndarray, threshold: float) -> np.ndarray:
    """Return which answers, (n, 5), surely name the breed of the claim: (n,) bool."""
    claim = CLASSES.index(CLAIM)
    return (confidences.argmax(axis=1) == claim) & (confidences[:, claim] >= threshold)


def choose(others: np.ndarray, least: float) -> float:
    """Return the lowest threshold, in hundredths, at which few enough of `others` are claimed.

    others: (n, 5) confidences for photographs of other breeds; least: where to begin.
    """
    levels = np.arange(round(least * 100), 101) / 100
    return float(next(t for t in levels if claimed(others, t).mean() <= MOST))


def measure(others: np.ndarray, own: np.ndarray, threshold: float) -> dict:
    """Return how many of other breeds and of the breed itself are surely called by its name."""
    return {
        "threshold": threshold,
        "others": len(others),
        "others_claimed": share(int(claimed(others, threshold).sum()), len(others)),
        "own": len(own),
        "own_claimed": share(int(claimed(own, threshold).sum()), len(own)),
    }


def main() -> None:
    """Ask the shipped model about the photographs, and write what follows."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path)
    folder = parser.parse_args().photos
    classifier = DurianClassifier.load()

    def ask(samples: Sequence[Sample]) -> np.ndarray:
        photos = [open_photo(sample.path) for sample in samples]
        return np.array([list(answer.values()) for answer in classifier.predict_batch(photos)])

    answers = {}
    for part, sources in (("unseen", UNSEEN), ("test", TEST)):
        wild = [
            sample
            for name, split in sources
            for sample in read_manifest(folder, name)
            if sample.style == "wild" and sample.split == split
        ]
        none = CLASSES.index(NONE)
        others = [s for s in wild if s.label == none and not s.kind.startswith("not durian")]
        own = [sample for sample in wild if CLASSES[sample.label] == CLAIM]
        answers[part] = ask(others), ask(own)

    config = json.loads((BUNDLE / CONFIG).read_text(encoding="utf-8"))
    threshold = choose(answers["unseen"][0], config["thresholds"]["d24"])
    config["thresholds"][CLAIM] = threshold
    measurements = json.loads((BUNDLE / MEASUREMENTS).read_text(encoding="utf-8"))
    measurements["measured"]["claims"] = {
        "chosen": measure(*answers["unseen"], threshold),
        "test": measure(*answers["test"], threshold),
        "curve": [measure(*answers["unseen"], level) for level in LEVELS],
    }
    for name, content in ((CONFIG, config), (MEASUREMENTS, measurements)):
        text = json.dumps(content, indent=1) + "\n"
        (BUNDLE / name).write_text(text, encoding="utf-8")
    card.write(BUNDLE)


if __name__ == "__main__":
    main()
