"""The app as programs use it: what it answers, what it refuses, and in whose language."""

import asyncio
import io
import json
from pathlib import Path

import gradio as gr
import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.testclient import TestClient

from durian import classifier as library
from durian import hub, limits
from durian.breeds import BREEDS, LABELS, NONE
from durian.web import content, guard
from durian.web.i18n import LANGUAGES, SENTENCES, preferred, say
from durian.web.link_preview import LinkPreview

from .api import preview
from .running import EXAMPLES, App

ADD_ONE = "Add a photo of a durian first."
REFUSALS = [
    sentence
    for module in (limits, guard, hub, library)
    for name, sentence in vars(module).items()
    if name.isupper() and isinstance(sentence, str) and sentence.endswith(".")
]


@pytest.fixture(scope="module")
def client(app: App) -> Client:
    return Client(app.url, verbose=False)


def top(client: Client, path: Path) -> str:
    return client.predict(handle_file(path), api_name="/predict")["label"]


# A cheetah, a lion, a bus, a tower, drawings: pictures that Gradio carries and training never saw.
PICTURES = sorted((Path(gr.__file__).parent / "media_assets" / "images").iterdir())


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_photo_of_something_else_is_none_of_the_breeds(client: Client, path: Path):
    assert top(client, path) == BREEDS[NONE]["label"]


BAD_FILES = {
    "a text file renamed .jpg": (lambda good: b"no photo at all", limits.NOT_A_PHOTO),
    "a JPEG cut off early": (lambda good: good[: len(good) // 5], limits.DAMAGED),
    "an empty file": (lambda good: b"", limits.EMPTY),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_refused_in_a_sentence_and_the_next_photo_is_answered(
    client: Client, kind: str, tmp_path: Path
):
    spoil, sentence = BAD_FILES[kind]
    path = tmp_path / "durian.jpg"
    path.write_bytes(spoil(EXAMPLES[0].read_bytes()))
    for endpoint in ("/predict", "/explain"):
        with pytest.raises(AppError, match=sentence):
            client.predict(handle_file(path), api_name=endpoint)
    assert top(client, EXAMPLES[0]) in LABELS


def test_no_file_is_refused_with_what_to_do(client: Client):
    with pytest.raises(AppError, match=ADD_ONE):
        client.predict(None, api_name="/predict")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_is_in_the_language_of_the_request(app: App, language: str):
    headers = {"accept-language": f"{language}-XX,en;q=0.5"}
    with httpx.Client(base_url=f"{app.url}/gradio_api", headers=headers) as http:
        event = http.post("/call/predict", json={"data": [None]}).json()["event_id"]
        answer = http.get(f"/call/predict/{event}").text.strip().splitlines()[-1]
    assert json.loads(answer.removeprefix("data: "))["error"] == say(ADD_ONE, language)


def test_an_endless_stream_is_ended(monkeypatch: pytest.MonkeyPatch):
    async def heartbeats():  # as Gradio sends them for a call whose answer was fetched before
        while True:
            yield b"event: heartbeat\n\n"
            await asyncio.sleep(0.05)

    async def endless(scope, receive, send) -> None:
        await StreamingResponse(heartbeats())(scope, receive, send)

    monkeypatch.setattr(guard, "CALL_PATIENCE", 0.5)
    answer = TestClient(guard.Guard(endless, ["/predict"])).get("/gradio_api/call/predict/ticket")
    assert answer.status_code == 200
    assert 2 < answer.text.count("heartbeat") < 20


def test_a_shared_link_has_a_preview_in_the_readers_language(app: App):
    page = httpx.get(app.url, headers={"accept-language": "ms"}).text
    assert preview(page)["og:title"] == say(content.TITLE, "ms")
    assert page.count("og:title") == 2  # by property and by name; none of Gradio's own
    picture = httpx.get(preview(page)["og:image"])
    assert min(Image.open(io.BytesIO(picture.content)).size) >= 400


def test_on_a_space_the_preview_has_the_public_address(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SPACE_HOST", "durian-breeds.hf.space")
    page = LinkPreview(HTMLResponse("<html><head></head></html>"), EXAMPLES[0])
    picture = preview(TestClient(page).get("/").text)["og:image"]
    assert picture.startswith("https://durian-breeds.hf.space/")


def test_every_sentence_and_fact_is_there_in_every_language():
    places = {f"translations.json: {sentence}": said for sentence, said in SENTENCES.items()}
    for slug, breed in BREEDS.items():
        places[f"breeds.json: {slug}: names"] = breed["names"]
        for fact, told in breed.get("facts", {}).items():
            places[f"breeds.json: {slug}: {fact}"] = told
    lacking = [
        f"{place} has no {language} ({LANGUAGES[language]})"
        for place, said in places.items()
        for language in LANGUAGES
        if language not in said and not (language == "en" and place.startswith("translations"))
    ]
    assert not lacking, "\n".join(lacking)
    named = set().union(*places.values())
    assert named == set(LANGUAGES), "the first entry of translations.json names the languages"


def test_every_fact_about_a_breed_has_a_source():
    assert all(breed["sources"] for slug, breed in BREEDS.items() if slug != NONE)


@pytest.mark.parametrize("sentence", [*REFUSALS, ADD_ONE])
def test_every_refusal_is_translated(sentence: str):
    assert len({say(sentence, language) for language in LANGUAGES}) == len(LANGUAGES)


def test_what_nobody_translated_is_english():
    assert say("Nobody translated this.", "th") == "Nobody translated this."


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("ms-MY,ms;q=0.9,en;q=0.8", "ms"),
        ("en;q=0.5,ms;q=0.9", "ms"),
        ("th;q=0,ms;q=0.1", "ms"),
        ("zh-CN", "zh"),
        ("zh-Hans-HK,zh-Hant;q=0.9", "zh"),
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-Hant"),
        ("zh-hk", "zh-Hant"),
        ("zh-Hant-MY", "zh-Hant"),
        ("th;q=nonsense, ms", "ms"),
        ("is-IS, th;q=0.9, en;q=0.8", "th"),
        ("is", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_the_preferred_language_that_we_have_is_chosen(header: str | None, language: str):
    assert preferred(header) == language
