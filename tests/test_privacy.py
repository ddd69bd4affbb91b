"""What a stranger gets who wants more than an answer, and what is left of a photo afterwards."""

import asyncio
import http.client
import json
import os
import pickle
import shutil
import socket
import stat
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
import safehttpx
from PIL import Image

from durian import PhotoError, photo
from durian.hub import CONFIG, WEIGHTS
from durian.web import guard

from . import corpus
from .api import FILE, PREFIX, Api, Refused
from .running import ROOT, App, running_app

GOOD = corpus.save(corpus.picture(), "JPEG")
SECRET = "the-secret-of-this-machine"
OURS = {*corpus.SENTENCES, guard.NOT_FETCHED}


def in_a_loop(coroutine: Coroutine) -> object:
    """Run a coroutine in a thread of its own: Playwright keeps a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


@pytest.fixture(scope="module")
def api(app: App) -> Api:
    return Api(app.url)


def refusal(api: Api, payload: object) -> str:
    """Return the sentence with which `/predict` refuses a payload."""
    with pytest.raises(Refused) as caught:
        api.predict(payload)
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


def files(folder: Path) -> set[Path]:
    """Return the files below a folder."""
    return {path for path in folder.rglob("*") if path.is_file()}


# --- what is left of a photo --------------------------------------------------------------------


@contextmanager
def impatient_app(folder: Path) -> Iterator[App]:
    """The app with seconds for minutes: files live for 8 s and are looked for every second."""
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(
        f"import runpy\n"
        f"from durian.web import storage\n"
        f"storage.MAX_AGE, storage.CLEAN_EVERY = 8, 1\n"
        f"runpy.run_path({str(ROOT / 'app.py')!r}, run_name='__main__')\n"
    )
    with running_app(folder / "app.log", cwd=folder, PYTHONPATH=str(ROOT)) as app:
        yield app


def until(happened: Callable[[], bool], seconds: float = 20) -> bool:
    """Return whether something happens in time."""
    end = time.monotonic() + seconds
    while not happened() and time.monotonic() < end:
        time.sleep(0.2)
    return happened()


def test_no_photo_outlives_its_time(tmp_path: Path) -> None:
    thesis = tmp_path / "gradio" / "thesis.txt"  # of somebody who keeps things there, too
    thesis.parent.mkdir()
    thesis.write_text("three years of work")
    os.utime(thesis, (0, 0))
    with impatient_app(tmp_path) as killed:
        left_behind = Path(Api(killed.url).upload("photo.jpg", GOOD))
        killed.process.kill()
    with impatient_app(tmp_path) as app:
        assert until(lambda: not left_behind.exists())
        api, uploads = Api(app.url), app.uploads
        assert api.ask_inline(GOOD)
        samples = files(uploads)
        uploaded = Path(api.upload("photo.jpg", GOOD))
        assert uploaded.read_bytes() == GOOD
        assert {stat.S_IMODE(path.stat().st_mode) for path in (uploads, uploaded)} == {0o700, 0o600}
        assert api.predict({"path": str(uploaded), "meta": FILE})
        with socket.create_connection(("127.0.0.1", int(app.url.rsplit(":", 1)[1]))) as phone:
            part = (
                '--b\r\nContent-Disposition: form-data; name="files"; filename="half.jpg"\r\n\r\n'
            )
            phone.sendall(  # and then the signal is lost
                f"POST {PREFIX}/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n"
                f"Content-Type: multipart/form-data; boundary=b\r\n\r\n{part}".encode()
                + GOOD
            )
            assert until(lambda: files(uploads) - samples - {uploaded})
        assert until(lambda: not uploaded.exists())
        assert until(lambda: not uploaded.parent.exists())
        assert until(lambda: not files(uploads) - samples)
        assert api.http.get(f"{PREFIX}/file={uploaded}").status_code == 403
        for path in uploads.glob("*/*"):  # the samples' copies, which the page shows
            assert api.http.get(f"{PREFIX}/file={path}").status_code == 200
        assert refusal(api, {"path": str(uploaded), "meta": FILE}) == photo.UNREADABLE
        assert api.ask(GOOD)
    assert thesis.exists()


# Notes in a program's log every address outside this machine that it asks for.
WATCH = """
import sys
def note(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        address = arguments[event == "socket.connect"]
        host = address[0] if isinstance(address, tuple) else address
        if host and str(host) not in ("127.0.0.1", "::1", "localhost", "0.0.0.0"):
            print("NETWORK", host, file=sys.stderr, flush=True)
sys.addaudithook(note)
print("WATCHED", file=sys.stderr)
"""


@pytest.fixture(scope="module")
def quiet_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app in a home of its own, told to ask no Hub; its log has every address it asks."""
    folder = tmp_path_factory.mktemp("quiet")
    for name in ("home", "tmp", "site"):
        (folder / name).mkdir()
    (folder / "site/sitecustomize.py").write_text(WATCH)
    environment = {
        "HOME": str(folder / "home"),
        "XDG_CACHE_HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "PYTHONPATH": str(folder / "site"),
        "HF_HUB_OFFLINE": "1",
    }
    with running_app(folder / "app.log", **environment) as app:
        yield app


def test_nothing_is_written_elsewhere(quiet_app: App) -> None:
    folder, api = quiet_app.log.parent, Api(quiet_app.url)
    assert api.ask(GOOD)
    places = [folder / "home", folder / "tmp", *(ROOT / n for n in ("examples", "model", "durian"))]
    before = {path for place in places for path in files(place)} | set(ROOT.iterdir())
    for form, data in list(corpus.forms(corpus.picture(64, 48)))[::5]:
        api.ask(data, form)
    with pytest.raises(Refused):
        api.ask(b"not a photo")
    api.ask_inline(GOOD)
    after = {path for place in places for path in files(place)} | set(ROOT.iterdir())
    assert not after - before
    uploads = [path for path in files(folder) if path.read_bytes() == GOOD]
    assert uploads and all(quiet_app.uploads in path.parents for path in uploads)


def test_no_other_machine_is_asked(quiet_app: App) -> None:
    assert Api(quiet_app.url).ask(GOOD)
    log = quiet_app.log.read_text()
    assert "Weights from model/" in log
    assert "WATCHED" in log and "NETWORK" not in log


def test_the_log_tells_nothing_of_a_photo(app: App, api: Api) -> None:
    name = f"our-garden-{uuid.uuid4().hex}"
    exif = Image.Exif()
    exif[270] = comment = uuid.uuid4().hex
    image = corpus.save(corpus.picture(), "JPEG", exif=exif, comment=comment.encode())
    path = api.upload(f"{name}.jpg", image)
    api.predict({"path": path, "meta": FILE, "orig_name": f"{name}.jpg"})
    for _, data in corpus.strangers():
        with pytest.raises(Refused):
            api.ask(data, f"{name}.jpg")
    for payload in (
        f"{name}.jpg",
        [name],
        {"path": name},
        {"path": f"/etc/{name}", "meta": FILE},
        {"path": f"http://127.0.0.1:9/{name}.jpg", "meta": FILE},
        {"url": f"data:image/jpeg;base64,{name}", "meta": FILE},
        {"path": None, "url": None, "orig_name": name, "meta": FILE},
        {"path": path, "size": name, "meta": FILE},
    ):
        assert refusal(api, payload) in OURS
    log = app.log.read_text()
    assert name not in log
    assert comment not in log
    assert str(Path(path).parent.name) not in log
    assert "Traceback" not in log


# --- files of the machine -----------------------------------------------------------------------

CLIMBS = [
    "{}",
    "/{}",
    "//{}",
    "file://{}",
    "..{}",
    "../../../../../../../../../..{}",
    "..%2f..%2f..%2f..%2f..%2f..%2f..%2f..{}",
    "%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e{}",
    "..%252f..%252f..%252f..%252f..%252f..%252f{}",
    "....//....//....//....//....//....//{}",
    "..\\..\\..\\..\\..\\..\\{}",
    "%5c..%5c..%5c..{}",
    "..%c0%af..%c0%af..%c0%af..{}",
    "./././{}",
    "{}%00.jpg",
    "{}%2500.jpg",
]
ROUTES = [
    f"{PREFIX}/file=",
    f"{PREFIX}/file/",
    "/file=",
    "/static/",
    "/assets/",
    "/svelte/",
    f"{PREFIX}/proxy=",
    f"{PREFIX}/custom_component/image/client/component/",
    f"{PREFIX}/stream/a/b/1/",
    f"{PREFIX}/run-history/records/predict/a/assets/",
    "/pwa_icon/",
    "/",
]


@pytest.mark.parametrize("route", ROUTES)
def test_no_route_serves_the_machines_files(route: str, app: App, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    link = Path(app.uploads, f"link-{uuid.uuid4().hex}.jpg")
    link.symlink_to(secret)
    targets = [secret, ROOT / "app.py", ROOT / "durian/photo.py", app.log, Path("/etc/passwd")]
    asked = [climb.format(target) for climb in CLIMBS for target in targets]
    asked += [str(link), "app.py", "./app.py", "durian/photo.py", "model/durian.json", ".git/HEAD"]
    uploads = str(link.parent)
    asked += [f"{uploads}/../{name}" for name in ("app.log", "../app.log", "app/../../app.log")]
    try:
        for path in asked:
            status, told = raw(app, "GET", (route + path).replace(" ", "%20"))
            leaked = [
                word
                for word in (SECRET, "root:x:0:0", "gr.Blocks", "class PhotoError", "ref: refs/")
                if word in told
            ]
            assert not leaked, path
            assert status < 500, (path, told)
    finally:
        link.unlink()


def test_no_path_on_the_machine_is_taken_for_a_photo(api: Api, app: App, tmp_path: Path) -> None:
    mine = tmp_path / "mine.jpg"
    mine.write_bytes(GOOD)
    uploads = app.uploads
    link = uploads / f"link-{uuid.uuid4().hex}.jpg"
    link.symlink_to(mine)
    sample = next((ROOT / "examples").glob("*.jpg"))
    try:
        for path in (
            *(str(mine), f"file://{mine}", str(sample), "examples/d24-whole.jpg", "/etc/passwd"),
            *(f"{uploads}/../../{mine.name}", f"{uploads}{mine}", f"{uploads}/../app.log"),
            *(str(uploads), "", ".", "\0", "~", str(link), "/dev/zero", "/proc/self/environ"),
        ):
            for extra in ({"meta": FILE}, {}, {"meta": {}}, {"meta": FILE, "is_stream": True}):
                assert refusal(api, {"path": path, **extra}) == photo.UNREADABLE, (path, extra)
    finally:
        link.unlink()


@pytest.mark.parametrize(
    "name",
    ["../../escape.jpg", "/tmp/escape.jpg", "..\\..\\escape.jpg", "..", ".", "a/../../escape.jpg",
     "%2e%2e%2fescape.jpg", "escape.jpg\0.txt", "escape\r\nX-Injected: yes.jpg", "é" * 300],
)  # fmt: skip
def test_an_upload_lands_in_its_own_folder_whatever_its_name(name: str, api: Api, app: App) -> None:
    uploads = app.uploads
    outside = files(app.log.parent) - files(uploads)
    answer = api.http.post(f"{PREFIX}/upload", files={"files": (name, GOOD)})
    assert answer.status_code < 500
    assert files(app.log.parent) - files(uploads) == outside
    if answer.status_code == 200:
        (path,) = answer.json()
        assert uploads in Path(path).resolve().parents
        served = api.http.get(f"{PREFIX}/file={path}")
        assert "x-injected" not in served.headers


# --- other machines -----------------------------------------------------------------------------


@dataclass
class Listener:
    """A server on loopback that nobody has any business with."""

    port: int
    visits: list[str] = field(default_factory=list)


@contextmanager
def listening(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[Listener]:
    """Listen on loopback; every request is noted, then answered."""

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
    """Answer as a server would that has what the stranger wants."""
    request.send_response(200)
    request.send_header("Content-Length", str(len(GOOD)))
    request.end_headers()
    request.wfile.write(GOOD)


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
                assert refusal(api, payload | {"meta": FILE}) in OURS
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
    assert refusal(api, {"path": link, "meta": FILE}) in OURS
    assert refusal(api, {"url": link, "meta": FILE}) in OURS
    assert time.monotonic() - start < 10


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make one host name count as public, and resolve to loopback, as no real one can here."""
    judge = safehttpx.async_validate_url

    async def judged(host: str) -> str:
        return "127.0.0.1" if host == "photos.example" else await judge(host)

    monkeypatch.setattr(safehttpx, "async_validate_url", judged)


def fetched(listener: Listener) -> bytes:
    """Return what following a link to the listener under its public name gives."""
    return in_a_loop(guard.fetch(f"http://photos.example:{listener.port}/photo.jpg"))


@pytest.mark.usefixtures("public")
def test_a_public_link_is_followed() -> None:
    with listening(serve_photo) as listener:
        assert fetched(listener) == GOOD


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

    with listening(forever) as listener, pytest.raises(PhotoError, match=photo.TOO_HEAVY):
        fetched(listener)
    with listening(again) as listener:
        with pytest.raises(PhotoError, match=guard.NOT_FETCHED):
            fetched(listener)
        assert len(listener.visits) <= guard.MAX_REDIRECTS


# --- other visitors -----------------------------------------------------------------------------


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


# --- other doors --------------------------------------------------------------------------------


def test_heavy_requests_are_refused_before_they_are_read(api: Api) -> None:
    heavy = {"data": ["x" * (guard.MAX_BODY + 1)]}
    for route in ("/call/predict", "/call/v2/predict", "/queue/join", "/run/predict", "/cancel"):
        answer = api.http.post(PREFIX + route, json=heavy)
        assert (answer.status_code, answer.json()) == (413, {"detail": photo.TOO_HEAVY})
    many = [("files", (f"{n}.jpg", bytes(10 * 2**20))) for n in range(3)]
    assert api.http.post(f"{PREFIX}/upload", files=many).status_code == 413

    def pieces() -> Iterator[bytes]:
        yield from (bytes(2**20) for _ in range(40))

    answer = api.http.post(
        f"{PREFIX}/call/predict", content=pieces(), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413
    assert api.ask(GOOD)


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
def test_every_other_door_is_closed(method: str, path: str, api: Api) -> None:
    body = {"data": [None], "code": "1", "hash": "a", "component_id": 1, "fn_name": "a"}
    if path.endswith("process_recording"):
        answer = api.http.post(path, files={"video": ("a.mp4", GOOD)})
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


# --- weights ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tampering", ["a pickle", "no configuration"])
def test_without_its_own_weights_the_page_opens_and_says_so(tampering: str, tmp_path: Path) -> None:
    project = tmp_path / "project"
    for name in ("durian", "examples", "model"):
        shutil.copytree(ROOT / name, project / name)
    shutil.copy(ROOT / "app.py", project)
    bait = tmp_path / "opened"
    if tampering == "a pickle":
        (project / "model" / WEIGHTS).write_bytes(pickle.dumps(_Trap(bait)))
    else:
        (project / "model" / CONFIG).unlink()
    with running_app(tmp_path / "app.log", cwd=project) as app:
        api = Api(app.url)
        assert api.http.get("/").status_code == 200
        with pytest.raises(Refused, match=r"model.*start again"):
            api.ask(GOOD)
        assert "Traceback" not in app.log.read_text()
    assert not bait.exists()


class _Trap:
    """A pickle that leaves a file behind when it is opened."""

    def __init__(self, bait: Path) -> None:
        self._bait = bait

    def __reduce__(self) -> tuple:
        return Path.touch, (self._bait,)
