"""Every way to call the app that the README shows gives the same answer, by the README's lines."""

import ast
import json
import shutil
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from durian.breeds import LABELS

from .documents import readme_block
from .packages import installed
from .running import EXAMPLES, App

PHOTOS = EXAMPLES[0], EXAMPLES[-1]
README_URL = "http://127.0.0.1:7860"


@pytest.fixture(scope="module")
def answers(app: App) -> dict[str, dict]:
    """What the app itself says of each photo, by file name."""
    client = Client(app.url, verbose=False)
    return {path.name: client.predict(handle_file(path), api_name="/predict") for path in PHOTOS}


def printed(command: list, photo: Path, folder: Path) -> str:
    """Run the README's lines beside a photo of the name they expect; return what they print."""
    folder = folder / photo.stem
    folder.mkdir()
    shutil.copy(photo, folder / "durian.jpg")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def printed_for_all(command: list, folder: Path) -> dict[str, str]:
    """Return what the README's lines print for each photo, by file name."""
    with ThreadPoolExecutor(2) as pool:
        lines = pool.map(lambda photo: printed(command, photo, folder), PHOTOS)
    return {photo.name: text for photo, text in zip(PHOTOS, lines, strict=True)}


def labels(answers: dict[str, dict]) -> dict[str, str]:
    return {name: answer["label"] for name, answer in answers.items()}


def test_answers_have_the_documented_form(answers: dict[str, dict]):
    assert answers
    for answer in answers.values():
        confidences = [row["confidence"] for row in answer["confidences"]]
        assert len(confidences) == 4
        assert confidences == sorted(confidences, reverse=True)
        assert answer["label"] == answer["confidences"][0]["label"]
        assert {row["label"] for row in answer["confidences"]} < set(LABELS)


def test_python_client(app: App, answers: dict[str, dict], tmp_path: Path):
    snippet = readme_block("python", "gradio_client").replace(README_URL, app.url)
    seen = printed_for_all([sys.executable, "-c", snippet], tmp_path)
    assert {name: text.splitlines()[-1] for name, text in seen.items()} == labels(answers)


def test_javascript_client(app: App, answers: dict[str, dict], node: Path, tmp_path: Path):
    script = tmp_path / "ask.mjs"
    script.write_text(readme_block("js", "@gradio/client").replace(README_URL, app.url))
    (tmp_path / "node_modules").symlink_to(Path(__file__).with_name("node_modules"))
    seen = printed_for_all([node / "node", script], tmp_path)
    assert {name: text.strip() for name, text in seen.items()} == labels(answers)


def test_curl(app: App, answers: dict[str, dict], tmp_path: Path):
    snippet = readme_block("bash", "curl").replace(README_URL, app.url)
    assert snippet.count("curl ") == 2
    seen = printed_for_all(["bash", "-euo", "pipefail", "-c", snippet], tmp_path)
    rows = {name: text.split("event: complete\ndata: ")[1] for name, text in seen.items()}
    assert {name: json.loads(row)[0]["label"] for name, row in rows.items()} == labels(answers)


@pytest.mark.parametrize("release", ["Gradio's", pytest.param("newest", marks=pytest.mark.slow)])
def test_mcp_client(
    release: str,
    app: App,
    answers: dict[str, dict],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    if release == "newest":
        monkeypatch.setenv("PYTHONPATH", str(installed(tmp_path / "site", "mcp")))
    snippet = readme_block("python", "call_tool").replace(README_URL, app.url)
    photo = EXAMPLES[0]
    told = ast.literal_eval(printed([sys.executable, "-c", snippet], photo, tmp_path))
    assert told["label"] == answers[photo.name]["label"]


def test_only_the_documented_endpoints_are_listed(app: App):
    with urllib.request.urlopen(f"{app.url}/gradio_api/info") as answer:
        info = json.load(answer)
    assert set(info["named_endpoints"]) == {"/predict", "/explain"}
    assert not info["unnamed_endpoints"]
    endpoint = info["named_endpoints"]["/predict"]
    assert [parameter["parameter_name"] for parameter in endpoint["parameters"]] == ["image"]
    assert "durian" in endpoint["description"]


def test_agents_see_what_the_tool_does_and_takes(app: App):
    with urllib.request.urlopen(f"{app.url}/gradio_api/mcp/schema") as answer:
        tools = {tool["name"]: tool for tool in json.load(answer)}
    assert set(tools) == {"predict", "explain"}
    assert "breed" in tools["predict"]["description"]
    for tool in tools.values():
        assert list(tool["inputSchema"]["properties"]) == ["image"]
        assert "photo" in tool["inputSchema"]["properties"]["image"]["description"].lower()
