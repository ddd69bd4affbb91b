"""Where the weights come from: the Hugging Face Hub, or `model/` when the Hub cannot serve them.

Whatever the source, their SHA-256 must be the one in this project's own `model/durian.json`.
"""

import hashlib
import json
import logging
import os
import threading
from pathlib import Path

REPO = os.environ.get("DURIAN_MODEL_REPO", "durian-breeds/durian-xception")
REVISION = os.environ.get("DURIAN_MODEL_REVISION", "main")
WEIGHTS = "model.weights.h5"
BUNDLE = Path(__file__).parent.parent / "model"
PATIENCE = 5.0  # seconds that the Hub gets before bundled weights are used instead

log = logging.getLogger(__name__)


class WeightsError(RuntimeError):
    """No weights can be had that are the ones this project was measured with."""


def facts() -> dict:
    """Return what the project says of its model: class names, weights' SHA-256, metrics, …"""
    return json.loads((BUNDLE / "durian.json").read_text(encoding="utf-8"))


def weights_path() -> Path:
    """Return a verified weights file: the Hub's, else the bundled one.

    Raises WeightsError, one sentence that says what to do, when neither is to be had.
    """
    bundled = BUNDLE / WEIGHTS
    expected = facts()["sha256"]
    downloaded = _download(PATIENCE if bundled.exists() else None)
    for path, source in ((downloaded, f"the Hub ({REPO} at {REVISION})"), (bundled, "model/")):
        if path is None or not path.exists():
            continue
        if sha256(path) == expected:
            log.info("Weights from %s", source)
            return path
        log.warning("The weights from %s are not the expected ones and were not used", source)
    raise WeightsError(
        "The model could not be loaded: check the connection to huggingface.co, or put the"
        " project's own model.weights.h5 into its model folder, and start again."
    )


def sha256(path: Path) -> str:
    """Return the file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(patience: float | None) -> Path | None:
    """Return the Hub's weights file, or None when it has not come after `patience` seconds.

    The wait is bounded from outside because the client retries for 23 s. A download that outlasts
    it goes on in the background and is in the cache at the next start.
    """
    found: list[Path] = []

    def fetch() -> None:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError

        try:  # token=False: a stale token makes the Hub refuse even public files
            found.append(Path(hf_hub_download(REPO, WEIGHTS, revision=REVISION, token=False)))
        except (HfHubHTTPError, OSError, ValueError) as error:
            log.info("The Hub cannot serve the weights: %s", type(error).__name__)

    thread = threading.Thread(target=fetch, name="hub", daemon=True)
    thread.start()
    thread.join(patience)
    return found[0] if found else None
