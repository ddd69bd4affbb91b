"""`pip install .`, and then the library from any folder, with weights from the Hub."""

import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote

import pytest
from packaging.requirements import Requirement

from durian.breeds import BREEDS
from durian.supported import WHERE

from .documents import readme_block
from .olah import Hub
from .running import EXAMPLES, ROOT

LITTER = shutil.ignore_patterns(".*", "__pycache__", "tests", "*.h5", "build", "*.egg-info")


def pinned() -> list[Requirement]:
    """Return what requirements.txt asks for."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def refused(python: str, system: str, machine: str) -> list[str]:
    """Return what pip would stop at on a machine: addresses of paths that do not exist."""
    there = {"python_version": python, "sys_platform": system, "platform_machine": machine}
    return [unquote(it.url) for it in pinned() if it.url and it.marker.evaluate(there)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed a copy of the project, without what it depends on."""
    folder = tmp_path_factory.mktemp("installed")
    project = shutil.copytree(ROOT, folder / "project", ignore=LITTER)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--target", folder / "site", project], check=True)
    return folder / "site"


def test_the_library_answers_from_any_folder(installed: Path, olah: Hub, tmp_path: Path):
    photo = EXAMPLES[0]
    shutil.copy(photo, tmp_path / "durian.jpg")
    done = subprocess.run(
        [sys.executable, "-c", readme_block("python", "open_photo")],
        cwd=tmp_path,
        env=os.environ
        | {
            "PYTHONPATH": str(installed),
            "HF_ENDPOINT": olah.url,
            "HF_HOME": str(tmp_path / "huggingface"),
        },
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == BREEDS[photo.stem.rpartition("-")[0]]["label"], done.stderr
    assert list((tmp_path / "huggingface").rglob("model.weights.h5"))


def test_the_command_is_there(installed: Path, tmp_path: Path):
    done = subprocess.run(
        [installed / "bin/durian", tmp_path / "photos", "--output", "answers.txt"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "durian: error: --output takes" in done.stderr


def test_it_depends_on_what_the_app_does(installed: Path):
    (found,) = metadata.distributions(name="durian", path=[str(installed)])
    needed = [Requirement(line) for line in found.requires if "extra ==" not in line]
    assert needed == pinned()
    assert {"parquet", "ray", "training"} <= set(found.metadata.get_all("Provides-Extra"))


def test_what_the_page_is_made_of_comes_along(installed: Path):
    needed = {path.name for path in (ROOT / "durian/web").iterdir() if path.is_file()}
    assert needed <= {path.name for path in (installed / "durian/web").iterdir()}


@pytest.mark.parametrize(
    ("python", "system", "machine"),
    [
        ("3.10", "linux", "x86_64"),
        ("3.14", "linux", "x86_64"),
        ("3.12", "darwin", "x86_64"),
        ("3.13", "win32", "ARM64"),
    ],
)
def test_pip_says_where_it_runs(python: str, system: str, machine: str):
    (address,) = refused(python, system, machine)
    assert address == f"file:///{WHERE}"


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize(
    "machine",
    [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")],
)
def test_pip_installs_it_where_it_runs(python: str, machine: tuple[str, str]):
    assert refused(python, *machine) == []
    tensorflow = [
        it
        for it in pinned()
        if it.name.startswith("tensorflow")
        and it.marker.evaluate({"sys_platform": machine[0], "platform_machine": machine[1]})
    ]
    assert len(tensorflow) == 1


@pytest.mark.parametrize(
    "elsewhere",
    [
        "sys.version_info = (3, 14, 0, 'final', 0)",
        "sys.platform = 'darwin'; platform.machine = lambda: 'x86_64'",
    ],
    ids=["Python 3.14", "an Intel Mac"],
)
def test_the_app_says_where_it_runs(elsewhere: str):
    start = f"import platform, runpy, sys; {elsewhere}; runpy.run_path('app.py')"
    done = subprocess.run([sys.executable, "-c", start], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(WHERE) and done.stderr.count("\n") == 1
