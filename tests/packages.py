"""Installs a package in another version than the tests' own, in a folder beside them."""

import subprocess
import sys
from pathlib import Path

import pytest


def installed(folder: Path, *options: str) -> Path:
    """Return a folder for PYTHONPATH after `pip install` with `options`; skip if it fails."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"pip cannot install {options[-1]}: {done.stderr.splitlines()[-1]}")
    return folder
