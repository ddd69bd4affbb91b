"""The command over Ray Data; it needs `pip install .[ray]`."""

from pathlib import Path

import pytest
from PIL import Image

from .commanding import piped
from .running import EXAMPLES


@pytest.mark.slow
def test_two_actors_answer_every_photograph_once(tmp_path: Path):
    pytest.importorskip("ray", reason="needs Ray: pip install .[ray]")
    dataset = pytest.importorskip("pyarrow.dataset", reason="needs pyarrow: pip install .[ray]")
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(40):
        Image.open(EXAMPLES[number % len(EXAMPLES)]).save(folder / f"{number:02}.jpg")
    (folder / "empty.jpg").touch()
    output = tmp_path / "answers.parquet"
    done = piped(folder, "--ray", "local", "--actors", "2", "--output", output)
    assert done.returncode == 1, done.stderr.decode()[-2000:]
    rows = dataset.dataset(output).to_table().to_pylist()
    names = sorted(Path(row["path"]).name for row in rows)
    assert names == sorted(path.name for path in folder.iterdir())
    assert [Path(row["path"]).name for row in rows if row["error"]] == ["empty.jpg"]
