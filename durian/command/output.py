"""Which table the answers go into, and what of it an earlier run has done."""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from .table import Csv, JsonLines, Row, Table, Terminal

TEXT = {".csv": Csv, ".jsonl": JsonLines}
PARQUET = ".parquet"
SUFFIXES = (*TEXT, PARQUET)

THERE = "{} is there already: add --resume to go on with it, or name another file."
NOT_OURS = "{} is no table of this command's, so it stays as it is: name another file."
NO_PYARROW = "Parquet needs pyarrow: pip install pyarrow, or name a .csv or .jsonl file."


class OutputError(ValueError):
    """The table cannot be written; the message is one sentence that says what to do."""


@dataclass
class Done:
    """What is in the table: how many rows, how many of them errors; and an earlier run's paths."""

    rows: int = 0
    failed: int = 0
    paths: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        """Count a row."""
        self.rows += 1
        self.failed += bool(row["error"])


def done_before(path: Path | None, resume: bool) -> Done:
    """Return what an earlier run wrote into a table that `resume` goes on with.

    Raises OutputError where the table cannot be gone on with, or must not be written.
    """
    done = Done()
    if path and path.suffix == PARQUET:
        _import_parquet()
    if path is None or not path.exists():
        return done
    if not resume:
        raise OutputError(THERE.format(path))
    for row in _parquet_rows(path) if path.suffix == PARQUET else _text_rows(path):
        done.add(row)
        done.paths[row["path"]] += 1
    return done


def open_table(path: Path | None) -> Table:
    """Return where the rows go, after those in the table at `path`; None is standard output.

    Raises OSError where the file cannot be opened.
    """
    if path is None:
        return Terminal() if sys.stdout.isatty() else _piped()
    if path.suffix == PARQUET:
        return _import_parquet().Parquet(path)
    file = path.open("a", encoding="utf-8", newline="")
    return TEXT[path.suffix](file, header=not file.tell())


def _piped() -> Table:
    out = sys.stdout.fileno()
    return Csv(open(out, "w", encoding="utf-8", newline="", closefd=False))


def _text_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a table, and cut off the half row that a power cut may have left."""
    at = whole = 0

    def lines(file: BinaryIO) -> Iterator[str]:
        nonlocal at
        for line in file:
            at += len(line)
            if line.endswith(b"\n"):
                yield line.decode("utf-8", "replace")

    with path.open("r+b") as file:
        for row in TEXT[path.suffix].read(lines(file)):
            if row is None:
                break
            whole = at
            if row:
                yield row
        if file.read(1) or (at and not whole):
            raise OutputError(NOT_OURS.format(path))
        file.truncate(whole)


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        yield from _import_parquet().read(path)
    except ValueError:  # pyarrow raises one for a file that is not Parquet
        raise OutputError(NOT_OURS.format(path)) from None


def _import_parquet() -> ModuleType:
    try:
        from . import parquet
    except ImportError:
        raise OutputError(NO_PYARROW) from None
    return parquet
