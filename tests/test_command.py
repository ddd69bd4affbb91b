"""Somebody with a folder of photographs: the command `durian`, on a terminal and in a pipe."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
from PIL import Image

from durian import decision, limits, open_photo
from durian.breeds import BREEDS, LABELS
from durian.command import answers

from .commanding import COMMAND, ENVIRONMENT, on_terminal, piped, started
from .documents import readme_block
from .running import EXAMPLES, ROOT, files

COLUMNS = ["path", "label", "confidence", "sure", *LABELS, "error"]
FOLDER = {  # what a folder holds, in the order of the answers: a photograph, or why there is none
    "a photograph.JPG": None,
    "empty.jpg": limits.EMPTY,
    "linked.jpg": None,
    "nowhere.jpg": limits.UNREADABLE,
    "quote\".jpg": None,
    "text.png": limits.NOT_A_PHOTO,
    "榴莲 ü.jpg": None,
    "nested/deeper/photo.jpg": None,
}  # fmt: skip


def label_of(path: Path) -> str:
    return BREEDS[path.stem.rpartition("-")[0]]["label"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as people have them, in which every photograph is EXAMPLES[0]."""
    folder = tmp_path_factory.mktemp("photos")
    for name, error in FOLDER.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if error is None and name != "linked.jpg":
            shutil.copy(EXAMPLES[0], path)
    (folder / "linked.jpg").symlink_to(EXAMPLES[0])
    (folder / "nowhere.jpg").symlink_to(folder / "gone.jpg")
    (folder / "empty.jpg").touch()
    (folder / "text.png").write_text("a durian")
    (folder / "nested/loop").symlink_to(folder)
    for name in (
        "notes.txt",
        ".hidden.jpg",
        "nested/.thumbnails/a.jpg",
    ):  # passed over
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(EXAMPLES[0], folder / name)
    os.mkfifo(folder / "pipe.jpg")
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> subprocess.CompletedProcess:
    """A run over the folder and two more names, in a pipe, with heat maps into the folder."""
    return piped(
        *(folder, "-", EXAMPLES[-1], "no\nsuch.jpg", "--explain", folder / "heat"),
        given=f"{EXAMPLES[1]}\n\n{folder / 'nested'}\r\n".encode(),
    )


@pytest.fixture(scope="module")
def rows(run: subprocess.CompletedProcess) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(run.stdout.decode(), newline="")))


def test_a_pipe_gets_csv_in_the_order_of_the_input(rows: list[dict[str, str]], folder: Path):
    in_folder = [str(folder / name) for name in FOLDER]
    from_stdin = [str(EXAMPLES[1]), in_folder[-1]]
    assert [row["path"] for row in rows] == [
        *in_folder,
        *from_stdin,
        str(EXAMPLES[-1]),
        "no\nsuch.jpg",
    ]
    assert list(rows[0]) == COLUMNS


def test_photographs_are_answered_as_the_library_does(rows: list[dict[str, str]], classifier):
    answered = [row for row in rows if not row["error"]]
    assert len(answered) == list(FOLDER.values()).count(None) + 3
    for row in answered:
        path = Path(row["path"])
        known = path if path in EXAMPLES else EXAMPLES[0]
        answer = classifier.predict(open_photo(known))
        assert [float(row[label]) for label in LABELS] == pytest.approx(
            list(answer.values()), abs=1e-3
        )
        assert row["label"] == label_of(known)
        assert row["confidence"] == row[row["label"]]
        assert row["sure"] == str(decision.is_sure(answer)).lower()


def test_bad_files_are_rows_and_the_run_goes_on(run, rows: list[dict[str, str]], folder: Path):
    errors = {row["path"]: row["error"] for row in rows if row["error"]}
    expected = {str(folder / name): error for name, error in FOLDER.items() if error}
    assert errors == {**expected, "no\nsuch.jpg": limits.UNREADABLE}
    for row in rows:
        if row["error"]:
            assert not any(row[column] for column in COLUMNS[1:-1])
    assert run.returncode == 1
    assert run.stderr.decode() == f"{len(errors)} of {len(rows)} photographs have no answer.\n"


def test_each_answer_has_its_heat_map_and_none_lies_elsewhere(rows, folder: Path):
    answered = {row["path"] for row in rows if not row["error"]}
    maps = files(folder / "heat")
    assert len(maps) == len(answered)
    assert any("榴莲" in path.name for path in maps)
    assert {Image.open(path).size for path in maps} == {open_photo(EXAMPLES[0]).size}
    assert not {path.parent for path in maps} - {folder / "heat"}


def test_a_terminal_gets_a_table_and_a_progress_bar(folder: Path, tmp_path: Path):
    strange = tmp_path / "\x1b[31mred.jpg"
    shutil.copy(EXAMPLES[0], strange)
    status, screen = on_terminal(*EXAMPLES[:2], folder / "text.png", tmp_path)
    assert status == 1
    assert "4/4" in screen and re.search(r"(photo/s|s/photo)\]", screen)
    lines = [line.split("\r")[-1] for line in screen.split("\r\n")]
    (line,) = (line for line in lines if str(EXAMPLES[0]) in line)
    assert label_of(EXAMPLES[0]) in line and "%" in line
    (line,) = (line for line in lines if "text.png" in line)
    assert limits.NOT_A_PHOTO in line
    assert "\x1b[31m" not in screen


@pytest.mark.parametrize("suffix", ["jsonl", pytest.param("parquet", marks=pytest.mark.slow)])
def test_a_run_that_is_stopped_keeps_what_is_done_and_goes_on(suffix: str, tmp_path: Path):
    if suffix == "parquet":
        pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    table = tmp_path / f"answers.{suffix}"
    paths = [str(path) for path in (*EXAMPLES, EXAMPLES[0])]
    with started("--output", table, "-") as process:
        process.stdin.write("\n".join(paths[:3]).encode() + b"\n")
        process.stdin.flush()
        if suffix == "jsonl":  # which is written row by row
            while not table.exists() or table.read_bytes().count(b"\n") < 3:
                assert process.poll() is None
                time.sleep(0.1)
        else:
            while not Path(f"{table}.part").exists():
                assert process.poll() is None
                time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        told = process.communicate()[1].decode()
        assert process.returncode == 130
        assert "--resume" in told and "Traceback" not in told
    begun = rows_of(table)
    assert [row["path"] for row in begun] == paths[: len(begun)]
    if suffix == "jsonl":
        with table.open("a") as file:  # as a power cut leaves it
            file.write('{"path": "half a r')
    again = piped(*paths, "--output", table, "--resume")
    assert again.returncode == 0, again.stderr
    done = rows_of(table)
    assert [row["path"] for row in done] == paths
    assert done[: len(begun)] == begun
    assert [row["label"] for row in done] == [label_of(Path(path)) for path in paths]


def rows_of(table: Path) -> list[dict]:
    if table.suffix == ".parquet":
        import pandas

        return pandas.read_parquet(table).to_dict("records")
    return [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]


@pytest.mark.slow
def test_an_endless_input_is_read_no_faster_than_it_is_answered(tmp_path: Path):
    line = f'yes "{EXAMPLES[0]}" | {" ".join(COMMAND)} - | head -n 3'
    done = subprocess.run(["sh", "-c", line], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.stdout.count(str(EXAMPLES[0])) == 2
    assert not done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "required: PHOTO"),
        (["a.jpg", "--output", "answers.xls"], "ends in .csv, .jsonl, .parquet"),
        (["a.jpg", "--resume"], "--resume needs --output"),
        (["a.jpg", "--output", "notes.csv"], "add --resume"),
        (["a.jpg", "--output", "notes.csv", "--resume"], "no table of this command's"),
        (["a.jpg", "--output", "notes.jsonl", "--resume"], "no table of this command's"),
    ],
)
def test_wrong_use_is_told_before_anything_is_written(arguments, sentence: str, tmp_path: Path):
    for name in ("notes.csv", "notes.jsonl"):
        (tmp_path / name).write_text("my notes\nof today")
    before = {path: path.read_bytes() for path in files(tmp_path)}
    done = piped(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert sentence in done.stderr.decode()
    assert {path: path.read_bytes() for path in files(tmp_path)} == before


def test_the_readme_asks_about_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classifier
):
    (tmp_path / "folder").mkdir()
    for name in ("photo.jpg", "folder/another.jpg"):
        shutil.copy(EXAMPLES[0], tmp_path / name)
    typed = readme_block("bash", "--output").split()
    assert typed.pop(0) == "durian"
    subprocess.run([*COMMAND, *typed], cwd=tmp_path, env=ENVIRONMENT, check=True)
    with (tmp_path / "answers.csv").open(encoding="utf-8", newline="") as file:
        named = {row["path"]: row["label"] for row in csv.DictReader(file)}
    assert named == dict.fromkeys(["photo.jpg", "folder/another.jpg"], label_of(EXAMPLES[0]))
    monkeypatch.chdir(tmp_path)
    names = {"pandas": pandas, "DurianClassifier": SimpleNamespace(load=lambda: classifier)}
    exec(readme_block("python", "pandas"), names)
    assert names["answers"].idxmax(axis=1).to_dict() == {"photo.jpg": label_of(EXAMPLES[0])}


def test_a_heat_map_that_fails_is_a_row_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classifier
):
    heat_maps = iter([MemoryError(), classifier.explain])

    def explain(photo: Image.Image) -> np.ndarray:
        heat_map = next(heat_maps)
        if isinstance(heat_map, Exception):
            raise heat_map
        return heat_map(photo)

    monkeypatch.setattr(classifier, "explain", explain)
    sources = [(str(path), str(path)) for path in EXAMPLES[:2]]
    failed, answered = answers.rows(classifier, sources, tmp_path)
    assert "MemoryError" in failed["error"] and not failed["label"]
    assert answered["label"] == label_of(EXAMPLES[1]) and len(list(tmp_path.iterdir())) == 1


def test_an_empty_folder_is_no_failure(tmp_path: Path):
    done = piped(tmp_path)
    assert (done.returncode, done.stdout.decode().split(",")[0]) == (0, "path")
    assert "no photographs" in done.stderr.decode()


def test_help_is_there_at_once():
    code = (
        "import sys; from durian.command import main\n"
        "try: main(['--help'])\n"
        "finally: assert not {'tensorflow', 'keras', 'gradio', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--resume" in done.stdout
