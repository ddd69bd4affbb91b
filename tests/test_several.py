"""Whoever drops several photos at once is told which one was looked at."""

import pytest
from playwright.sync_api import Browser, expect

from durian.web.i18n import say

from .browsing import LOCALES, answered, opened
from .running import App

SAID = "Only the first photo was looked at."
SAMPLES = """async () => {
    const transfer = new DataTransfer()
    for (const { src } of [...document.querySelectorAll("#samples img")].slice(0, 2)) {
        const photo = await (await fetch(src)).blob()
        transfer.items.add(new File([photo], "durian.jpg", { type: "image/jpeg" }))
    }
    return transfer
}"""


@pytest.mark.parametrize("language", ["en", "th"])
def test_of_two_photos_the_first_is_sent_and_the_page_says_so(
    browser: Browser, app: App, language: str
):
    with opened(browser, app.url, locale=LOCALES[language]) as page:
        files = page.evaluate_handle(SAMPLES)
        with page.expect_response("**/upload?*") as sent:
            page.locator("#photo button").first.dispatch_event("drop", {"dataTransfer": files})
        assert len(sent.value.json()) == 1
        answered(page)
        expect(page.locator("#verdict")).to_contain_text(say(SAID, language))
        page.locator("#samples img").nth(2).click()
        expect(page.locator("#verdict")).not_to_contain_text(say(SAID, language))
