"""Links to photographs: public ones are followed, private addresses never visited."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest
import safehttpx

from durian import PhotoError, limits
from durian.web import guard

from . import corpus
from .api import FILE, PREFIX, Api, raw
from .running import App

OURS = {*corpus.SENTENCES, guard.NOT_FETCHED}


def in_a_loop(coroutine: Coroutine) -> object:
    """Run a coroutine in a thread of its own: Playwright keeps a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


@dataclass
class Listener:
    """A server on loopback, and the paths that it was asked for."""

    port: int
    visits: list[str] = field(default_factory=list)


@contextmanager
def listening(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[Listener]:
    """Listen on loopback; note every request, then answer it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            listener.visits.append(self.path)
            answer(self)

        do_HEAD = do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener = Listener(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()


def serve_photo(request: BaseHTTPRequestHandler) -> None:
    """Answer with a photograph."""
    request.send_response(200)
    request.send_header("Content-Length", str(len(corpus.GOOD)))
    request.end_headers()
    request.wfile.write(corpus.GOOD)


SPELLINGS = [
    "127.0.0.1", "localhost", "LOCALHOST", "localhost.", "127.1", "127.0.1", "2130706433",
    "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "0.0.0.0", "0", "[::1]", "[::]",
    "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
    "127.0.0.1%2f@example.com", "example.com@127.0.0.1", "127.0.0.1#@example.com",
    "①②⑦.⓪.⓪.①", "127。0。0。1",
]  # fmt: skip


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_loopback_is_visited(host: str, api: Api, app: App) -> None:
    with listening(serve_photo) as listener:
        for scheme in ("http", "HTTP", "https"):
            link = f"{scheme}://{host}:{listener.port}/photo.jpg"
            for payload in ({"path": link}, {"url": link}, {"path": link, "url": link}):
                assert api.refusal(payload | {"meta": FILE}) in OURS
            for route in ("/file=", "/file/", "/proxy="):
                target = PREFIX + route + link
                for method in ("GET", "HEAD"):
                    status, told = raw(app, method, quote(target, safe="/:=%@#[]"))
                    assert 400 <= status < 500, told
        assert not listener.visits


@pytest.mark.parametrize(
    "link",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/latest/meta-data/",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://2852039166/latest/meta-data/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://10.0.0.1/photo.jpg",
        "http://192.168.0.1/photo.jpg",
        "http://172.16.0.1/photo.jpg",
        "http://100.64.0.1/photo.jpg",
        "http://[fe80::1]/photo.jpg",
        "ftp://127.0.0.1/photo.jpg",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://",
        "http:///photo.jpg",
        "//127.0.0.1/photo.jpg",
    ],
)
def test_no_private_address_is_visited(link: str, api: Api) -> None:
    start = time.monotonic()
    assert api.refusal({"path": link, "meta": FILE}) in OURS
    assert api.refusal({"url": link, "meta": FILE}) in OURS
    assert time.monotonic() - start < 10


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make one host name count as public, and resolve to loopback, as no real one can here."""
    validate = safehttpx.async_validate_url

    async def validated(host: str) -> str:
        return "127.0.0.1" if host == "photos.example" else await validate(host)

    monkeypatch.setattr(safehttpx, "async_validate_url", validated)


def fetched(listener: Listener) -> bytes:
    """Return what following a link to the listener under its public name gives."""
    return in_a_loop(guard.fetch(f"http://photos.example:{listener.port}/photo.jpg"))


@pytest.mark.usefixtures("public")
def test_a_public_link_is_followed() -> None:
    with listening(serve_photo) as listener:
        assert fetched(listener) == corpus.GOOD


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "169.254.169.254"]
)
def test_a_redirect_to_a_private_address_is_not_followed(host: str) -> None:
    def redirect(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", f"http://{host}:{inside.port}/photo.jpg")
        request.send_header("Content-Length", "0")
        request.end_headers()

    with listening(serve_photo) as inside, listening(redirect) as outside:
        with pytest.raises(PhotoError, match=guard.NOT_FETCHED):
            fetched(outside)
        assert outside.visits and not inside.visits


@pytest.mark.usefixtures("public")
def test_a_link_that_never_ends_is_given_up() -> None:
    def forever(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while True:
                request.wfile.write(bytes(2**20))
        except OSError:
            pass

    def again(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", "/again")
        request.send_header("Content-Length", "0")
        request.end_headers()

    with listening(forever) as listener, pytest.raises(PhotoError, match=limits.TOO_HEAVY):
        fetched(listener)
    with listening(again) as listener:
        with pytest.raises(PhotoError, match=guard.NOT_FETCHED):
            fetched(listener)
        assert len(listener.visits) <= guard.MAX_REDIRECTS
