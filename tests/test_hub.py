"""Weights come from the Hub, verified, or from `model/`, in time, whatever the Hub does.

The Hub is real where it can be: olah serves a git repository on loopback to the real client. What
olah cannot do (refuse, stall, lie), a stub does.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from durian import DurianClassifier, hub, open_photo
from durian.network import INPUT_SIZE
from durian.photo import to_array

from .documents import readme_block
from .olah import Hub
from .running import EXAMPLES, ROOT, free_port

LIMIT = 15.0  # seconds until the bundled weights are there, on a busy machine; 3.5 on an idle one
WEIGHTS = hub.BUNDLE / hub.WEIGHTS
SHA256 = hub.runtime_config()["sha256"]

# What a person's program does, with every touch of the network noted.
ASK = """
import logging, sys, time
logging.basicConfig(level=logging.INFO, format="%(message)s")
sys.addaudithook(
    lambda event, _: event in ("socket.connect", "socket.getaddrinfo") and logging.info("NETWORK")
)
from durian import hub
hub.PATIENCE, hub.LAST_RESORT = eval(sys.argv[1]) or (hub.PATIENCE, 6.0)
started = time.monotonic()
try:
    print(hub.weights_path())
except hub.ModelError as error:
    print(error)
print(time.monotonic() - started)
"""


@dataclass
class Ending:
    """How asking for the weights ended."""

    said: str  # the weights' path, or a sentence
    seconds: float
    log: str


def ask(
    cache: Path, project: Path = ROOT, patience: float | None = None, **environment: str
) -> Ending:
    """Ask `project` for its weights in a process of its own."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
        "PYTHONPATH": str(project),
        "HF_HOME": str(cache),
        **environment,
    }
    waits = repr(patience and (patience, patience))
    done = subprocess.run(
        [sys.executable, "-c", ASK, waits],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    *said, seconds = done.stdout.splitlines()
    return Ending("\n".join(said), float(seconds), done.stderr)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as a Space has it: without the weights."""
    project = tmp_path_factory.mktemp("bare")
    shutil.copytree(ROOT / "durian", project / "durian")
    (project / "model").mkdir()
    shutil.copy(hub.BUNDLE / hub.CONFIG, project / "model")
    return project


# --- faults -------------------------------------------------------------------------------------

REFUSALS = {  # case: status and the Hub's own code for it
    "401": (401, ""),
    "403 gated": (403, "GatedRepo"),
    "404 repo": (404, "RepoNotFound"),
    "404 revision": (404, "RevisionNotFound"),
    "404 file": (404, "EntryNotFound"),
    "429": (429, ""),
    "500": (500, ""),
    "503": (503, ""),
}
FAULTS = (
    *REFUSALS,
    "refused",
    "silent",
    "drip",
    "truncated",
    "wrong bytes",
    "no URL",
    "corrupt cache",
    "read-only cache",
)


class Stub(BaseHTTPRequestHandler):
    """A Hub whose faults are named in the path: `/drip/<repo>/resolve/<revision>/<file>`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        case = self.path.split("/")[1].replace("%20", " ")
        self.server.seen.append((case, self.path, self.headers["Authorization"]))
        if "/resolve/" not in self.path:
            self.refuse(404, "")
        elif case in REFUSALS:
            self.refuse(*REFUSALS[case])
        elif case == "silent":
            self.server.over.wait()
            self.close_connection = True
        elif case == "stale token" and self.headers["Authorization"]:
            self.refuse(401, "")
        else:
            self.serve(case)

    do_HEAD = do_GET

    def refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("X-Error-Code", code)
        self.end_headers()

    def serve(self, case: str) -> None:
        data = WEIGHTS.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{SHA256}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.end_headers()
        if self.command == "HEAD":
            return
        if case == "wrong bytes":
            data = bytes(reversed(data))
        elif case == "truncated":
            data = data[: len(data) // 2]
            self.close_connection = True
        with suppress(OSError):  # the client has left
            if case == "drip":
                for byte in data[:1000]:
                    self.wfile.write(bytes([byte]))
                    if self.server.over.wait(0.1):
                        return
            self.wfile.write(data)

    def log_message(self, *_) -> None:
        pass


@dataclass
class Server:
    """A running stub: where it listens, and what it was asked."""

    url: str
    seen: list[tuple[str, str, str | None]]

    def asked(self, case: str) -> list[tuple[str, str | None]]:
        """Return the file paths asked for in a case, each with the token that came with it."""
        return [(path, token) for name, path, token in self.seen if name == case]


@pytest.fixture(scope="module")
def stub() -> Iterator[Server]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Stub) as server:
        server.daemon_threads = True
        server.seen, server.over = [], Event()
        Thread(target=server.serve_forever, daemon=True).start()
        yield Server(f"http://127.0.0.1:{server.server_port}", server.seen)
        server.over.set()
        server.shutdown()


def rotten(cache: Path) -> Path:
    """Fill a cache with weights that have rotted on disk."""
    repo = cache / "hub" / f"models--{hub.REPO.replace('/', '--')}"
    blob = repo / "blobs" / SHA256
    pointer = repo / "snapshots" / ("0" * 40) / hub.WEIGHTS
    for path in (blob, pointer, repo / "refs" / "main"):
        path.parent.mkdir(parents=True)
    blob.write_bytes(b"\0" * WEIGHTS.stat().st_size)
    pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    (repo / "refs" / "main").write_text("0" * 40)
    return cache


def read_only(cache: Path) -> Path:
    if os.geteuid() == 0:
        return Path("/sys/durian")  # where not even root can write
    cache.mkdir()
    cache.chmod(0o500)
    return cache


def meet(fault: str, url: str, cache: Path, project: Path) -> Ending:
    """Ask for the weights while the Hub, or what stands before it, has a fault."""
    closed = f"http://127.0.0.1:{free_port()}"
    if fault == "corrupt cache":
        return ask(rotten(cache), project, HF_ENDPOINT=closed)
    if fault == "read-only cache":
        return ask(read_only(cache), project, HF_ENDPOINT=f"{url}/good")
    endpoint = {"refused": closed, "no URL": "nonsense"}.get(fault, f"{url}/{fault}")
    return ask(cache, project, HF_ENDPOINT=endpoint.replace(" ", "%20"))


@pytest.fixture(scope="module")
def endings(
    stub: Server, bare: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[str, bool], Future[Ending]]]:
    """How each fault ends, with bundled weights and without; a few at a time, as most only wait."""
    caches = tmp_path_factory.mktemp("caches")
    with ThreadPoolExecutor(3) as pool:
        yield {
            (fault, bundled): pool.submit(
                meet, fault, stub.url, caches / f"{fault}-{bundled}", ROOT if bundled else bare
            )
            for bundled in (True, False)
            for fault in FAULTS
        }


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_ends_in_the_bundled_weights(fault: str, endings: dict):
    ending = endings[fault, True].result()
    assert ending.said == str(WEIGHTS)
    assert ending.seconds <= LIMIT, ending
    assert ending.log.count("Weights from") == 1
    assert "Weights from model/" in ending.log
    assert "Traceback" not in ending.log


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_without_a_bundle_ends_in_a_sentence(fault: str, endings: dict):
    ending = endings[fault, False].result()
    assert ending.said.startswith("The model could not be loaded: check the connection")
    assert len(ending.said.splitlines()) == 1 and ending.said.endswith("start again.")
    assert "Traceback" not in ending.log


def test_rotten_cache_is_mended(stub: Server, bare: Path, tmp_path: Path):
    cache = rotten(tmp_path / "cache")
    ending = ask(cache, bare, patience=60, HF_ENDPOINT=f"{stub.url}/good")
    assert hub.sha256(Path(ending.said)) == SHA256


def test_cached_weights_need_no_network(stub: Server, bare: Path, tmp_path: Path):
    first = ask(tmp_path, bare, patience=60, HF_ENDPOINT=f"{stub.url}/good")
    assert "NETWORK" in first.log
    again = ask(tmp_path, bare, HF_ENDPOINT=f"{stub.url}/good")
    assert again.said == first.said
    assert "NETWORK" not in again.log


def test_offline_touches_no_network(stub: Server, tmp_path: Path):
    ending = ask(tmp_path, HF_ENDPOINT=f"{stub.url}/offline", HF_HUB_OFFLINE="1")
    assert ending.said == str(WEIGHTS)
    assert "NETWORK" not in ending.log
    assert not stub.asked("offline")


def test_stale_token_changes_nothing(stub: Server, tmp_path: Path):
    ending = ask(
        tmp_path, patience=60, HF_ENDPOINT=f"{stub.url}/stale%20token", HF_TOKEN="hf_expired"
    )
    assert "Weights from the Hub" in ending.log
    assert {token for path, token in stub.asked("stale token") if "/resolve/" in path} == {None}


def test_repo_and_revision_come_from_the_environment(stub: Server, tmp_path: Path):
    ending = ask(
        tmp_path,
        patience=60,
        HF_ENDPOINT=f"{stub.url}/elsewhere",
        DURIAN_MODEL_REPO="someone/else",
        DURIAN_MODEL_REVISION="v1",
    )
    assert "Weights from the Hub (someone/else at v1)" in ending.log
    assert any("/someone/else/resolve/v1/" in path for path, _ in stub.asked("elsewhere"))


def test_tampered_weights_are_refused(bare: Path, tmp_path: Path):
    project = shutil.copytree(bare, tmp_path / "project")
    weights = bytearray(WEIGHTS.read_bytes())
    weights[len(weights) // 2] ^= 1
    (project / "model" / hub.WEIGHTS).write_bytes(weights)
    ending = ask(tmp_path / "cache", project, HF_HUB_OFFLINE="1")
    assert ending.said.startswith("The model could not be loaded")
    assert "not the expected ones" in ending.log


@pytest.mark.parametrize("damage", [None, "", "{", "[]", "{}"])
def test_a_damaged_configuration_is_refused(damage: str | None, bare: Path, tmp_path: Path):
    project = shutil.copytree(bare, tmp_path / "project")
    if damage is None:
        (project / "model" / hub.CONFIG).unlink()
    else:
        (project / "model" / hub.CONFIG).write_text(damage)
    ending = ask(tmp_path / "cache", project, HF_HUB_OFFLINE="1")
    assert "fresh copy of this project" in ending.said


# --- olah, a real Hub ---------------------------------------------------------------------------


@pytest.mark.parametrize("revision", ["branch", "commit"])
def test_weights_from_the_hub_cold_and_cached(revision: str, olah: Hub, bare: Path, tmp_path: Path):
    name = "main" if revision == "branch" else olah.commit
    asked = {"HF_ENDPOINT": olah.url, "DURIAN_MODEL_REVISION": name}
    cold = ask(tmp_path, bare, patience=60, **asked)
    assert Path(cold.said).is_relative_to(tmp_path) and olah.commit in cold.said
    assert f"Weights from the Hub ({hub.REPO} at {name})" in cold.log
    assert hub.sha256(Path(cold.said)) == SHA256
    cached = ask(tmp_path, bare, **asked)
    assert cached.said == cold.said
    assert "NETWORK" not in cached.log


def test_keras_alone_gives_the_same_answers(
    olah: Hub, classifier: DurianClassifier, tmp_path: Path
):
    photos = [open_photo(path) for path in EXAMPLES]
    np.save(tmp_path / "photos.npy", np.stack([to_array(photo, INPUT_SIZE) for photo in photos]))
    snippet = readme_block("python", "hf://") + (
        "import numpy\n"
        "photos = numpy.load('photos.npy')\n"
        "numpy.save('answers.npy', model.predict(photos, verbose=0))\n"
    )
    environment = {"HF_ENDPOINT": olah.url, "HF_HOME": str(tmp_path / "cache")}
    subprocess.run(
        [sys.executable, "-c", snippet],
        cwd=tmp_path,
        env=os.environ | environment,
        check=True,
        timeout=300,
    )
    ours = [list(answer.values()) for answer in classifier.predict_batch(photos)]
    np.testing.assert_allclose(np.load(tmp_path / "answers.npy"), ours, atol=1e-4)
