"""The page's texts as HTML, in one language at a time."""

from html import escape

from .. import decision
from ..breeds import BREEDS, CLASSES, NONE
from ..hub import REPO, ModelError
from ..limits import NOT_A_PHOTO, TOO_HEAVY
from .i18n import LANGUAGES, SENTENCES, name, say

TITLE = "Which durian is this?"
ABOUT = "Tells four breeds apart, not ripeness or taste. Photos are gone within the hour."
FACTS = {"husk": "Husk", "flesh": "Flesh", "taste": "Taste", "tell": "Tell it by"}
CARD = f"https://huggingface.co/{REPO}"  # the model card


def translations() -> dict[str, dict[str, str]]:
    """Return all that the page may say, by language and key.

    A plain sentence's key is its English wording, a breed's its label and a sample's the name of
    its file; the other keys are the functions below with their first argument.
    """
    return {
        language: {
            **{sentence: say(sentence, language) for sentence in SENTENCES},
            "about": about(language),
            "empty": empty(language),
            "gone": gone(language),
            "breeds": breeds(language),
            "not a photo": say(NOT_A_PHOTO, language),
            "share": share(language),
            "languages": languages(language),
            "too heavy": say(TOO_HEAVY, language),
            **{f"sure {BREEDS[slug]['label']}": sure(slug, language) for slug in CLASSES},
            **{f"unsure {BREEDS[slug]['label']}": unsure(slug, language) for slug in CLASSES},
            **{BREEDS[slug]["label"]: name(slug, language) for slug in CLASSES},
            **{
                f"{slug}-{state}": f"{name(slug, language)}, {say(state, language)}"
                for slug in CLASSES
                for state in ("whole", "opened")
            },
        }
        for language in LANGUAGES
    }


def thresholds() -> dict[str, float | None]:
    """Return the confidences from which answers are sure, by label; none without a model."""
    try:
        return decision.thresholds()
    except ModelError:
        return {}


def about(language: str) -> str:
    """Return the page's heading: what it does, what it cannot do, where to read more."""
    return (
        f"<h1>{say(TITLE, language)}</h1>"
        f'<p>{say(ABOUT, language)} <a href="{CARD}">{say("About the model", language)}</a></p>'
    )


def empty(language: str) -> str:
    """Return what stands where the answer will be."""
    return _verdict(
        "empty",
        say("The answer comes here", language),
        say("One durian, close up, in good light. The opened fruit is surest.", language),
    )


def gone(language: str) -> str:
    """Return what stands there when the network is gone, with the button that asks again."""
    again = f"<button>{say('Send again', language)}</button></div>"
    return _verdict(
        "doubt",
        say("No connection just now.", language),
        say("Your photo is kept. Try again once online.", language),
    ).replace("</div>", again)


def sure(slug: str, language: str) -> str:
    """Return a confident answer in words and how to check it; for no known breed, what to try."""
    if slug != NONE:
        tell = BREEDS[slug]["facts"]["tell"][language]
        return _verdict(f"sure {slug}", name(slug, language), _other_names(slug, language), tell)
    advice = (
        "Perhaps another breed, or no durian at all. Try the opened fruit, closer, in daylight."
    )
    return _verdict("doubt", name(slug, language), say(advice, language))


def unsure(slug: str, language: str) -> str:
    """Return an answer that is not sure, and what to try."""
    if slug == NONE:
        return sure(slug, language)
    perhaps = say("Not sure, perhaps {name}", language).format(name=name(slug, language))
    if thresholds().get(BREEDS[slug]["label"], 1) is None:  # no better photo would help
        why = say("Known from too few photographs.", language)
        return _verdict(f"doubt {slug}", perhaps, why, BREEDS[slug]["facts"]["tell"][language])
    return _verdict(
        f"doubt {slug}", perhaps, say("Try the opened fruit, closer, in daylight.", language)
    )


def share(language: str) -> str:
    """Return the button that shares an answer; share.js enables it once there is one."""
    return f"<button disabled>{say('Share as a picture', language)}</button>"


def breeds(language: str) -> str:
    """Return the guide: a card for each breed, and where its facts come from."""
    known = [slug for slug in CLASSES if slug != NONE]
    sources = dict.fromkeys(source for slug in known for source in BREEDS[slug]["sources"])
    return (
        f"<h2>{say('Know your durians', language)}</h2>"
        f'<div class="cards" tabindex="0">{"".join(_card(slug, language) for slug in known)}</div>'
        f"<details><summary>{say('Where these facts come from', language)}</summary>"
        f"<ul>{''.join(f'<li>{escape(source)}</li>' for source in sources)}</ul></details>"
    )


def languages(language: str) -> str:
    """Return the choice of languages, hidden until language.js makes it work."""
    buttons = "".join(
        f'<button value="{tag}" lang="{tag}"{" aria-current=true" * (tag == language)}>'
        f"{own_name}</button>"
        for tag, own_name in LANGUAGES.items()
    )
    return f'<div role="group" aria-label="{say("Language", language)}" hidden>{buttons}</div>'


def _verdict(kind: str, headline: str, *lines: str) -> str:
    text = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return f'<div class="{kind}"><h2>{escape(headline)}</h2>{text}</div>'


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
    chinese = "zh-Hant" if language == "zh-Hant" else "zh"
    names = [breed["names"][other] for other in ("en", chinese, "ms")]
    for other in (chinese, "en"):
        names += filter(None, breed["also"].get(other, "").split(", "))
    others = dict.fromkeys(
        other for other in (*names, breed["code"]) if other != name(slug, language)
    )
    # No line begins with a dot, or ends within a name.
    return " ".join(f"{other} ·".replace(" ", "\N{NO-BREAK SPACE}") for other in others)[:-2]
