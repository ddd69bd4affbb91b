"""A photo leaves the browser small and without metadata, and is answered as the original is."""

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from durian.breeds import LABELS
from durian.limits import MAX_BYTES, TOO_HEAVY

from . import corpus
from .api import FILE, Api
from .browsing import SAMPLE, answered, headline, opened, upload, verdict
from .phone import MAKER, metadata, phone_photo
from .running import EXAMPLES, App

HEAVIEST = 250_000  # bytes of what is sent
SHORT_SIDE = 768  # pixels, at least
SAME = 0.03  # difference between the confidences of the original and of what is sent, at most
CROWDED = {  # the network of a phone: bytes a second, milliseconds
    "offline": False,
    "uploadThroughput": 1.5e6 / 8,
    "downloadThroughput": 3e6 / 8,
    "latency": 60,
}
TO_FILE = """async address => {
    const blob = await (await fetch(address)).blob()
    return new File([blob], "IMG_2034.jpg", {type: "image/jpeg"})
}"""
HALVED = """async address => {
    const picture = await createImageBitmap(await (await fetch(address)).blob())
    const canvas = document.createElement("canvas")
    canvas.width = picture.width / 2
    canvas.height = picture.height / 2
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height)
    return canvas
}"""
UNABLE = {  # what makes a browser unable to shrink: scripts for the page
    "no workers": "window.Worker = undefined",
    "old Safari": "window.worksWith('delete self.OffscreenCanvas')",
    "Firefox that resists fingerprinting": """window.worksWith(
        'OffscreenCanvasRenderingContext2D.prototype.getImageData = () => ({data: [9, 201]})'
    )""",
}
WORKS_WITH = """() => {  // lets a script run in each worker first
    const Original = Worker
    window.worksWith = (script) => {
        window.Worker = function (address) {
            return new Original(URL.createObjectURL(
                new Blob([`${script}; importScripts(${JSON.stringify(address)})`])
            ))
        }
    }
}"""


@pytest.fixture(scope="module")
def photo() -> bytes:
    """A photo of 12 megapixels and nearly 4 MB."""
    return phone_photo()


@pytest.fixture
def page(browser: Browser, app: App) -> Iterator[Page]:
    """The page on a phone."""
    with opened(browser, app.url) as page:
        yield page


@pytest.fixture(scope="module")
def sender(browser: Browser, app: App) -> Iterator[Page]:
    """A page for all photos that a script sends."""
    with opened(browser, app.url) as page:
        yield page


def address(data: bytes) -> str:
    """Return a file as an address that the page can fetch."""
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def choose(page: Page, photo: bytes) -> None:
    """Choose a photo, as the upload button does."""
    file = {"name": "IMG_2034.jpg", "mimeType": "image/jpeg", "buffer": photo}
    page.locator("#photo input[type=file]").set_input_files(file)


def drop(page: Page, photo: bytes) -> None:
    """Drop a photo, as out of a folder."""
    files = page.evaluate_handle(
        f"""async address => {{
            const transfer = new DataTransfer()
            transfer.items.add(await ({TO_FILE})(address))
            return transfer
        }}""",
        address(photo),
    )
    page.locator("#photo button").first.dispatch_event("drop", {"dataTransfer": files})


def paste(page: Page, photo: bytes) -> None:
    """Copy a photo elsewhere and paste it here; browsers hand on what is copied as PNG."""
    page.evaluate(
        f"""async address => {{
            const canvas = await ({HALVED})(address)
            const png = new Promise(resolve => canvas.toBlob(resolve, "image/png"))
            await navigator.clipboard.write([new ClipboardItem({{"image/png": png}})])
        }}""",
        address(photo),
    )
    page.get_by_label("Paste from clipboard").click()


def take(page: Page, photo: bytes) -> None:
    """Take a photo with a camera that sees this one."""
    page.evaluate(
        f"""async address => {{
            const canvas = await ({HALVED})(address)
            setInterval(() => canvas.getContext("2d").drawImage(canvas, 0, 0), 100)
            navigator.mediaDevices.getUserMedia = async () => canvas.captureStream()
        }}""",
        address(photo),
    )
    page.get_by_label("Capture from camera").click()
    page.get_by_text("Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#photo video').videoWidth > 1000")
    page.get_by_label("capture photo").click()


def sent(page: Page, photo: bytes) -> Path:
    """Return where the server keeps a photo that a script of the page sends."""
    return Path(
        page.evaluate(
            f"""async address => {{
                const body = new FormData()
                body.append("files", await ({TO_FILE})(address))
                const answer = await fetch("gradio_api/upload", {{method: "POST", body}})
                return (await answer.json())[0]
            }}""",
            address(photo),
        )
    )


def arrived(page: Page) -> Image.Image:
    """Return the photo that the server got, which the page shows; it is nothing but pixels."""
    data = page.request.get(page.locator("#photo img").get_attribute("src")).body()
    assert len(data) <= HEAVIEST
    image = Image.open(io.BytesIO(data))
    assert MAKER.encode() not in data and not image.getexif() and "xmp" not in image.info
    return image


def confidences(answer: dict) -> dict[str, float]:
    """Return the confidence of every label; the answer leaves out the least likely one."""
    shown = {row["label"]: row["confidence"] for row in answer["confidences"]}
    return dict.fromkeys(LABELS, 1 - sum(shown.values())) | shown


def check_same_answer(app: App, page: Page, photo: bytes, original: bytes | None = None) -> None:
    """See that a photo is sent smaller, and that this is answered as the original is."""
    api = Api(app.url)
    path = sent(page, photo)
    assert path.stat().st_size <= HEAVIEST < len(photo)
    answers = [api.ask(original or photo), api.predict({"path": str(path), "meta": FILE})]
    expected, got = (confidences(answer) for answer in answers)
    assert got == pytest.approx(expected, abs=SAME)
    first, second, *_ = sorted(expected.values(), reverse=True)
    assert answers[0]["label"] == answers[1]["label"] or first - second < 2 * SAME


def form_of(picture: Image.Image, form: str) -> bytes:
    """Return a picture in one of the forms of photos that a browser can read."""
    profile = corpus.icc_profile(corpus.DISPLAY_P3)
    soft = picture.copy()
    soft.putalpha(Image.linear_gradient("L").resize(picture.size))
    still = Image.new("RGB", picture.size, "red")
    best = {"kind": "JPEG", "quality": 98}
    return {
        "turned": lambda: corpus.rotated(picture, "JPEG", 6),
        "mirrored": lambda: corpus.rotated(picture, "JPEG", 5),
        "Display P3": lambda: corpus.save(picture, **best, icc_profile=profile),
        "CMYK": lambda: corpus.save(picture.convert("CMYK"), **best),
        "grey": lambda: corpus.save(picture.convert("L"), **best),
        "progressive": lambda: corpus.save(picture, **best, progressive=True),
        "16 bits": lambda: corpus.png(np.asarray(picture, np.uint16) * 257),
        "half transparent": lambda: corpus.save(soft, "PNG"),
        "cut out": lambda: corpus.save(corpus._transparent(picture), "PNG"),
        "moving": lambda: corpus.save(picture, "GIF", save_all=True, append_images=[still]),
        "WebP": lambda: corpus.save(picture, "WEBP", lossless=True),
    }[form]()


# Every way in


@pytest.mark.parametrize(
    ("hand_over", "width"),
    [(choose, 360), (take, 360), (choose, 1280), (take, 1280), (drop, 1280), (paste, 1280)],
)
def test_a_photo_arrives_small_and_without_metadata(
    browser: Browser, app: App, photo: bytes, hand_over: Callable[[Page, bytes], None], width: int
):
    screen = {"width": width, "height": 740}
    may = ["clipboard-read", "clipboard-write", "camera"]
    with opened(browser, app.url, permissions=may, viewport=screen) as page:
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        network.send("Network.emulateNetworkConditions", CROWDED)
        hand_over(page, photo)
        answered(page)
        assert verdict(page) == headline(Api(app.url).ask(photo)["label"])
        image = arrived(page)
    assert image.format == "JPEG" and min(image.size) >= SHORT_SIDE


# The same answer


def test_samples_are_answered_alike_as_photos_of_a_phone(sender: Page, app: App):
    for sample in EXAMPLES:
        check_same_answer(app, sender, phone_photo((2016, 1512), sample))


@pytest.mark.parametrize(
    "form",
    [
        "turned",
        "mirrored",
        "Display P3",
        "CMYK",
        "grey",
        "progressive",
        "16 bits",
        "half transparent",
        "cut out",
        "moving",
        "WebP",
    ],
)
def test_every_form_of_photo_is_answered_alike(sender: Page, app: App, form: str):
    check_same_answer(app, sender, form_of(Image.open(SAMPLE).resize((1600, 1200)), form))


def test_a_heic_is_answered_as_the_jpeg_that_a_phone_makes_of_it(sender: Page, app: App):
    picture = Image.open(SAMPLE).resize((1600, 1200))
    jpeg = corpus.save(picture, "JPEG", quality=95)
    check_same_answer(app, sender, jpeg, original=corpus.save(picture, "HEIF", quality=90))


# What is not shrunk


def test_a_small_photo_arrives_as_it_is(sender: Page):
    photo = EXAMPLES[0].read_bytes()
    assert sent(sender, photo).read_bytes() == photo


def test_a_small_photo_says_nothing_of_its_place_either(page: Page):
    small = Image.open(EXAMPLES[0]).resize((640, 480))
    choose(page, corpus.save(small, "JPEG", exif=metadata(orientation=6)))
    answered(page)
    assert arrived(page).size == (480, 640)


def test_what_the_browser_cannot_read_arrives_as_it_is(sender: Page):
    large = Image.open(EXAMPLES[0]).resize((1600, 1200))
    heic = corpus.save(large, "HEIF", quality=95)
    broken_off = phone_photo((1600, 1200))[:300_000]
    for photo in (heic, corpus.save(large, "TIFF"), broken_off):
        assert len(photo) > HEAVIEST or photo is heic
        assert sent(sender, photo).read_bytes() == photo


def test_a_browser_that_cannot_shrink_sends_the_original(page: Page, photo: bytes):
    page.evaluate(WORKS_WITH)
    for why, script in UNABLE.items():
        page.evaluate(script)
        assert sent(page, photo).read_bytes() == photo, why


# Very large ones


def test_a_photo_of_108_megapixels_and_22_mb_is_answered(page: Page, tmp_path: Path):
    large = Image.open(EXAMPLES[0]).convert("L").resize((12_000, 9_000))
    photo = corpus.save(large, "JPEG", exif=metadata())
    (tmp_path / "large.jpg").write_bytes(photo.ljust(22_000_000, b"\0"))  # phones append a film
    upload(page, tmp_path / "large.jpg")
    answered(page)
    assert min(arrived(page).size) >= SHORT_SIDE


def test_a_panorama_is_not_made_too_low(page: Page, tmp_path: Path):
    panorama = Image.open(EXAMPLES[0]).resize((12_000, 2_000))
    (tmp_path / "panorama.jpg").write_bytes(corpus.save(panorama, "JPEG", exif=metadata()))
    upload(page, tmp_path / "panorama.jpg")
    answered(page)
    assert min(arrived(page).size) >= SHORT_SIDE


def test_a_file_that_stays_too_heavy_is_refused_in_a_sentence(page: Page, tmp_path: Path):
    (tmp_path / "heavy.heic").write_bytes(bytes(MAX_BYTES + 2000))
    upload(page, tmp_path / "heavy.heic")
    expect(page.locator(".toast-message-text")).to_have_text(TOO_HEAVY)
