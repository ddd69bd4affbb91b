"""Measures the speed and size of this project beside its peers: prints one table.

    python -m tests.tools.bench [SECTION …]

Sections: library, decoding, start, browser, phone, clients, disk.

Peers take turns with us, round by round, so that other load on the machine affects all of them.
Peers that stand for common practice run in a process of their own, with TensorFlow's defaults;
other engines, and Keras where the row says so, get the setting that app.py makes.
A quarter of an hour on two slow cores. Needs requirements.txt and tools/requirements.txt, and
Debian's Chromium.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "1")  # as app.py does
os.environ.setdefault("HF_HUB_OFFLINE", "1")


import numpy as np
from PIL import Image

from durian import hub, open_photo
from tests.api import Api
from tests.browsing import running_chromium
from tests.phone import phone_photo
from tests.running import EXAMPLES, ROOT, App, running_app

if TYPE_CHECKING:
    import keras
    from playwright.sync_api import Browser

SETTING = "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS"
ROUNDS = 20
STARTS = 5  # of whole processes
VISITS = 10  # in a browser
PHONE_VISITS = 3  # over each network
UPLOADS = {"no limit": None, "5 Mbit/s": 5e6, "1.5 Mbit/s": 1.5e6}  # bits a second
LATENCY = 60  # milliseconds, where there is a limit
CLIENTS = (1, 8, 32)
TURNS, TURN = 3, 5  # how often, and how many seconds at a time, so many clients ask
MB = 1e6
SIZE = hub.runtime_config()["input_size"]

# As in the tutorial, with the same weights and as little more as Gradio allows.
MINIMAL = f"""
import gradio as gr
import keras
import numpy as np
from durian.breeds import LABELS

model = keras.saving.load_model({str(ROOT / "model")!r}, compile=False)

def predict(image):
    batch = np.asarray(image.resize(({SIZE}, {SIZE})))[None]
    return dict(zip(LABELS, map(float, model.predict(batch, verbose=0)[0])))

label = gr.Label(num_top_classes=4)
gr.Interface(predict, gr.Image(type="pil"), label, api_name="predict").launch()
"""

# The page of the tutorial that this project grew from, around the same weights; and its start.
STREAMLIT = f"""
import keras
import numpy as np
import streamlit as st
from PIL import Image
from durian.breeds import LABELS

@st.cache_resource
def load_model():
    return keras.saving.load_model({str(ROOT / "model")!r}, compile=False)

st.title("Durian classifier")
model = load_model()
file = st.file_uploader("Upload a photo", type=["jpg", "jpeg", "png"])
if file is not None:
    image = Image.open(file)
    st.image(image)
    batch = np.asarray(image.convert("RGB").resize(({SIZE}, {SIZE})))[None]
    scores = model.predict(batch)[0]
    st.success(f"{{LABELS[scores.argmax()]}} ({{scores.max():.0%}})")
"""
RUN_STREAMLIT = """
import os, sys
port = os.environ["GRADIO_SERVER_PORT"]
options = ["--server.address=127.0.0.1", "--server.headless=true", "--server.fileWatcherType=none"]
options += ["--browser.gatherUsageStats=false", f"--server.port={port}"]
command = [sys.executable, "-m", "streamlit", "run", "page.py", *options]
os.execv(sys.executable, command)
"""


def row(name: str, unit: str, ours: list[float], peer: list[float] | None = None) -> None:
    """Print a line: median and quartiles of both, and the ratio of the medians."""
    cells = [name, _spread(ours, unit)]
    if peer is not None:
        cells += [
            _spread(peer, unit),
            f"{statistics.median(ours) / statistics.median(peer):.2f}",
        ]
    print("| " + " | ".join(cells + ["–"] * (4 - len(cells))) + " |", flush=True)


def _spread(values: list[float], unit: str) -> str:
    middle = statistics.median(values)
    digits = 0 if middle >= 100 else 1 if middle >= 10 else 2
    if len(values) < 3:
        return f"{middle:.{digits}f} {unit}"
    low, _, high = statistics.quantiles(values, n=4)
    return f"{middle:.{digits}f} {unit} ({low:.{digits}f}–{high:.{digits}f})"


def take_turns(
    runs: dict[str, Callable[[], object]], rounds: int, factor: float = 1e3
) -> dict[str, list[float]]:
    """Return how long each run took in each round: seconds × `factor`.

    The order changes from round to round, since threads that wait busily slow down who comes next.
    """
    rng = random.Random(0)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in rng.sample(list(runs.items()), len(runs)):
            begin = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - begin) * factor)
    return times


def library() -> None:
    """One photo and eight through the network, all from arrays, beside other ways to run it."""
    import keras
    import tensorflow as tf

    from durian.classifier import DurianClassifier
    from durian.photo import to_array

    ours = DurianClassifier.load()
    model = keras.saving.load_model(ROOT / "model", compile=False)
    function = tf.function(
        lambda photos: model(photos, training=False),
        input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8)],
    )
    photos = [open_photo(path) for path in EXAMPLES]
    arrays = np.stack([to_array(photo, model.input_shape[1]) for photo in photos])
    usual = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _as_it_comes)
    peers = {
        "`model.predict`": lambda batch: usual.submit(_usual_predict, len(batch)).result(),
        "`model.predict` with our setting": lambda batch: model.predict(batch, verbose=0),
        "eager `model(x)`": lambda batch: model(batch, training=False).numpy(),
        "`tf.function`": lambda batch: function(tf.constant(batch)).numpy(),
    }
    peers |= _other_engines(function)
    expected = peers["eager `model(x)`"](arrays)
    got = np.array([list(answer.values()) for answer in ours.predict_batch(photos)])
    difference = float(np.abs(expected - got).max())
    print(f"| greatest difference from eager Keras | {difference:.0e} | – | – |")
    for count in (1, 8):
        batch = arrays[:count]
        runs = {"ours": lambda batch=batch: ours._run(batch)}
        runs |= {
            name: lambda run=run, batch=batch: np.asarray(run(batch)) for name, run in peers.items()
        }
        take_turns(runs, 2)  # warm up
        times = take_turns(runs, ROUNDS)
        for name in peers:
            row(
                f"{count} photo{'s' * (count > 1)}, against {name}",
                "ms an image",
                [value / count for value in times["ours"]],
                [value / count for value in times[name]],
            )
    usual.shutdown()


def _as_it_comes() -> None:
    os.environ[SETTING] = "0"  # TensorFlow's default


@cache
def _usual_model() -> tuple[keras.Model, np.ndarray]:
    import keras

    from durian.photo import to_array

    model = keras.saving.load_model(ROOT / "model", compile=False)
    size = model.input_shape[1]
    return model, np.stack([to_array(open_photo(path), size) for path in EXAMPLES])


def _usual_predict(count: int) -> np.ndarray:
    """Return what `model.predict` says of the first samples, in a process as people start one."""
    model, arrays = _usual_model()
    return model.predict(arrays[:count], verbose=0)


def _other_engines(function) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return the same network in OpenVINO and in ONNX Runtime."""
    import onnxruntime
    import openvino
    import tf2onnx
    from tensorflow.python.framework import convert_to_constants

    frozen = convert_to_constants.convert_variables_to_constants_v2(
        function.get_concrete_function()
    )
    network, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(),
        input_names=[frozen.inputs[0].name],
        output_names=[frozen.outputs[0].name],
        opset=18,
    )
    network = network.SerializeToString()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    vino = openvino.Core()
    vino = vino.compile_model(vino.read_model(network, b""), "CPU", settings)
    onnx = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    photo = onnx.get_inputs()[0].name
    return {
        "OpenVINO f32": lambda batch: vino(batch)[0],
        "ONNX Runtime": lambda batch: onnx.run(None, {photo: batch})[0],
    }


def decoding() -> None:
    """A phone's photo from bytes to the network's array, against plain Pillow."""
    import pillow_heif

    from durian.photo import to_array

    pillow_heif.register_heif_opener()
    large = Image.open(EXAMPLES[0]).convert("RGB").resize((4032, 3024))
    for form in ("JPEG", "HEIF"):
        target = io.BytesIO()
        large.save(target, form, quality=85)
        data = target.getvalue()
        times = take_turns(
            {
                "ours": lambda data=data: to_array(open_photo(data), SIZE),
                "Pillow": lambda data=data: np.asarray(
                    Image.open(io.BytesIO(data)).convert("RGB").resize((SIZE, SIZE))
                ),
            },
            5,
        )
        name = {"JPEG": "JPEG", "HEIF": "HEIC"}[form]
        row(f"decode a 12 MP {name}, against Pillow", "ms", times["ours"], times["Pillow"])


def start() -> None:
    """From nothing to the page and to the first answer, beside the imports that it takes."""
    photo = EXAMPLES[0].read_bytes()

    def importing(*modules: str) -> None:
        subprocess.run([sys.executable, "-c", f"import {', '.join(modules)}"], check=True)

    pages, answers = [], []

    def page_and_answer() -> None:
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            with running_app(Path(folder, "log")) as app:
                pages.append(time.perf_counter() - begin)
                Api(app.url).ask(photo)
                answers.append(time.perf_counter() - begin)

    imports = take_turns(
        {
            "gradio": lambda: importing("gradio"),
            "ours": page_and_answer,
            "both": lambda: importing("tensorflow", "gradio"),
        },
        STARTS,
        factor=1,
    )
    row("start to page, against `import gradio`", "s", pages, imports["gradio"])
    name = "start to first answer, against `import tensorflow, gradio`"
    row(name, "s", answers, imports["both"])


def browser() -> None:
    """From choosing a photo to reading the answer, in Chromium, beside the tutorial's page."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        running_app(Path(scratch, "log")) as ours,
        running_peer(
            Path(scratch, "peer"), **{"app.py": RUN_STREAMLIT, "page.py": STREAMLIT}
        ) as peer,
        running_chromium() as chromium,
    ):
        answers = {ours.url: "#answer .confidence-set", peer.url: "[data-testid=stAlert]"}
        times: dict[str, list[float]] = {url: [] for url in answers}
        for visit in range(VISITS + 1):
            for url, answer in answers.items():
                page = chromium.new_page()
                page.goto(url)
                chooser = page.locator("input[type=file]").first
                chooser.wait_for(state="attached", timeout=120_000)
                page.wait_for_load_state("networkidle")
                begin = time.perf_counter()
                chooser.set_input_files(EXAMPLES[visit % len(EXAMPLES)])
                page.locator(answer).first.wait_for(timeout=120_000)
                times[url].append((time.perf_counter() - begin) * 1e3)
                page.close()
    name = "a photo in a browser, against the tutorial's Streamlit page"
    row(name, "ms", times[ours.url][1:], times[peer.url][1:])  # the first ones loaded the model


def phone() -> None:
    """From choosing a photo of 12 megapixels to reading the answer, over three networks."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        running_app(Path(scratch, "log")) as ours,
        running_peer(Path(scratch, "peer"), **{"app.py": MINIMAL}) as peer,
        running_chromium() as chromium,
    ):
        photo = Path(scratch, "IMG_2034.jpg")  # in a file: Playwright takes a second for bytes
        photo.write_bytes(phone_photo())
        for app in (ours, peer):
            _visit(chromium, app.url, photo, None)  # the model has loaded
        for network, speed in UPLOADS.items():
            times: dict[str, list[float]] = {ours.url: [], peer.url: []}
            for _ in range(PHONE_VISITS):
                for url in times:
                    times[url].append(_visit(chromium, url, photo, speed))
            name = f"a photo of {photo.stat().st_size / MB:.1f} MB, {network} up"
            row(f"{name}, against a minimal `Interface`", "s", *times.values())


def _visit(chromium: Browser, url: str, photo: Path, speed: float | None) -> float:
    """Return the seconds from choosing a photo to its answer; speed: bits a second."""
    page = chromium.new_page()
    page.goto(url)
    button = page.locator("button:has(input[type=file])").first
    button.wait_for(timeout=120_000)
    page.wait_for_load_state("networkidle")
    if speed:
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        limits = {"uploadThroughput": speed / 8, "downloadThroughput": speed / 4}
        limits |= {"offline": False, "latency": LATENCY}
        network.send("Network.emulateNetworkConditions", limits)
    with page.expect_file_chooser() as chooser:
        button.click()
    page.wait_for_timeout(1000)  # while the person looks for the photo
    begin = time.perf_counter()
    chooser.value.set_files(photo)
    submit = page.get_by_role("button", name="Submit")
    if submit.count():  # the minimal page waits for a click
        page.locator("img[src*='/file=']").first.wait_for(timeout=120_000)
        submit.click()
    page.locator(".confidence-set").first.wait_for(timeout=120_000)
    seconds = time.perf_counter() - begin
    page.close()
    return seconds


def clients() -> None:
    """Whole requests, upload included, from 1, 8 and 32 clients, and what memory they take."""
    from gradio_client import Client, handle_file

    with (
        tempfile.TemporaryDirectory() as scratch,
        running_app(Path(scratch, "log")) as ours,
        running_peer(Path(scratch, "peer"), **{"app.py": MINIMAL}) as peer,
    ):
        apps = {"ours": ours, "peer": peer}
        visitors = {name: Client(app.url, verbose=False) for name, app in apps.items()}
        runs = {
            name: lambda visitor=visitor: visitor.predict(
                handle_file(EXAMPLES[0]), api_name="/predict"
            )
            for name, visitor in visitors.items()
        }
        take_turns(runs, 2)  # the model has loaded
        idle = {name: _resident(app) for name, app in apps.items()}
        times = take_turns(runs, ROUNDS)
        name = "a request by `gradio_client`, against a minimal `Interface`"
        row(name, "ms", times["ours"], times["peer"])
        sleep = time.sleep
        with patch("gradio_client.utils.time.sleep", lambda seconds: sleep(seconds / 50)):
            times = take_turns(runs, ROUNDS)  # it looks for an answer every 50 ms
        row("… if it looked for an answer every millisecond", "ms", times["ours"], times["peer"])
        for count in CLIENTS:
            waits: dict[str, list[float]] = {name: [] for name in apps}
            rates: dict[str, list[float]] = {name: [] for name in apps}
            for _ in range(TURNS):
                for name, app in apps.items():
                    begin = time.perf_counter()
                    times = _load(app, count)
                    rates[name].append(len(times) / (time.perf_counter() - begin))
                    waits[name] += times
            label = f"{count} client{'s' * (count > 1)}"
            late = {name: [float(np.percentile(wait, 95))] for name, wait in waits.items()}
            row(f"{label}, a request", "ms", waits["ours"], waits["peer"])
            row(f"{label}, p95", "ms", late["ours"], late["peer"])
            row(f"{label}, our p95 against the peer's median", "ms", late["ours"], waits["peer"])
            row(f"{label}, requests a second", "", rates["ours"], rates["peer"])
        after = {name: _resident(app) for name, app in apps.items()}
        row("resident memory, idle", "MB", [idle["ours"][0]], [idle["peer"][0]])
        row("resident memory, after load", "MB", [after["ours"][0]], [after["peer"][0]])
        row("resident memory, peak", "MB", [after["ours"][1]], [after["peer"][1]])


@contextmanager
def running_peer(folder: Path, **scripts: str) -> Iterator[App]:
    """Start another app, of these files, as ours is started, with TensorFlow as it comes."""
    folder.mkdir()
    for name, text in scripts.items():
        (folder / name).write_text(text)
    environment = {SETTING: "0", "PYTHONPATH": str(ROOT)}
    with running_app(folder / "log", cwd=folder, **environment) as app:
        yield app


def _load(app: App, count: int) -> list[float]:
    """Return the milliseconds that each request of `count` clients took during one turn."""
    ready = threading.Barrier(count)

    def visit(number: int) -> list[float]:
        photo, api = EXAMPLES[number % len(EXAMPLES)].read_bytes(), Api(app.url)
        ready.wait()
        times = []
        until = time.perf_counter() + TURN
        while not times or time.perf_counter() < until:
            begin = time.perf_counter()
            api.ask(photo)
            times.append((time.perf_counter() - begin) * 1e3)
        return times

    with ThreadPoolExecutor(count) as pool:
        return [value for times in pool.map(visit, range(count)) for value in times]


def _resident(app: App) -> tuple[float, float]:
    """Return what an app holds in memory, and the most that it ever held, in MB."""
    lines = Path(f"/proc/{app.process.pid}/status").read_text().splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 / MB for line in lines if "kB" in line}
    return sizes["VmRSS"], sizes["VmHWM"]


def disk() -> None:
    """What a fresh install and the weights take."""
    weights = (ROOT / "model" / "model.weights.h5").stat().st_size
    row("weights on disk", "MB", [weights / MB])
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "site")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", target]
        subprocess.run(
            [*pip, "-r", ROOT / "requirements.txt"], check=True, stderr=subprocess.DEVNULL
        )
        total = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    row("a fresh install of requirements.txt", "MB", [total / MB])


SECTIONS = {run.__name__: run for run in (library, decoding, start, browser, phone, clients, disk)}

if __name__ == "__main__":
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("gradio", "keras"))
    cpu = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    print(f"{cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}\n")
    print("| | ours | peer | ratio |\n|---|---|---|---|", flush=True)
    for section in sys.argv[1:] or SECTIONS:
        SECTIONS[section]()
