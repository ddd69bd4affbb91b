"""Which endpoints are open, which are closed, and what malicious requests get."""

import json
import uuid
from collections.abc import Iterator

import pytest

from durian import limits
from durian.web import guard

from . import corpus
from .api import PREFIX, Api, raw
from .running import App

OURS = {*corpus.SENTENCES, guard.NOT_FETCHED}


@pytest.mark.parametrize(
    ("name", "data"),
    [(name, data) for name, data in corpus.strangers() if name.endswith(("html", "svg", "png"))]
    + [("a.htm", b"<script>1</script>"), ("a.xhtml", b"<x/>"), ("a.js", b"1"), ("a.xml", b"<x/>")],
)
def test_stored_pages_and_drawings_are_not_run(name: str, data: bytes, api: Api) -> None:
    path = api.upload(name, data)
    answer = api.http.get(f"{PREFIX}/file={path}")
    kind = answer.headers["content-type"]
    shown = not answer.headers["content-disposition"].startswith("attachment")
    assert not any(word in kind for word in ("html", "svg", "xml", "script"))
    assert not shown or kind.startswith(("image/png", "image/jpeg"))


@pytest.mark.parametrize(
    "path",
    ["/", "/?a=", "/static/", "/login?next=", "/gradio_api/file=", "/gradio_api/call/predict/",
     "/gradio_api/heartbeat", "/gradio_api/upload_progress?upload_id="],
)  # fmt: skip
def test_no_header_can_be_injected(path: str, app: App) -> None:
    status, told = raw(app, "GET", f"{path}%0d%0aX-Injected:%20yes")
    head = told.split("\n\n")[0].lower()
    assert status < 500
    assert "\nx-injected" not in f"\n{head}"


@pytest.mark.parametrize(
    "header", ["Host", "X_Forwarded_Host", "Referer", "User_Agent", "Accept_Language"]
)
def test_no_header_ends_as_markup_in_the_page(header: str, app: App) -> None:
    evil = '"><script>alert(1)</script>'
    status, told = raw(app, "GET", "/", **{header: f"evil.example{evil}"})
    assert status < 500
    assert evil not in told


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example"]
)
def test_other_sites_may_not_read_a_local_app(origin: str, app: App) -> None:
    port = app.url.rsplit(":", 1)[1]
    _, told = raw(app, "GET", "/config", Host=f"localhost:{port}", Origin=origin)
    assert "access-control-allow-origin" not in told.lower()


def test_heavy_requests_are_refused_before_they_are_read(api: Api) -> None:
    heavy = {"data": ["x" * (guard.MAX_BODY + 1)]}
    for route in ("/call/predict", "/call/v2/predict", "/queue/join", "/run/predict", "/cancel"):
        answer = api.http.post(PREFIX + route, json=heavy)
        assert (answer.status_code, answer.json()) == (413, {"detail": limits.TOO_HEAVY})
    many = [("files", (f"{n}.jpg", bytes(10 * 2**20))) for n in range(3)]
    assert api.http.post(f"{PREFIX}/upload", files=many).status_code == 413

    def pieces() -> Iterator[bytes]:
        yield from (bytes(2**20) for _ in range(40))

    answer = api.http.post(
        f"{PREFIX}/call/predict", content=pieces(), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413
    assert api.ask(corpus.GOOD)


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"null", b"{}", b"[" * 10**6, b'{"data":' * 10**5, b'{"data": 1e999}', b"\xff\xfe",
     b'{"data": [NaN]}', b'{"data": [null, null]}', b'{"data": {}}', b'{"data": [{"path": {}}]}',
     json.dumps({"data": [None], "fn_index": 99}).encode(),
     json.dumps({"data": [None], "event_data": [[]] * 999, "session_hash": "../x"}).encode()],
)  # fmt: skip
@pytest.mark.parametrize("route", ["/call/predict", "/queue/join", "/run/predict", "/reset"])
def test_nonsense_is_refused(body: bytes, route: str, api: Api) -> None:
    answer = api.http.post(
        PREFIX + route, content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code != 500, answer.text
    assert "Traceback" not in answer.text


CLOSED = [
    ("POST", f"{PREFIX}/run/predict"),
    ("POST", f"{PREFIX}/api/predict"),
    ("POST", f"{PREFIX}/call/load_example"),
    ("POST", f"{PREFIX}/call/lambda"),
    ("POST", f"{PREFIX}/component_server"),
    ("POST", f"{PREFIX}/process_recording"),
    ("GET", f"{PREFIX}/deep_link?session_hash=a"),
    ("GET", f"{PREFIX}/custom_component/a/client/component/index.js"),
    ("GET", f"{PREFIX}/proxy=https://a.hf.space/"),
    ("GET", f"{PREFIX}/vibe-code"),
    ("POST", f"{PREFIX}/vibe-code"),
    ("POST", f"{PREFIX}/vibe-edit"),
    ("POST", f"{PREFIX}/undo-vibe-edit"),
    ("POST", f"{PREFIX}/vibe-starter-queries"),
    ("GET", f"{PREFIX}/run-history/buckets"),
    ("POST", f"{PREFIX}/run-history/connect"),
    ("GET", f"{PREFIX}/profiling/traces"),
    ("POST", f"{PREFIX}/stream/a"),
    ("GET", "/monitoring"),
    ("GET", "/monitoring/summary"),
    ("GET", "/monitoring/key"),
    ("POST", "/login"),
    ("GET", "/docs"),
    ("GET", "/redoc"),
    ("GET", "/openapi.json"),
    ("GET", "/.env"),
    ("GET", "/.git/config"),
]


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_every_other_route_is_closed(method: str, path: str, api: Api) -> None:
    body = {"data": [None], "code": "1", "hash": "a", "component_id": 1, "fn_name": "a"}
    if path.endswith("process_recording"):
        answer = api.http.post(path, files={"video": ("a.mp4", corpus.GOOD)})
    else:
        answer = api.http.request(method, path, json=body if method == "POST" else None)
    assert 400 <= answer.status_code < 500, answer.text


def test_functions_of_the_page_are_no_endpoints(api: Api) -> None:
    named = {function["api_name"] for function in api.http.get("/config").json()["dependencies"]}
    for name in named - {"predict", "explain"}:
        for route in ("call", "call/v2", "run", "api"):
            answer = api.http.post(f"{PREFIX}/{route}/{name}", json={"data": [None]})
            assert 400 <= answer.status_code < 500, name


def in_the_queue(api: Api, function: str, data: list) -> dict:
    """Return what the page's own way of asking a function ends with."""
    config = api.http.get("/config").json()
    number = next(f["id"] for f in config["dependencies"] if f["api_name"] == function)
    visit = {"session_hash": uuid.uuid4().hex}
    api.http.post(f"{PREFIX}/queue/join", json={"data": data, "fn_index": number, **visit})
    told = api.http.get(f"{PREFIX}/queue/data", params=visit).text
    messages = [json.loads(line[6:]) for line in told.splitlines() if line.startswith("data: ")]
    return next(message for message in messages if message["msg"] == "process_completed")


def test_the_page_answers_a_sample_and_no_other_file_that_way(api: Api, app: App) -> None:
    answer = in_the_queue(api, "predict_sample", [0])
    assert answer["success"] and answer["output"]["data"][0]["label"]
    for sample in (99, "0", "/etc/passwd", [str(app.log)], {}, None, 1.5):
        answer = in_the_queue(api, "predict_sample", [sample])
        assert not answer["success"]
        assert answer["output"]["error"] in {*OURS, "Add a photo of a durian first."}, sample
    assert "Traceback" not in app.log.read_text()
