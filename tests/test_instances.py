"""Two instances behind nginx: a visitor stays with one, and the other takes over when it dies."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, Route

from durian.limits import UNREADABLE
from durian.web.refusal import FAILED

from . import nginx
from .api import FILE, PREFIX, Api, Refused
from .browsing import answered, label, opened, refused, upload
from .running import EXAMPLES, App, running_app

CLIENTS = 32
PHOTO = EXAMPLES[0]
RIGHT = label(PHOTO)


class Visitor(Api):
    """One visitor with an address of their own."""

    def __init__(self, url: str, number: int) -> None:
        transport = httpx.HTTPTransport(local_address=f"127.0.1.{number + 1}")
        self.http = httpx.Client(base_url=url, transport=transport, timeout=150)
        self.home = self.http.get("/preview.jpg").headers.get(nginx.INSTANCE)

    def told(self) -> str:
        """Ask once; return the label, or why there is none."""
        try:
            return self.ask(PHOTO.read_bytes())["label"]
        except (Refused, httpx.TransportError) as trouble:  # the latter in the middle of a stream
            return str(trouble)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[App]:
    """Another instance of the app."""
    with running_app(tmp_path / "app.log") as instance:
        yield instance


@pytest.fixture
def instances(other: App, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[App]]:
    """Two instances of the app, one of which will be killed."""
    with running_app(tmp_path_factory.mktemp("instance") / "app.log") as instance:
        yield [instance, other]


def load(app: App) -> None:
    """Wait until an instance answers."""
    while Visitor(app.url, 0).told() != RIGHT:
        assert app.process.poll() is None


def test_what_another_instance_knows_is_refused_in_a_sentence(app: App, other: App):
    here, there = Api(app.url), Api(other.url)
    photo = {"path": here.upload("photo.jpg", PHOTO.read_bytes()), "meta": FILE}
    assert there.refusal(photo) == UNREADABLE
    ticket = here.http.post(f"{PREFIX}/call/predict", json={"data": [photo]}).json()["event_id"]
    with pytest.raises(Refused, match=FAILED):
        there.answer("predict", ticket)
    client = Client(app.url, verbose=False)
    client.sse_url = client.sse_url.replace(app.url, other.url)
    with pytest.raises(AppError, match=FAILED):
        client.predict(handle_file(PHOTO), api_name="/predict")


@pytest.mark.slow
def test_one_instance_dies_and_the_other_takes_over(
    instances: list[App], browser: Browser, tmp_path: Path
):
    with (
        nginx.balanced(instances, tmp_path) as url,
        opened(browser, url) as page,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        list(pool.map(load, instances))
        home = httpx.get(f"{url}/preview.jpg").headers[nginx.INSTANCE]  # the page's, too
        (doomed,) = (app for app in instances if app.url.endswith(home))
        visitors = [Visitor(url, number) for number in range(CLIENTS)]
        assert len({visitor.home for visitor in visitors}) == 2

        def kill(route: Route) -> None:
            doomed.process.kill()
            doomed.process.wait()
            route.continue_()

        page.route("**/queue/data*", kill, times=1)
        asking = [pool.submit(visitor.told) for visitor in visitors]
        upload(page, PHOTO)
        refused(page, FAILED)
        for visitor, asked in zip(visitors, asking, strict=True):
            told = asked.result()
            assert told == RIGHT or (visitor.home == home and visitor.told() == RIGHT), told
        upload(page, PHOTO)
        answered(page)
