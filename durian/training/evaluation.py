"""Measures the model in `model/` and writes the figures, and the card from them.

    python -m durian.training.evaluation PHOTOS RENDERS FAR STORE

The shipped model is asked about the test split, as Keras alone loads it. Figures in folds come from
the answers in STORE: each photograph was answered by a model that never saw its fruit.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from .. import hub, network
from ..breeds import CLASSES, NONE
from . import calibration, card
from .dataset import Sample, labels, load, masks
from .fit import confidences
from .folds import Answers, arguments, deals, gather, out_of_fold, read_answers
from .metrics import measure, open_set, reliability, risk_coverage, share
from .recipe import SHIPPED
from .robustness import Ask, robustness

NO = CLASSES.index(NONE)


def evaluate(
    samples: Sequence[Sample], ask: Ask, answers: dict[str, Answers], config: dict
) -> dict:
    """Return all figures of a model and of its folds."""
    truth = labels(samples)
    test = _rows(samples, lambda s: s.split == "test" and s.style in ("studio", "wild"))
    said = ask(load([samples[row] for row in test], network.INPUT_SIZE))
    first = [samples[row].source == "manifest" for row in test]
    temperature, dealt = config["temperature"], deals(answers)
    rows, _ = out_of_fold(dealt[0], temperature)
    folds = np.stack([out_of_fold(runs, temperature)[1] for runs in dealt])
    return {
        "test": measure([samples[row] for row in test], said),
        "test_first_manifest": measure([samples[row] for row in test[first]], said[first]),
        "reliability": reliability(truth[test], said),
        "risk_coverage": risk_coverage(truth[test], said),
        "open_set": _unknowns(samples, test, said, ask) | _unknowns_in_folds(samples, rows, folds),
        "cross_validation": cross_validation(samples, rows, folds),
        "other_breeds": other_breeds(samples, rows, folds[0]),
        "claims": claims(samples, rows, folds, test, said, config["thresholds"]),
        "masks": {
            "validation and test": mask_overlap(samples, [answers["split"]]),
            "five folds": mask_overlap(samples, dealt[0]),
        },
        "last_layers": last_layers(samples, answers["split"]),
        "robustness": robustness(samples, ask),
        "second_day": second_day(truth, answers["first day"], temperature),
    }


def _rows(samples: Sequence[Sample], which: Callable[[Sample], bool]) -> np.ndarray:
    return np.flatnonzero([which(sample) for sample in samples])


def _unknowns(samples: Sequence[Sample], test: np.ndarray, said: np.ndarray, ask: Ask) -> dict:
    """Return how well test pictures of something else are told from the four breeds."""
    none = labels(samples)[test] == NO
    style = np.array([samples[row].style for row in test])
    fruit = np.array([samples[row].no_durian for row in test])
    far = [s for s in samples if s.style == "far" and s.split == "test"]
    studio, wild = style == "studio", style == "wild"
    return {
        "D13, whole fruit, studio": open_set(said[studio & ~none], said[studio & none]),
        "other breeds, in the wild": open_set(said[wild & ~none], said[wild & none & ~fruit]),
        "other fruit, in the wild": open_set(said[wild & ~none], said[fruit]),
        "objects, people, anything": open_set(said[~none], ask(load(far, network.INPUT_SIZE))),
    }


def _unknowns_in_folds(samples: Sequence[Sample], rows: np.ndarray, folds: np.ndarray) -> dict:
    """Return the same for wild photographs in folds, by the first deal; folds: (deals, n, 5)."""
    none = labels(samples)[rows] == NO
    fruit = np.array([samples[row].no_durian for row in rows])
    first = folds[0]
    return {
        "other breeds, five folds": open_set(first[~none], first[none & ~fruit]),
        "other fruit, five folds": open_set(first[~none], first[fruit]),
    }


def cross_validation(samples: Sequence[Sample], rows: np.ndarray, folds: np.ndarray) -> dict:
    """Return the figures in folds, means over the deals; folds: (deals, n, 5)."""
    known = labels(samples)[rows] != NO
    first = np.array([samples[row].source == "manifest" for row in rows])
    four = folds.copy()
    four[..., NO] = 0  # the question is: which of the four
    four /= four.sum(axis=-1, keepdims=True)

    def of(which: np.ndarray, answers: np.ndarray) -> dict:
        return measure([samples[row] for row in rows[which]], answers[:, which])

    by_view = of(known, four)
    return {
        "five classes": of(np.ones(len(rows), bool), folds)["all"],
        "five classes, first manifest": of(first, folds)["all"],
        "four breeds": by_view["all"],
        "four breeds, first manifest": of(first & known, four)["all"],
        "four breeds, opened fruit": by_view["wild opened"],
        "four breeds, whole fruit": by_view["wild husk"],
    }


def other_breeds(samples: Sequence[Sample], rows: np.ndarray, said: np.ndarray) -> list[dict]:
    """Return for each kind of none in the wild how many there are, and what they are called."""
    truth = labels(samples)
    kinds = np.array([samples[row].variety or "unnamed" for row in rows])
    found = []
    for kind in sorted(set(kinds[truth[rows] == NO])):
        called = said[(kinds == kind) & (truth[rows] == NO)].argmax(axis=1)
        counts = np.bincount(called, minlength=len(CLASSES)).tolist()
        found.append(
            {"kind": kind, "n": len(called), "called": dict(zip(CLASSES, counts, strict=True))}
        )
    return sorted(found, key=lambda row: -row["n"])


def claims(
    samples: Sequence[Sample],
    rows: np.ndarray,
    folds: np.ndarray,
    test: np.ndarray,
    said: np.ndarray,
    thresholds: dict[str, float | None],
) -> dict:
    """Return how many photographs are surely called Mao Shan Wang, by threshold and at ours."""
    ours = thresholds["mao-shan-wang"]
    learnt = np.array([samples[row].split != "test" for row in rows])

    def of(asked: np.ndarray, answers: np.ndarray, threshold: float) -> dict:
        truth = labels(samples)[asked]
        wild = np.array([samples[row].style == "wild" for row in asked])
        durian = np.array([not samples[row].no_durian for row in asked])
        figures = {"threshold": threshold}
        for name, which in (
            ("others", (truth == NO) & durian),
            ("own", truth == calibration.CLAIM),
        ):
            part = answers[:, which & wild]
            hits = calibration.claimed(part.reshape(-1, len(CLASSES)), threshold).sum()
            count = part.shape[1]
            figures |= {name: count, f"{name}_claimed": share(round(hits / len(answers)), count)}
        return figures

    return {
        "chosen": of(rows[learnt], folds[:, learnt], ours),
        "folds": of(rows, folds, ours),
        "test": of(test, said[None], ours),
        "curve": [of(rows[learnt], folds[:, learnt], t) for t in (0.5, 0.6, 0.7, 0.8, 0.9)],
    }


def mask_overlap(samples: Sequence[Sample], runs: Sequence[Answers]) -> dict:
    """Return the mean intersection over union with outlines that the mask head never saw."""
    found = {name: [] for name in network.MASKS}
    for run in runs:
        for row, said in zip(run.rows, run.masks, strict=True):
            if samples[row].fruit is None:
                continue
            truth = masks(samples[row], np.zeros((len(said), len(said), 3), "uint8"))[..., ::2]
            for number, name in enumerate(network.MASKS):
                is_there, told = truth[..., number] > 127, said[..., number] > 127
                if is_there.any():
                    found[name].append((is_there & told).sum() / (is_there | told).sum())
    return {name: {"photographs": len(v), "iou": float(np.mean(v))} for name, v in found.items()}


def last_layers(samples: Sequence[Sample], split: Answers) -> dict:
    """Return what each kind of last layer tells of the validation pictures."""
    asked = np.flatnonzero([samples[row].split == "valid" for row in split.rows])
    valid = [samples[row] for row in split.rows[asked]]
    truth, style = labels(valid), np.array([sample.style for sample in valid])
    durian = np.array([not sample.no_durian for sample in valid])
    wild, known = style == "wild", truth != NO
    found = {}
    for name, logits in split.logits.items():
        said = confidences(logits[asked])
        hits = said.argmax(axis=1) == truth
        found[name] = {part: float(hits[style == part].mean()) for part in ("studio", "wild")}
        for title, unknown in (
            ("other breeds", wild & ~known & durian),
            ("other fruit", wild & ~durian),
            ("far unknowns", style == "far"),
        ):
            breeds = known if title == "far unknowns" else known & wild
            found[name][title] = open_set(said[breeds], said[unknown])["auroc"]["value"]
    return found


def second_day(truth: np.ndarray, run: Answers, temperature: float) -> dict:
    """Return how much of another day in the studio a model tells that never saw that day."""
    said, truth = confidences(run.logits["shipped"], temperature), truth[run.rows]
    pair = [CLASSES.index("d24"), CLASSES.index("mao-shan-wang")]
    two = np.array(pair)[said[:, pair].argmax(axis=1)]
    return {
        "photographs": len(truth),
        "accuracy": share(int((said.argmax(axis=1) == truth).sum()), len(truth)),
        "of_the_two": share(int((two == truth).sum()), len(truth)),
    }


def write(measured: dict, samples: Sequence[Sample], folder: Path) -> None:
    """Write the figures to `folder`, and the card that tells them.

    The tutorial's recipe is not measured again: its figures are on the first manifest, unchanged.
    """
    known = json.loads((hub.BUNDLE / hub.MEASUREMENTS).read_text(encoding="utf-8"))
    measured["baselines"] = known["measured"]["baselines"]
    figures = {"trained": {"pictures": count(samples)}, "measured": measured}
    text = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
    (folder / hub.MEASUREMENTS).write_text(text, encoding="utf-8")
    card.write(folder)


def count(samples: Sequence[Sample]) -> dict[str, dict[str, int]]:
    """Return how many pictures there are of each class, by style and split."""
    named = [s for s in samples if s.label >= 0]
    return {
        part: {
            slug: sum(f"{s.style} {s.split}" == part and s.label == n for s in named)
            for n, slug in enumerate(CLASSES)
        }
        for part in sorted({f"{s.style} {s.split}" for s in named})
    }


def main() -> None:
    """Measure everything, and write what follows."""
    options = arguments(__doc__).parse_args()
    samples = gather(options.photos, options.renders, options.far)
    model = keras.saving.load_model(hub.BUNDLE, compile=False)
    measured = evaluate(
        samples,
        lambda photos: model.predict(photos, batch_size=SHIPPED.batch, verbose=0),
        read_answers(options.store),
        hub.runtime_config(),
    )
    write(measured, samples, hub.BUNDLE)


if __name__ == "__main__":
    main()
