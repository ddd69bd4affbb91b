"""A breed is named only from the confidence that its measurements bear out."""

import json

import pytest

from durian.breeds import LABELS
from durian.decision import is_sure, thresholds

from .running import ROOT


def answer(label: str, confidence: float) -> dict[str, float]:
    """Return an answer that names `label`, the rest shared out evenly."""
    rest = (1 - confidence) / (len(LABELS) - 1)
    return {other: confidence if other == label else rest for other in LABELS}


@pytest.mark.parametrize("label", LABELS)
def test_a_label_is_sure_from_its_threshold_on(label: str):
    threshold = thresholds()[label]
    if threshold is None:
        assert not is_sure(answer(label, 1.0))
    else:
        assert is_sure(answer(label, threshold))
        assert not is_sure(answer(label, threshold - 0.01))


def test_a_breed_that_is_mostly_missed_is_never_sure():
    measured = json.loads((ROOT / "model/measurements.json").read_text(encoding="utf-8"))
    recall = measured["measured"]["cross_validation"]["five classes"]["recall"]
    assert recall["golden-phoenix"]["value"] < 0.5
    assert not is_sure(answer("Golden Phoenix", 1.0))
