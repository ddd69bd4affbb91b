"""Two instances behind nginx: a visitor stays with one, and the other takes over when it dies."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from . import nginx
from .api import Api, Refused
from .browsing import label
from .running import EXAMPLES, App, running_app

CLIENTS = 32
PHOTO = EXAMPLES[0]


class Visitor(Api):
    """One visitor with an address of their own, and what happened to them."""

    def __init__(self, url: str, number: int) -> None:
        transport = httpx.HTTPTransport(local_address=f"127.0.1.{number + 1}")
        hooks = {"response": [self._note]}
        self.http = httpx.Client(base_url=url, transport=transport, timeout=120, event_hooks=hooks)
        self.instances: Counter[str] = Counter()
        self.troubles: list[str] = []

    def _note(self, answer: httpx.Response) -> None:
        self.instances[answer.headers[nginx.INSTANCE].split(",")[-1].strip()] += 1

    def right(self) -> bool:
        """Ask once, and note a failure."""
        try:
            return self.ask(PHOTO.read_bytes())["label"] == label(PHOTO)
        except Refused as refusal:
            self.troubles.append(str(refusal))
        except httpx.TransportError as error:
            self.troubles.append(type(error).__name__)
        return False


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[App]]:
    """Two instances of the app, one of which will be killed."""
    nginx.command()
    logs = [tmp_path_factory.mktemp("instance") / "app.log" for _ in range(2)]
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        yield list(pool.map(lambda log: stack.enter_context(running_app(log)), logs))


def test_one_instance_dies_and_the_other_takes_over(instances: list[App], tmp_path: Path):
    doomed, other = (app.url.removeprefix("http://") for app in instances)
    with nginx.balanced(instances, tmp_path) as url, ThreadPoolExecutor(CLIENTS) as pool:
        visitors = [Visitor(url, number) for number in range(CLIENTS)]
        assert all(pool.map(Visitor.right, visitors))
        homes = [set(visitor.instances) for visitor in visitors]
        assert all(len(home) == 1 for home in homes)  # each stayed with one
        assert set.union(*homes) == {doomed, other}

        first = threading.Event()

        def again(visitor: Visitor) -> list[bool]:
            answers = [visitor.right() for _ in range(3)]
            first.set()
            return answers

        asking = pool.map(again, visitors)
        first.wait()
        instances[0].process.kill()
        told = list(asking)
        for visitor, home, answers in zip(visitors, homes, told, strict=True):
            if home == {other}:
                assert all(answers) and not visitor.troubles
            else:
                assert visitor.right()
