"""The app starts and answers on machines that are set up for something else."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from durian.breeds import LABELS
from durian.web import content
from durian.web.i18n import say

from . import corpus
from .api import Api, Refused, preview
from .running import EXAMPLES, ROOT, App, files, running_app

NOBODY = "127.0.0.1:9"  # where no proxy listens
PROXY = {"HTTP_PROXY": f"http://{NOBODY}", "all_proxy": NOBODY, "no_proxy": "a.org"}
SERVER_SIDE_RENDERING = {"GRADIO_SSR_MODE": "true", "GRADIO_SERVER_NAME": "[::]"}
SOCKS = {
    "ALL_PROXY": f"socks5://{NOBODY}",
    "http_proxy": f"socks://{NOBODY}/",
    "GRADIO_SERVER_NAME": "[::1]",
}
MACHINES = {
    "a proxy, server-side rendering, IPv6": PROXY | SERVER_SIDE_RENDERING,
    "SOCKS, IPv6": SOCKS,
}
WEEKLY = ("SOCKS, IPv6",)


@pytest.mark.parametrize(
    "machine",
    [pytest.param(name, marks=pytest.mark.slow if name in WEEKLY else ()) for name in MACHINES],
)
def test_the_page_is_ours_and_answers(machine: str, tmp_path: Path, node: Path):
    settings = {"GRADIO_NODE_PATH": str(node / "node"), **MACHINES[machine]}
    with running_app(tmp_path / "app.log", **settings) as app:
        direct = Api(app.url)
        assert direct.ask(EXAMPLES[0].read_bytes())["label"] in LABELS
        page = direct.http.get("/", headers={"accept-language": "ms"})
        assert preview(page.text)["og:title"] == say(content.TITLE, "ms")
        assert '<html lang="ms"' in page.text
        picture = direct.http.get("/preview.jpg")
        assert picture.headers["content-type"] == "image/jpeg"
        assert "Traceback" not in app.log.read_text()


# Notes in a program's log every address outside this machine that it asks for.
WATCH = """
import sys
def note(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        address = arguments[event == "socket.connect"]
        host = address[0] if isinstance(address, tuple) else address
        if host and str(host) not in ("127.0.0.1", "::1", "localhost", "0.0.0.0"):
            print("NETWORK", host, file=sys.stderr, flush=True)
sys.addaudithook(note)
print("WATCHED", file=sys.stderr)
"""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A copy of the app in a home where Keras is set to something else and a sample is damaged.

    It is told to ask no Hub. Its log has every address that it asks.
    """
    folder = tmp_path_factory.mktemp("watched")
    for name in ("home/.keras", "tmp", "site"):
        (folder / name).mkdir(parents=True)
    settings = {"backend": "torch", "image_data_format": "channels_first", "floatx": "float16"}
    (folder / "home/.keras/keras.json").write_text(json.dumps(settings))
    project = folder / "project"
    for name in ("durian", "examples", "model"):
        shutil.copytree(ROOT / name, project / name)
    shutil.copy(ROOT / "app.py", project)
    (project / "examples" / EXAMPLES[0].name).write_bytes(EXAMPLES[0].read_bytes()[:2000])
    (folder / "site/sitecustomize.py").write_text(WATCH)
    environment = {
        "HOME": str(folder / "home"),
        "XDG_CACHE_HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "MPLCONFIGDIR": str(Path.home() / ".cache/matplotlib"),  # its list of fonts takes a while
        "PYTHONPATH": str(folder / "site"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HF_HUB_OFFLINE": "1",
        "KERAS_BACKEND": "jax",
    }
    with running_app(folder / "app.log", cwd=project, **environment) as app:
        yield app


def test_keras_may_be_set_to_something_else(watched: App):
    assert Api(watched.url).ask(EXAMPLES[0].read_bytes())["label"] == "D24"


def test_nothing_is_written_outside_the_uploads(watched: App):
    folder, api = watched.log.parent, Api(watched.url)
    assert api.ask(corpus.GOOD)
    before = files(folder)
    for form, data in list(corpus.forms(corpus.picture(64, 48)))[::5]:
        api.ask(data, form)
    with pytest.raises(Refused):
        api.ask(b"not a photo")
    api.ask_inline(corpus.GOOD)
    written = files(folder) - before
    assert written and all(watched.uploads in path.parents for path in written)


def test_no_other_machine_is_asked(watched: App):
    assert Api(watched.url).ask(corpus.GOOD)
    log = watched.log.read_text()
    assert "Weights from model/" in log
    assert "WATCHED" in log and "NETWORK" not in log


def test_an_answer_that_fails_is_a_sentence(watched: App, browser: Browser):
    page = browser.new_page(locale="en-SG")
    page.goto(watched.url)
    page.locator(f"#samples img[src*='{EXAMPLES[0].stem}']").click()
    page.locator("#verdict").get_by_text("Something went wrong here").wait_for()
    page.close()
    assert "Traceback" not in watched.log.read_text()
