"""Asks for the weights in a process of its own, as any program does."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .running import ROOT

# Notes every use of the network.
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
class Outcome:
    """What asking for the weights led to."""

    said: str  # the weights' path, or a sentence
    seconds: float
    log: str


def ask(
    cache: Path, project: Path = ROOT, patience: float | None = None, **environment: str
) -> Outcome:
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
    return Outcome("\n".join(said), float(seconds), done.stderr)
