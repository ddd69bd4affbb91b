"""Every documented way to call the app gives the same answer, by the documented lines."""

import ast
import json
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from durian.breeds import LABELS

from .documents import readme_block
from .packages import installed
from .running import EXAMPLES, App

PHOTO = EXAMPLES[-1]
README_URL = "http://127.0.0.1:7860"


@pytest.fixture(scope="module")
def answer(app: App) -> dict:
    """What the app says of PHOTO."""
    client = Client(app.url, verbose=False)
    return client.predict(handle_file(PHOTO), api_name="/predict")


def printed(command: list, folder: Path) -> str:
    """Run the documented lines beside PHOTO, under the name they expect; return what they print."""
    shutil.copy(PHOTO, folder / "durian.jpg")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_answer_has_the_documented_form(answer: dict):
    confidences = [row["confidence"] for row in answer["confidences"]]
    assert len(confidences) == 4
    assert confidences == sorted(confidences, reverse=True)
    assert answer["label"] == answer["confidences"][0]["label"]
    assert {row["label"] for row in answer["confidences"]} < set(LABELS)


def test_python_client(app: App, answer: dict, tmp_path: Path):
    snippet = readme_block("python", "gradio_client").replace(README_URL, app.url)
    told = printed([sys.executable, "-c", snippet], tmp_path)
    assert told.splitlines()[-1] == answer["label"]


def test_javascript_client(app: App, answer: dict, node: Path, tmp_path: Path):
    script = tmp_path / "ask.mjs"
    script.write_text(readme_block("js", "@gradio/client").replace(README_URL, app.url))
    (tmp_path / "node_modules").symlink_to(Path(__file__).with_name("node_modules"))
    assert printed([node / "node", script], tmp_path).strip() == answer["label"]


def test_curl(app: App, answer: dict, tmp_path: Path):
    snippet = readme_block("bash", "curl").replace(README_URL, app.url)
    assert snippet.count("curl ") == 2
    told = printed(["bash", "-euo", "pipefail", "-c", snippet], tmp_path)
    (data,) = json.loads(told.split("event: complete\ndata: ")[1])
    assert data["label"] == answer["label"]


@pytest.mark.parametrize("release", ["Gradio's", pytest.param("newest", marks=pytest.mark.slow)])
def test_mcp_client(
    release: str,
    app: App,
    answer: dict,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    if release == "newest":
        monkeypatch.setenv("PYTHONPATH", str(installed(tmp_path / "site", "mcp")))
    snippet = readme_block("python", "call_tool").replace(README_URL, app.url)
    told = ast.literal_eval(printed([sys.executable, "-c", snippet], tmp_path))
    assert told["label"] == answer["label"]


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
