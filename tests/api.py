"""Speaks the app's HTTP API with no client library in between, as curl or a stranger would."""

import base64
import http.client
import json
import os
import re
from pathlib import Path

import httpx
import pytest

from .running import App

PREFIX = "/gradio_api"
FILE = {"_type": "gradio.FileData"}  # what Gradio's own clients put beside a path


class Refused(Exception):
    """The app's answer is a refusal; str(e) is the sentence that the visitor reads."""


class Api:
    """One visitor of a running app."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=120)

    def upload(self, name: str, data: bytes) -> str:
        """Return the path that the app gave an uploaded file."""
        answer = self.http.post(f"{PREFIX}/upload", files={"files": (name, data)})
        if answer.status_code in (413, 503):
            raise Refused(answer.json()["detail"])
        answer.raise_for_status()
        return answer.json()[0]

    def predict(self, payload: object, name: str = "predict") -> dict:
        """Return the answer to one call of `/predict`, whatever is passed as its image."""
        joined = self.http.post(f"{PREFIX}/call/{name}", json={"data": [payload]})
        if joined.status_code in (413, 503):
            raise Refused(joined.json()["detail"])
        joined.raise_for_status()
        return self.answer(name, joined.json()["event_id"])

    def answer(self, name: str, ticket: str) -> dict:
        """Return the answer to a call whose id is known."""
        stream = self.http.get(f"{PREFIX}/call/{name}/{ticket}")
        if stream.status_code == 503:
            raise Refused(stream.json()["detail"])
        event, data = stream.text.strip().split("\n\n")[-1].split("\n")
        answer = json.loads(data.removeprefix("data: "))
        if event == "event: complete":
            return answer[0]
        raise Refused((answer or {}).get("error"))

    def ask(self, data: bytes, name: str = "photo.jpg") -> dict:
        """Return the answer to a file that is uploaded first, as the page does."""
        return self.predict({"path": self.upload(name, data), "meta": FILE})

    def ask_inline(self, data: bytes, name: str = "predict") -> dict:
        """Return the answer to a file that travels within the request as a data: URL."""
        text = base64.b64encode(data).decode()
        return self.predict({"url": f"data:image/jpeg;base64,{text}", "meta": FILE}, name)

    def refusal(self, payload: object) -> str:
        """Return the sentence with which `/predict` refuses a payload."""
        with pytest.raises(Refused) as caught:
            self.predict(payload)
        return str(caught.value)


def raw(app: App, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
    """Send a request whose path no client has tidied; return the status, and headers and body."""
    connection = http.client.HTTPConnection(app.url.removeprefix("http://"), timeout=20)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(body)
    answer = connection.getresponse()
    try:
        told = answer.read()
    except http.client.IncompleteRead as broken:  # of an answer that Gradio breaks off
        told = broken.partial
    told = f"{answer.headers}\n{told.decode(errors='replace')}"
    connection.close()
    return answer.status, told


def preview(page: str) -> dict[str, str]:
    """Return what a messenger reads of a page."""
    return dict(re.findall(r'<meta property="(og:\w+)"[^>]* content="([^"]*)"', page))


def memory(process_id: int) -> int:
    """Return the megabytes that a process holds itself; 0 where Linux does not tell.

    Not counted is what it maps from files: the kernel takes that back and brings it in at will.
    """
    counts = Path(f"/proc/{process_id}/statm")
    if not counts.exists():
        return 0
    _, resident, shared, *_ = map(int, counts.read_text().split())
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE") // 2**20
