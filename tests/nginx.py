"""Debian's nginx on loopback, with the configuration that people are shown."""

import getpass
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .running import App, free_port

CONFIGURATION = Path(__file__).with_name("nginx.conf")
INSTANCE = "x-instance"  # header that says which instance answered
MAIN = """
daemon off;
user {user};
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    {temporary}
    add_header X-Instance $upstream_addr always;
    include {folder}/durian.conf;
}}
"""


def command() -> str:
    """Return where nginx is; skip the test where it is not."""
    found = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if not found:
        pytest.skip("there is no nginx here: apt-get install nginx")
    return found


@contextmanager
def balanced(apps: list[App], folder: Path) -> Iterator[str]:
    """Serve two instances by the configuration in nginx.conf, on free ports; yield the address."""
    here = f"127.0.0.1:{free_port()}"
    text = CONFIGURATION.read_text(encoding="utf-8").replace("127.0.0.1:7860", here)
    for port, app in zip((7861, 7862), apps, strict=True):
        text = text.replace(f"127.0.0.1:{port}", app.url.removeprefix("http://"))
    (folder / "durian.conf").write_text(text, encoding="utf-8")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    main = folder / "main.conf"
    user = getpass.getuser()  # or nginx keeps uploads as another one, who may not open `folder`
    main.write_text(MAIN.format(folder=folder, temporary=temporary, user=user))
    with subprocess.Popen([command(), "-p", folder, "-c", main]) as process:
        try:
            for _ in range(100):
                try:
                    urllib.request.urlopen(f"http://{here}/preview.jpg", timeout=60).close()
                    break
                except urllib.error.URLError:
                    assert process.poll() is None, (folder / "error.log").read_text()
                    time.sleep(0.1)
            yield f"http://{here}"
        finally:
            process.terminate()
