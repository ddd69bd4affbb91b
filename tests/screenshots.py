"""Takes pictures of the page in every size, light, language and state, to be looked at by a person.

    python tests/screenshots.py [folder of pictures, tests/screenshots/ unless told]

One sheet a language and light; columns are states, rows are widths.
"""

import itertools
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))
from conftest import CHROMIUM_FLAGS, EXAMPLES, ROOT, running_app
from test_browser import answered, opened, unsure_photo, upload

WIDTHS = {360: 740, 768: 1024, 1280: 800}  # pixels, and the heights that go with them
LIGHTS = ("light", "dark")
LANGUAGES = ("en-SG", "zh-CN", "ms-MY", "th-TH")
STATES = ("empty", "answered", "explained", "unsure", "refused", "erring")
GAP = 12  # pixels between the pictures of a sheet


def bring_about(state: str, page: Page, unsure: Path) -> None:
    """Lead an opened page into a state."""
    match state:
        case "answered":
            upload(page, EXAMPLES[0])
        case "explained":
            upload(page, EXAMPLES[0])
            page.locator("#why button").first.click()
            page.locator("#why img").wait_for()
            page.locator("#why img").scroll_into_view_if_needed()
        case "unsure":
            upload(page, unsure)
        case "refused":
            grey = unsure.with_name("grey.png")
            Image.new("RGB", (640, 480), "#888").save(grey)
            upload(page, grey)
        case "erring":
            text = unsure.with_name("text.jpg")
            text.write_text("no photo")
            page.locator("#photo input[type=file]").set_input_files(text)
            page.locator(".toast-body").wait_for()
    if state in ("answered", "explained", "unsure", "refused"):
        answered(page)
    page.wait_for_timeout(700)  # what moves comes to rest


def sheet(pictures: dict[tuple[int, str], Image.Image]) -> Image.Image:
    """Lay pictures out, a row a width and a column a state."""
    whole = Image.new(
        "RGB",
        (len(STATES) * (max(WIDTHS) + GAP), sum(WIDTHS.values()) + GAP * len(WIDTHS)),
        "#777",
    )
    top = 0
    for width, height in WIDTHS.items():
        for column, state in enumerate(STATES):
            whole.paste(pictures[width, state], (column * (width + GAP), top))
        top += height + GAP
    return whole


def main(folder: Path) -> None:
    """Take all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        log, unsure = Path(scratch, "app.log"), Path(scratch, "unsure.png")
        browser: Browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS
        )
        with running_app(log, ROOT) as app:
            unsure_photo(app.url).save(unsure)
            for language, light in itertools.product(LANGUAGES, LIGHTS):
                pictures = {}
                for (width, height), state in itertools.product(WIDTHS.items(), STATES):
                    with opened(
                        browser,
                        app.url,
                        locale=language,
                        color_scheme=light,
                        viewport={"width": width, "height": height},
                    ) as page:
                        bring_about(state, page, unsure)
                        path = folder / f"{language}-{light}-{width}-{state}.png"
                        page.screenshot(path=path)
                        pictures[width, state] = Image.open(path)
                sheet(pictures).save(folder / f"sheet-{language}-{light}.png")
                print(folder / f"sheet-{language}-{light}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests" / "screenshots")
