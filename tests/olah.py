"""A real Hub on loopback: olah serves the model's repository to the real client."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from durian.hub import REPO

from .once import INSTALLING
from .running import ROOT, free_port

# Without dependencies: the others come with Gradio, whose pydantic is older than olah declares.
OLAH = [
    *("olah==0.5.4", "fastapi-utils==0.8.0", "GitPython==3.2.1", "gitdb==4.0.12", "smmap==5.0.3"),
    *("peewee==4.5.3", "portalocker==4.4.2", "shortuuid==1.0.13", "tenacity==9.2.1"),
    *("toml==0.10.2", "typing-inspect==0.9.0", "mypy-extensions==1.2.0"),
]


@dataclass
class Hub:
    """A real Hub on loopback with the model's repository."""

    url: str
    commit: str


@contextmanager
def running_olah(folder: Path) -> Iterator[Hub]:
    """Start a Hub that serves `model/` out of a git repository in `folder`."""
    site = Path(__file__).with_name(".venv-hub")
    olah = site / "bin/olah-cli"
    with INSTALLING:
        if not olah.exists():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site]
            subprocess.run([*pip, *OLAH], check=True)
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
        process = subprocess.Popen(
            [sys.executable, olah, "-c", "olah.toml"],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(site)},
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        with suppress(OSError):
            urllib.request.urlopen(url, timeout=5).close()
            break
        time.sleep(0.1)
    yield Hub(url, commit)
    process.terminate()
    process.wait(20)
