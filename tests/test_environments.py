"""The app starts and answers on machines that are set up for something else."""

from pathlib import Path

import pytest

from durian.breeds import LABELS
from durian.web import content
from durian.web.i18n import say

from .api import Api, preview
from .running import EXAMPLES, running_app

NOBODY = "127.0.0.1:9"  # where no proxy listens
MACHINES = {
    "behind a proxy": {"HTTP_PROXY": f"http://{NOBODY}", "all_proxy": NOBODY, "no_proxy": "a.org"},
    "behind SOCKS, with IPv6": {
        "ALL_PROXY": f"socks5://{NOBODY}",
        "http_proxy": f"socks://{NOBODY}/",
        "GRADIO_SERVER_NAME": "[::1]",
    },
    "with server-side rendering, with IPv6": {
        "GRADIO_SSR_MODE": "true",
        "GRADIO_SERVER_NAME": "[::]",
    },
}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_page_is_ours_and_answers(machine: str, tmp_path: Path, node: Path):
    settings = {"GRADIO_NODE_PATH": str(node / "node"), **MACHINES[machine]}
    with running_app(tmp_path / "app.log", **settings) as app:
        direct = Api(app.url)
        assert direct.ask(EXAMPLES[0].read_bytes())["label"] in LABELS
        page = direct.http.get("/", headers={"accept-language": "ms"})
        assert preview(page.text)["og:title"] == say(content.TITLE, "ms")
        assert '<html lang="ms"' in page.text
        picture = direct.http.get("/preview.jpg")
        assert picture.headers["content-type"] == "image/jpeg"
        assert "Traceback" not in app.log.read_text()
