"""The network fails, or a proxy answers in the app's place: a tap sends the photo again."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, expect

from durian.photo import TOO_HEAVY
from durian.web.guard import BUSY
from durian.web.i18n import name, say

from .browsing import (
    LOCALES,
    SAMPLE,
    answered,
    headline,
    label,
    opened,
    refused,
    shown,
    upload,
    verdict,
)
from .running import App

GONE = "No connection just now."
KEPT = "Your photo is kept. Try again once online."
NGINX = "<html><body><center><h1>{0}</h1></center><hr><center>nginx</center></body></html>"
IS_SHOWN = "document.querySelector('#photo img').src.startsWith('blob:')"


@pytest.fixture
def page(browser: Browser, app: App) -> Iterator[Page]:
    """The page on a phone, in English."""
    with opened(browser, app.url) as page:
        yield page


@contextmanager
def line_cut_at(url: str, request: bytes) -> Iterator[str]:
    """Forward to a server; cut the line during the first answer to a request with these bytes."""
    listener = socket.create_server(("127.0.0.1", 0))
    whole = [True]

    def pass_on(source: socket.socket, target: socket.socket, cut: list[bool]) -> None:
        while data := source.recv(65536):
            if request in data and whole[0]:
                whole[0], cut[0] = False, True
            if cut[0] and data.startswith(b"HTTP/"):
                target.sendall(data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
                return
            target.sendall(data)

    def until_it_ends(source: socket.socket, target: socket.socket, cut: list[bool]) -> None:
        with suppress(OSError):
            pass_on(source, target, cut)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
            cut = [False]
            for ends in ((client, server), (server, client)):
                Thread(target=until_it_ends, args=(*ends, cut), daemon=True).start()

    Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


def says_that_it_is_gone(page: Page, language: str = "en") -> None:
    expect(page.locator("#verdict h2")).to_have_text(say(GONE, language))
    refused(page, say(KEPT, language))
    expect(page.locator(".toast-body")).to_have_count(0)
    assert page.locator("#photo img").is_visible()


def send_again(page: Page, language: str = "en") -> None:
    page.get_by_role("button", name=say("Send again", language)).click()
    answered(page)


def test_a_photo_waits_for_the_network_and_a_tap(browser: Browser, app: App):
    language, slug = "th", SAMPLE.stem.rpartition("-")[0]
    with opened(browser, app.url, locale=LOCALES[language]) as page:
        page.context.set_offline(True)
        upload(page, SAMPLE)
        says_that_it_is_gone(page, language)
        page.wait_for_function(IS_SHOWN)
        page.context.set_offline(False)
        send_again(page, language)
        expect(page.locator("#verdict h2")).to_contain_text(name(slug, language))
        page.locator("#why button").first.click()
        page.locator("#why img").wait_for()


def test_a_sample_waits_as_well(page: Page):
    sample = page.locator("#samples img").nth(1)
    page.context.set_offline(True)
    sample.click()
    says_that_it_is_gone(page)
    page.get_by_role("button", name="Send again").click()  # too early
    says_that_it_is_gone(page)
    page.context.set_offline(False)
    send_again(page)
    assert verdict(page) == headline(shown(sample))


def test_another_photo_may_take_the_place_of_the_kept_one(page: Page):
    page.context.set_offline(True)
    upload(page, SAMPLE)
    says_that_it_is_gone(page)
    page.context.set_offline(False)
    page.get_by_label("Remove Image").click()
    expect(page.locator("#verdict .empty")).to_be_visible()
    sample = page.locator("#samples img").nth(1)
    sample.click()
    answered(page)
    assert verdict(page) == headline(shown(sample))


@pytest.mark.parametrize("request_", ["POST queue/join", "GET queue/data"])
def test_a_line_that_breaks_loses_nothing(browser: Browser, app: App, request_: str):
    line = line_cut_at(app.url, request_.replace(" ", " /gradio_api/").encode())
    with line as url, opened(browser, url) as page:
        upload(page, SAMPLE)
        says_that_it_is_gone(page)
        send_again(page)
        assert verdict(page) == headline(label(SAMPLE))


def test_a_photo_lost_on_the_way_is_sent_once_more_without_asking(browser: Browser, app: App):
    with line_cut_at(app.url, b"POST /gradio_api/upload?") as url, opened(browser, url) as page:
        upload(page, SAMPLE)
        answered(page)
        assert verdict(page) == headline(label(SAMPLE))


# What a proxy says in the app's place


@pytest.mark.parametrize("request_", ["queue/join", "queue/data"])
def test_a_proxy_that_does_not_reach_the_app_is_a_network_that_is_gone(page: Page, request_: str):
    gateway = {"status": 502, "content_type": "text/html", "body": NGINX.format("502 Bad Gateway")}
    page.route(f"**/{request_}*", lambda route: route.fulfill(**gateway), times=1)
    upload(page, SAMPLE)
    says_that_it_is_gone(page)
    send_again(page)


def test_a_photo_too_heavy_for_a_proxy_is_refused_in_our_words(page: Page):
    body = NGINX.format("413 Request Entity Too Large")
    refusal = {"status": 413, "content_type": "text/html", "body": body}
    page.route("**/upload?*", lambda route: route.fulfill(**refusal), times=1)
    upload(page, SAMPLE)
    expect(page.locator(".toast-message-text")).to_have_text(TOO_HEAVY)
    page.context.set_offline(True)
    upload(page, SAMPLE)
    says_that_it_is_gone(page)
    page.context.set_offline(False)
    page.route("**/upload?*", lambda route: route.fulfill(**refusal), times=1)
    page.get_by_role("button", name="Send again").click()
    refused(page, TOO_HEAVY)


def test_where_too_many_ask_it_says_so(browser: Browser, app: App):
    with opened(browser, app.url, locale=LOCALES["ms"]) as page:
        busy = {"status": 503, "json": {"detail": BUSY}}
        page.route("**/queue/join*", lambda route: route.fulfill(**busy))
        upload(page, SAMPLE)
        refused(page, say(BUSY, "ms"))
