"""The page's sentences in the visitor's language, looked up by their English wording.

To add a language, give each entry of translations.json its sentence, and the first entry the
language's own name. The tests then list what ../breeds.json lacks in it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..breeds import BREEDS

if TYPE_CHECKING:
    import gradio as gr

SENTENCES: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("translations.json").read_text(encoding="utf-8")
)
"""Translations by English sentence and language; where one is missing, the page uses English."""

LANGUAGES = {"en": "English", **SENTENCES["English"]}
"""Each language's own name, by its BCP 47 tag: the first entry of translations.json."""


def say(sentence: str, language: str) -> str:
    """Return the translation of an English sentence, or the sentence itself if there is none."""
    return SENTENCES.get(sentence, {}).get(language, sentence)


def preferred(accept_language: str | None) -> str:
    """Return which of our languages an Accept-Language header prefers; English if none."""
    best, most = "en", 0.0
    for entry in (accept_language or "").lower().replace(" ", "").split(","):
        tag, _, quality = entry.partition(";q=")
        language = _ours(tag.split("-"))
        try:
            weight = float(quality or 1)
        except ValueError:
            continue
        if language in LANGUAGES and weight > most:
            best, most = language, weight
    return best


def _ours(subtags: list[str]) -> str:
    """Return the language that a tag's parts stand for; Chinese goes by its script."""
    if subtags[0] != "zh" or "hans" in subtags:
        return subtags[0]
    return "zh-Hant" if {"hant", "tw", "hk", "mo"} & set(subtags) else "zh"


def language_of(request: gr.Request | None) -> str:
    """Return the language that the browser asks for; programs get English."""
    return preferred(getattr(request, "headers", {}).get("accept-language"))


def name(slug: str, language: str) -> str:
    """Return what a breed is called in a language."""
    return BREEDS[slug]["names"][language]
