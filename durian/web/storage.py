"""Keeps uploads in a folder that only this user can read, and none of them for long.

Every process makes a folder of its own, and nothing outside such folders is ever deleted. The file
MARK shows that a folder is ours. It holds the process's id, and is renewed while the process runs.
"""

import atexit
import errno
import logging
import os
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from gradio.processing_utils import save_file_to_cache

MAX_AGE = 50 * 60  # seconds that a file may stay
CLEAN_EVERY = 60  # seconds
PREFIX = "durian-"
MARK = ".made-by-durian"
NO_ROOM = (
    "The server cannot store photos just now, perhaps its disk is full. Try again later, or tell"
    " its owner."
)
DISK_ERRORS = {
    errno.ENOSPC,
    getattr(errno, "EDQUOT", errno.ENOSPC),  # not on Windows
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
}

log = logging.getLogger(__name__)


def prepare() -> Path:
    """Make this process's folder, tell Gradio to use it, and delete it when the process ends.

    It lies in GRADIO_TEMP_DIR, or where the system keeps temporary files if that cannot be used.
    Raises OSError if neither can. Where Gradio's reload mode runs this again, the folder stays.
    """
    system = tempfile.gettempdir()
    wanted = Path(os.environ.get("GRADIO_TEMP_DIR") or system)
    with suppress(OSError):
        if (wanted / MARK).read_text() == str(os.getpid()):
            return wanted
    try:
        # A parent process may have made a folder and set GRADIO_TEMP_DIR to it.
        folder = _make(wanted.parent if (wanted / MARK).exists() else wanted)
    except OSError:
        folder = _make(Path(system))
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    atexit.register(_remove, folder, os.getpid())
    return folder


def keep_clean(folder: Path, samples: Collection[Path]) -> None:
    """Clean up now and every minute for as long as the process lives; the samples stay."""

    def run() -> None:
        while True:
            with suppress(OSError):  # the next round tries again
                clean(folder, samples)
            time.sleep(CLEAN_EVERY)

    threading.Thread(target=run, name="clean", daemon=True).start()


def clean(folder: Path, samples: Collection[Path] = ()) -> None:
    """Delete what is old in `folder`, and the folders of processes that were killed.

    Put the folder and its samples back if somebody deleted them. Raises OSError if that fails.
    """
    with suppress(FileExistsError):
        folder.mkdir(0o700, parents=True)
    if not _is_own(folder):
        raise PermissionError(f"{folder} belongs to somebody else now")
    folder.chmod(0o700)  # Gradio may have made it, readable by everyone
    _mark(folder)
    for path in sorted(folder.rglob("*"), reverse=True):  # what is inside comes first
        with suppress(OSError):  # it is gone already, or the folder is not empty
            if _age(path) < MAX_AGE:
                continue
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()
    for other in folder.parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if _is_own(other) and _is_own(other / MARK) and _age(other / MARK) >= MAX_AGE:
                shutil.rmtree(other)
    for sample in samples:  # renews the age of one that is there
        save_file_to_cache(sample, str(folder))


def is_no_room(error: BaseException) -> bool:
    """Tell whether an error means that this machine can store nothing, and put that in the log."""
    reason: BaseException | None = error
    while reason and not isinstance(reason, OSError):
        reason = reason.__cause__  # Gradio wraps what an output raises
    if reason is None or reason.errno not in DISK_ERRORS:
        return False
    log.error("Cannot store a photo: %s", reason.strerror)  # without the path
    return True


def _make(parent: Path) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    # Resolved, because Gradio compares paths as they are spelt.
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)).resolve()
    _mark(folder)
    return folder


def _mark(folder: Path) -> None:
    (folder / MARK).write_text(str(os.getpid()))


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not a fork of it
        shutil.rmtree(folder, ignore_errors=True)


def _is_own(path: Path) -> bool:
    """Tell whether a file or folder is this user's, and no link to somewhere else."""
    found = path.lstat()
    user = getattr(os, "geteuid", int)()  # 0 where there are no user ids, as `lstat` has it
    return found.st_uid == user and not stat.S_ISLNK(found.st_mode)


def _age(path: Path) -> float:
    return time.time() - path.lstat().st_mtime
