"""The table of answers: for a person on a terminal, as CSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Protocol, TextIO

from tqdm import tqdm

from ..breeds import LABELS
from ..decision import is_sure

COLUMNS = ("path", "label", "confidence", "sure", *LABELS, "error")

Row = dict[str, str | float | bool | None]
"""One photograph by COLUMNS: confidences 0–1, and None for what is not known."""


class Table(Protocol):
    """Where rows go."""

    def write(self, row: Row) -> None: ...
    def close(self) -> None: ...


def row(path: str, confidences: Mapping[str, float] | None = None, error: str | None = None) -> Row:
    """Return the row of a photograph that was answered, or of one that could not be read."""
    filled: Row = {**dict.fromkeys(COLUMNS), "path": shown(path), "error": error}
    if confidences:
        label = max(confidences, key=confidences.__getitem__)
        filled |= {name: round(value, 4) for name, value in confidences.items()}
        filled |= {"label": label, "confidence": filled[label], "sure": is_sure(confidences)}
    return filled


def shown(path: str) -> str:
    r"""Return a path as valid Unicode: bytes that are not UTF-8 become \x…, as in Python."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class Terminal:
    """Lines for a person; the path comes last, since only its width is unknown beforehand."""

    def __init__(self) -> None:
        sys.stdout.reconfigure(errors="backslashreplace")
        self._say("sure", "answer", "photo")

    def write(self, row: Row) -> None:
        # A file's name may hold what a terminal takes for a command.
        path = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in row["path"])
        if row["error"]:
            self._say("–", "no answer", f"{path}: {row['error']}")
        else:
            perhaps = "" if row["sure"] else "perhaps "
            self._say(f"{row['confidence']:.0%}", perhaps + row["label"], path)

    def close(self) -> None:
        sys.stdout.flush()

    @staticmethod
    def _say(sure: str, answer: str, photo: str) -> None:
        tqdm.write(f"{sure:>5}  {answer:<25} {photo}", file=sys.stdout)  # around a progress bar


class Csv:
    """Comma-separated values, a row at a time."""

    def __init__(self, file: TextIO, header: bool = True) -> None:
        self._file = file
        self._rows = csv.writer(file, lineterminator="\n")
        if header:
            self._rows.writerow(COLUMNS)

    def write(self, row: Row) -> None:
        values = (row[column] for column in COLUMNS)
        self._rows.writerow(
            str(value).lower() if isinstance(value, bool) else value for value in values
        )
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    @staticmethod
    def read(lines: Iterator[str]) -> Iterator[Row | None]:
        """Yield each row, {} for the header, and None for what is neither."""
        for number, values in enumerate(csv.reader(lines)):
            if not number:
                yield {} if tuple(values) == COLUMNS else None
            else:
                whole = len(values) == len(COLUMNS)
                yield dict(zip(COLUMNS, values, strict=True)) if whole else None


class JsonLines:
    """One JSON object a line."""

    def __init__(self, file: TextIO, header: bool = True) -> None:
        self._file = file

    def write(self, row: Row) -> None:
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    @staticmethod
    def read(lines: Iterator[str]) -> Iterator[Row | None]:
        """Yield the row in each line, None for what is no row of ours."""
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            yield row if isinstance(row, dict) and tuple(row) == COLUMNS else None
