"""The table of answers as Parquet, which pandas, DuckDB and Spark read; it needs pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow
from pyarrow import parquet

from ..breeds import LABELS
from .table import Row

SCHEMA = pyarrow.schema(
    [
        ("path", pyarrow.string()),
        ("label", pyarrow.string()),
        ("confidence", pyarrow.float64()),
        ("sure", pyarrow.bool_()),
        *((label, pyarrow.float64()) for label in LABELS),
        ("error", pyarrow.string()),
    ]
)
GROUP = 1000  # rows that are written together


class Parquet:
    """One file, put in its place once it is closed: before that, nothing can read it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._file = parquet.ParquetWriter(self._part, SCHEMA)
        self._waiting: list[Row] = []
        for row in read(path) if path.exists() else ():
            self.write(row)

    def write(self, row: Row) -> None:
        self._waiting.append(row)
        if len(self._waiting) >= GROUP:
            self._write_waiting()

    def close(self) -> None:
        self._write_waiting()
        self._file.close()
        self._part.replace(self._path)

    def _write_waiting(self) -> None:
        self._file.write_table(pyarrow.Table.from_pylist(self._waiting, SCHEMA))
        self._waiting = []


def read(path: Path) -> Iterator[Row]:
    """Yield the rows of a table. Raises ValueError if this command did not write it."""
    with parquet.ParquetFile(path) as file:
        if not file.schema_arrow.equals(SCHEMA):
            raise ValueError("other columns")
        for batch in file.iter_batches(GROUP):
            yield from batch.to_pylist()
