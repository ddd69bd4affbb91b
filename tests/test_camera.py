"""The camera: its buttons at every size, the way back, and what it says if it does not open."""

import pytest
from playwright.sync_api import Browser, Page, expect

from durian.web.i18n import say

from .browsing import LOCALES, TAP, opened
from .running import App

SIZES = [(360, 640), (375, 553), (390, 664), (412, 732), (1280, 720), (1366, 657), (1440, 760)]
SMALLEST = [(320, 568)]
REFUSED = "This page may not use the camera. Allow it in the browser's settings, or choose a photo."
TAKEN = "Another app is using the camera. Close it and try again, or choose a photo."
REASONS = {
    "NotAllowedError": REFUSED,
    "NotFoundError": "There is no camera. Connect one and try again, or choose a photo.",
    "NotReadableError": TAKEN,
    "AbortError": TAKEN,
    "OverconstrainedError": "The camera did not open. Try again, or choose a photo.",
}
INSECURE = "The camera needs an https address. Take the photo with another app and choose it here."
FAILING = """
    MediaDevices.prototype.getUserMedia = async () => { throw new DOMException("", window.failure) }
"""
SLOW = """
    const open = MediaDevices.prototype.getUserMedia
    MediaDevices.prototype.getUserMedia = async function (asked) {
        window.stream = await open.call(this, asked)
        await new Promise((allow) => { window.allow = allow })
        return window.stream
    }
"""


def turn_to(page: Page, source: str, language: str = "en") -> None:
    page.get_by_label(say(source, language)).click()


def open_camera(page: Page, language: str = "en") -> None:
    page.get_by_text(say("Click to Access Webcam", language)).click()


def all_can_be_tapped(page: Page, least: int, sizes: list[tuple[int, int]] = SIZES) -> None:
    """Find at least so many buttons and lists at the photo, none of them covered or too small."""
    for width, height in sizes:
        page.set_viewport_size({"width": width, "height": height})
        targets = page.locator("#photo button:visible, #photo select:visible").all()
        assert len(targets) >= least
        for target in targets:
            box = target.bounding_box()
            assert min(box["width"], box["height"]) >= TAP, (width, height, target)
            target.click(trial=True, timeout=5000)  # nothing lies over its middle


def test_one_can_tap_everything_and_go_back(browser: Browser, app: App):
    with opened(browser, app.url) as page:
        turn_to(page, "Capture from camera")
        all_can_be_tapped(page, least=4)
        open_camera(page)
        expect(page.locator("#photo [role=alert]")).to_have_text(REFUSED)
        all_can_be_tapped(page, least=4)
        page.context.grant_permissions(["camera"])
        open_camera(page)
        page.wait_for_function("document.querySelector('#photo video')?.videoWidth > 0")
        turn_to(page, "select input source")
        all_can_be_tapped(page, least=6)
        turn_to(page, "Upload file")
        expect(page.get_by_text("Take or choose a photo")).to_be_visible()


@pytest.mark.parametrize(("language", "locale"), LOCALES.items())
def test_a_camera_that_does_not_open_says_why_and_what_to_do(
    browser: Browser, app: App, language: str, locale: str
):
    with opened(browser, app.url, locale=locale) as page:
        page.add_init_script(FAILING)
        page.reload()
        turn_to(page, "Capture from camera", language)
        for failure, sentence in REASONS.items():
            page.evaluate("failure => { window.failure = failure }", failure)
            open_camera(page, language)
            expect(page.locator("#photo [role=alert]")).to_have_text(say(sentence, language))
            all_can_be_tapped(page, least=4, sizes=SMALLEST)


def test_without_https_it_says_that_the_camera_needs_it(browser: Browser, app: App):
    with opened(browser, app.url.replace("127.0.0.1", "durian.lan")) as page:
        turn_to(page, "Capture from camera")
        open_camera(page)
        expect(page.locator("#photo [role=alert]")).to_have_text(INSECURE)
        expect(page.locator(".toast-body")).to_have_count(0)


def test_a_camera_that_opens_too_late_is_closed_again(browser: Browser, app: App):
    with opened(browser, app.url, permissions=["camera"]) as page:
        page.add_init_script(SLOW)
        page.reload()
        turn_to(page, "Capture from camera")
        open_camera(page)
        page.wait_for_function("typeof window.allow === 'function'")
        turn_to(page, "Upload file")
        page.evaluate("window.allow()")
        page.wait_for_function("window.stream.getTracks()[0].readyState === 'ended'")
