"""The app's process: how it stops, reloads, finds a port, and is mounted in another app."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Barrier

import httpx
import pytest
from playwright.sync_api import Browser

from durian.breeds import LABELS

from .api import FILE, PREFIX, Api, raw
from .browsing import answered, opened
from .documents import readme_block
from .running import EXAMPLES, ROOT, App, free_port, running_app, stop

GRACE = 10  # seconds that Docker gives a container to stop
APP = (sys.executable, "app.py")
PLAINLY_MOUNTED = """
import gradio as gr
from fastapi import FastAPI

from app import demo

app = gr.mount_gradio_app(FastAPI(), demo, "/durian")
"""
SERVED = """
import os

import uvicorn

app.get("/")(lambda: "a page of theirs")
uvicorn.run(app, port=int(os.environ["GRADIO_SERVER_PORT"]))
"""


@pytest.fixture(scope="module")
def first_process() -> tuple[str, ...]:
    """What makes a command the first process of a container, which gets no default signals."""
    command = ("unshare", "--pid", "--fork", "--mount-proc")
    if not shutil.which("unshare") or subprocess.run([*command, "true"]).returncode:
        pytest.skip("no process can become the first of a container here")
    return command


def child(process: subprocess.Popen) -> int:
    """Return the process that `unshare` has started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not children.read_text():
        time.sleep(0.01)
    return int(children.read_text())


def test_when_it_is_stopped_it_answers_those_who_wait(
    first_process: tuple[str, ...], tmp_path: Path
):
    with running_app(tmp_path / "app.log", command=(*first_process, *APP)) as app:
        visitor = Api(app.url)
        uploads = app.uploads
        path = visitor.upload("photo.jpg", EXAMPLES[0].read_bytes())
        assert visitor.predict({"path": path, "meta": FILE})["label"] in LABELS
        joined = Barrier(9)

        def ask(_: int) -> str:
            question = {"data": [{"path": path, "meta": FILE}]}
            ticket = httpx.post(f"{app.url}{PREFIX}/call/predict", json=question).json()
            address = f"{app.url}{PREFIX}/call/predict/{ticket['event_id']}"
            with httpx.stream("GET", address, timeout=60) as answer:
                joined.wait()
                return answer.read().decode()

        with (
            ThreadPoolExecutor(8) as pool,
            httpx.stream("GET", f"{app.url}{PREFIX}/heartbeat/a", timeout=60),
        ):
            answers = pool.map(ask, range(8))
            joined.wait()
            os.kill(child(app.process), signal.SIGTERM)
            assert all("event: complete" in answer for answer in answers)
            assert app.process.wait(GRACE) == 0
    assert not uploads.exists()


def test_it_can_be_stopped_while_it_starts(first_process: tuple[str, ...], tmp_path: Path):
    log = (tmp_path / "app.log").open("wb")
    process = subprocess.Popen(
        (*first_process, *APP),
        cwd=ROOT,
        env={**os.environ, "GRADIO_SERVER_PORT": str(free_port())},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        app = child(process)
        while process.poll() is None and b"Running" not in (tmp_path / "app.log").read_bytes():
            os.kill(app, signal.SIGTERM)
            time.sleep(0.2)
        assert process.wait(GRACE) == 0
        assert b"Running" not in (tmp_path / "app.log").read_bytes()
    finally:
        stop(process)


@pytest.mark.slow
def test_the_reload_mode_takes_changes_over_and_goes_on_answering(tmp_path: Path):
    copy = tmp_path / "durian"
    for folder in ("durian", "examples"):
        shutil.copytree(ROOT / folder, copy / folder)
    (copy / "model").symlink_to(ROOT / "model")
    source = (ROOT / "app.py").read_text()
    (copy / "app.py").write_text(source)
    gradio = Path(sys.executable).with_name("gradio")
    with running_app(tmp_path / "app.log", cwd=copy, command=(gradio, "app.py")) as app:
        visitor, photo = Api(app.url), EXAMPLES[0].read_bytes()
        assert visitor.ask(photo)["label"] in LABELS
        (copy / "app.py").write_text(source.replace("TOP_K = 4", "TOP_K = 2"))
        while '"num_top_classes":2' not in (config := visitor.http.get("/config").text):
            assert app.process.poll() is None
        assert visitor.ask(photo)["label"] in LABELS
        page = json.loads(config)
        assert page["i18n_translations"] and "cards" in page["css"]
        assert app.log.read_text().count("Weights from") == 1


def mounted(tmp_path: Path, lines: str) -> tuple[str | Path, ...]:
    """Return the command that serves an app of somebody's, in a folder of theirs."""
    (tmp_path / "theirs.py").write_text(lines + SERVED)
    return (sys.executable, tmp_path / "theirs.py")


@pytest.mark.slow
def test_mounted_as_gradio_teaches_it_the_page_answers(tmp_path: Path, browser: Browser):
    command = mounted(tmp_path, PLAINLY_MOUNTED)
    with running_app(tmp_path / "app.log", command=command, PYTHONPATH=str(ROOT)) as app:
        url = f"{app.url}/durian"
        assert Api(url).ask(EXAMPLES[0].read_bytes())["label"] in LABELS
        with opened(browser, f"{url}/") as page:
            page.locator("#samples img").first.click()
            answered(page)
            assert page.locator("#verdict h2").inner_text().endswith("D24")
            assert page.locator("#breeds article").first.is_visible()


def test_mounted_as_documented_it_answers_and_is_guarded(tmp_path: Path):
    command = mounted(tmp_path, readme_block("python", "mount_gradio_app"))
    with running_app(tmp_path / "app.log", command=command, PYTHONPATH=str(ROOT)) as app:
        assert Api(f"{app.url}/durian").ask(EXAMPLES[0].read_bytes())["label"] in LABELS
        page = httpx.get(f"{app.url}/durian/", headers={"accept-language": "ms"}).text
        assert '<html lang="ms"' in page
        for route in ("deep_link?session_hash=a", "proxy=https://a.hf.space/"):
            assert raw(app, "GET", f"/durian{PREFIX}/{route}")[0] == 404


@pytest.mark.parametrize("address", ["a taken port", "no port", "no name"])
def test_an_address_that_cannot_be_used_is_refused_in_a_sentence(address: str, app: App):
    taken = app.url.rpartition(":")[2]
    settings, sentence = {
        "a taken port": ({"GRADIO_SERVER_PORT": taken}, f"Cannot listen on 127.0.0.1:{taken}"),
        "no port": ({"GRADIO_SERVER_PORT": "http"}, "GRADIO_SERVER_PORT is no port"),
        "no name": ({"GRADIO_SERVER_NAME": "a.invalid"}, "Cannot listen on a.invalid:7860"),
    }[address]
    done = subprocess.run(
        APP, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_where_the_usual_port_is_taken_it_takes_another_and_says_so(tmp_path: Path):
    log = tmp_path / "app.log"
    env = {name: value for name, value in os.environ.items() if name != "GRADIO_SERVER_PORT"}
    with ExitStack() as stack:
        with suppress(OSError):  # taken already
            stack.enter_context(socket.create_server(("127.0.0.1", 7860)))
        process = subprocess.Popen(
            (sys.executable, "-u", "app.py"),
            cwd=ROOT,
            env=env,
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        stack.callback(stop, process)
        while "Running on" not in log.read_text():
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
    assert "Port 7860 is taken, so this app listens on 78" in log.read_text()
