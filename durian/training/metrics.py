"""Confidences and true classes in, honest figures out, each with how many photographs it rests on.

Intervals are 95% percentile bootstraps that draw whole groups (a fruit, a shooting session), since
photographs of one fruit are not independent. Only those of shares (a breed's recall, unknowns,
another day) and of an AUROC count photographs, and are too narrow where one fruit has several.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import (
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
)

from ..breeds import CLASSES, NONE
from .dataset import Sample

DRAWS = 1000
BINS = 10  # of the reliability diagram
KNOWN = [index for index, slug in enumerate(CLASSES) if slug != NONE]


def measure(samples: Sequence[Sample], confidences: np.ndarray) -> dict:
    """Return all figures for (n, 5) confidences: overall, by style, and by style and view.

    With (d, n, 5), from d deals of the folds, they are the means over the deals.
    """
    deals = len(confidences) if confidences.ndim == 3 else 1
    samples, confidences = list(samples) * deals, confidences.reshape(-1, len(CLASSES))
    labels = np.array([sample.label for sample in samples])
    groups = np.array([sample.group for sample in samples])
    names = [(s.style, f"{s.style} {s.view}".strip()) for s in samples]
    parts = {"all": np.ones(len(samples), bool)}
    for part in {name for pair in names for name in pair}:
        parts[part] = np.array([part in pair for pair in names])
    return {
        name: _figures(labels[part], confidences[part], groups[part], deals)
        for name, part in sorted(parts.items())
    }


def _figures(labels: np.ndarray, confidences: np.ndarray, groups: np.ndarray, deals: int) -> dict:
    named = confidences.argmax(axis=1)
    order = np.argsort(-confidences, axis=1)
    present = sorted(set(labels.tolist()))
    precision, recall, _, count = precision_recall_fscore_support(
        labels, named, labels=range(len(CLASSES)), zero_division=0
    )
    count = count // deals
    confusion = confusion_matrix(labels, named, labels=range(len(CLASSES))) / deals
    return {
        "photographs": len(labels) // deals,
        "groups": len(set(groups.tolist())),
        "accuracy": _interval(lambda rows: (named[rows] == labels[rows]).mean(), groups),
        "macro_f1": _interval(
            lambda rows: f1_score(
                labels[rows], named[rows], labels=present, average="macro", zero_division=0
            ),
            groups,
        ),
        "top_2": float((order[:, :2] == labels[:, None]).any(axis=1).mean()),
        "ece": expected_calibration_error(labels, confidences),
        "recall": {CLASSES[i]: share(round(recall[i] * count[i]), int(count[i])) for i in present},
        "precision": {CLASSES[i]: float(precision[i]) for i in present},
        "count": {CLASSES[i]: int(count[i]) for i in present},
        "confusion": confusion.round().astype(int).tolist(),
    }


def _interval(figure: Callable[[np.ndarray], float], groups: np.ndarray) -> dict:
    """Return a figure of row indices with its 95% interval over draws of whole groups."""
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(groups == group) for group in sorted(set(groups.tolist()))]
    draws = []
    for _ in range(DRAWS):
        picked = rng.integers(0, len(members), len(members))
        draws.append(figure(np.concatenate([members[i] for i in picked])))
    low, high = np.percentile(draws, [2.5, 97.5])
    return {"value": float(figure(np.arange(len(groups)))), "low": float(low), "high": float(high)}


def share(hits: int, count: int) -> dict:
    """Return a share with its 95% interval after Wilson (1927), which holds for few photographs."""
    interval = binomtest(hits, count).proportion_ci(method="wilson")
    return {"value": hits / count, "low": float(interval.low), "high": float(interval.high)}


def reliability(labels: np.ndarray, confidences: np.ndarray) -> list[dict]:
    """Return, for each tenth of confidence, how often the top label was right."""
    top = confidences.max(axis=1)
    right = confidences.argmax(axis=1) == labels
    bins = np.minimum((top * BINS).astype(int), BINS - 1)
    return [
        {
            "photographs": int((bins == b).sum()),
            "confidence": float(top[bins == b].mean()),
            "accuracy": float(right[bins == b].mean()),
        }
        for b in range(BINS)
        if (bins == b).any()
    ]


def expected_calibration_error(labels: np.ndarray, confidences: np.ndarray) -> float:
    """Return the ECE (Naeini et al. 2015): the mean gap between confidence and accuracy."""
    return float(
        sum(
            row["photographs"] / len(labels) * abs(row["confidence"] - row["accuracy"])
            for row in reliability(labels, confidences)
        )
    )


def risk_coverage(labels: np.ndarray, confidences: np.ndarray) -> list[dict]:
    """Return the error among the surest tenth, two tenths, … of the photographs."""
    right = (confidences.argmax(axis=1) == labels)[np.argsort(-confidences.max(axis=1))]
    sizes = [max(1, round(len(right) * tenth / 10)) for tenth in range(1, 11)]
    return [{"coverage": n / len(right), "risk": float(1 - right[:n].mean())} for n in sizes]


def open_set(known: np.ndarray, unknown: np.ndarray) -> dict:
    """Return how well the mass on the four breeds tells known breeds from unknown pictures.

    known: (n, 5) confidences of photographs of the breeds; unknown: (m, 5) of anything else.
    False accepts are counted at the threshold that accepts 95% of the known.
    """
    scores = [confidences[:, KNOWN].sum(axis=1) for confidences in (known, unknown)]
    truth = np.repeat([1, 0], [len(known), len(unknown)])
    threshold = np.quantile(scores[0], 0.05)
    named = unknown.argmax(axis=1) != CLASSES.index(NONE)
    return {
        "known": len(known),
        "unknown": len(unknown),
        "auroc": area(roc_auc_score(truth, np.concatenate(scores)), len(known), len(unknown)),
        "false_accept_at_95": share(int((scores[1] >= threshold).sum()), len(unknown)),
        "named_a_breed": share(int(named.sum()), len(unknown)),
    }


def area(auroc: float, positives: int, negatives: int) -> dict:
    """Return an AUROC with its 95% interval after Hanley and McNeil (1982)."""
    both_positives = auroc / (2 - auroc) - auroc**2
    both_negatives = 2 * auroc**2 / (1 + auroc) - auroc**2
    variance = (
        auroc * (1 - auroc) + (positives - 1) * both_positives + (negatives - 1) * both_negatives
    ) / (positives * negatives)
    margin = 1.96 * variance**0.5
    return {
        "value": float(auroc),
        "low": float(max(0, auroc - margin)),
        "high": float(min(1, auroc + margin)),
    }
