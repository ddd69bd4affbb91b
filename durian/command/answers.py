"""Photographs in, rows out: decoding runs beside the network, and no more than a few are held."""

from __future__ import annotations

import hashlib
import os
import queue
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..classifier import MAX_BATCH
from ..heat import overlay
from ..photo import PhotoError, open_photo
from .table import Row, row

if TYPE_CHECKING:
    from ..classifier import DurianClassifier

THREADS = 2 * MAX_BATCH  # as many as the network takes at once, and as many that get ready
AHEAD = 2 * THREADS  # photographs that may be under way

# Files in memory at once, of up to 20 MB; the library limits what decoding takes. Without this, a
# folder of photographs of 12 megapixels takes 5% more processor time and 7% more memory.
_decoding = threading.Semaphore(os.cpu_count() or 1)

UNFORESEEN = "This photo could not be answered ({}), so please try it again."


def rows(
    classifier: DurianClassifier, paths: Iterable[str], explain: Path | None = None
) -> Iterator[Row]:
    """Yield the row of each photograph, in the order of `paths`; heat maps go into `explain`.

    Raises OSError where a heat map cannot be written.
    """
    with _in_order(lambda path: answer(classifier, path, path, explain), paths) as answers:
        yield from answers


def answer(
    classifier: DurianClassifier, path: str, source: str | bytes, explain: Path | None = None
) -> Row:
    """Return the row of the photograph in `source`, a path or bytes, which `path` names.

    Its heat map goes into `explain`. Raises OSError where that cannot be written.
    """
    try:
        with _decoding:
            photo = open_photo(source)
        confidences = classifier.predict(photo)
        warmth = None if explain is None else classifier.explain(photo)
    except PhotoError as error:
        return row(path, error=str(error))
    except Exception as error:  # no single photograph ends a run of a million
        return row(path, error=UNFORESEEN.format(type(error).__name__))
    if warmth is not None:
        overlay(photo, warmth).save(explain / heat_name(path), "JPEG", quality=85)
    return row(path, confidences)


@contextmanager
def _in_order(answer: Callable[[str], Row], paths: Iterable[str]) -> Iterator[Iterator[Row]]:
    """Yield what `answer` makes of each path, several at a time; the end stops what is not begun.

    Paths come from a thread of their own, since standard input may be in no hurry.
    """
    waiting: queue.Queue[Future[Row] | None] = queue.Queue(AHEAD)
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="photo")

    def feed() -> None:
        try:
            for path in paths:
                waiting.put(pool.submit(answer, path))
        except Exception as error:  # for whoever waits, if anybody still does
            failed: Future[Row] = Future()
            failed.set_exception(error)
            waiting.put(failed)
        waiting.put(None)

    threading.Thread(target=feed, name="paths", daemon=True).start()
    try:
        yield (found.result() for found in iter(waiting.get, None))
    finally:
        pool.shutdown(cancel_futures=True)


def heat_name(path: str) -> str:
    """Return the name of a photograph's heat map: readable, its own, and safe in any folder."""
    readable = re.sub(r"[^\w.-]+", "_", path).lstrip("._")[-40:]
    return f"{readable}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:12]}.jpg"
