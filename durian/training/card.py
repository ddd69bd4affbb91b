"""The model card, written from what was measured, so that its figures cannot drift."""

import json
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ..breeds import BREEDS, CLASSES
from ..hub import CONFIG, MEASUREMENTS, REPO
from .recipe import SHIPPED

TEMPLATE = Path(__file__).with_name("card.md.jinja")
PARTS = {"all": "all", "studio": "whole fruit, studio", "wild": "anything, in the wild"}


def write(folder: Path) -> None:
    """Write `folder`/README.md from the two files of figures beside it."""
    (folder / "README.md").write_text(render(folder), encoding="utf-8")


def render(folder: Path) -> str:
    """Return the card, front matter and all, for the model in `folder`."""
    config, figures = (
        json.loads((folder / name).read_text(encoding="utf-8")) for name in (CONFIG, MEASUREMENTS)
    )
    card = ModelCard.from_template(
        _metadata(figures["measured"]["test"]),
        template_path=str(TEMPLATE),
        repo=REPO,
        config=config,
        pictures=figures["trained"]["pictures"],
        parts=PARTS,
        names={slug: BREEDS[slug]["label"] for slug in CLASSES},
        span=span,
        percent=percent,
        recipe=SHIPPED,
        **figures["measured"],
    )
    return str(card).rstrip() + "\n"


def _metadata(test: dict) -> ModelCardData:
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
    )


def percent(value: float) -> str:
    """Return a share as text, such as 88%."""
    return f"{value:.0%}"


def span(figure: dict, form: str = ".0%") -> str:
    """Return a figure with its interval as text, such as 88% (78%–94%)."""
    return f"{figure['value']:{form}} ({figure['low']:{form}}–{figure['high']:{form}})"
