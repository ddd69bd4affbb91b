"""Adds a link preview and the visitor's language to the page that Gradio serves.

Both must be there before Gradio's scripts run. Gradio adds to the head only in the browser, where
no messenger looks, and it does not know Malay. It compresses by file extension and so skips `/`:
the page is gzipped here.
"""

import os
import re
from html import escape
from pathlib import Path

from gradio.route_utils import get_root_url
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .content import ABOUT, TITLE
from .i18n import preferred, say

PICTURE = "/preview.jpg"
_LANGUAGE = Path(__file__).with_name("language.js").read_text(encoding="utf-8")
_LANG = re.compile(r'<html(?:\s+lang="[^"]*")?')
_GRADIOS_PREVIEW = re.compile(r'<meta\s+(?:property="og:|name="twitter:)[^>]*>')


class LinkPreview:
    """ASGI middleware: the page with our own preview, in the language that the browser asks for."""

    def __init__(self, app: ASGIApp, picture: Path) -> None:
        self._app = app
        self._picture = picture

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer for the page and for the preview's picture; pass everything else on."""
        prefix = scope.get("root_path", "")  # which a proxy may have removed, or not
        if scope.get("path") in (PICTURE, prefix + PICTURE):
            await FileResponse(self._picture)(scope, receive, send)
            return
        if scope.get("path") not in ("/", f"{prefix}/") or scope.get("method") != "GET":
            await self._app(scope, receive, send)
            return
        request, page, start = Request(scope), bytearray(), {}

        async def rewrite(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                page.extend(message["body"])
                if not message.get("more_body"):
                    html = self._rewritten(page.decode(), request)
                    answer = HTMLResponse(html, start["status"])
                    answer.headers["vary"] = "accept-language"
                    await GZipMiddleware(answer)(scope, receive, send)

        await self._app(scope, receive, rewrite)

    def _rewritten(self, page: str, request: Request) -> str:
        language = preferred(request.headers.get("accept-language"))
        host = os.environ.get("SPACE_HOST")  # Spaces sit behind a proxy
        root = f"https://{host}" if host else get_root_url(request, "/", request.scope["root_path"])
        preview = {
            "og:type": "website",
            "og:title": say(TITLE, language),
            "og:description": say(ABOUT, language),
            "og:image": f"{root}{PICTURE}",
            "twitter:card": "summary_large_image",
        }
        meta = "".join(
            f'<meta property="{key}" name="{key}" content="{escape(value)}">'
            for key, value in preview.items()
        )
        page = _GRADIOS_PREVIEW.sub("", page)
        page = _LANG.sub(f'<html lang="{language}"', page, count=1)
        return page.replace("</head>", f"{meta}<script>{_LANGUAGE}</script></head>", 1)
