"""Finds the weights: on the Hugging Face Hub, or in `model/` when the Hub does not serve them.

Whatever the source, their SHA-256 must be the one in this project's own `model/durian.json`.
"""

import hashlib
import json
import logging
import os
import threading
from contextlib import suppress
from pathlib import Path

REPO = os.environ.get("DURIAN_MODEL_REPO", "durian-breeds/durian-xception")
REVISION = os.environ.get("DURIAN_MODEL_REVISION", "main")
WEIGHTS = "model.weights.h5"
CONFIG = "durian.json"  # what the running app reads
MEASUREMENTS = "measurements.json"  # what the card and the README are written from
_INSTALLED = Path(__file__).with_name("model")  # `pip install` puts it inside the package
BUNDLE = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parent.parent / "model"
PATIENCE = 3.5  # seconds that the Hub gets before bundled weights are used instead
LAST_RESORT = 600.0  # seconds that it gets where there are none

NO_CONFIG = (
    f"model/{CONFIG} is missing or damaged: get a fresh copy of this project, and start again."
)
NO_WEIGHTS = (
    "The model could not be loaded: check the connection to huggingface.co and the disk, or put"
    f" this project's own {WEIGHTS} into its model folder, and start again."
)

log = logging.getLogger(__name__)


class ModelError(RuntimeError):
    """The model cannot be loaded; the message is one sentence that says what to do."""


def runtime_config() -> dict:
    """Return what a running app needs to know about its model: the weights' SHA-256, thresholds, …

    Raises ModelError, one sentence that says what to do, when it is missing or damaged.
    """
    with suppress(OSError, ValueError):
        config = json.loads((BUNDLE / CONFIG).read_text(encoding="utf-8"))
        if (
            isinstance(config, dict)
            and {"sha256", "thresholds", "kinds", "temperature"} <= config.keys()
        ):
            return config
    raise ModelError(NO_CONFIG)


def weights_path() -> Path:
    """Return a verified weights file: the Hub's, else the bundled one.

    Raises ModelError, one sentence that says what to do, when there is neither.
    """
    expected = runtime_config()["sha256"]
    bundled = BUNDLE / WEIGHTS
    if path := _download(expected, PATIENCE if bundled.is_file() else LAST_RESORT):
        log.info("Weights from the Hub (%s at %s)", REPO, REVISION)
        return path
    if bundled.is_file():
        if _is(bundled, expected):
            log.info("Weights from model/")
            return bundled
        log.warning("The weights in model/ are not the expected ones and were not used")
    raise ModelError(NO_WEIGHTS)


def sha256(path: Path) -> str:
    """Return the file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is(path: Path, expected: str) -> bool:
    """Tell whether the file at `path` has the expected SHA-256."""
    with suppress(OSError):
        return sha256(path) == expected
    return False


def _download(expected: str, patience: float) -> Path | None:
    """Return the Hub's weights file, or None when it has not come after `patience` seconds.

    The wait is bounded from outside because the client retries for 23 s. A download that outlasts
    it goes on in the background and is in the cache at the next start.
    """
    found: list[Path] = []

    def fetch() -> None:
        try:
            found.append(_fetch(expected))
        except Exception as error:  # whatever a network, a disk and their client can raise
            reason = str(error).partition("\n")[0]
            log.info("The Hub cannot serve the weights: %s: %s", type(error).__name__, reason)

    thread = threading.Thread(target=fetch, name="hub", daemon=True)
    thread.start()
    thread.join(patience)
    return found[0] if found else None


def _fetch(expected: str) -> Path:
    """Return the weights from the Hub's cache, else from the Hub; raise where neither has them."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache  # here: it takes a while

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its retries are no news
    cached = try_to_load_from_cache(REPO, WEIGHTS, revision=REVISION)
    if isinstance(cached, str):  # a path
        path = Path(cached)
        if _is(path, expected):
            return path
        if path.resolve().name == expected:  # the cache names a file by its SHA-256: it is damaged
            path.resolve().unlink()
    # token=False: a stale one would close public repos, too
    path = Path(hf_hub_download(REPO, WEIGHTS, revision=REVISION, token=False))
    if not _is(path, expected):
        raise ModelError("they are not the expected ones")
    return path
