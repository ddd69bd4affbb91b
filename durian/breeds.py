"""What is known about the breeds: their names and facts, read from breeds.json."""

import json
from pathlib import Path

BREEDS: dict[str, dict] = json.loads(
    Path(__file__).with_name("breeds.json").read_text(encoding="utf-8")
)
"""One entry a class, by slug, in class order; the last one is everything that is no known breed."""

CLASSES: tuple[str, ...] = tuple(BREEDS)
LABELS: tuple[str, ...] = tuple(breed["label"] for breed in BREEDS.values())
NONE = CLASSES[-1]
