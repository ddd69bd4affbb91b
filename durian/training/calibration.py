"""Fits what is chosen last: the temperature, and the confidence from which each breed is named.

Monthong is the commonest durian in the world and Mao Shan Wang among the dearest: calling one the
other is the mistake that a buyer pays for. So Mao Shan Wang has a rule of its own.
"""

from collections.abc import Sequence

import numpy as np

from ..breeds import CLASSES
from .fit import confidences

CLAIM = CLASSES.index("mao-shan-wang")
MOST_CLAIMED = 0.1  # the share of other breeds that may surely be called so
RIGHT = 0.8  # the share of sure answers in the wild that has to be right
LEVELS = np.arange(50, 100) / 100  # thresholds to choose between


def fit_temperature(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Return the temperature that suits unseen photographs best (Guo et al. 2017).

    parts: logits (n, kinds) float32 and labels (n,) int, from one or more models.
    """

    def loss(temperature: float) -> float:
        right = [
            confidences(logits, temperature)[np.arange(len(labels)), labels]
            for logits, labels in parts
        ]
        return -np.log(np.maximum(np.concatenate(right), 1e-12)).mean()

    return float(min(np.geomspace(0.25, 8, 200), key=loss))


def choose_threshold(confidences: np.ndarray, labels: np.ndarray, named: int) -> float | None:
    """Return the lowest threshold from which answers that name a class are right often enough.

    confidences: (n, 5) for photographs that the model never saw; labels: (n,) int; named: the
    class. None where no threshold does.
    """
    right = labels == named
    for threshold in LEVELS:
        sure = claimed(confidences, threshold, named)
        if sure.any() and right[sure].mean() >= RIGHT:
            return float(threshold)
    return None


def choose_claim(others: np.ndarray) -> float | None:
    """Return the lowest threshold at which few enough photographs of other breeds are claimed.

    others: (n, 5) confidences for photographs of other breeds. None where no threshold does.
    """
    few = (t for t in LEVELS if claimed(others, t).mean() <= MOST_CLAIMED)
    return next(map(float, few), None)


def claimed(confidences: np.ndarray, threshold: float, named: int = CLAIM) -> np.ndarray:
    """Return which answers, (n, 5), surely name a class, Mao Shan Wang by default: (n,) bool."""
    return (confidences.argmax(axis=1) == named) & (confidences[:, named] >= threshold)
