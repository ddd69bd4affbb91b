"""What to make of an answer: the page around it, in pieces of HTML in one language at a time."""

from html import escape

from .breeds import BREEDS, CLASSES, NONE
from .hub import REPO
from .words import LANGUAGES, SENTENCES, name, say

TITLE = "Which durian is this?"
ABOUT = (
    "Tells D24, Golden Phoenix, Mao Shan Wang and Red Prawn apart by a photo; not ripeness, not"
    " taste. Photos are deleted within the hour."
)
FACTS = {"husk": "Husk", "flesh": "Flesh", "taste": "Taste", "tell": "Tell it by"}
CARD = f"https://huggingface.co/{REPO}"  # the model card


def translations() -> dict[str, dict[str, str]]:
    """Return all that the page may say, by language and key.

    A plain sentence's key is its English wording; the other keys are the functions below with
    their first argument.
    """
    return {
        language: {
            **{sentence: say(sentence, language) for sentence in SENTENCES},
            "about": about(language),
            "empty": empty(language),
            "breeds": breeds(language),
            **{f"sure {slug}": sure(slug, language) for slug in CLASSES},
            **{f"unsure {slug}": unsure(slug, language) for slug in CLASSES},
        }
        for language in LANGUAGES
    }


def about(language: str) -> str:
    """Return the page's heading: what it does, what it cannot do, where to read more."""
    return (
        f"<h1>{say(TITLE, language)}</h1>"
        f'<p>{say(ABOUT, language)} <a href="{CARD}">{say("About the model", language)}</a></p>'
    )


def empty(language: str) -> str:
    """Return what stands where the answer will be."""
    return _verdict(
        say("The answer comes here", language),
        say("One durian, close up, in good light. The opened fruit is the surest.", language),
    )


def sure(slug: str, language: str) -> str:
    """Return a confident answer in words; for no known breed, what to try."""
    if slug == NONE:
        advice = (
            "It may be another breed, or no durian. If it is one of these four, try the opened"
            " fruit, closer, in daylight."
        )
        return _verdict(name(slug, language), say(advice, language))
    return _verdict(name(slug, language), _other_names(slug, language))


def unsure(slug: str, language: str) -> str:
    """Return an answer that is not to be relied on, and what to try."""
    if slug == NONE:
        return sure(slug, language)
    advice = "It comes closest to {name}. Try a photo of the opened fruit, closer, in daylight."
    return _verdict(
        say("Not sure", language), say(advice, language).format(name=name(slug, language))
    )


def breeds(language: str) -> str:
    """Return the guide: a card for each breed, and where its facts come from."""
    known = [slug for slug in CLASSES if slug != NONE]
    sources = dict.fromkeys(source for slug in known for source in BREEDS[slug]["sources"])
    return (
        f"<h2>{say('Know your durians', language)}</h2>"
        f'<div class="cards">{"".join(_card(slug, language) for slug in known)}</div>'
        f"<details><summary>{say('Where these facts come from', language)}</summary>"
        f"<ul>{''.join(f'<li>{escape(source)}</li>' for source in sources)}</ul></details>"
    )


def _verdict(headline: str, advice: str) -> str:
    return f"<h2>{escape(headline)}</h2><p>{escape(advice)}</p>"


def _card(slug: str, language: str) -> str:
    breed = BREEDS[slug]
    facts = "".join(
        f"<dt>{say(title, language)}</dt><dd>{escape(breed['facts'][fact][language])}</dd>"
        for fact, title in FACTS.items()
    )
    return (
        f'<article class="{slug}" style="--flesh: {breed["flesh_colour"]}">'
        f"<h3>{escape(name(slug, language))}</h3>"
        f"<p>{escape(_other_names(slug, language))}</p><dl>{facts}</dl></article>"
    )


def _other_names(slug: str, language: str) -> str:
    breed = BREEDS[slug]
    names = [breed["names"][other] for other in LANGUAGES[:3]] + [breed["also"], breed["code"]]
    return " · ".join(dict.fromkeys(other for other in names if other != name(slug, language)))
