"""What the tests share: the real app in its own process, the rendered examples, browser, Node."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

EXAMPLES = sorted((ROOT / "examples").glob("*.jpg"))
# Debian's browser, and letters for the page's languages: boxes in their place wrap elsewhere.
BROWSER = ("chromium", "fonts-droid-fallback", "fonts-tlwg-loma-ttf")
OLAH = "olah==0.5.4"  # in an environment of its own: it and Gradio disagree on pydantic
# Chromium talks to nobody but the app: no updates, no look-ups, no other hosts.
CHROMIUM_FLAGS = (
    "--no-sandbox",  # it refuses to start as root otherwise
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a camera that sees a green test card
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


@dataclass
class App:
    """A running `python app.py`."""

    url: str
    process: subprocess.Popen
    log: Path

    @property
    def uploads(self) -> Path:
        """The folder that it made for what visitors send, in a GRADIO_TEMP_DIR beside its log."""
        (folder,) = (self.log.parent / "gradio").resolve().glob("durian-*")
        return folder


@dataclass
class Hub:
    """A real Hub on loopback with the model's repository."""

    url: str
    commit: str


def free_port() -> int:
    """Return a TCP port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_app(log: Path, cwd: Path = ROOT, **environment: str) -> Iterator[App]:
    """Start `python app.py` on loopback, without a Hub unless told; stop it at the end."""
    port = free_port()
    env = {
        "HF_HUB_OFFLINE": "1",
        **os.environ,
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(log.parent / "gradio"),
        **environment,
    }
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=cwd, env=env, stdout=output, stderr=output
        )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError(f"the app stopped:\n{log.read_text()}") from None
                time.sleep(0.1)
        else:
            raise RuntimeError(f"the app did not serve within a minute:\n{log.read_text()}")
        yield App(url, process, log)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app as a newcomer starts it."""
    with running_app(tmp_path_factory.mktemp("app") / "app.log") as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, driven by Playwright; installed where it is missing and can be."""
    from playwright.sync_api import sync_playwright

    if shutil.which("apt-get") and not os.geteuid():
        missing = [package for package in BROWSER if not Path("/usr/share/doc", package).exists()]
        if missing:
            subprocess.run(["apt-get", "update", "-qq"], check=True)
            subprocess.run(["apt-get", "install", "-qq", "--yes", *missing], check=True)
    if not shutil.which("chromium"):
        pytest.skip("there is no chromium here, and only root can install Debian's")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def node() -> Path:
    """The folder with `node` and `npm`, which PyPI ships, once tests/package.json is installed."""
    commands = Path(sys.executable).parent
    tests = Path(__file__).parent
    done = tests / "node_modules/.package-lock.json"
    if not done.exists() or done.stat().st_mtime < (tests / "package-lock.json").stat().st_mtime:
        subprocess.run([commands / "npm", "ci", "--silent"], cwd=tests, check=True)
    return commands


def readme_block(language: str, containing: str) -> str:
    """Return the README's only fenced block in `language` that contains a text, word for word."""
    blocks = re.findall(
        rf"^```{language}\n(.*?)^```$",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    (block,) = (block for block in blocks if containing in block)
    return block


@pytest.fixture(scope="session")
def classifier():
    """The classifier with the project's own weights."""
    from durian import DurianClassifier

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        return DurianClassifier.load()


@pytest.fixture(scope="session")
def olah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A real Hub on loopback, serving `model/` out of a git repository."""
    from durian.hub import REPO

    environment = Path(__file__).with_name(".venv-olah")
    command = environment / "bin" / "olah-cli"
    if not command.exists():
        venv.create(environment, with_pip=True)
        subprocess.run([environment / "bin" / "pip", "install", "--quiet", OLAH], check=True)
    folder = tmp_path_factory.mktemp("olah")
    repo = shutil.copytree(ROOT / "model", folder / "mirror" / "models" / REPO)
    git = ["git", "-C", str(repo), "-c", "user.name=Test", "-c", "user.email=test@localhost"]
    for arguments in (["init", "-qb", "main"], ["add", "."], ["commit", "-qm", "Model"]):
        subprocess.run([*git, *arguments], check=True)
    commit = subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip()
    port = free_port()
    (folder / "olah.toml").write_text(
        f'[basic]\nhost = "127.0.0.1"\nport = {port}\nmirrors-path = ["{folder}/mirror"]\n'
        "[accessibility]\noffline = true\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([command, "-c", "olah.toml"], cwd=folder, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        with suppress(OSError):
            urllib.request.urlopen(url, timeout=5).close()
            break
        time.sleep(0.1)
    yield Hub(url, commit)
    process.terminate()
    process.wait(20)
