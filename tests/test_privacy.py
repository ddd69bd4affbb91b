"""What is left of a photo afterwards: no file, and no word in the log."""

import os
import socket
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from durian import limits
from durian.web import guard

from . import corpus
from .api import FILE, PREFIX, Api, Refused
from .running import ROOT, App, files, running_app

OURS = {*corpus.SENTENCES, guard.NOT_FETCHED}


@contextmanager
def impatient_app(folder: Path) -> Iterator[App]:
    """The app with short times: files live for 8 s and are checked every second."""
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
    thesis = tmp_path / "gradio" / "thesis.txt"  # somebody else's file
    thesis.parent.mkdir()
    thesis.write_text("three years of work")
    os.utime(thesis, (0, 0))
    with impatient_app(tmp_path) as killed:
        left_behind = Path(Api(killed.url).upload("photo.jpg", corpus.GOOD))
        killed.process.kill()
    with impatient_app(tmp_path) as app:
        # The folder of the process that was killed goes, and all that is in it.
        assert until(lambda: not left_behind.parents[1].exists())
        api, uploads = Api(app.url), app.uploads
        assert api.ask_inline(corpus.GOOD)
        samples = files(uploads)
        uploaded = Path(api.upload("photo.jpg", corpus.GOOD))
        assert uploaded.read_bytes() == corpus.GOOD
        assert {stat.S_IMODE(path.stat().st_mode) for path in (uploads, uploaded)} == {0o700, 0o600}
        assert api.predict({"path": str(uploaded), "meta": FILE})
        with socket.create_connection(("127.0.0.1", int(app.url.rsplit(":", 1)[1]))) as phone:
            part = (
                '--b\r\nContent-Disposition: form-data; name="files"; filename="half.jpg"\r\n\r\n'
            )
            phone.sendall(  # and then the signal is lost
                f"POST {PREFIX}/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n"
                f"Content-Type: multipart/form-data; boundary=b\r\n\r\n{part}".encode()
                + corpus.GOOD
            )
            assert until(lambda: files(uploads) - samples - {uploaded})
        assert until(lambda: not uploaded.exists())
        assert until(lambda: not uploaded.parent.exists())
        assert until(lambda: not files(uploads) - samples)
        assert api.http.get(f"{PREFIX}/file={uploaded}").status_code == 403
        for path in uploads.glob("*/*"):  # the samples' copies, which the page shows
            assert api.http.get(f"{PREFIX}/file={path}").status_code == 200
        assert api.refusal({"path": str(uploaded), "meta": FILE}) == limits.UNREADABLE
        assert api.ask(corpus.GOOD)
    assert thesis.exists()


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
        assert api.refusal(payload) in OURS
    log = app.log.read_text()
    assert name not in log
    assert comment not in log
    assert str(Path(path).parent.name) not in log
    assert "Traceback" not in log
