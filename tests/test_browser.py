"""The page as people meet it: in a real browser, on a phone, by thumb, by keyboard, by night."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from durian.breeds import CLASSES
from durian.limits import NOT_A_PHOTO
from durian.web import content
from durian.web.i18n import name, say

from .browsing import (
    LOCALES,
    PHONE,
    SAMPLE,
    TAP,
    answered,
    client_file,
    headline,
    label,
    opened,
    refused,
    shown,
    unsure_photo,
    upload,
    verdict,
    wrong_file,
)
from .running import EXAMPLES, App, running_app

SMALL_PHONE = {"width": 360, "height": 640}
FOCUS_IS_SEEN = """() => {  // a ring of 3 px, cut off by nothing around it
    const ring = getComputedStyle(document.activeElement)
    const reach = parseFloat(ring.outlineWidth) + parseFloat(ring.outlineOffset)
    const box = document.activeElement.getBoundingClientRect()
    for (let around = document.activeElement; (around = around.parentElement); ) {
        const edge = around.getBoundingClientRect()
        if (getComputedStyle(around).overflow !== "visible"
            && (box.left - reach < edge.left || box.right + reach > edge.right
                || box.top - reach < edge.top || box.bottom + reach > edge.bottom)) return false
    }
    return ring.outlineStyle + ring.outlineWidth === "solid3px"
}"""
SHIFT = 0.05  # of the layout, at most, when the answer arrives


@pytest.fixture
def page(browser: Browser, app: App) -> Iterator[Page]:
    """The page on a phone, in English."""
    with opened(browser, app.url) as page:
        yield page


# What people do


def test_an_upload_is_answered_with_no_second_click(page: Page):
    upload(page, SAMPLE)
    expect(page.locator("#verdict h2")).to_have_text(label(SAMPLE))
    assert page.locator("#answer .confidence-set").count() == 4


def test_a_pasted_photo_is_answered(browser: Browser, app: App):
    with opened(browser, app.url, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.evaluate(
            """async url => {
                const picture = await createImageBitmap(await (await fetch(url)).blob())
                const canvas = new OffscreenCanvas(picture.width, picture.height)
                canvas.getContext("2d").drawImage(picture, 0, 0)
                const blob = await canvas.convertToBlob({type: "image/png"})
                await navigator.clipboard.write([new ClipboardItem({"image/png": blob})])
            }""",
            page.locator("#samples img").first.get_attribute("src"),
        )
        page.get_by_label("Paste from clipboard").click()
        answered(page)
        assert verdict(page) == headline(shown(page.locator("#samples img").first))


def test_a_click_on_each_sample_names_its_own_breed(page: Page):
    samples = page.locator("#samples img")
    assert samples.count() == len(EXAMPLES) >= 6
    for sample in samples.all():
        sample.click()
        named = re.compile(f"^(Not sure, perhaps )?{shown(sample)}$")
        expect(page.locator("#verdict h2")).to_have_text(named)
    expect(page.locator("#samples")).to_contain_text("rendered")


def test_samples_can_be_clicked_while_the_model_loads_and_the_last_one_counts(
    browser: Browser, tmp_path: Path
):
    with running_app(tmp_path / "app.log") as fresh, opened(browser, fresh.url) as page:
        samples = page.locator("#samples img")
        samples.nth(0).click()
        expect(page.locator("#verdict [data-testid=status-tracker] svg")).to_be_visible(
            timeout=1000
        )
        samples.nth(3).click()
        samples.nth(1).click()
        answered(page)
        page.wait_for_timeout(1000)  # for an answer that is late to do its harm
        assert verdict(page) == headline(shown(samples.nth(1)))


def test_clearing_the_photo_clears_the_answer(page: Page):
    upload(page, SAMPLE)
    answered(page)
    page.get_by_label("Remove Image").click()
    expect(page.locator("#answer .confidence-set")).to_have_count(0)
    expect(page.locator("#verdict h2")).to_have_text("The answer comes here")


def test_it_shows_where_it_looked_and_forgets_it_with_the_next_photo(page: Page):
    upload(page, SAMPLE)
    answered(page)
    assert not page.locator("#why img").count()  # only on demand
    page.get_by_role("button", name="See why").click()
    picture = page.locator("#why img")
    expect(picture).to_be_visible()
    size = picture.evaluate("picture => picture.decode().then(() => [picture.naturalWidth,"
                            " picture.naturalHeight])")  # fmt: skip
    assert tuple(size) == Image.open(SAMPLE).size
    page.locator("#samples img").nth(3).click()
    expect(picture).to_have_count(0)


def test_an_unsure_answer_says_so_and_what_to_try(app: App, page: Page):
    with client_file(unsure_photo(app.url)) as photo:
        upload(page, photo)
        answered(page)
    assert verdict(page) == f"Not sure, perhaps {page.locator('#answer dt').first.inner_text()}"
    expect(page.locator("#verdict")).to_contain_text("Try the opened fruit")


def test_a_breed_known_from_too_few_photographs_is_never_said_surely(page: Page):
    sample = page.get_by_alt_text("Golden Phoenix, opened")
    sample.click()
    answered(page)
    assert verdict(page) == "Not sure, perhaps Golden Phoenix"
    expect(page.locator("#verdict")).to_contain_text("too few photographs")


def test_what_is_no_durian_is_refused_with_something_to_try(page: Page):
    with client_file(Image.new("RGB", (640, 480), "#3366aa")) as photo:
        upload(page, photo)
        answered(page)
    assert verdict(page) == "Not one of these"
    expect(page.locator("#verdict")).to_contain_text("Try the opened fruit")


def test_the_guide_puts_the_named_breed_first(page: Page):
    upload(page, SAMPLE)
    answered(page)
    cards = page.locator("#breeds article")
    assert cards.count() == 4
    first = min(cards.all(), key=lambda card: card.bounding_box()["x"])
    assert first.locator("h3").inner_text() == label(SAMPLE)
    assert first.bounding_box()["x"] >= 0
    expect(first).to_contain_text("Tell it by")


def test_a_bad_file_is_refused_in_a_sentence_and_the_next_photo_is_answered(
    page: Page, tmp_path: Path
):
    upload(page, wrong_file(tmp_path, ".jpg"))
    refused(page, NOT_A_PHOTO)
    expect(page.locator(".toast-body")).to_have_count(0)  # nothing lies over the page
    page.get_by_label("Remove Image").click()
    expect(page.locator("#verdict .empty")).to_be_visible()
    upload(page, SAMPLE)
    answered(page)


def test_a_file_that_gradio_itself_turns_away_is_refused_in_our_words(page: Page, tmp_path: Path):
    upload(page, wrong_file(tmp_path, ".pdf"))
    expect(page.locator(".toast-message-text")).to_have_text(NOT_A_PHOTO)
    page.locator("#samples img").first.click()
    expect(page.locator(".toast-body")).to_have_count(0)
    answered(page)


def test_a_photo_that_the_browser_cannot_show_is_answered(page: Page, tmp_path: Path):
    Image.open(SAMPLE).save(tmp_path / "durian.heic")  # durian.photo has taught Pillow that
    upload(page, tmp_path / "durian.heic")
    expect(page.locator("#verdict h2")).to_have_text(label(SAMPLE))
    page.wait_for_function("document.querySelector('#photo img').naturalWidth > 0")  # none broken


# Languages, sizes, accessibility


@pytest.mark.parametrize(("language", "locale"), LOCALES.items())
def test_the_page_speaks_the_browsers_language(
    browser: Browser, app: App, tmp_path: Path, language: str, locale: str
):
    slug = SAMPLE.stem.rpartition("-")[0]
    with opened(browser, app.url, locale=locale) as page:
        expect(page.locator("h1")).to_have_text(say(content.TITLE, language))
        expect(page.locator("html")).to_have_attribute("lang", language)
        for sentence in ("Take or choose a photo", "See why", "Know your durians", "How sure"):
            expect(page.locator("body")).to_contain_text(say(sentence, language))
        upload(page, SAMPLE)
        expect(page.locator("#verdict h2")).to_have_text(name(slug, language))
        bars = page.locator("#answer .confidence-set dt")
        names = {name(slug, language) for slug in CLASSES}
        page.wait_for_function(
            "names => [...document.querySelectorAll('#answer dt')]"
            ".every(bar => names.includes(bar.textContent))",
            arg=list(names),
        )
        assert bars.first.inner_text() == name(slug, language)
        expect(page.locator("#photo img")).to_have_attribute("alt", say("Your photo", language))
        page.get_by_label(say("Remove Image", language)).click()
        upload(page, wrong_file(tmp_path, ".jpg"))
        refused(page, say(NOT_A_PHOTO, language))
        upload(page, wrong_file(tmp_path, ".pdf"))
        expect(page.locator(".toast-message-text")).to_have_text(say(NOT_A_PHOTO, language))


def test_a_language_that_is_chosen_is_kept(browser: Browser, app: App, tmp_path: Path):
    with opened(browser, app.url) as page:
        page.get_by_role("button", name="ไทย").click()
        expect(page.locator("h1")).to_have_text(say(content.TITLE, "th"))
        page.goto(app.url)
        expect(page.locator("h1")).to_have_text(say(content.TITLE, "th"))
        expect(page).to_have_title(say(content.TITLE, "th"))
        upload(page, wrong_file(tmp_path, ".jpg"))
        refused(page, say(NOT_A_PHOTO, "th"))  # which the server says
        page.get_by_role("button", name="English").click()
        expect(page.locator("h1")).to_have_text(content.TITLE)
        assert (
            page.evaluate("localStorage.length") == 0
        )  # the browser's own language needs no choice


@pytest.mark.parametrize(("language", "locale"), LOCALES.items())
def test_every_answer_fits_the_place_that_is_kept_for_it(
    browser: Browser, app: App, language: str, locale: str
):
    words = content.translations()[language]
    answers = [html for key, html in words.items() if key.startswith(("empty", "sure", "unsure"))]
    with opened(browser, app.url, locale=locale) as page:
        heights = page.evaluate(
            """answers => answers.map(answer => {
                document.querySelector("#verdict .prose").innerHTML = answer
                return document.querySelector("#verdict").offsetHeight
            })""",
            answers,
        )
    assert len(heights) == 11
    assert len(set(heights)) == 1, heights


def test_a_language_that_nobody_translated_gets_english(browser: Browser, app: App):
    with opened(browser, app.url, locale="is-IS") as page:
        expect(page.locator("h1")).to_have_text(content.TITLE)


def test_it_is_dark_at_night(browser: Browser, app: App):
    brightness = """() => {
        const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g)
        return (+r + +g + +b) / 3
    }"""
    with opened(browser, app.url, color_scheme="dark") as page:
        assert page.evaluate(brightness) < 60
    with opened(browser, app.url, color_scheme="light") as page:
        assert page.evaluate(brightness) > 220


@pytest.mark.parametrize("locale", LOCALES.values())
def test_photo_samples_and_answer_are_seen_without_scrolling(
    browser: Browser, app: App, locale: str
):
    with opened(browser, app.url, locale=locale) as page:
        page.locator("#samples img").first.click()
        answered(page)
        for phone, lowest in ((PHONE, "#answer .confidence-set"), (SMALL_PHONE, "#verdict")):
            page.set_viewport_size(phone)
            for seen in (*page.locator("#samples img").all(), page.locator(lowest).last):
                box = seen.bounding_box()
                assert box["y"] + box["height"] <= phone["height"], phone
            assert page.evaluate("document.documentElement.scrollWidth") <= phone["width"]


def test_what_is_tapped_is_large_enough_for_a_thumb(page: Page, tmp_path: Path):
    upload(page, wrong_file(tmp_path, ".pdf"))
    close = page.locator(".toast-close").bounding_box()
    assert min(close["width"], close["height"]) >= TAP
    upload(page, SAMPLE)
    answered(page)
    targets = page.locator(
        "#photo button, #samples button, #share button, #why > button,"
        " #breeds summary, #languages button"
    )
    boxes = [target.bounding_box() for target in targets.all() if target.is_visible()]
    assert len(boxes) >= 10
    for box in boxes:
        assert min(box["width"], box["height"]) >= TAP, box


def test_the_rear_camera_is_the_one_that_is_offered(browser: Browser, app: App):
    with opened(browser, app.url) as page:
        page.evaluate(
            """() => { navigator.mediaDevices.getUserMedia = async asked => {
                window.asked = asked; throw new DOMException("", "NotAllowedError") } }"""
        )
        page.get_by_label("Capture from camera").click()
        page.get_by_text("Click to Access Webcam").click()
        asked = page.wait_for_function("window.asked").json_value()
        assert asked["video"]["facingMode"] == {"ideal": "environment"}


def test_a_photo_from_the_camera_is_answered(browser: Browser, app: App):
    with opened(browser, app.url, permissions=["camera"], locale=LOCALES["ms"]) as page:
        page.get_by_label(say("Capture from camera", "ms")).click()
        page.get_by_text(say("Click to Access Webcam", "ms")).click()
        page.wait_for_function("document.querySelector('#photo video').videoWidth > 0")
        page.get_by_label(say("capture photo", "ms")).click()
        answered(page)
        expect(page.get_by_alt_text(say("Your photo", "ms"))).to_be_visible()


def test_all_can_be_done_with_a_keyboard(page: Page):
    def tab_to(selector: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("s => document.activeElement.matches(s)", selector):
                assert page.evaluate(FOCUS_IS_SEEN), selector
                return
        raise AssertionError(f"the Tab key does not lead to {selector}")

    tab_to("#about a")
    with page.expect_file_chooser() as chooser:  # Playwright misses one just after it is told to
        tab_to("#photo button")
        page.keyboard.press("Enter")
    chooser.value.set_files(SAMPLE)
    answered(page)
    expect(page.locator("#verdict h2")).to_have_text(label(SAMPLE))
    tab_to("#photo .source-selection button")
    tab_to("#samples button:nth-of-type(3)")
    page.keyboard.press("Enter")
    expect(page.locator("#verdict h2")).to_have_text(shown(page.locator("#samples img").nth(2)))
    tab_to("#share button")  # past the bars, on which there is nothing to do
    tab_to("#why button")
    page.keyboard.press("Enter")
    expect(page.locator("#why img")).to_be_visible()
    tab_to("#breeds .cards")
    tab_to("#breeds summary")
    page.keyboard.press("Enter")
    expect(page.locator("#breeds li").first).to_be_visible()
    tab_to("#languages [lang=ms]")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(say(content.TITLE, "ms"))


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_moves_when_the_answer_arrives(browser: Browser, app: App, width: int):
    with opened(browser, app.url, viewport={"width": width, "height": 740}) as page:
        page.wait_for_load_state("networkidle")  # nothing of the page itself still arrives
        page.wait_for_timeout(500)
        page.evaluate(
            """() => { window.shift = 0; new PerformanceObserver(list => list.getEntries()
                .forEach(entry => { window.shift += entry.value })).observe({type: "layout-shift"})
            }"""
        )
        upload(page, EXAMPLES[0])  # no click, so that no shift is excused as its effect
        answered(page)
        page.wait_for_timeout(500)
        assert page.evaluate("window.shift") <= SHIFT
