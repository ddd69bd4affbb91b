"""Whose files the app touches in a temporary folder that it shares with people and programs."""

import os
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from durian.web import storage

from .running import EXAMPLES

THREE_HOURS = 3 * 60 * 60


def aged(path: Path) -> Path:
    """Make a file or folder look three hours old."""
    then = time.time() - THREE_HOURS
    os.utime(path, (then, then), follow_symlinks=False)
    return path


def thesis(folder: Path) -> Path:
    """Put an old file into an old folder of somebody else's."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "thesis.txt").write_text("three years of work")
    return aged(folder / "thesis.txt")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder that is used already, behind a link as macOS has it."""
    (tmp_path / "real").mkdir()
    (tmp_path / "tmp").symlink_to(tmp_path / "real")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "tmp"))
    return tmp_path / "tmp"


@pytest.fixture
def folder(place: Path) -> Path:
    """The folder that the app makes there."""
    return storage.prepare()


def test_nothing_of_other_peoples_is_deleted(place: Path, tmp_path: Path):
    theirs = [
        thesis(place),
        thesis(place / "durian"),
        thesis(place / "durian-photos"),
        thesis(place / "gradio"),
        thesis(tmp_path / "home"),
    ]
    (place / "durian-link").symlink_to(tmp_path / "home")
    (tmp_path / "home" / storage.MARK).touch()
    aged(tmp_path / "home" / storage.MARK)
    folder = storage.prepare()
    (folder / "link").symlink_to(tmp_path / "home")
    aged(folder / "link")
    storage.clean(folder, EXAMPLES)
    assert all(path.exists() for path in theirs)
    assert not (folder / "link").is_symlink()


def test_only_this_user_can_read_uploads(folder: Path):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    storage.clean(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can")
def test_a_second_user_of_the_machine_can_upload(monkeypatch: pytest.MonkeyPatch):
    with tempfile.TemporaryDirectory() as shared:
        Path(shared).chmod(0o1777)
        sample = Path(shared) / "sample.jpg"  # the checkout may lie where only its owner can read
        sample.write_bytes(EXAMPLES[0].read_bytes())
        monkeypatch.setenv("GRADIO_TEMP_DIR", shared)
        first = storage.prepare()
        monkeypatch.setenv("GRADIO_TEMP_DIR", shared)
        child = os.fork()
        if not child:
            with suppress(BaseException):
                os.setuid(12345)
                second = storage.prepare()
                storage.clean(second, [sample])
                (second / "photo.jpg").touch()
                if not os.access(first, os.R_OK | os.X_OK):
                    os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert first.exists()


def test_samples_stay_and_come_back(folder: Path):
    storage.clean(folder, EXAMPLES)
    samples = {path for path in folder.glob("*/*") if path.suffix == ".jpg"}
    assert {path.name for path in samples} == {path.name for path in EXAMPLES}
    for path in samples:
        aged(path)
    storage.clean(folder, EXAMPLES)
    assert all(path.exists() for path in samples)
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    storage.clean(folder, EXAMPLES)
    assert all(path.exists() for path in samples)


def test_what_a_killed_process_left_goes_and_what_a_running_one_has_stays(
    place: Path, monkeypatch: pytest.MonkeyPatch
):
    def another() -> Path:
        monkeypatch.setenv("GRADIO_TEMP_DIR", str(place))
        return storage.prepare()

    killed, running = storage.prepare(), another()
    for folder in (killed, running):
        thesis(folder / "0123")
    aged(killed / storage.MARK)
    storage.clean(another())
    assert not killed.exists()
    assert (running / "0123" / "thesis.txt").exists()


def test_a_folder_that_somebody_put_in_place_of_ours_is_left_alone(folder: Path, tmp_path: Path):
    theirs = thesis(tmp_path / "home")
    (folder / storage.MARK).unlink()
    folder.rmdir()
    folder.symlink_to(tmp_path / "home")
    with pytest.raises(PermissionError):
        storage.clean(folder, EXAMPLES)
    assert list(theirs.parent.iterdir()) == [theirs]


def test_where_the_wanted_place_cannot_be_used_the_systems_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert storage.prepare().parent == tmp_path
