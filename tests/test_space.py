"""The Space: its card, publishing it by the README's commands, and starting what was published."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from huggingface_hub import SpaceCard

from durian import hub

from .browsing import label
from .documents import readme_block
from .olah import Hub
from .receiving_hub import Receiver
from .running import EXAMPLES, ROOT, App, free_port, running_app

SPACE = "durian-breeds/which-durian"
KEYS = """
    title emoji colorFrom colorTo sdk python_version sdk_version suggested_hardware
    suggested_storage app_file app_build_command app_port base_path fullWidth header
    short_description models datasets tags thumbnail pinned hf_oauth hf_oauth_scopes
    hf_oauth_expiration_minutes hf_oauth_authorized_org disable_embedding
    startup_duration_timeout custom_headers preload_from_hub license
"""  # https://huggingface.co/docs/hub/spaces-config-reference
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


@pytest.fixture(scope="module")
def card() -> dict:
    """What the README tells Spaces."""
    return SpaceCard.load(ROOT / "README.md").data.to_dict()


def test_card_is_complete_and_valid(card: dict):
    assert set(card) <= set(KEYS.split())
    assert {"title", "emoji", "python_version", "tags", "license"} <= set(card)
    assert card["sdk"] == "gradio"
    assert (ROOT / card["app_file"]).is_file()
    assert len(card["short_description"]) <= 60
    assert {card["colorFrom"], card["colorTo"]} <= COLOURS
    assert card["suggested_hardware"] == "cpu-basic"
    assert card["startup_duration_timeout"].endswith("m")


def test_card_and_requirements_agree(card: dict):
    pins = dict(
        line.split(";")[0].strip().split("==")
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if "==" in line
    )
    assert card["sdk_version"] == pins["gradio[mcp]"]


def test_card_names_the_model_that_the_code_asks_for(card: dict):
    assert card["models"] == [hub.REPO]
    assert card["preload_from_hub"] == [f"{hub.REPO} {hub.WEIGHTS}"]


# --- publishing ---------------------------------------------------------------------------------


def run_published(commands: str, url: str) -> None:
    """Run commands of the README with the `hf` that requirements.txt installs."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HF_ENDPOINT": url,
        "HF_TOKEN": "hf_somebody",
    }
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands.replace("https://huggingface.co", url)],
        cwd=ROOT,
        env=os.environ | environment,
        check=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Receiver]]:
    """A Hub after the README's commands for publishing have run against it."""
    Receiver.folder, Receiver.variables = tmp_path_factory.mktemp("published"), {}
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        run_published(readme_block("bash", "hf upload"), url)
        run_published(readme_block("bash", "hf spaces variables"), url)
        server.shutdown()
    return Receiver


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_publishing_sends_the_model_as_it_is(receiver: type[Receiver]):
    assert files(receiver.folder / "models" / hub.REPO) == files(hub.BUNDLE)


def test_publishing_sends_the_space_without_weights_and_litter(receiver: type[Receiver]):
    sent = files(receiver.folder / "spaces" / SPACE)
    assert {"README.md", "app.py", "requirements.txt", "durian/hub.py", "model/durian.json"} <= set(
        sent
    )
    assert {f"examples/{path.name}" for path in EXAMPLES} <= set(sent)
    assert f"model/{hub.WEIGHTS}" not in sent
    assert not [path for path in sent if path.startswith((".", "tests/")) or path.endswith(".pyc")]
    assert sum(map(len, sent.values())) < 10e6


def test_pinning_sets_the_models_commit(receiver: type[Receiver]):
    assert receiver.variables == {SPACE: {"DURIAN_MODEL_REVISION": receiver.commit}}


# --- running ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def space(receiver: type[Receiver]) -> Path:
    """What a Space checks out."""
    return receiver.folder / "spaces" / SPACE


@contextmanager
def running_space(space: Path, scratch: Path, **environment: str) -> Iterator[App]:
    """Start the published app as Spaces does."""
    owner, name = SPACE.split("/")
    spaces = {
        "SYSTEM": "spaces",
        "SPACE_ID": SPACE,
        "SPACE_AUTHOR_NAME": owner,
        "SPACE_REPO_NAME": name,
        "SPACE_TITLE": "Which durian is this?",
        "SPACE_HOST": f"{owner}-{name}.hf.space",
        "GRADIO_CACHE_EXAMPLES": "true",
        "GRADIO_CACHE_MODE": "eager",
        "GRADIO_THEME": "huggingface",
        "HF_HUB_OFFLINE": "0",
        "HF_HOME": str(scratch / "huggingface"),
        "HF_TOKEN": "hf_expired",
    }
    with running_app(scratch / "log", space, **spaces | environment) as app:
        yield app


def failed_inside(log: str) -> bool:
    """Return whether there is a traceback beside Gradio's own about a package of Spaces."""
    return log.count("Traceback") > log.count("`spaces` package is required")


def ask(app: App, photo: Path) -> str:
    client = Client(app.url, verbose=False)
    return client.predict(handle_file(photo), api_name="/predict")["label"]


@pytest.fixture(scope="module")
def built(
    space: Path, olah: Hub, card: dict, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[App]:
    """The published app, whose build has fetched the weights, while the Hub is down."""
    folder = tmp_path_factory.mktemp("space")
    home = {"HF_HOME": str(folder / "huggingface"), "HF_ENDPOINT": olah.url}
    for line in card["preload_from_hub"]:  # as the build does
        command = [Path(sys.executable).with_name("hf"), "download", *line.split()]
        subprocess.run(command, env=os.environ | home, check=True, stdout=subprocess.DEVNULL)
    closed = f"http://127.0.0.1:{free_port()}"
    with running_space(space, folder, HF_ENDPOINT=closed) as app:
        yield app


def test_it_answers_after_a_build_though_the_hub_is_down(built: App):
    assert ask(built, EXAMPLES[0]) == label(EXAMPLES[0])
    log = built.log.read_text()
    assert log.count("Weights from") == 1 and f"Weights from the Hub ({hub.REPO}" in log
    assert not failed_inside(log)


def test_agents_find_the_tool_under_the_spaces_name(built: App):
    with urllib.request.urlopen(f"{built.url}/gradio_api/mcp/schema") as answer:
        names = [tool["name"] for tool in json.load(answer)]
    assert "which_durian_predict" in names


@pytest.mark.slow
def test_it_answers_without_a_build_if_the_hub_is_up(space: Path, olah: Hub, tmp_path: Path):
    with running_space(space, tmp_path, HF_ENDPOINT=olah.url) as app:
        assert ask(app, EXAMPLES[0]) == label(EXAMPLES[0])
        assert f"Weights from the Hub ({hub.REPO}" in app.log.read_text()


@pytest.mark.slow
def test_without_a_build_and_a_hub_it_says_that_it_has_no_model(space: Path, tmp_path: Path):
    closed = f"http://127.0.0.1:{free_port()}"
    with running_space(space, tmp_path, HF_ENDPOINT=closed) as app:
        with pytest.raises(AppError, match="could not be loaded"):
            ask(app, EXAMPLES[0])
        assert not failed_inside(app.log.read_text())
