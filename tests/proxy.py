"""A reverse proxy on loopback that serves the app below a path, as nginx or Traefik does."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import httpx
import uvicorn
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse

from .running import free_port

HOP_BY_HOP = {b"connection", b"keep-alive", b"transfer-encoding"}


@contextmanager
def serving(app: object) -> Iterator[str]:
    """Serve an ASGI application on loopback; yield its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = server.force_exit = True
    thread.join()


@contextmanager
def proxied(urls: list[str], prefix: str = "", strip: bool = False) -> Iterator[str]:
    """Pass what is asked below `prefix` on to one server after the other, without it if `strip`."""
    client = httpx.AsyncClient(timeout=60)
    turn = iter(range(10**9))

    async def proxy(scope, receive, send) -> None:
        request = Request(scope, receive)
        path = scope["raw_path"].decode()
        if not path.startswith(prefix):
            await StreamingResponse(iter(()), 404)(scope, receive, send)
            return
        path = path.removeprefix(prefix) if strip else path
        question = f"?{request.url.query}" if request.url.query else ""
        sent = client.build_request(
            request.method,
            httpx.URL(f"{urls[next(turn) % len(urls)]}{path}{question}"),
            headers=[pair for pair in request.headers.raw if pair[0] not in HOP_BY_HOP],
            content=request.stream() if request.method == "POST" else None,
        )
        got = await client.send(sent, stream=True)
        answer = StreamingResponse(got.aiter_raw(), got.status_code, None, None)
        answer.background = BackgroundTask(got.aclose)
        answer.raw_headers = [pair for pair in got.headers.raw if pair[0].lower() not in HOP_BY_HOP]
        await answer(scope, receive, send)

    with serving(proxy) as url:
        yield url + prefix
