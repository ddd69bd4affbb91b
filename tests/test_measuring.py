"""The published figures mean what they say, and are those of the weights that ship."""

import json

import keras
import numpy as np
import pytest

from durian import network
from durian.breeds import CLASSES, NONE
from durian.training import calibration, evaluation, fit
from durian.training import dataset as data
from durian.training import metrics as measuring

from .running import ROOT

PHOTOS = ROOT.parent / "shared" / "photos"
OTHER = CLASSES.index(NONE)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr(measuring, "DRAWS", 200)  # enough for the intervals here


def says(named: list[int], confidence: float) -> np.ndarray:
    """Return (n, 5) confidences that name these classes, all as sure."""
    rest = (1 - confidence) / (len(CLASSES) - 1)
    return np.where(np.arange(len(CLASSES)) == np.array(named)[:, None], confidence, rest)


def samples(labels: list[int], groups: list[str]) -> list[data.Sample]:
    return [
        data.Sample(ROOT, label, "test", "wild", group)
        for label, group in zip(labels, groups, strict=True)
    ]


@pytest.mark.skipif(not PHOTOS.exists(), reason="needs the photographs in ../shared/photos")
def test_the_published_figures_are_those_of_the_weights_that_ship():
    model = keras.saving.load_model(ROOT / "model", compile=False)
    test = [
        sample
        for sample in data.read_manifests(PHOTOS)
        if sample.split == "test" and sample.style in ("studio", "wild")
    ]
    said = model.predict(data.load(test, network.INPUT_SIZE), batch_size=16, verbose=0)
    figures = json.loads((ROOT / "model/measurements.json").read_text())["measured"]["test"]
    again = measuring.measure(test, said)
    assert again.keys() == figures.keys()
    for part, published in figures.items():
        moved = np.abs(np.subtract(again[part]["confusion"], published["confusion"])).sum()
        assert moved <= 4, part  # two photographs, for another processor's rounding
        assert again[part]["count"] == published["count"]
        assert again[part]["ece"] == pytest.approx(published["ece"], abs=0.02)


def test_accuracy_counts_photographs_and_macro_f1_counts_breeds():
    truth, named = [0, 0, 0, 0, 0, 0, 2, 2], [0, 0, 0, 0, 0, 0, 0, 0]
    figures = measuring.measure(samples(truth, list("abcdefgh")), says(named, 0.8))["all"]
    assert figures["accuracy"]["value"] == pytest.approx(6 / 8)
    assert figures["macro_f1"]["value"] == pytest.approx((2 * 6 / (2 * 6 + 2) + 0) / 2)
    assert {slug: figures["recall"][slug]["value"] for slug in figures["recall"]} == {
        CLASSES[0]: 1,
        CLASSES[2]: 0,
    }
    assert figures["confusion"][2][0] == 2


def test_many_photographs_of_few_fruits_leave_a_wide_interval():
    truth, named = [0] * 40, [0] * 20 + [2] * 20

    def width(groups: list[str]) -> float:
        accuracy = measuring.measure(samples(truth, groups), says(named, 0.8))["all"]["accuracy"]
        assert accuracy["low"] <= accuracy["value"] == 0.5 <= accuracy["high"]
        return accuracy["high"] - accuracy["low"]

    fruit_each = width([str(number) for number in range(40)])
    four_fruits = width([str(number // 10) for number in range(40)])
    assert four_fruits > 2 * fruit_each


def test_calibration_error_is_the_gap_between_what_is_said_and_what_is_right():
    labels = np.array([0] * 8 + [2] * 2)
    error = measuring.expected_calibration_error
    assert error(labels, says([0] * 10, 0.8)) == pytest.approx(0, abs=1e-9)
    assert error(labels, says([0] * 10, 0.95)) == pytest.approx(0.15)
    assert error(labels, says([2] * 10, 0.95)) == pytest.approx(0.75)


def test_the_surest_answers_are_counted_first():
    labels = np.zeros(10, int)
    said = np.concatenate([says([0] * 8, 0.9), says([2] * 2, 0.5)])
    risk = [row["risk"] for row in measuring.risk_coverage(labels, said)]
    assert risk == pytest.approx([0] * 8 + [1 / 9, 2 / 10])


def test_saying_no_is_measured_by_the_mass_on_all_breeds():
    unsure_which = np.array([[0.4, 0.1, 0.4, 0.05, 0.05]] * 20)  # but sure that it is a breed
    apart = measuring.open_set(unsure_which, says([OTHER] * 10, 0.9))
    assert apart["auroc"]["value"] == 1
    assert apart["false_accept_at_95"]["value"] == apart["named_a_breed"]["value"] == 0
    assert apart["named_a_breed"]["high"] > 0.2  # ten pictures prove little
    alike = measuring.open_set(unsure_which, unsure_which)
    assert alike["auroc"]["value"] == 0.5
    assert alike["false_accept_at_95"]["value"] == alike["named_a_breed"]["value"] == 1


def test_an_auroc_of_few_pictures_has_a_wide_interval():
    few, many = measuring.area(0.8, 20, 10), measuring.area(0.8, 200, 100)
    for area in (few, many):
        assert area["low"] < area["value"] == 0.8 < area["high"] <= 1
    width = [area["high"] - area["low"] for area in (few, many)]
    assert width[0] == pytest.approx(10**0.5 * width[1], rel=0.1)


def test_temperature_makes_a_boaster_modest():
    labels, said = np.array([0] * 7 + [2] * 3), np.log(says([0] * 10, 0.99))
    temperature = calibration.fit_temperature([(said[:5], labels[:5]), (said[5:], labels[5:])])
    after = fit.confidences(said, temperature)
    assert (after.argmax(axis=1) == 0).all()
    assert measuring.expected_calibration_error(labels, after) < 0.02


def test_above_the_threshold_answers_are_right_as_often_as_promised():
    labels = np.array([0] * 10 + [2] * 10)
    said = np.concatenate([says([0] * 10, 0.9), says([0] * 5, 0.595), says([0] * 5, 0.7)])
    threshold = calibration.choose_threshold(said, labels, 0)
    assert 0.7 < threshold <= 0.9
    assert calibration.choose_threshold(says([0] * 4, 0.95), labels[-4:], 0) is None


def test_a_claim_needs_the_lowest_confidence_that_few_enough_others_reach():
    sure = np.linspace(0.5, 0.989, 100)  # 100 of other breeds, all called so
    others = np.zeros((100, 5))
    others[:, calibration.CLAIM], others[:, OTHER] = sure, 1 - sure
    threshold = calibration.choose_claim(others)
    assert (sure >= threshold).mean() <= 0.1 < (sure >= threshold - 0.01).mean()
    others[:, calibration.CLAIM] = 1
    assert calibration.choose_claim(others) is None


def test_an_answer_with_another_name_claims_nothing():
    answers = np.array([[0.05, 0.0, 0.95, 0.0, 0.0], [0.0, 0.0, 0.05, 0.0, 0.95]])
    assert calibration.claimed(answers, 0.9).tolist() == [True, False]


def test_deals_of_the_folds_are_averaged_and_not_counted_twice():
    photographs = samples([0, 0, 2, 2], list("abcd"))
    deals = np.stack([says([0, 0, 2, 2], 0.9), says([0, 2, 2, 0], 0.9)])
    figures = measuring.measure(photographs, deals)["all"]
    assert figures["photographs"] == 4
    assert figures["accuracy"]["value"] == 0.75
    assert figures["count"] == {"d24": 2, "mao-shan-wang": 2}


def test_other_breeds_are_listed_by_what_they_are_called():
    photographs = [
        data.Sample(ROOT, label, "train", "wild", "group", kind=kind)
        for label, kind in ((OTHER, "Monthong"), (OTHER, "Monthong"), (OTHER, "Ri6"), (0, ""))
    ]
    rows = evaluation.other_breeds(photographs, np.arange(4), says([2, OTHER, 2, 0], 0.9))
    assert [(row["kind"], row["n"]) for row in rows] == [("Monthong", 2), ("Ri6", 1)]
    assert rows[0]["called"]["mao-shan-wang"] == rows[0]["called"]["none"] == 1
