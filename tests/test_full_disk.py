"""Where the server cannot store a photo it says so, and answers again once it can."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from durian.breeds import LABELS
from durian.web.i18n import say
from durian.web.storage import NO_ROOM

from .api import PREFIX, Api, Refused
from .browsing import LOCALES, answered, opened, upload
from .running import EXAMPLES, App, running_app

ON_A_SMALL_DISK = (
    'mkdir "$GRADIO_TEMP_DIR" && mount -t tmpfs -o size=8m tmpfs "$GRADIO_TEMP_DIR" && exec "$0" $1'
)
PHOTO = EXAMPLES[0].read_bytes()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app with a disk of eight megabytes for uploads."""
    apart = ("unshare", "--mount")
    if not shutil.which("unshare") or subprocess.run([*apart, "mount", "--help"]).returncode:
        pytest.skip("no process can have a disk of its own here")
    command = (*apart, "sh", "-c", ON_A_SMALL_DISK, sys.executable, "app.py")
    with running_app(tmp_path_factory.mktemp("small") / "app.log", command=command) as app:
        yield app


def disk(app: App) -> Path:
    """Return the app's small disk, which only it and its children see under its own name."""
    return Path(f"/proc/{app.process.pid}/root{app.log.parent}/gradio")


@contextmanager
def full(app: App) -> Iterator[None]:
    """Fill the disk."""
    filler = disk(app) / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(4096))
    yield
    filler.unlink()


@contextmanager
def read_only(app: App) -> Iterator[None]:
    """Let nobody write on the disk."""
    remount = ("nsenter", "-t", str(app.process.pid), "-m", "mount", "-o")
    place = app.log.parent / "gradio"
    subprocess.run([*remount, "remount,ro", place], check=True)
    yield
    subprocess.run([*remount, "remount,rw", place], check=True)


@pytest.mark.parametrize("state", [full, read_only])
def test_a_photo_that_cannot_be_stored_is_refused_in_a_true_sentence(small: App, state):
    api = Api(small.url)
    with state(small):
        answer = api.http.post(f"{PREFIX}/upload", files={"files": ("photo.jpg", PHOTO)})
        assert (answer.status_code, answer.json()) == (507, {"detail": NO_ROOM})
        assert api.ask_inline(PHOTO)["label"] in LABELS  # which needs no disk
    assert api.ask(PHOTO)["label"] in LABELS


def test_a_picture_that_cannot_be_stored_is_refused_in_the_visitors_language(small: App):
    api = Api(small.url)
    api.http.headers["accept-language"] = "th"
    with full(small), pytest.raises(Refused, match=re.escape(say(NO_ROOM, "th"))):
        api.ask_inline(PHOTO, "explain")


def test_the_page_says_that_a_photo_cannot_be_stored(small: App, browser: Browser):
    with opened(browser, small.url, locale=LOCALES["ms"]) as page:
        with full(small):
            upload(page, EXAMPLES[0])
            expect(page.locator(".toast-message-text")).to_have_text(say(NO_ROOM, "ms"))
        upload(page, EXAMPLES[0])
        answered(page)
