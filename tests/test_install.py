"""`pip install .`, and then the library from any folder, with weights from the Hub."""

import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from durian.breeds import BREEDS

from .documents import readme_block
from .olah import Hub
from .running import EXAMPLES, ROOT

LITTER = shutil.ignore_patterns(".*", "__pycache__", "tests", "*.h5", "build", "*.egg-info")


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
    needed = [line.split(";")[0].strip() for line in found.requires if "extra ==" not in line]
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert needed == [line.split(";")[0].strip() for line in pinned]
    assert {"parquet", "training"} <= set(found.metadata.get_all("Provides-Extra"))


def test_what_the_page_is_made_of_comes_along(installed: Path):
    needed = {path.name for path in (ROOT / "durian/web").iterdir() if path.is_file()}
    assert needed <= {path.name for path in (installed / "durian/web").iterdir()}
