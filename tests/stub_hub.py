"""A Hub on loopback that refuses, stalls or sends something else."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

from durian import hub

WEIGHTS = hub.BUNDLE / hub.WEIGHTS
SHA256 = hub.runtime_config()["sha256"]
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


class Handler(BaseHTTPRequestHandler):
    """Has the fault that the path begins with: `/drip/<repo>/resolve/<revision>/<file>`."""

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
class Stub:
    """A running stub: where it listens, and what it was asked."""

    url: str
    seen: list[tuple[str, str, str | None]]

    def asked(self, case: str) -> list[tuple[str, str | None]]:
        """Return the file paths asked for in a case, each with the token that came with it."""
        return [(path, token) for name, path, token in self.seen if name == case]


@contextmanager
def running_stub() -> Iterator[Stub]:
    """Start the Hub with faults."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.seen, server.over = [], Event()
        Thread(target=server.serve_forever, daemon=True).start()
        yield Stub(f"http://127.0.0.1:{server.server_port}", server.seen)
        server.over.set()
        server.shutdown()
