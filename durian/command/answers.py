"""Photographs in, rows out: decoding runs beside the network, and no more than a few are held."""

from __future__ import annotations

import hashlib
import os
import queue
import re
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from ..classifier import MAX_BATCH
from ..heat import overlay
from ..photo import PhotoError, open_photo
from .table import Row, row

if TYPE_CHECKING:
    from ..classifier import DurianClassifier

AHEAD = 4 * MAX_BATCH  # photographs that may be under way

UNFORESEEN = "This photo could not be answered ({}), so please try it again."


def rows(
    classifier: DurianClassifier,
    sources: Iterable[tuple[str, str | bytes]],
    explain: Path | None = None,
) -> Iterator[Row]:
    """Yield the row of each photograph, in order; heat maps go into `explain`.

    sources: what names a photograph, and its path or a file's bytes. Raises OSError where a heat
    map cannot be written.
    """
    with _opened(sources) as batches:
        for batch in batches:
            photos = [photo for _, photo in batch if not isinstance(photo, str)]
            answers = iter(_answers(classifier, photos))
            for path, photo in batch:
                answer = photo if isinstance(photo, str) else next(answers)
                if explain is not None and not isinstance(answer, str):
                    answer = _explained(classifier, path, photo, explain) or answer
                yield row(path, error=answer) if isinstance(answer, str) else row(path, answer)


def _explained(
    classifier: DurianClassifier, path: str, photo: Image.Image, folder: Path
) -> str | None:
    """Write a photograph's heat map, or return the sentence that says why there is none."""
    try:
        picture = overlay(photo, classifier.explain(photo))
    except Exception as error:
        return UNFORESEEN.format(type(error).__name__)
    picture.save(folder / heat_name(path), "JPEG", quality=85)
    return None


def _answers(
    classifier: DurianClassifier, photos: list[Image.Image]
) -> list[dict[str, float] | str]:
    """Return the confidences of each photograph, or the sentence that says why there are none."""
    try:
        return classifier.predict_batch(photos)
    except Exception as error:  # no single photograph ends a run of a million
        if len(photos) > 1:
            return [answer for photo in photos for answer in _answers(classifier, [photo])]
        return [UNFORESEEN.format(type(error).__name__)]


def _open(path: str, source: str | bytes) -> tuple[str, Image.Image | str]:
    """Return a path, and its photograph or the sentence that says why there is none."""
    try:
        return path, open_photo(source)
    except PhotoError as error:
        return path, str(error)
    except Exception as error:
        return path, UNFORESEEN.format(type(error).__name__)


@contextmanager
def _opened(
    sources: Iterable[tuple[str, str | bytes]],
) -> Iterator[Iterator[list[tuple[str, Image.Image | str]]]]:
    """Yield lists of photographs that are open, up to MAX_BATCH; the end stops what is not begun.

    Sources come from a thread of their own, since standard input may be in no hurry.
    """
    waiting: queue.Queue[Future | None] = queue.Queue(AHEAD)
    pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="photo")

    def feed() -> None:
        try:
            for path, source in sources:
                waiting.put(pool.submit(_open, path, source))
        except Exception as error:  # for whoever waits, if anybody still does
            failed: Future = Future()
            failed.set_exception(error)
            waiting.put(failed)
        waiting.put(None)

    threading.Thread(target=feed, name="paths", daemon=True).start()
    try:
        yield _batches(waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(waiting: queue.Queue[Future | None]) -> Iterator[list]:
    """Yield what is ready, in order and up to MAX_BATCH at once; wait where nothing is."""
    held: list[Future | None] = []  # one that a batch could not take
    while (future := held.pop() if held else waiting.get()) is not None:
        batch = [future.result()]
        while len(batch) < MAX_BATCH and not held and not waiting.empty():
            future = waiting.get()
            if future is None or not future.done() or future.exception():
                held.append(future)
            else:
                batch.append(future.result())
        yield batch


def heat_name(path: str) -> str:
    """Return the name of a photograph's heat map: readable, its own, and safe in any folder."""
    readable = re.sub(r"[^\w.-]+", "_", path).lstrip("._")[-40:]
    return f"{readable}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:12]}.jpg"
