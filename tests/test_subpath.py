"""Below a path of somebody's site, behind a proxy: the same page, answers and closed routes."""

import io
from collections.abc import Iterator

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser

from durian import limits
from durian.breeds import LABELS
from durian.web import content, guard
from durian.web.i18n import say

from . import corpus
from .api import PREFIX, Api, preview
from .browsing import LOCALES, answered, opened
from .proxy import proxied
from .running import EXAMPLES, App, running_app

SUBPATH = "/durian"
CLOSED = [
    ("GET", f"{PREFIX}/deep_link?session_hash=a"),
    ("POST", f"{PREFIX}/process_recording"),
    ("GET", f"{PREFIX}/custom_component/a/client/component/index.js"),
    ("GET", f"{PREFIX}/proxy=https://a.hf.space/"),
    *(("POST", f"{PREFIX}/{route}/predict_sample") for route in ("call", "call/v2", "run", "api")),
]
SPELLINGS = {
    "plain": lambda path: path,
    "doubled slash before": lambda path: f"/{path}",
    "doubled slash within": lambda path: path.replace(f"{PREFIX}/", f"{PREFIX}//"),
    "encoded": lambda path: path.replace("_", "%5f").replace("a", "%61"),
    "encoded slash": lambda path: path.replace(f"{PREFIX}/", f"{PREFIX}%2F"),
    "upper case": lambda path: path.upper(),
}


@pytest.fixture(scope="module")
def below(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app, told that a proxy serves it below a path."""
    log = tmp_path_factory.mktemp("below") / "app.log"
    with running_app(log, GRADIO_ROOT_PATH=SUBPATH) as running:
        yield running


@pytest.fixture(scope="module", params=["no proxy", "path kept", "path removed"])
def url(request: pytest.FixtureRequest, below: App) -> Iterator[str]:
    """The app's address, as its visitors have it."""
    if request.param == "no proxy":
        yield below.url
        return
    with proxied([below.url], SUBPATH, strip=request.param == "path removed") as url:
        yield url


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_closed_routes_stay_closed(url: str, spelling: str):
    for method, path in CLOSED:
        path = SPELLINGS[spelling](path)
        files = {"video": ("a.mp4", corpus.GOOD)} if path.endswith("recording") else None
        body = {"data": [[str(EXAMPLES[0])]]} if method == "POST" and not files else None
        answer = httpx.request(method, url + path, json=body, files=files)
        assert 400 <= answer.status_code < 500, (path, answer.text)


def test_what_is_too_heavy_is_refused(url: str):
    heavy = {"data": ["x" * (guard.MAX_BODY + 1)]}
    upload = {"files": ("photo.jpg", bytes(guard.MAX_UPLOAD + 1))}
    for answer in (
        httpx.post(f"{url}{PREFIX}/call/predict", json=heavy, timeout=30),
        httpx.post(f"{url}{PREFIX}/upload", files=upload, timeout=30),
    ):
        assert (answer.status_code, answer.json()) == (413, {"detail": limits.TOO_HEAVY})


def test_the_page_has_our_preview_and_the_visitors_language(url: str):
    page = httpx.get(f"{url}/", headers={"accept-language": "ms"}).text
    assert preview(page)["og:title"] == say(content.TITLE, "ms")
    assert page.count("og:title") == 2  # by property and by name; none of Gradio's own
    assert '<html lang="ms"' in page
    picture = httpx.get(preview(page)["og:image"])
    assert min(Image.open(io.BytesIO(picture.content)).size) >= 400


def test_a_photo_and_a_link_are_answered(url: str):
    assert Api(url).ask(EXAMPLES[0].read_bytes())["label"] in LABELS
    assert Api(url).ask_inline(corpus.GOOD)["label"] in LABELS


@pytest.mark.parametrize("url", ["path removed"], indirect=True)
def test_a_sample_is_answered_on_the_page(url: str, browser: Browser):
    with opened(browser, f"{url}/", locale=LOCALES["ms"]) as page:
        page.locator("#samples img").first.click()
        answered(page)
        assert page.locator("html").get_attribute("lang") == "ms"
