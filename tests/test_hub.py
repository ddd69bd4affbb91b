"""Verified weights come within seconds, from the Hub or from `model/`, whatever the Hub does.

olah serves a git repository on loopback to the real client. A stub stands for a Hub that refuses,
stalls or sends something else.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from durian import DurianClassifier, hub, open_photo
from durian.network import INPUT_SIZE
from durian.photo import to_array

from .asking import Outcome, ask
from .documents import readme_block
from .olah import Hub
from .running import EXAMPLES, ROOT, free_port
from .stub_hub import REFUSALS, SHA256, WEIGHTS, Stub, running_stub

LIMIT = 15.0  # seconds until the bundled weights are there, on a busy machine; 3.5 on an idle one


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as a Space has it: without the weights."""
    project = tmp_path_factory.mktemp("bare")
    shutil.copytree(ROOT / "durian", project / "durian")
    (project / "model").mkdir()
    shutil.copy(hub.BUNDLE / hub.CONFIG, project / "model")
    return project


# --- faults -------------------------------------------------------------------------------------

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
FAULTS_OF_A_SPACE = ("404 repo", "503", "refused", "silent", "wrong bytes", "corrupt cache")


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    """A Hub with faults."""
    with running_stub() as hub_with_faults:
        yield hub_with_faults


def damaged_cache(cache: Path) -> Path:
    """Fill a cache with weights that were damaged on disk."""
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


def ask_despite(fault: str, url: str, cache: Path, project: Path) -> Outcome:
    """Ask for the weights while the Hub, the network or the cache has a fault."""
    closed = f"http://127.0.0.1:{free_port()}"
    if fault == "corrupt cache":
        return ask(damaged_cache(cache), project, HF_ENDPOINT=closed)
    if fault == "read-only cache":
        return ask(read_only(cache), project, HF_ENDPOINT=f"{url}/good")
    endpoint = {"refused": closed, "no URL": "nonsense"}.get(fault, f"{url}/{fault}")
    return ask(cache, project, HF_ENDPOINT=endpoint.replace(" ", "%20"))


@pytest.fixture(scope="module")
def outcomes(
    stub: Stub, bare: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[str, Path], Future[Outcome]]]:
    """What each fault leads to, with bundled weights and without; three at a time, as most wait."""
    caches = tmp_path_factory.mktemp("caches")
    with ThreadPoolExecutor(3) as pool:
        yield {
            (fault, project): pool.submit(
                ask_despite, fault, stub.url, caches / f"{fault}-{project.name}", project
            )
            for project, faults in ((ROOT, FAULTS), (bare, FAULTS_OF_A_SPACE))
            for fault in faults
        }


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_ends_in_the_bundled_weights(fault: str, outcomes: dict):
    outcome = outcomes[fault, ROOT].result()
    assert outcome.said == str(WEIGHTS)
    assert outcome.seconds <= LIMIT, outcome
    assert outcome.log.count("Weights from") == 1
    assert "Weights from model/" in outcome.log
    assert "Traceback" not in outcome.log


@pytest.mark.parametrize("fault", FAULTS_OF_A_SPACE)
def test_fault_without_a_bundle_ends_in_a_sentence(fault: str, outcomes: dict, bare: Path):
    outcome = outcomes[fault, bare].result()
    assert outcome.said.startswith("The model could not be loaded: check the connection")
    assert len(outcome.said.splitlines()) == 1 and outcome.said.endswith("start again.")
    assert "Traceback" not in outcome.log


def test_a_damaged_cache_is_repaired(stub: Stub, bare: Path, tmp_path: Path):
    cache = damaged_cache(tmp_path / "cache")
    outcome = ask(cache, bare, patience=60, HF_ENDPOINT=f"{stub.url}/good")
    assert hub.sha256(Path(outcome.said)) == SHA256


def test_cached_weights_need_no_network(stub: Stub, bare: Path, tmp_path: Path):
    first = ask(tmp_path, bare, patience=60, HF_ENDPOINT=f"{stub.url}/good")
    assert "NETWORK" in first.log
    again = ask(tmp_path, bare, HF_ENDPOINT=f"{stub.url}/good")
    assert again.said == first.said
    assert "NETWORK" not in again.log


def test_offline_touches_no_network(stub: Stub, tmp_path: Path):
    outcome = ask(tmp_path, HF_ENDPOINT=f"{stub.url}/offline", HF_HUB_OFFLINE="1")
    assert outcome.said == str(WEIGHTS)
    assert "NETWORK" not in outcome.log
    assert not stub.asked("offline")


def test_stale_token_changes_nothing(stub: Stub, tmp_path: Path):
    outcome = ask(
        tmp_path, patience=60, HF_ENDPOINT=f"{stub.url}/stale%20token", HF_TOKEN="hf_expired"
    )
    assert "Weights from the Hub" in outcome.log
    assert {token for path, token in stub.asked("stale token") if "/resolve/" in path} == {None}


def test_repo_and_revision_come_from_the_environment(stub: Stub, tmp_path: Path):
    outcome = ask(
        tmp_path,
        patience=60,
        HF_ENDPOINT=f"{stub.url}/elsewhere",
        DURIAN_MODEL_REPO="someone/else",
        DURIAN_MODEL_REVISION="v1",
    )
    assert "Weights from the Hub (someone/else at v1)" in outcome.log
    assert any("/someone/else/resolve/v1/" in path for path, _ in stub.asked("elsewhere"))


def test_tampered_weights_are_refused(bare: Path, tmp_path: Path):
    project = shutil.copytree(bare, tmp_path / "project")
    weights = bytearray(WEIGHTS.read_bytes())
    weights[len(weights) // 2] ^= 1
    (project / "model" / hub.WEIGHTS).write_bytes(weights)
    outcome = ask(tmp_path / "cache", project, HF_HUB_OFFLINE="1")
    assert outcome.said.startswith("The model could not be loaded")
    assert "not the expected ones" in outcome.log


@pytest.mark.parametrize("damage", [None, "", "{", "[]", "{}"])
def test_a_damaged_configuration_is_refused(damage: str | None, bare: Path, tmp_path: Path):
    project = shutil.copytree(bare, tmp_path / "project")
    if damage is None:
        (project / "model" / hub.CONFIG).unlink()
    else:
        (project / "model" / hub.CONFIG).write_text(damage)
    outcome = ask(tmp_path / "cache", project, HF_HUB_OFFLINE="1")
    assert "fresh copy of this project" in outcome.said


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
