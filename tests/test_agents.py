"""What an agent that calls the MCP tools may send as the photo, and what it is told otherwise."""

import asyncio
import base64
import textwrap
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from gradio_client.utils import encode_file_path
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult

from durian import limits
from durian.web.agents import HOW_TO_SEND

from .api import Api
from .running import EXAMPLES, ROOT, App

SAMPLE = EXAMPLES[0]
BASE64 = base64.b64encode(SAMPLE.read_bytes()).decode()


def call(app: App, tool: str, image: str) -> CallToolResult:
    """Return what a tool answers, asked in a thread since Playwright keeps a loop in this one."""

    async def ask() -> CallToolResult:
        async with (
            streamable_http_client(f"{app.url}/gradio_api/mcp/") as (read, write, *_),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await session.call_tool(tool, {"image": image})

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, ask()).result()


def refusal(app: App, image: str) -> str:
    """Return the sentence with which the tool refuses an image."""
    result = call(app, "predict", image)
    assert result.isError
    return result.content[0].text


@pytest.mark.parametrize("form", ["data: URL", "base64", "lines of base64", "path", "address"])
def test_a_photo_may_come_in_every_form_that_the_tool_asks_for(form: str, app: App):
    path = Api(app.url).upload("our durian.jpg", SAMPLE.read_bytes())
    image = {
        "data: URL": f"data:image/jpeg;base64,{BASE64}",
        "base64": BASE64,
        "lines of base64": "\n".join(textwrap.wrap(BASE64, 76)),
        "path": path,
        "address": f"{app.url}/gradio_api/file={encode_file_path(path)}",  # as its upload tool says
    }[form]
    result = call(app, "predict", image)
    assert not result.isError, result.content
    assert "'label': 'D24'" in result.content[0].text
    (picture, *_) = call(app, "explain", image).content
    assert picture.type == "image"


@pytest.mark.parametrize("path", ["/etc/passwd", str(SAMPLE), f"examples/{SAMPLE.name}", "~/a.jpg"])
def test_a_path_that_was_not_uploaded_is_refused_with_what_to_send(path: str, app: App):
    assert HOW_TO_SEND in refusal(app, path)


def test_the_uploads_folder_leads_nowhere_else(app: App):
    link = app.uploads / f"link-{uuid.uuid4().hex}.jpg"
    link.symlink_to(SAMPLE)
    climb = f"{app.uploads}/{'../' * 9}{SAMPLE.relative_to('/')}"
    assert Path(climb).resolve() == SAMPLE
    try:
        for path in (str(link), climb, f"{app.uploads}/missing.jpg"):
            assert limits.UNREADABLE in refusal(app, path)
            assert "data: URL" in refusal(app, f"{app.url}/gradio_api/file={path}")
    finally:
        link.unlink()
    for path in (ROOT / "app.py", SAMPLE):
        assert "data: URL" in refusal(app, f"{app.url}/gradio_api/file={path}")
