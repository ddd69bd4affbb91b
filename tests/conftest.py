"""What the tests share: the real app in its own process, a browser, Node, a Hub."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.api import Api
from tests.documents import readme_block  # noqa: F401
from tests.olah import Hub, running_olah
from tests.once import INSTALLING
from tests.running import EXAMPLES, ROOT, App, free_port, running_app  # noqa: F401

if TYPE_CHECKING:
    from playwright.sync_api import Browser


# pytest's processes begin with the files that take longest, so that they end at the same time.
LONGEST = ("test_notebook", "test_measuring", "test_browser", "test_shrinking", "test_command")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files first."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app as a newcomer starts it."""
    with running_app(tmp_path_factory.mktemp("app") / "app.log") as running:
        yield running


@pytest.fixture(scope="session")
def api(app: App) -> Api:
    """A visitor of the app."""
    return Api(app.url)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    from tests.browsing import install, running_chromium

    if not install():
        pytest.skip("there is no chromium here, and only root can install Debian's")
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def node() -> Path:
    """The folder with `node` and `npm`, which PyPI ships, once tests/package.json is installed."""
    commands = Path(sys.executable).parent
    tests = Path(__file__).parent
    done = tests / "node_modules/.package-lock.json"
    with INSTALLING:
        if (
            not done.exists()
            or done.stat().st_mtime < (tests / "package-lock.json").stat().st_mtime
        ):
            subprocess.run([commands / "npm", "ci", "--silent"], cwd=tests, check=True)
    return commands


@pytest.fixture(scope="session")
def classifier():
    """The classifier with the project's own weights."""
    from durian import DurianClassifier

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        return DurianClassifier.load()


@pytest.fixture(scope="session")
def olah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A real Hub that serves `model/`."""
    with running_olah(tmp_path_factory.mktemp("olah")) as hub:
        yield hub
