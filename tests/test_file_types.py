"""A photo is answered in the browser whatever its file is called, as it is over the API."""

from playwright.sync_api import Browser, Page, expect

from .browsing import headline, label, opened
from .running import EXAMPLES, App

NAMES = {"IMG_2034": "", "photo.bin": "application/octet-stream", "photo.txt": "text/plain"}
FILES = """files => {
    const transfer = new DataTransfer()
    for (const [name, type, bytes] of files) {
        transfer.items.add(new File([Uint8Array.from(bytes)], name, { type }))
    }
    return transfer
}"""


def drop(page: Page, name: str, kind: str, data: bytes) -> None:
    """Drop a file on the photo input, whether it shows a photo or not."""
    files = page.evaluate_handle(FILES, [(name, kind, list(data))])
    place = page.locator("#photo .upload-container").first
    place.dispatch_event("drop", {"dataTransfer": files})


def test_a_photo_without_its_type_is_answered(browser: Browser, app: App):
    first, second = EXAMPLES[0], EXAMPLES[2]
    with opened(browser, app.url) as page:
        for name, kind in NAMES.items():
            file = {"name": name, "mimeType": kind, "buffer": first.read_bytes()}
            page.locator("#photo input[type=file]").set_input_files(file)
            expect(page.locator("#verdict h2")).to_have_text(headline(label(first)))
            drop(page, name, kind, second.read_bytes())
            expect(page.locator("#verdict h2")).to_have_text(headline(label(second)))
            page.get_by_label("Remove Image").click()
            expect(page.locator("#verdict .empty")).to_be_visible()
