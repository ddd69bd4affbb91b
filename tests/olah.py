"""A real Hub on loopback: olah serves the model's repository to the real client."""

import shutil
import subprocess
import time
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from durian.hub import REPO

from .once import INSTALLING
from .running import ROOT, free_port

OLAH = "olah==0.5.4"  # in an environment of its own: it and Gradio disagree on pydantic


@dataclass
class Hub:
    """A real Hub on loopback with the model's repository."""

    url: str
    commit: str


@contextmanager
def running_olah(folder: Path) -> Iterator[Hub]:
    """Start a Hub that serves `model/` out of a git repository in `folder`."""
    environment = Path(__file__).with_name(".venv-olah")
    command = environment / "bin" / "olah-cli"
    with INSTALLING:
        if not command.exists():
            venv.create(environment, with_pip=True)
            subprocess.run([environment / "bin" / "pip", "install", "--quiet", OLAH], check=True)
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
