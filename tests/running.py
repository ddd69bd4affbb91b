"""The real app in a process of its own, and where the project's files are."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.jpg"))


@dataclass
class App:
    """A running `python app.py`, or whatever else serves the app."""

    url: str
    process: subprocess.Popen
    log: Path

    @property
    def uploads(self) -> Path:
        """The folder that it made for what visitors send, in a GRADIO_TEMP_DIR beside its log."""
        (folder,) = (self.log.parent / "gradio").resolve().glob("durian-*")
        return folder


def files(folder: Path) -> set[Path]:
    """Return the files below a folder."""
    return {path for path in folder.rglob("*") if path.is_file()}


def free_port() -> int:
    """Return a TCP port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_app(
    log: Path,
    cwd: Path = ROOT,
    command: Sequence[str | Path] = (sys.executable, "app.py"),
    **environment: str,
) -> Iterator[App]:
    """Start the app on loopback, without a Hub unless told; stop it and its children at the end."""
    port = free_port()
    env = {
        "HF_HUB_OFFLINE": "1",
        **os.environ,
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(log.parent / "gradio"),
        **environment,
    }
    url = f"http://{env['GRADIO_SERVER_NAME']}:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        for _ in range(1800):
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError(f"the app stopped:\n{log.read_text()}") from None
                time.sleep(0.1)
        else:
            raise RuntimeError(f"the app did not serve within three minutes:\n{log.read_text()}")
        yield App(url, process, log)
    finally:
        stop(process)


def stop(process: subprocess.Popen) -> None:
    """Stop a process that began a session, and what it started; kill what does not stop."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(20)
