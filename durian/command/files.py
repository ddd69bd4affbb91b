"""Which photographs a person means: files, those in folders, those that standard input names."""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jpeg", ".jpg", ".mpo"),
    *(".png", ".tif", ".tiff", ".webp"),
)
STDIN = "-"


def photos(names: Iterable[str], avoid: Path | None = None) -> Iterator[str]:
    """Yield the path of each photograph that `names` stand for, in their order, one at a time.

    A folder stands for the photographs in it, by suffix and sorted, and in its folders; hidden ones
    and links to folders are left out, and so is the folder `avoid`. Every other name stands for
    itself, `-` for the names on standard input, one a line.
    """
    for name in names:
        if name == STDIN:
            yield from photos((f"./{line}" if line == STDIN else line for line in _lines()), avoid)
        elif name and Path(name).is_dir():
            yield from _below(name, avoid and avoid.resolve())
        else:
            yield name


def _lines() -> Iterator[str]:
    # A file of its own: a thread that waits for sys.stdin would hold up the end of the program.
    for line in open(sys.stdin.fileno(), "rb", closefd=False):  # noqa: SIM115
        if name := line.rstrip(b"\r\n"):
            yield os.fsdecode(name)


def _below(folder: str, avoid: Path | None) -> Iterator[str]:
    shut: list[str] = []  # folders that cannot be read: they become rows with their error
    for place, folders, names in os.walk(folder, onerror=lambda error: shut.append(error.filename)):
        yield from shut
        shut.clear()
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (avoid is None or Path(place, name).resolve() != avoid)
        )
        for path in (Path(place, name) for name in sorted(names) if not name.startswith(".")):
            # A link that leads nowhere becomes a row, too; a pipe or a socket does not.
            if path.suffix.lower() in SUFFIXES and (path.is_file() or not path.exists()):
                yield str(path)
    yield from shut
