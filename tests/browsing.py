"""A real browser, and what people do with the page in it."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

from gradio_client import Client, handle_file
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from durian import decision
from durian.breeds import BREEDS, LABELS
from durian.web.i18n import LANGUAGES

from .once import INSTALLING
from .running import EXAMPLES

# Debian's browser, and letters for the page's languages: boxes in their place wrap elsewhere.
PACKAGES = ("chromium", "fonts-droid-fallback", "fonts-tlwg-loma-ttf")
# Chromium talks to nobody but the app: no updates, no look-ups, no other hosts.
FLAGS = (
    "--no-sandbox",  # it refuses to start as root otherwise
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream=device-count=2",  # cameras that see a green test card
    "--host-resolver-rules=MAP durian.lan 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE"
    " localhost",
)
SAMPLE = next(path for path in EXAMPLES if path.stem == "mao-shan-wang-opened")  # surely told
PHONE = {"width": 360, "height": 740}
LOCALES = {language: f"{language}-MY" for language in LANGUAGES}  # as browsers in Malaysia ask
TAP = 44  # pixels that a thumb needs
PATIENCE = 90_000  # milliseconds: on a busy machine the model takes a while to load
expect.set_options(timeout=PATIENCE)


def install() -> bool:
    """Return whether there is a Chromium, once it is installed where it is missing and can be."""
    if shutil.which("apt-get") and not os.geteuid():
        with INSTALLING:
            missing = [name for name in PACKAGES if not Path("/usr/share/doc", name).exists()]
            if missing:
                subprocess.run(["apt-get", "update", "-qq"], check=True)
                subprocess.run(["apt-get", "install", "-qq", "--yes", *missing], check=True)
    return shutil.which("chromium") is not None


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Start Debian's Chromium, driven by Playwright."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, url: str, **options: object) -> Iterator[Page]:
    """Open the page as a new visitor with a phone in English, unless told otherwise."""
    context = _context(browser, json.dumps({"viewport": PHONE, "locale": "en-SG"} | options))
    context.set_offline(False)
    context.clear_permissions()
    context.grant_permissions(options.get("permissions", []))
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    here = {"origin": "/".join(url.split("/")[:3]), "storageTypes": "local_storage"}
    context.new_cdp_session(page).send("Storage.clearDataForOrigin", here)
    try:
        page.goto(url)
        page.locator("#samples img").first.wait_for()
        yield page
    finally:
        page.close()


@cache
def _context(browser: Browser, options: str) -> BrowserContext:
    """Return a browser context, made once: its cache saves a third of what loading a page costs."""
    return browser.new_context(**json.loads(options))


def upload(page: Page, photo: Path) -> None:
    """Choose a file, as the upload button does."""
    page.locator("#photo input[type=file]").set_input_files(photo)


def answered(page: Page) -> None:
    """Wait for an answer: its confidences, and its headline, which a spinner hides until then."""
    page.locator("#answer .confidence-set").first.wait_for()
    page.locator("#verdict h2").wait_for()


def verdict(page: Page) -> str:
    """Return the headline of the answer in words."""
    return page.locator("#verdict h2").inner_text()


def label(path: Path) -> str:
    """Return the label of the breed that an example shows."""
    return BREEDS[path.stem.rpartition("-")[0]]["label"]


def headline(label: str) -> str:
    """Return the page's headline for a breed whose confidence is as high as it can be."""
    return label if decision.thresholds()[label] is not None else f"Not sure, perhaps {label}"


def shown(sample: Locator) -> str:
    """Return the label in a sample's alternative text."""
    breed, state = sample.get_attribute("alt").split(", ")
    assert state in ("opened", "whole") and breed in LABELS
    return breed


def refused(page: Page, sentence: str) -> None:
    """Wait for a refusal in the place of the answer."""
    expect(page.locator("#verdict .doubt p")).to_have_text(sentence)


def wrong_file(folder: Path, suffix: str) -> Path:
    """Write a file that is no photo, with any suffix."""
    path = folder / f"durian{suffix}"
    path.write_text("no photo")
    return path


@cache
def unsure_photo(url: str) -> Image.Image:
    """Return a picture halfway between two examples that the app is not sure of."""
    client = Client(url, verbose=False)
    for first, second in combinations(EXAMPLES, 2):
        blend = Image.blend(*(Image.open(path).resize((480, 480)) for path in (first, second)), 0.5)
        with client_file(blend) as path:
            answer = client.predict(handle_file(path), api_name="/predict")
        said = {row["label"]: row["confidence"] for row in answer["confidences"]}
        known = answer["label"] != LABELS[-1] and decision.thresholds()[answer["label"]]
        if known and not decision.is_sure(said):
            return blend
    raise LookupError("the app is sure of every blend of two examples")


@contextmanager
def client_file(image: Image.Image) -> Iterator[Path]:
    """Save an image in a temporary file."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "photo.png")
        image.save(path)
        yield path
