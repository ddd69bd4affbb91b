"""When a breed is named: the one place that decides, for the page, the API and the command line."""

from collections.abc import Mapping
from functools import cache

from . import hub
from .breeds import BREEDS


@cache
def thresholds() -> dict[str, float | None]:
    """Return, by label, the confidence from which an answer is sure; None where it never is.

    Raises hub.ModelError when the project's own copy of them is missing or damaged.
    """
    chosen = hub.runtime_config()["thresholds"]
    return {BREEDS[slug]["label"]: threshold for slug, threshold in chosen.items()}


def is_sure(confidences: Mapping[str, float]) -> bool:
    """Tell whether the likeliest of `confidences`, as `predict` returns them, may be named.

    Where this is false, the answer is at most a "perhaps". Raises hub.ModelError as `thresholds`
    does.
    """
    label = max(confidences, key=confidences.__getitem__)
    threshold = thresholds()[label]
    return threshold is not None and confidences[label] >= threshold
