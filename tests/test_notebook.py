"""The notebook runs from top to bottom on the renders, and what it tells is what ships."""

import json

import nbclient
import nbformat
import pytest

from .running import ROOT

NOTEBOOK = ROOT / "train_notebook.ipynb"


def test_a_student_can_run_it_without_any_photograph(tmp_path, monkeypatch):
    monkeypatch.setenv("DURIAN_NOTEBOOK", "quick")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    before = {path: path.read_bytes() for path in (ROOT / "model").iterdir()}
    nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(ROOT)}}
    ).execute()
    assert "MB of weights" in str(notebook.cells[-2].outputs)
    after = {path: path.read_bytes() for path in (ROOT / "model").iterdir()}
    assert before == after, "a quick run must not touch the shipped model"
    assert not [left for left in tmp_path.iterdir() if left.is_dir()], "nor leave its own behind"


def test_it_is_committed_executed_without_an_error():
    cells = [
        cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"
    ]
    assert all(cell.execution_count for cell in cells)
    assert not [out for cell in cells for out in cell.outputs if out.output_type == "error"]


def test_the_card_says_what_was_measured():
    from durian.training import card

    assert (ROOT / "model" / "README.md").read_text(encoding="utf-8") == card.render(ROOT / "model")


@pytest.mark.parametrize("part", ["all", "studio", "wild"])
def test_the_notebook_shows_the_figures_that_the_card_does(part):
    measurements = json.loads((ROOT / "model/measurements.json").read_text(encoding="utf-8"))
    told = str([cell.get("outputs") for cell in nbformat.read(NOTEBOOK, as_version=4).cells])
    figures = measurements["measured"]["test"][part]
    line = f"{part:14}{figures['photographs']:4} photographs: accuracy"
    assert f"{line} {figures['accuracy']['value']:.0%}" in told
