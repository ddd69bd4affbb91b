"""Measures the speed and size of this project beside its peers: prints one table.

    python tests/bench.py [SECTION …]       of: library, decoding, start, clients, disk

Peers take turns with us, round by round, so that what else the machine does meets all of them. Its
requirements are in bench-requirements.txt; a row whose peer is not installed says so.
"""

from __future__ import annotations

import io
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
from conftest import EXAMPLES, ROOT, App, running_app
from PIL import Image

from durian import open_photo

ROUNDS = 10
STARTS = 3  # of whole processes
CLIENTS = (1, 8, 32)
SECONDS = 12  # of load from each number of clients
MB = 1e6

# The tutorial's way, around the same weights and with as little else as Gradio allows.
MINIMAL = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import gradio as gr
import keras
import numpy as np
from durian.breeds import LABELS

model = keras.saving.load_model({str(ROOT / "model")!r}, compile=False)

def predict(image):
    batch = np.asarray(image.resize((224, 224)))[None]
    return dict(zip(LABELS, map(float, model.predict(batch, verbose=0)[0])))

label = gr.Label(num_top_classes=4)
gr.Interface(predict, gr.Image(type="pil"), label, api_name="predict").launch()
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
    """Return how long each run took in each round: seconds × `factor`."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
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
    peers = {
        "`model.predict`": lambda batch: model.predict(batch, verbose=0),
        "eager `model(x)`": lambda batch: model(batch, training=False).numpy(),
        "`tf.function`": lambda batch: function(tf.constant(batch)).numpy(),
    }
    try:
        peers["OpenVINO f32"] = _openvino(model)
    except ImportError as error:
        print(f"| OpenVINO: not installed ({error.name}) | – | – | – |")
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


def _openvino(model) -> Callable[[np.ndarray], np.ndarray]:
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, format="tf_saved_model", verbose=False)
        graph = openvino.convert_model(folder)
        settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        compiled = openvino.compile_model(graph, "CPU", settings)
    return lambda batch: compiled(batch.astype("float32"))[0]


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
                "ours": lambda data=data: to_array(open_photo(data), 224),
                "Pillow": lambda data=data: np.asarray(
                    Image.open(io.BytesIO(data)).convert("RGB").resize((224, 224))
                ),
            },
            5,
        )
        name = {"JPEG": "JPEG", "HEIF": "HEIC"}[form]
        row(f"decode a 12 MP {name}, against Pillow", "ms", times["ours"], times["Pillow"])


def start() -> None:
    """From nothing to the page and to the first answer, beside the imports that it takes."""
    from gradio_client import Client, handle_file

    def page_and_answer() -> tuple[float, float]:
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            with running_app(Path(folder, "log")) as app:
                page = time.perf_counter() - begin
                client = Client(app.url, verbose=False)
                client.predict(handle_file(EXAMPLES[0]), api_name="/predict")
                return page, time.perf_counter() - begin

    def importing(*modules: str) -> None:
        subprocess.run([sys.executable, "-c", f"import {', '.join(modules)}"], check=True)

    times: dict[str, list[float]] = {"page": [], "answer": []}
    imports: dict[str, list[float]] = {}
    for _ in range(STARTS):
        page, answer = page_and_answer()
        times["page"].append(page)
        times["answer"].append(answer)
        runs = {
            "gradio": lambda: importing("gradio"),
            "both": lambda: importing("tensorflow", "gradio"),
        }
        for name, seconds in take_turns(runs, 1, factor=1).items():
            imports.setdefault(name, []).extend(seconds)
    row("start to page, against `import gradio`", "s", times["page"], imports["gradio"])
    name = "start to first answer, against `import tensorflow, gradio`"
    row(name, "s", times["answer"], imports["both"])


def clients() -> None:
    """Whole requests through gradio_client, 1, 8 and 32 at a time, and what memory they take."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "minimal")
        folder.mkdir()
        (folder / "app.py").write_text(MINIMAL)
        with (
            running_app(Path(scratch, "log")) as ours,
            running_app(folder / "log", cwd=folder) as peer,
        ):
            apps = {"ours": ours, "peer": peer}
            _load(ours, 1, 0)  # its model has loaded
            _load(peer, 1, 0)
            idle = {name: _resident(app) for name, app in apps.items()}
            for count in CLIENTS:
                waits: dict[str, list[float]] = {}
                rates: dict[str, list[float]] = {}
                for _ in range(3):  # in turns
                    for name, app in apps.items():
                        begin = time.perf_counter()
                        times = _load(app, count, SECONDS / 3)
                        rate = len(times) / (time.perf_counter() - begin)
                        waits.setdefault(name, []).extend(times)
                        rates.setdefault(name, []).append(rate)
                label = f"{count} client{'s' * (count > 1)}"
                row(f"{label}, a request", "ms", waits["ours"], waits["peer"])
                late = {name: [float(np.percentile(times, 95))] for name, times in waits.items()}
                row(f"{label}, p95", "ms", late["ours"], late["peer"])
                row(f"{label}, throughput", "/s", rates["ours"], rates["peer"])
            row("resident memory, idle", "MB", [idle["ours"][0]], [idle["peer"][0]])
            after = {name: _resident(app) for name, app in apps.items()}
            row("resident memory, after load", "MB", [after["ours"][0]], [after["peer"][0]])
            row("its peak since the start", "MB", [after["ours"][1]], [after["peer"][1]])


def _load(app: App, count: int, seconds: float) -> list[float]:
    """Return the milliseconds that each request of `count` clients took, upload included."""
    from gradio_client import Client, handle_file

    ready = threading.Barrier(count)

    def visit(number: int) -> list[float]:
        client = Client(app.url, verbose=False)
        ready.wait()
        times = []
        until = time.perf_counter() + seconds
        while not times or time.perf_counter() < until:
            begin = time.perf_counter()
            client.predict(handle_file(EXAMPLES[number % len(EXAMPLES)]), api_name="/predict")
            times.append((time.perf_counter() - begin) * 1e3)
        return times

    with ThreadPoolExecutor(count) as pool:
        return [value for times in pool.map(visit, range(count)) for value in times]


def _resident(app: App) -> tuple[float, float]:
    lines = Path(f"/proc/{app.process.pid}/status").read_text().splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 / MB for line in lines if "kB" in line}
    return sizes["VmRSS"], sizes["VmHWM"]


def disk() -> None:
    """What a fresh install and the weights take."""
    weights = (ROOT / "model" / "model.weights.h5").stat().st_size
    row("weights on disk", "MB", [weights / MB])
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "site")
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--target",
                target,
                "-r",
                ROOT / "requirements.txt",
            ],
            check=True,
        )
        total = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    row("a fresh install of requirements.txt", "MB", [total / MB])


SECTIONS = {run.__name__: run for run in (library, decoding, start, clients, disk)}

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
