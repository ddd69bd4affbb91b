"""The same over Ray Data: on one machine or many, from any storage that Ray reads, into Parquet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow
import ray
from pyarrow import dataset

from .. import memory
from ..classifier import DurianClassifier
from ..photo import UNREADABLE
from .answers import rows
from .files import SUFFIXES, photos
from .parquet import SCHEMA
from .table import row

EXTENSIONS = [suffix.removeprefix(".") for suffix in SUFFIXES]
BATCH = 32  # photographs that an actor is given at once


class Answers:
    """An actor: it loads the classifier once, and starts again if it dies."""

    def __init__(self) -> None:
        os.environ["TF_ONEDNN_ASSUME_FROZEN_WEIGHTS"] = "1"  # nothing is trained here
        memory.return_large_blocks()
        self._classifier = DurianClassifier.load()

    def __call__(self, files: dict[str, np.ndarray]) -> pyarrow.Table:
        """Return the rows of files by path and bytes."""
        answered = rows(self._classifier, zip(files["path"], files["bytes"], strict=True))
        return pyarrow.Table.from_pylist(list(answered), SCHEMA)


def run(address: str, names: Sequence[str], actors: int | None, output: str) -> tuple[int, int]:
    """Answer photographs on the cluster at `address`, into a folder of Parquet files.

    `names` are files and folders that all machines see, or addresses such as s3://bucket/photos.
    There is one actor a machine unless told otherwise, since the network takes all cores. What a
    machine that dies had under way is answered by another. Returns how many photographs there
    were, and how many have no answer. Raises OSError where nothing can be read or written.
    """
    ray.init(address, log_to_driver=False, logging_level="ERROR")
    try:
        # Actors claim no core: where they had all, none would be left to read files, for ever.
        pool = ray.data.ActorPoolStrategy(size=actors or len(ray.nodes()))
        remote = [name for name in names if "://" in name]
        local = [*photos(name for name in names if "://" not in name)]
        there = [path for path in local if Path(path).is_file()]
        parts = [
            ray.data.read_binary_files(
                paths, include_paths=True, file_extensions=extensions
            ).map_batches(Answers, batch_size=BATCH, compute=pool, num_cpus=0)
            for paths, extensions in ((there, None), (remote, EXTENSIONS))
            if paths
        ]
        if len(there) < len(local):
            gone = [row(path, error=UNREADABLE) for path in local if not Path(path).is_file()]
            parts.append(ray.data.from_arrow(pyarrow.Table.from_pylist(gone, SCHEMA)))
        if not parts:
            return 0, 0
        whole = parts[0].union(*parts[1:]) if parts[1:] else parts[0]  # one alone is an error
        whole.write_parquet(output)
        errors = dataset.dataset(output).to_table(["error"])["error"]
        return len(errors), len(errors) - errors.null_count
    finally:
        ray.shutdown()
