"""What the page says, in the visitor's language; every sentence is known by its English wording."""

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
"""By English sentence, what it is in other languages; one that is missing stays English."""

LANGUAGES = ("en", "zh", "ms", "th")


def say(sentence: str, language: str) -> str:
    """Return an English sentence in another language, or as it is where nobody translated it."""
    return SENTENCES.get(sentence, {}).get(language, sentence)


def preferred(accept_language: str | None) -> str:
    """Return the first of our languages in an Accept-Language header, English if there is none.

    Browsers list what their owner prefers first; a region makes no difference here.
    """
    wanted = [tag.strip()[:2].lower() for tag in (accept_language or "").split(",")]
    return next((tag for tag in wanted if tag in LANGUAGES), "en")


def language_of(request: gr.Request | None) -> str:
    """Return the language that the browser asks for; programs get English."""
    return preferred(getattr(request, "headers", {}).get("accept-language"))


def name(slug: str, language: str) -> str:
    """Return what a breed is called in a language."""
    return BREEDS[slug]["names"][language]
