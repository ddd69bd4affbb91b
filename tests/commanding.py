"""Runs the command as a person does: in a pipe, or on a terminal."""

import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .running import ROOT

COMMAND = [sys.executable, "-m", "durian"]
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", **os.environ, "PYTHONPATH": str(ROOT)}


def piped(*arguments: object, cwd: Path = ROOT, given: bytes = b"") -> subprocess.CompletedProcess:
    """Run the command with `given` on standard input; keep the bytes that it prints."""
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=ENVIRONMENT, input=given, capture_output=True)


@contextmanager
def started(*arguments: object) -> Iterator[subprocess.Popen]:
    """Start the command with pipes all around; kill it in the end."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = [*COMMAND, *map(str, arguments)]

    def hear_ctrl_c() -> None:  # a shell's background jobs ignore it, and these tests may be one
        signal.signal(signal.SIGINT, signal.default_int_handler)

    with subprocess.Popen(command, env=ENVIRONMENT, preexec_fn=hear_ctrl_c, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def on_terminal(*arguments: object) -> tuple[int, str]:
    """Run the command on a terminal; return its exit status and what came on the screen."""
    screen, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    command = [*COMMAND, *map(str, arguments)]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal)
    with subprocess.Popen(command, env=ENVIRONMENT, **streams) as process:
        os.close(terminal)
        seen = b""
        while True:
            try:
                data = os.read(screen, 4096)
            except OSError:  # how Linux says that nobody writes any more
                break
            if not data:
                break
            seen += data
    os.close(screen)
    return process.returncode, seen.decode()
