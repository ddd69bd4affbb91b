"""An answer can be handed on as a picture, which the browser makes without asking the server."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from durian.limits import NOT_A_PHOTO
from durian.web.i18n import name, say

from .browsing import (
    SAMPLE,
    answered,
    client_file,
    opened,
    refused,
    unsure_photo,
    upload,
    wrong_file,
)
from .running import App

CARD = (1080, 1350)  # pixels
CAUTION = "An estimate from one photo, not a proof."
SHARE_SHEET = """() => {  // of a phone; Debian's Chromium has none
    window.drawn = []
    const write = CanvasRenderingContext2D.prototype.fillText
    CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
        drawn.push(text)
        write.call(this, text, ...place)
    }
    navigator.canShare = ({files}) => files.length === 1
    navigator.share = async ({files: [file], text}) => { window.shared = {file, text} }
}"""
SHARED = """async () => ({
    text: shared.text,
    picture: [...new Uint8Array(await shared.file.arrayBuffer())],
})"""


@pytest.fixture
def page(browser: Browser, app: App) -> Iterator[Page]:
    """The page on a phone, in English."""
    with opened(browser, app.url) as page:
        yield page


def share(page: Page) -> None:
    """Tap the button under the answer, once there is one."""
    page.locator("#share button:enabled").click()


@pytest.mark.parametrize(
    ("language", "locale"), {"en": "en-SG", "zh-Hant": "zh-TW", "th": "th"}.items()
)
def test_an_answer_goes_to_the_phones_share_sheet(
    browser: Browser, app: App, language: str, locale: str
):
    with opened(browser, app.url, locale=locale) as page:
        page.evaluate(SHARE_SHEET)
        expect(page.locator("#share button")).to_be_disabled()
        upload(page, SAMPLE)
        answered(page)
        expect(page.locator("#share button")).to_be_enabled()
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        share(page)
        page.wait_for_function("window.shared")
        shared, drawn = page.evaluate(SHARED), page.evaluate("drawn")
        percent = page.locator("#answer .confidence").first.inner_text()
    breed = name("mao-shan-wang", language)
    assert drawn[0] == breed
    colon = "：" if language == "zh-Hant" else ": "
    assert say("How sure", language) + colon + percent in drawn
    assert say(CAUTION, language) in drawn and f"{app.url}/" in drawn
    assert shared["text"] == f"{breed}\n{say(CAUTION, language)}\n{app.url}/"
    card = Image.open(io.BytesIO(bytes(shared["picture"])))
    assert card.size == CARD
    middle = [
        np.asarray(picture.convert("RGB").resize((8, 8)), int)[2:5, 3:5].mean((0, 1))
        for picture in (card.crop((0, 0, 1080, 840)), Image.open(SAMPLE))
    ]
    assert np.abs(middle[0] - middle[1]).max() < 20, "the photo is not on the card"
    assert not [url for url in asked if url.startswith(app.url)]


def test_without_a_share_sheet_the_picture_is_saved(page: Page, tmp_path: Path):
    upload(page, SAMPLE)
    answered(page)
    with page.expect_download() as download:
        share(page)
    download.value.save_as(tmp_path / download.value.suggested_filename)
    assert Image.open(tmp_path / "durian.jpg").size == CARD


@pytest.mark.parametrize(("why", "saved"), [("AbortError", 0), ("NotAllowedError", 1)])
def test_a_picture_that_the_visitor_kept_back_is_not_saved(page: Page, why: str, saved: int):
    downloads = []
    page.on("download", lambda download: downloads.append(download))
    page.evaluate(SHARE_SHEET)
    page.evaluate(
        """why => {
            navigator.share = async () => {
                setTimeout(() => { window.refused = true }, 500)
                throw new DOMException("", why)
            }
        }""",
        why,
    )
    upload(page, SAMPLE)
    answered(page)
    share(page)
    page.wait_for_function("window.refused")
    assert len(downloads) == saved


def test_an_answer_that_is_not_sure_is_shared_without_a_number(page: Page, app: App):
    page.evaluate(SHARE_SHEET)
    with client_file(unsure_photo(app.url)) as photo:
        upload(page, photo)
        answered(page)
    share(page)
    page.wait_for_function("window.shared")
    drawn = page.evaluate("drawn")
    assert drawn[0] == page.locator("#verdict h2").inner_text()
    assert drawn[0].startswith("Not sure") and not [line for line in drawn if "%" in line]


def test_the_last_photos_answer_is_not_shared_for_one_that_has_none(page: Page, tmp_path: Path):
    upload(page, SAMPLE)
    answered(page)
    upload(page, wrong_file(tmp_path, ".jpg"))
    refused(page, NOT_A_PHOTO)
    expect(page.locator("#answer .confidence")).to_have_count(0)
    expect(page.locator("#share button")).to_be_disabled()
