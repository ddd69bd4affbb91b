"""Sets limits for a public Gradio page that Gradio 6.31 does not set itself.

They limit the size of request bodies, the links that are followed, and the routes that are open.
"""

import asyncio
import logging
import re
from collections.abc import Collection

import httpx
import safehttpx
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..limits import MAX_BYTES, TOO_HEAVY, PhotoError
from .storage import NO_ROOM, is_no_room

# Gradio's max_file_size is not used: the page would refuse a photo before shrinking it.
MAX_UPLOAD = MAX_BYTES + 1024  # bytes: one photo and its multipart headers
MAX_BODY = MAX_BYTES * 3 // 2  # bytes: one photo in base64, which makes it a third longer
CALL_PATIENCE = 120.0  # seconds that a call gets; Gradio never ends one whose answer was fetched
LINK_PATIENCE = 8.0  # seconds that a link gets to deliver its photo
MAX_REDIRECTS = 5
NOT_UNDERSTOOD = "Something is wrong with this request, so please send it again."
BUSY = "Too many people are asking just now, so please try again in a moment."
NOT_FETCHED = (
    "This link does not lead to a photo we can fetch, so please send the photo itself, as a file or"
    " as a data: URL."
)

# A route is found anywhere in a path, since a proxy may leave a prefix before it.
API = "/gradio_api/+"
# Here Gradio would accept videos, write its state to disk, log requests, and fetch addresses.
CLOSED = re.compile(f"{API}(process_recording|deep_link|custom_component|proxy=)", re.IGNORECASE)
FUNCTION = re.compile(f"{API}(?:call|run|api)/+(?:v2/+)?([^/]*)", re.IGNORECASE)
UPLOAD = re.compile(f"{API}upload/*$", re.IGNORECASE)
ANSWER = re.compile(f"{API}call/", re.IGNORECASE)

log = logging.getLogger(__name__)


class Guard:
    """ASGI middleware that limits the routes, the size and the time of requests."""

    def __init__(self, app: ASGIApp, endpoints: Collection[str]) -> None:
        """Let programs call only the functions in `endpoints`, names with a leading slash."""
        self._app = app
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 404, 413, 503, 507 or 400.

        They mean: closed, too large, busy, no room, and malformed.

        A call that streams for longer than CALL_PATIENCE is ended.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if not self._is_open(path):
            await JSONResponse({"detail": "Not found."}, 404)(scope, receive, send)
            return
        most = MAX_UPLOAD if UPLOAD.search(path) else MAX_BODY
        promised = int(dict(scope["headers"]).get(b"content-length", 0))
        arrived, answered, busy = 0, False, False

        async def bounded() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if max(promised, arrived) > most:
                while message.get("more_body"):  # a client listens once it has sent everything
                    message = await receive()
                raise HTTPException(413, TOO_HEAVY)
            return message

        async def noted(message: Message) -> None:
            nonlocal answered, busy
            if busy:
                return
            answered = True
            if busy := message.get("status") == 503:  # Gradio counts its queue instead
                await JSONResponse({"detail": BUSY}, 503, {"Retry-After": "5"})(
                    scope, receive, send
                )
            else:
                await send(message)

        is_answer = scope["method"] == "GET" and ANSWER.search(path)
        try:
            async with asyncio.timeout(CALL_PATIENCE if is_answer else None):
                await self._app(scope, bounded, noted)
        except TimeoutError:
            if answered:
                await send({"type": "http.response.body"})
            else:
                await JSONResponse({"detail": BUSY}, 503)(scope, receive, send)
        except Exception as error:  # Gradio fails on much that no browser sends
            sentence, status = (NO_ROOM, 507) if is_no_room(error) else (NOT_UNDERSTOOD, 400)
            log.warning("Refused a request: %s", type(error).__name__)
            if not answered:
                await JSONResponse({"detail": sentence}, status)(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        if CLOSED.search(path) or "://" in path:  # the latter would be fetched from elsewhere
            return False
        return all(f"/{name}" in self._endpoints for name in FUNCTION.findall(path))


async def fetch(link: str) -> bytes:
    """Return the file behind an http(s) address of the public internet.

    Stops reading after MAX_BYTES. Raises PhotoError, also for addresses that are not public:
    safehttpx resolves and checks the host of every redirect, and that address is then used.
    """
    try:
        async with asyncio.timeout(LINK_PATIENCE):
            for _ in range(MAX_REDIRECTS):
                url = httpx.URL(link)
                transport = safehttpx.AsyncSecureTransport(
                    await safehttpx.async_validate_url(url.host)
                )
                async with (
                    httpx.AsyncClient(transport=transport) as client,
                    client.stream("GET", link) as answer,
                ):
                    if not answer.has_redirect_location:
                        answer.raise_for_status()
                        return await _photo(answer)
                    link = str(url.join(answer.headers["location"]))
    except PhotoError:
        raise
    except Exception as error:  # whatever a stranger's server can make a client raise
        raise PhotoError(NOT_FETCHED) from error
    raise PhotoError(NOT_FETCHED)


async def _photo(answer: httpx.Response) -> bytes:
    data = bytearray()
    async for piece in answer.aiter_bytes():
        data += piece
        if len(data) > MAX_BYTES:
            raise PhotoError(TOO_HEAVY)
    return bytes(data)
