"""The page in WebKit, which is what Safari and every browser on an iPhone draws with."""

import io
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from durian.web.i18n import say

from .api import Api
from .browsing import headline
from .phone import MAKER, phone_photo
from .running import App

pytestmark = pytest.mark.slow
PACKAGES = ("webkit2gtk-driver", "xvfb")
BROWSER = next(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"), None)
PATIENCE = 90  # seconds
HEAVIEST = 300_000  # bytes of what is sent
CAUTION = "An estimate from one photo, not a proof."


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """An X display that nobody sees; WebKitGTK has no headless mode."""
    if not (shutil.which("WebKitWebDriver") and shutil.which("Xvfb") and BROWSER):
        pytest.skip(f"WebKit needs Debian's {' and '.join(PACKAGES)}")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x1024x24"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    yield f":{os.read(reading, 9).decode().strip()}"
    server.kill()
    server.wait()


@pytest.fixture(scope="module")
def driver(display: str) -> Iterator[webdriver.WebKitGTK]:
    """Debian's WebKitGTK in a narrow window, driven by Selenium."""
    options = webdriver.WebKitGTKOptions()
    options.binary_location = str(BROWSER)
    options.add_argument("--automation")
    environment = {
        **os.environ,
        "DISPLAY": display,
        "LANG": "en_US.UTF-8",
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",  # root has no user namespaces here
    }
    service = webdriver.WebKitGTKService(shutil.which("WebKitWebDriver"), env=environment)
    driver = webdriver.WebKitGTK(options=options, service=service)
    driver.set_window_size(400, 800)
    yield driver
    driver.quit()


@pytest.fixture
def page(driver: webdriver.WebKitGTK, app: App) -> webdriver.WebKitGTK:
    """The page, once it is there."""
    driver.get(app.url)
    wait(driver, "#samples img")
    return driver


def wait(page: webdriver.WebKitGTK, selector: str) -> str:
    """Wait for an element, and return its text."""
    WebDriverWait(page, PATIENCE).until(lambda page: page.find_elements(By.CSS_SELECTOR, selector))
    return page.find_element(By.CSS_SELECTOR, selector).text


def choose(page: webdriver.WebKitGTK, photo: Path) -> None:
    """Choose a photo, as the upload button does."""
    page.find_element(By.CSS_SELECTOR, "#photo input[type=file]").send_keys(str(photo))


def test_a_phone_photo_arrives_small_and_without_metadata(
    page: webdriver.WebKitGTK, app: App, tmp_path: Path
):
    photo = phone_photo((2016, 1512))
    (tmp_path / "IMG_2034.jpg").write_bytes(photo)
    choose(page, tmp_path / "IMG_2034.jpg")
    wait(page, "#answer .confidence-set")
    assert wait(page, "#verdict h2") == headline(Api(app.url).ask(photo)["label"])
    address = page.find_element(By.CSS_SELECTOR, "#photo img").get_attribute("src")
    with urllib.request.urlopen(address) as answer:
        arrived = answer.read()
    assert len(arrived) <= HEAVIEST < len(photo)
    assert MAKER.encode() not in arrived and min(Image.open(io.BytesIO(arrived)).size) >= 768


def test_a_sample_is_answered_and_can_be_shared(page: webdriver.WebKitGTK):
    page.execute_script(
        "navigator.canShare = () => true; navigator.share = async data => { window.shared = data }"
    )
    page.find_element(By.CSS_SELECTOR, "#samples button").click()
    wait(page, "#share button:enabled")
    page.find_element(By.CSS_SELECTOR, "#share button").click()
    shared = WebDriverWait(page, PATIENCE).until(
        lambda page: page.execute_script(
            "return window.shared && {text: shared.text, bytes: shared.files[0].size}"
        )
    )
    assert say(CAUTION, "en") in shared["text"] and shared["bytes"] > 10_000


def test_nothing_moves_sideways(page: webdriver.WebKitGTK):
    wide, seen = page.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= seen
