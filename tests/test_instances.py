"""Two instances without a proxy that keeps a visitor with one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from durian.limits import UNREADABLE
from durian.web.refusal import FAILED

from .api import FILE, PREFIX, Api, Refused
from .running import EXAMPLES, App, running_app

PHOTO = EXAMPLES[0]


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[App]]:
    """Two instances of the app."""
    logs = [tmp_path_factory.mktemp("instance") / "app.log" for _ in range(2)]
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        apps = list(pool.map(lambda log: stack.enter_context(running_app(log)), logs))
        yield apps


def test_what_another_instance_knows_is_refused_in_a_sentence(instances: list[App]):
    one, other = (Api(app.url) for app in instances)
    path = one.upload("photo.jpg", PHOTO.read_bytes())
    payload = {"data": [{"path": path, "meta": FILE}]}
    assert other.refusal(payload["data"][0]) == UNREADABLE
    ticket = one.http.post(f"{PREFIX}/call/predict", json=payload).json()["event_id"]
    with pytest.raises(Refused, match=FAILED):
        other.answer("predict", ticket)
    client = Client(instances[0].url, verbose=False)
    client.sse_url = client.sse_url.replace(*(app.url for app in instances))
    with pytest.raises(AppError, match=FAILED):
        client.predict(handle_file(PHOTO), api_name="/predict")
