"""A lock for what is installed once: pytest's other processes wait until it is there."""

import tempfile
from pathlib import Path

from filelock import FileLock

INSTALLING = FileLock(Path(tempfile.gettempdir(), "durian-tests-installing.lock"))
