"""Runs the page as a process of its own: where it listens, and how it stops."""

import errno
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

FIRST_PORT, LAST_PORT = 7860, 7959
SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP")  # the last when its terminal is closed
PATIENCE = 7.0  # seconds for the answers under way; Docker kills after 10
CLOSING = 2  # seconds until connections that wait for no answer are closed

log = logging.getLogger(__name__)


def stop_on_signals() -> None:
    """Let signals raise SystemExit here, since a container's first process would ignore them.

    Signals that are ignored stay ignored, for nohup. Gradio's reload mode calls this again from a
    thread, where no signal arrives.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for name in SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: sys.exit())


def serve(page: "gr.Blocks", server_name: str | None, uploads: Path, **settings: Any) -> None:
    """Launch a page, and serve it until a signal arrives.

    Then give the answers under way and delete the uploads. Raises SystemExit, with a sentence, if
    the address cannot be used. Returns at once in Gradio's reload mode, which runs app.py again
    while it serves.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    port = free_port(server_name or os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"))
    try:
        page.launch(server_name=server_name, server_port=port, prevent_thread_lock=True, **settings)
        while True:
            time.sleep(60)  # `Blocks.block_thread` ends when the reload mode runs app.py again
    except (SystemExit, KeyboardInterrupt):
        finish(page)
        shutil.rmtree(uploads, ignore_errors=True)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # a thread that waits for the model would keep the process for longer


def wanted_port() -> int | None:
    """Return GRADIO_SERVER_PORT, or None where it is not set.

    Raises SystemExit, with a sentence, if it is no port; Gradio's import would give a traceback.
    """
    wanted = os.environ.get("GRADIO_SERVER_PORT")
    if wanted and not (wanted.isdecimal() and 0 < int(wanted) < 2**16):
        raise SystemExit("GRADIO_SERVER_PORT is no port: set it to a number from 1 to 65535.")
    return int(wanted) if wanted else None


def free_port(name: str) -> int:
    """Return GRADIO_SERVER_PORT or, if that is not set, the first free port from 7860 on.

    `name` is the server's. Raises SystemExit, with a sentence, if there is none.
    """
    wanted = wanted_port()
    for port in [wanted] if wanted else range(FIRST_PORT, LAST_PORT + 1):
        host = name.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            socket.create_server((host, port), family=family).close()
        except OSError as error:
            reason = error
            if error.errno != errno.EADDRINUSE:
                break
        else:
            if not wanted and port != FIRST_PORT:
                log.warning("Port %d is taken, so this app listens on %d.", FIRST_PORT, port)
            return port
    raise SystemExit(
        f"Cannot listen on {name}:{port} ({reason.strerror}): set GRADIO_SERVER_NAME and"
        " GRADIO_SERVER_PORT to another address."
    )


def finish(page: "gr.Blocks") -> None:
    """Give the answers under way, for PATIENCE seconds at most, and close the server.

    `Blocks.close` would end those answers with an error.
    """
    if not page.is_running:
        return
    queue = page._queue
    queue.max_size = 0  # new requests are told to try again
    end, idle = time.monotonic() + PATIENCE, 0
    while idle < 2 and time.monotonic() < end:  # twice, as an event may be on its way to a worker
        idle = 0 if len(queue) or queue.get_active_worker_count() else idle + 1
        time.sleep(0.05)
    page.server.config.timeout_graceful_shutdown = CLOSING
    page.server.should_exit = True
    page.server_app.stop_event.set()  # every open page holds a connection
    page.server.thread.join(CLOSING + 1)
