"""The page inside somebody's blog: the documented snippets in a real browser, from another port."""

import functools
import re
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from durian.web.i18n import name, preferred

from .documents import readme_block
from .running import EXAMPLES, ROOT, App

SPACE = "https://durian-breeds-which-durian.hf.space"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def blog(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An empty blog on a port of its own: its address and its folder."""
    handler = functools.partial(Quiet, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", tmp_path
        server.shutdown()


def documented_heights() -> tuple[int, int]:
    """Return the iframe's height in a wide column, and in one as narrow as a phone."""
    told = (ROOT / ".github/API.md").read_text(encoding="utf-8")
    wide = re.search(r"height: (\d+)px", readme_block("html", "<iframe"))[1]
    return int(wide), int(re.search(r"On a phone it needs (\d+)px", told)[1])


@pytest.mark.parametrize(
    ("width", "narrow", "theme", "locale"),
    [
        (1280, False, "light", "zh-SG"),
        (800, False, "dark", "en-SG"),  # the widest page that has its breeds in two rows
        (768, False, "dark", "ms-MY"),
        (360, True, "dark", "th-TH"),
    ],
)
def test_photo_is_answered_inside_an_iframe(
    width: int, narrow: bool, theme: str, locale: str, blog: tuple[str, Path], app: App, browser
):
    url, folder = blog
    wide_height, phone_height = documented_heights()
    snippet = readme_block("html", "<iframe").replace(SPACE, f"{app.url}/?__theme={theme}")
    if narrow:
        snippet = snippet.replace(f"{wide_height}px", f"{phone_height}px")
    assert 'allow="camera"' in snippet
    (folder / "index.html").write_text(f"<!doctype html><h1>My blog</h1>{snippet}")
    page = browser.new_page(viewport={"width": width, "height": 800}, locale=locale)
    try:
        page.goto(url)
        frame = page.frame_locator("iframe")
        upload = frame.locator("input[type=file]").first
        upload.wait_for(state="attached", timeout=60_000)
        photo = EXAMPLES[0]
        upload.set_input_files(photo)
        breed = name(photo.stem.rsplit("-", 1)[0], preferred(locale))
        frame.locator("#verdict h2").get_by_text(breed).wait_for(timeout=120_000)
        inside = page.frames[1]
        inside.wait_for_function(  # the height settles: the same twice, half a second apart
            """async () => {
                const height = () => document.documentElement.scrollHeight
                const before = height()
                await new Promise((done) => setTimeout(done, 500))
                return height() === before
            }"""
        )
        assert inside.evaluate(
            """() => {
                const it = document.documentElement
                return it.scrollHeight <= it.clientHeight && it.scrollWidth <= it.clientWidth
            }"""
        ), inside.evaluate("document.documentElement.scrollHeight")
        dark = inside.evaluate("document.body.classList.contains('dark')")
        assert dark == (theme == "dark")
    finally:
        page.close()


def test_web_component_is_the_pinned_versions():
    snippet = readme_block("html", "<gradio-app")
    pinned = re.search(r"^gradio\[mcp\]==(\S+)$", (ROOT / "requirements.txt").read_text(), re.M)[1]
    assert f"amazonaws.com/{pinned}/gradio.js" in snippet
    assert f'<gradio-app src="{SPACE}">' in snippet
