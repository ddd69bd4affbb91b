"""Takes pictures of the page in every size, light, language and state, to be looked at by a person.

    python -m tests.tools.screenshots [folder of pictures, tests/screenshots/ unless told]
    python -m tests.tools.screenshots --readme

The first makes one sheet a language and light; columns are states, rows are widths. The second
makes the README's two pictures.
"""

import io
import itertools
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.browsing import opened, running_chromium, unsure_photo, upload
from tests.running import EXAMPLES, ROOT, running_app

WIDTHS = {360: 740, 768: 1024, 1280: 800}  # pixels, and the heights that go with them
LIGHTS = ("light", "dark")
LANGUAGES = ("en-SG", "zh-CN", "ms-MY", "th-TH")
STATES = ("empty", "answered", "explained", "unsure", "refused", "erring", "gone")
GAP = 12  # pixels between the pictures of a sheet


def bring_about(state: str, page: Page, photos: dict[str, Path]) -> None:
    """Lead an opened page into a state; the states come in their order above."""
    if state == "explained":
        page.locator("#why button").first.click()
        page.locator("#why img").wait_for()
        page.locator("#why img").scroll_into_view_if_needed()
    elif state != "empty":
        for remove in page.locator("#photo .icon-button-wrapper button").all():
            remove.click()
            page.locator("#verdict .empty").wait_for()
        page.evaluate("window.scrollTo(0, 0)")
        page.context.set_offline(state == "gone")
        upload(page, photos[state])
        signs = {"erring": "#verdict .doubt", "gone": "#verdict .doubt button"}
        page.locator(signs.get(state, "#answer .confidence-set")).first.wait_for()
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
    with tempfile.TemporaryDirectory() as scratch, running_chromium() as browser:
        photos = {state: Path(scratch, f"{state}.png") for state in STATES}
        photos["answered"] = photos["gone"] = EXAMPLES[0]
        photos["erring"].write_text("no photo")
        Image.new("RGB", (640, 480), "#888").save(photos["refused"])
        with running_app(Path(scratch, "app.log")) as app:
            unsure_photo(app.url).save(photos["unsure"])
            for language, light in itertools.product(LANGUAGES, LIGHTS):
                pictures = {}
                for width, height in WIDTHS.items():
                    size = {"width": width, "height": height}
                    look = {"locale": language, "color_scheme": light, "viewport": size}
                    with opened(browser, app.url, **look) as page:
                        for state in STATES:
                            bring_about(state, page, photos)
                            path = folder / f"{language}-{light}-{width}-{state}.png"
                            page.screenshot(path=path)
                            pictures[width, state] = Image.open(path)
                sheet(pictures).save(folder / f"sheet-{language}-{light}.png")
                print(folder / f"sheet-{language}-{light}.png")


def for_readme(folder: Path) -> None:
    """Take the README's two pictures, of an answer to a rendered sample."""
    sample = next(path for path in EXAMPLES if path.stem == "mao-shan-wang-opened")
    with (
        tempfile.TemporaryDirectory() as scratch,
        running_chromium() as browser,
        running_app(Path(scratch, "app.log")) as app,
    ):
        for name, width, height in (("phone", 360, 780), ("desktop", 1280, 800)):
            size = {"width": width, "height": height}
            with opened(browser, app.url, viewport=size) as page:
                bring_about("answered", page, {"answered": sample})
                picture = Image.open(io.BytesIO(page.screenshot()))
            picture.save(folder / f"{name}.webp", quality=80, method=6)


if __name__ == "__main__":
    if sys.argv[1:] == ["--readme"]:
        for_readme(ROOT / ".github")
    else:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests" / "screenshots")
