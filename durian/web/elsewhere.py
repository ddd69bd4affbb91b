"""Refuses in a sentence a call that another process knows.

Calls live in one process, and a proxy should keep each visitor with one. Where it does not, or that
process is gone, Gradio 6.31 answers "404: Not Found" and breaks the stream off. Its page then loads
itself again, without the photo: https://github.com/gradio-app/gradio/issues/10487 (once that is
closed, this file can go). Who waits for too long is told which object cancelled the call.
"""

import json
import re

from gradio_client.utils import ServerMessage
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .i18n import language_of, say
from .refusal import FAILED

STREAM = re.compile("/gradio_api/+(queue/+data|call/.+)", re.IGNORECASE)
BROKEN = (b'data: {"msg":"unexpected_error"', b'event: error\ndata: "')  # what Gradio says then


class Elsewhere:
    """ASGI middleware: answers for calls that this process does not know."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and end a stream with our own message where Gradio breaks it off."""
        found = STREAM.search(scope.get("path", ""))
        if scope["type"] != "http" or scope["method"] != "GET" or not found:
            await self._app(scope, receive, send)
            return
        ended = False

        async def told(message: Message) -> None:
            nonlocal ended
            if ended:
                return
            if ended := message.get("body", b"").startswith(BROKEN):
                error = {"error": say(FAILED, language_of(Request(scope)))}
                is_page = found[1].startswith("queue")
                body = _as_page(error) if is_page else _as_call(error)
                message = {"type": "http.response.body", "body": body, "more_body": True}
            await send(message)

        try:
            await self._app(scope, receive, told)
        except Exception:
            if not ended:
                raise
        if ended:
            await send({"type": "http.response.body"})


def _as_page(error: dict[str, str]) -> bytes:
    """Return what ends all calls that a page waits for, and then its stream."""
    output = {**error, "visible": True, "duration": 10}  # seconds; a page shows no other errors
    # Meant for every call: to pages as it names none, to gradio_client by this text.
    every = {"message": ServerMessage.server_stopped}
    messages = (
        {"msg": "process_completed", "success": False, "output": output, **every},
        {"msg": "close_stream"},
    )
    return "".join(f"data: {json.dumps(message)}\n\n" for message in messages).encode()


def _as_call(error: dict[str, str]) -> bytes:
    return f"event: error\ndata: {json.dumps(error)}\n\n".encode()
