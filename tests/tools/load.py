"""Puts the app under load, and prints counts and ratios.

    python -m tests.tools.load [--seconds 120] [--clients 32] [--burst 200]

One visitor first, whose answers are the right ones. Then many at once with good and bad files, a
burst, and a `kill -9` in the middle of it all. Any answer but the right one or "busy" is an error.
"""

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import httpx

from durian.web import guard, storage
from tests import corpus
from tests.api import FILE, Api, Refused, memory
from tests.running import EXAMPLES, App, running_app

SAMPLE_EVERY = 2.0  # seconds between measurements of memory
SAME = 0.001  # by how much confidences may differ when photos are answered together


def main() -> None:
    """Run everything; exit 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--burst", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        errors = crowd(Path(folder), options) + killed(Path(folder), options.clients)
    sys.exit(f"{errors} errors" if errors else 0)


def some_files() -> list[tuple[str, bytes]]:
    """Return a mix as it comes: most are photographs, a third is not."""
    good = [(path.name, path.read_bytes()) for path in EXAMPLES]
    good += list(corpus.forms(corpus.picture()))
    bad = [file for number, file in enumerate(corpus.hostile()) if number % 25 == 0]
    return good + bad[: len(good) // 2]


def ask(api: Api, name: str, data: bytes) -> dict | str:
    """Return the answer, or the sentence of the refusal."""
    try:
        return api.ask(data, name)
    except Refused as refusal:
        return str(refusal)


def same(one: dict | str, other: dict | str) -> bool:
    """Return whether two visitors were told the same."""
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    first, second = (
        {entry["label"]: entry["confidence"] for entry in answer["confidences"]}
        for answer in (one, other)
    )
    shared = first.keys() & second.keys()
    return one["label"] == other["label"] and all(
        abs(first[label] - second[label]) < SAME for label in shared
    )


def crowd(folder: Path, options: argparse.Namespace) -> int:
    """Let many ask at once; return how many were told something wrong or nothing."""
    files = some_files()
    with running_app(folder / "app.log") as app:
        api = Api(app.url)
        expected, alone = {}, []
        for name, data in files:
            start = time.monotonic()
            expected[name] = ask(api, name, data)
            alone.append(time.monotonic() - start)
        refused = sum(isinstance(answer, str) for answer in expected.values())
        median = statistics.median(alone)
        print(f"alone: {len(files)} files, {len(files) - refused} answered, {refused} refused")

        told: Counter[str] = Counter()
        took: list[float] = []

        def visit(rng: random.Random, visitor: Api) -> None:
            name, data = rng.choice(files)
            start = time.monotonic()
            told[_outcome(lambda: ask(visitor, name, data), expected[name])] += 1
            took.append(time.monotonic() - start)

        with memory_watched(app) as seen:
            end = time.monotonic() + options.seconds

            def visitor(number: int) -> None:
                mine, rng = Api(app.url), random.Random(number)
                while time.monotonic() < end:
                    visit(rng, mine)

            together(options.clients, visitor)
        print(
            f"{options.clients} clients for {options.seconds:.0f} s: {told.total()} requests,"
            f" {dict(told)}; the median took {statistics.median(took) / median:.1f} times,"
            f" the slowest {max(took) / median:.1f} times as long as alone"
        )
        settled, last = seen[len(seen) // 2], seen[-1]
        print(
            f"memory: {seen[0]} MB at first, {settled} MB half-way, {last} MB at the end"
            f" ({last / settled - 1:+.1%} in the second half)"
        )

        name, data = files[0]
        path = api.upload(name, data)
        burst: Counter[str] = Counter()

        def press(_: int) -> None:
            mine = Api(app.url)
            gate.wait()
            answer = _outcome(lambda: _predict(mine, path), expected[name])
            burst[answer] += 1

        gate = threading.Barrier(options.burst)
        together(options.burst, press)
        start = time.monotonic()
        page = api.http.get("/").status_code == 200
        opened = time.monotonic() - start
        right = same(ask(api, name, data), expected[name])
        after = time.monotonic() - start - opened
        print(
            f"burst of {options.burst}: {dict(burst)}; at once afterwards a page: {page},"
            f" an answer: {right}, in {after / median:.1f} times as long as alone"
        )
        print(f"memory: {memory(app.process.pid)} MB")
        errors = (told + burst).total() - sum((told + burst)[fine] for fine in ("right", "busy"))
        return errors + (not page) + (not right) + ("Traceback" in app.log.read_text())


def killed(folder: Path, clients: int) -> int:
    """Kill the app while many ask, start it again; return how much of that went wrong."""
    uploads = folder / "uploads"
    name, data = some_files()[0]
    start = time.monotonic()
    with running_app(folder / "one.log", GRADIO_TEMP_DIR=str(uploads)) as app:
        expected = ask(Api(app.url), name, data)
        cold = time.monotonic() - start

        def insist(_: int) -> None:
            mine = Api(app.url)
            try:
                for _ in range(1000):
                    ask(mine, name, data)
            except httpx.HTTPError:
                pass  # it is dead

        crowd = threading.Thread(target=together, args=(clients, insist))
        crowd.start()
        time.sleep(3)
        os.kill(app.process.pid, signal.SIGKILL)
        crowd.join()
    left = [path for path in uploads.rglob("*") if path.is_file()]
    for path in uploads.rglob("*"):  # as if it had been started again an hour later
        os.utime(path, times=(time.time() - 3600,) * 2)
    start = time.monotonic()
    with running_app(folder / "two.log", GRADIO_TEMP_DIR=str(uploads)) as app:
        right = same(ask(Api(app.url), name, data), expected)
        again = time.monotonic() - start
        old = [path for path in left if path.exists() and _age(path) > storage.MAX_AGE]
    print(
        f"kill -9 with {clients} clients: serves again in {again / cold:.2f} of a cold start,"
        f" right: {right}; {len(left)} files were left, {len(old)} an hour later"
    )
    return (not right) + len(old)


def together(count: int, visit: Callable[[int], None]) -> None:
    """Run `visit` in as many threads, and wait for all."""
    threads = [threading.Thread(target=visit, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def memory_watched(app: App):
    """Yield a list that grows by the app's memory, in MB, every few seconds."""
    seen, over = [memory(app.process.pid)], threading.Event()

    def look() -> None:
        while not over.wait(SAMPLE_EVERY):
            seen.append(memory(app.process.pid))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _predict(api: Api, path: str) -> dict | str:
    try:
        return api.predict({"path": path, "meta": FILE})
    except Refused as refusal:
        return str(refusal)


def _outcome(visit: Callable[[], dict | str], expected: dict | str) -> str:
    try:
        answer = visit()
    except httpx.HTTPError as error:
        return f"failed ({type(error).__name__})"
    if answer == guard.BUSY:
        return "busy"
    return "right" if same(answer, expected) else "wrong"


if __name__ == "__main__":
    main()
