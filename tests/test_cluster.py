"""The command over Ray Data; it needs `pip install .[ray]`."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from .commanding import started
from .running import EXAMPLES

PHOTOS = 120  # most are left to answer when the first rows are written


def actors() -> Iterator[int]:
    """Yield the ids of the processes that answer photographs."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if re.match(rb"ray::.*Answers", (process / "cmdline").read_bytes()):
                yield int(process.name)


@pytest.mark.slow
def test_an_actor_that_is_killed_loses_no_photograph(tmp_path: Path):
    pytest.importorskip("ray", reason="needs Ray: pip install .[ray]")
    dataset = pytest.importorskip("pyarrow.dataset", reason="needs pyarrow: pip install .[ray]")
    folder, output = tmp_path / "photos", tmp_path / "answers.parquet"
    folder.mkdir()
    for number in range(PHOTOS):
        Image.open(EXAMPLES[number % len(EXAMPLES)]).save(folder / f"{number:03}.jpg")
    (folder / "empty.jpg").touch()
    arguments = (folder, "--ray", "local", "--actors", "2", "--output", output)
    with started(*arguments) as command:
        end = time.monotonic() + 300
        while not list(output.glob("*.parquet")):  # the first rows are written
            assert command.poll() is None, command.stderr.read().decode()[-2000:]
            assert time.monotonic() < end
            time.sleep(0.1)
        both = list(actors())
        assert len(both) == 2
        os.kill(both[0], signal.SIGKILL)
        assert command.wait(300) == 1  # for the empty file
        assert both[0] not in actors()
    rows = dataset.dataset(output).to_table().to_pylist()
    names = sorted(Path(row["path"]).name for row in rows)
    assert names == sorted(path.name for path in folder.iterdir())  # each once
    assert [Path(row["path"]).name for row in rows if row["error"]] == ["empty.jpg"]
