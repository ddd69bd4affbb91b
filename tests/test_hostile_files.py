"""What the app answers to damaged, misleading and malicious files, over its HTTP API."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from PIL import Image

from durian import DurianClassifier, open_photo
from durian.breeds import LABELS

from . import corpus
from .api import Api, Refused, memory
from .running import EXAMPLES, ROOT, App

PATIENCE = 10  # seconds for one file
GROWTH = 100  # megabytes for the whole corpus


def outcome(ask: Callable[..., dict], *arguments: object) -> dict | str:
    """Return an answer, or the sentence of a refusal."""
    try:
        return ask(*arguments)
    except Refused as refusal:
        return str(refusal)


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_no_file_stops_the_app(app: App, step: int) -> None:
    api = Api(app.url)
    good = corpus.save(corpus.picture(640, 480), "JPEG")
    expected = api.ask(good)
    counts: Counter[str] = Counter()
    failed, slowest = [], 0.0
    largest = corpus.save(Image.new("RGBA", (7000, 7000), "olive"), "PNG")
    for _ in range(4):  # the memory that the largest ordinary photo takes is taken from here on
        assert api.ask(largest) and api.ask(good) == expected
    before = memory(app.process.pid)
    for number, (name, data) in enumerate(islice(corpus.hostile(), 0, None, step)):
        start = time.monotonic()
        answers = [outcome(api.ask, data, name)]
        took = time.monotonic() - start
        if number % 5 == 0 and len(data) < 10**6:
            answers.append(outcome(api.ask_inline, data))
        first, *others = answers
        right = first["label"] in LABELS if isinstance(first, dict) else first in corpus.SENTENCES
        if not right or took > PATIENCE or any(other != first for other in others):
            failed.append((name, round(took, 1), answers))
        counts["answered" if isinstance(first, dict) else "refused"] += 1
        slowest = max(slowest, took)
        if number % 50 == 0:
            assert api.ask(good) == expected, f"a good photo after {name}"
    assert api.ask(good) == expected
    after = memory(app.process.pid)
    print(f"\n{dict(counts)}, slowest {slowest:.1f} s, memory {before} MB before, {after} MB after")
    assert not failed
    assert counts.total() >= 100
    assert after - before <= GROWTH
    assert app.process.poll() is None
    assert "Traceback" not in app.log.read_text()


@pytest.mark.slow
def test_one_picture_gets_one_answer_in_every_form(classifier: DurianClassifier) -> None:
    with Image.open(EXAMPLES[0]) as image:
        forms = dict(corpus.forms(image.convert("RGB")))
    expected = classifier.predict(open_photo(forms["8-bit.png"]))
    answers = classifier.predict_batch([open_photo(data) for data in forms.values()])
    for name, answer in zip(forms, answers, strict=True):
        worst = max(abs(answer[label] - expected[label]) for label in LABELS)
        assert worst <= 0.05, name
        assert max(answer, key=answer.get) == max(expected, key=expected.get)


@pytest.mark.parametrize("runs", [1000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_the_fuzzer_finds_nothing(tmp_path: Path, runs: int) -> None:
    pytest.importorskip("atheris", reason="atheris has no build for this platform")
    # By way of a shell: Linux counts the peak memory of the process that starts a program as the
    # program's own, and this one has held whole networks.
    run = subprocess.run(
        [
            *("sh", "-c", '"$@"; exit $?', "sh"),
            *(sys.executable, "-m", "tests.tools.fuzz_photo", str(tmp_path), f"-runs={runs}"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert f"Done {runs} runs" in run.stderr
