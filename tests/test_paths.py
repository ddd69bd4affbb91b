"""No file of the machine is served or read, however its path is spelt."""

import uuid
from pathlib import Path

import pytest

from durian import limits

from . import corpus
from .api import FILE, PREFIX, Api, raw
from .running import ROOT, App, files

SECRET = "the-secret-of-this-machine"
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
    mine.write_bytes(corpus.GOOD)
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
                assert api.refusal({"path": path, **extra}) == limits.UNREADABLE, (path, extra)
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
    answer = api.http.post(f"{PREFIX}/upload", files={"files": (name, corpus.GOOD)})
    assert answer.status_code < 500
    assert files(app.log.parent) - files(uploads) == outside
    if answer.status_code == 200:
        (path,) = answer.json()
        assert uploads in Path(path).resolve().parents
        served = api.http.get(f"{PREFIX}/file={path}")
        assert "x-injected" not in served.headers
