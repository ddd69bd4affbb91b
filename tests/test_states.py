"""Every state of the page is accessible, fits a narrow phone, and moves nothing."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from durian.limits import NOT_A_PHOTO
from durian.web.i18n import say
from durian.web.storage import NO_ROOM

from .browsing import (
    LOCALES,
    SAMPLE,
    TAP,
    answered,
    client_file,
    opened,
    refused,
    unsure_photo,
    upload,
    wrong_file,
)
from .running import App

NARROW = {"width": 320, "height": 640}  # pixels
SHIFT = 0.05  # of the layout, at most
AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
COUNT_SHIFTS = """() => {
    window.shift = 0
    const count = list => list.getEntries().forEach(entry => { window.shift += entry.value })
    new PerformanceObserver(count).observe({type: "layout-shift"})
}"""
# Nothing happens on a tap on a bar of the answer.
SMALL = """tap => [...document.querySelectorAll("main button, #breeds summary, .toast-close")]
    .filter(target => !target.matches("#answer *"))
    .filter(target => target.checkVisibility({opacityProperty: true, visibilityProperty: true}))
    .filter(({offsetWidth, offsetHeight}) => Math.min(offsetWidth, offsetHeight) < tap)
    .map(({outerHTML}) => outerHTML)"""
# Violations in markup with this class are Gradio's own, but for colours, which are ours.
FOUND = """async rules => (await axe.run(rules)).violations
    .filter(({impact}) => ["serious", "critical"].includes(impact))
    .flatMap(({id, nodes}) => nodes.map(({html, failureSummary}) => [id, html, failureSummary]))
    .filter(([id, html]) => id === "color-contrast" || !html.split(">")[0].includes("svelte-"))
"""


class States:
    """A page that is led from state to state, and what is wrong in each."""

    def __init__(self, page: Page, light: str) -> None:
        self._page = page
        # By night only the colours differ.
        self._rules = {} if light == "light" else {"runOnly": ["color-contrast"]}
        self.faults: list[tuple] = []
        page.add_script_tag(path=AXE)
        page.evaluate(COUNT_SHIFTS)

    def check(self, state: str) -> None:
        """Note what is wrong with what the page shows now."""
        page = self._page
        page.wait_for_timeout(500)  # what fades in has done so
        self.faults += [(state, *found) for found in page.evaluate(FOUND, self._rules)]
        if (shift := page.evaluate("window.shift")) > SHIFT:
            self.faults.append((state, "moves", shift))
        page.evaluate("window.shift = 0")
        if (width := page.evaluate("document.documentElement.scrollWidth")) > NARROW["width"]:
            self.faults.append((state, "is too wide", width))
        for target in page.evaluate(SMALL, TAP):
            self.faults.append((state, "is too small to tap", target))

    def clear(self) -> None:
        """Remove the photo."""
        for button in self._page.locator("#photo .icon-button-wrapper button").all():
            button.press("Enter")
        self._page.locator("#verdict .empty").wait_for()
        self._page.wait_for_timeout(200)
        self._page.evaluate("window.shift = 0")  # what the visitor does may move something


@contextmanager
def held(page: Page, address: str) -> Iterator[None]:
    """Let requests for an address wait."""
    routes: list[Route] = []
    page.route(address, lambda route: routes.append(route))
    yield
    for route in routes:
        route.continue_()
    page.unroute(address)


@pytest.mark.usefixtures("node")  # which installs axe
@pytest.mark.parametrize(("light", "language"), [("light", "zh-Hant"), ("dark", "th")])
def test_every_state_is_accessible_and_fits(
    browser: Browser, app: App, tmp_path: Path, light: str, language: str
):
    look = {"viewport": NARROW, "locale": LOCALES[language], "color_scheme": light}
    with opened(browser, app.url, **look) as page:
        page.wait_for_load_state("networkidle")
        states = States(page, light)
        states.check("empty")
        see_a_full_disk(page, states, language)
        see_answers(page, states, language, app.url)
        see_refusals(page, states, language, tmp_path)
        page.get_by_label(say("Capture from camera", language)).press("Enter")
        page.locator("#photo button:has(.icon-wrap)").press("Enter")
        page.locator("#photo [role=alert]").wait_for()
        states.check("camera refused")
    assert not states.faults, json.dumps(states.faults, indent=1, ensure_ascii=False)


def see_a_full_disk(page: Page, states: States, language: str) -> None:
    answer = {
        "status": 507,
        "content_type": "application/json",
        "body": json.dumps({"detail": NO_ROOM}, separators=(",", ":")),
    }
    page.route("**/upload?*", lambda route: route.fulfill(**answer))
    upload(page, SAMPLE)
    expect(page.locator(".toast-message-text")).to_have_text(say(NO_ROOM, language))
    states.check("disk full")
    page.unroute("**/upload?*")
    page.evaluate("document.querySelector('.toast-close')?.click()")  # it may have gone by itself


def see_answers(page: Page, states: States, language: str, url: str) -> None:
    with held(page, "**/queue/data?*"):
        with held(page, "**/upload?*"):
            upload(page, SAMPLE)
            photo = page.locator("#photo .uploading")
            expect(photo).to_have_text(say("Sending the photo…", language))
            expect(page.get_by_text(SAMPLE.name)).to_be_hidden()
            states.check("sending")
        page.locator("#photo img").wait_for()
        expect(page.locator("#verdict h2")).to_be_hidden()  # the spinner lies there
        states.check("waiting")
    answered(page)
    page.locator("#why > button").press("Enter")
    page.locator("#why img").wait_for()
    page.evaluate("window.shift = 0")
    states.check("sure, and explained")
    nothing = Image.new("RGB", (640, 480), "#3366aa")
    for state, picture in {"perhaps": unsure_photo(url), "none": nothing}.items():
        states.clear()
        with client_file(picture) as photo:
            upload(page, photo)
            answered(page)
        states.check(state)


def see_refusals(page: Page, states: States, language: str, folder: Path) -> None:
    states.clear()
    upload(page, wrong_file(folder, ".jpg"))
    refused(page, say(NOT_A_PHOTO, language))
    states.check("not a photo")
    states.clear()
    page.context.set_offline(True)
    upload(page, SAMPLE)
    again = page.locator("#verdict .doubt button")
    again.wait_for()
    states.check("network gone")
    page.context.set_offline(False)
    again.press("Enter")
    answered(page)
    states.clear()
