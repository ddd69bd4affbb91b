"""The page and the API: one photograph in, the four likeliest labels out."""

import base64
import json
import logging
import os
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from threading import Semaphore, Thread

from durian.web import environment  # isort: skip  # before Gradio
import gradio as gr
from gradio.processing_utils import save_bytes_to_cache
from PIL import Image
from starlette.middleware import Middleware

from durian import DurianClassifier, PhotoError, decision, memory, open_photo
from durian.breeds import BREEDS, CLASSES
from durian.heat import overlay
from durian.hub import ModelError
from durian.photo import UNREADABLE
from durian.web import agents, content, guard, storage
from durian.web.i18n import preferred, say
from durian.web.link_preview import LinkPreview

UPLOADS = storage.prepare()
# Nothing is trained in this process, so oneDNN need not arrange the weights anew for each photo.
os.environ.setdefault("TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "1")

THEME = gr.themes.Base(
    primary_hue=gr.themes.colors.lime,
    neutral_hue=gr.themes.colors.stone,
    text_size=gr.themes.sizes.text_md,
    radius_size=gr.themes.sizes.radius_lg,
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(
    body_background_fill="#faf8f1",
    body_background_fill_dark="#14150f",
    block_background_fill="#ffffff",
    block_background_fill_dark="#1f2118",
    body_text_color="#23251b",
    body_text_color_dark="#edeade",
    body_text_color_subdued="#5c5d4f",
    body_text_color_subdued_dark="#b5b4a3",
    border_color_primary="#e2decf",
    border_color_primary_dark="#3a3c30",
    color_accent="#5f7a1d",
    block_label_background_fill="*block_background_fill",
    block_label_background_fill_dark="*block_background_fill",
    block_label_text_color="*body_text_color_subdued",
    block_label_text_color_dark="*body_text_color_subdued",
    stat_background_fill="#6f8f22",
    stat_background_fill_dark="#8aa83a",
    loader_color="#5f7a1d",
    loader_color_dark="#a9c656",
)
TOP_K = 4  # labels shown
NO_PHOTO = "Add a photo of a durian first."
FAILED = "Something went wrong here, so please try again in a moment."
EXAMPLES = sorted(
    Path(__file__).with_name("examples").glob("*.jpg"),
    key=lambda path: (path.stem.rsplit("-", 1)[1], CLASSES.index(path.stem.rsplit("-", 1)[0])),
)
PAGE = Path(content.__file__).with_name("page")  # .css and .js: its looks, and what it does itself
PREVIEW = Path(__file__).with_name("examples") / "mao-shan-wang-opened.jpg"

logging.basicConfig(level=logging.WARNING, format="%(message)s")
log = logging.getLogger("durian")
log.setLevel(logging.INFO)

classifier: Future[DurianClassifier] = Future()
decoding = Semaphore(2)  # a photo of 50 megapixels takes up to half a gigabyte for a second


class Photo(gr.Image):
    """An image input that opens every photograph the library can, and refuses in its words."""

    def get_block_name(self) -> str:
        return "image"  # the frontend's component

    def preprocess(self, payload) -> Image.Image:
        if payload is None:
            raise gr.Error(NO_PHOTO, print_exception=False)
        try:
            with decoding:
                if payload.url and payload.url.startswith("data:"):
                    return open_photo(base64.b64decode(payload.url.partition(",")[2]))
                # Gradio checks the path only where the request calls it a file.
                if not Path(payload.path).resolve().is_relative_to(UPLOADS):
                    raise PhotoError(UNREADABLE)
                return open_photo(payload.path)
        except PhotoError as error:
            sentence = str(error)
        # Out here, so that what Gradio keeps of an error does not keep half a photo alive.
        raise gr.Error(sentence, print_exception=False)

    async def async_move_resource_to_block_cache(self, url_or_file_path):
        path = str(url_or_file_path)
        if path.lower().startswith(("http://", "https://")):
            path = agents.uploaded(path, UPLOADS) or save_bytes_to_cache(
                await guard.fetch(path), "photo", self.GRADIO_CACHE
            )
        return await super().async_move_resource_to_block_cache(path)


class Page(gr.Blocks):
    """A page that refuses what it cannot read in our words, and writes none of it to the log."""

    async def preprocess_data(self, *args, **kwargs):
        try:
            return await super().preprocess_data(*args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            log.warning("Refused a request: %s", type(error).__name__)
            sentence = str(error) if isinstance(error, PhotoError) else UNREADABLE
        raise gr.Error(sentence, print_exception=False)

    async def process_api(self, block_fn, inputs, state=None, request=None, **kwargs):
        try:
            return await super().process_api(block_fn, inputs, state, request, **kwargs)
        except gr.Error as error:
            sentence = error.message
        except Exception as error:  # too little memory, a damaged sample…
            log.error("An answer failed: %s", type(error).__name__)
            sentence = FAILED
        inputs.clear()  # Gradio holds on to a failed call for a while, photo and all
        raise gr.Error(say(sentence, language_of(request)), print_exception=False)


def predict(image: Image.Image, request: gr.Request) -> dict[str, float]:
    """Tell which durian breed a photo shows, and how sure that is.

    Args:
        image: A photo of one durian, whole or opened: a link, a data: URL, or an upload's path.
    """
    return loaded(request).predict(image)


def predict_sample(sample: list[str] | None, request: gr.Request) -> dict[str, float]:
    """Return what `predict` would for a sample, given its path, from the second time on at once."""
    if not sample:
        raise gr.Error(NO_PHOTO, print_exception=False)
    return answer_to_sample(loaded(request), *sample)


@cache  # filled as people ask: Gradio's own would keep the page from starting if a sample failed
def answer_to_sample(classifier: DurianClassifier, path: str) -> dict[str, float]:
    """Return the confidences for one of the samples."""
    return classifier.predict(open_photo(path))


def explain(image: Image.Image, request: gr.Request) -> Image.Image:
    """Show where in a photo the network saw the breed it names, in warm colours on the photo.

    Args:
        image: A photo of one durian, whole or opened: a link, a data: URL, or an upload's path.
            A large one comes back smaller.
    """
    return overlay(image, loaded(request).explain(image))


def load() -> None:
    """Load the classifier, for all who wait for it."""
    try:
        classifier.set_result(DurianClassifier.load())
    except ModelError as error:
        log.error(f"{error} ({error.__cause__!r})" if error.__cause__ else str(error))
        classifier.set_exception(error)


def loaded(request: gr.Request) -> DurianClassifier:
    """Return the classifier, as soon as it is there."""
    if not classifier.done():
        gr.Info(say("The model is still loading. A few seconds.", language_of(request)), 5)
    try:
        return classifier.result()
    except ModelError as error:
        raise gr.Error(str(error), print_exception=False) from None


def language_of(request: gr.Request | None) -> str:
    """Return the language that the browser asks for; programs get English."""
    return preferred(getattr(request, "headers", {}).get("accept-language"))


try:
    THRESHOLDS = decision.thresholds()
except ModelError:
    THRESHOLDS = {}  # the model will not load either, so there are no answers

i18n = gr.I18n(**content.translations())
NOTHING = [str(i18n("empty")), str(i18n("breeds"))]
WORDS = {  # by label, for answers that are not sure and for those that are
    BREEDS[slug]["label"]: [
        [str(i18n(f"{how} {slug}")), f'<div class="named-{slug}">{i18n("breeds")}</div>']
        for how in ("unsure", "sure")
    ]
    for slug in CLASSES
}
REFUSE = f"() => durian.refuse({json.dumps(str(i18n('No answer yet')))})"
SAY = f"(answer) => durian.say(answer, {', '.join(map(json.dumps, (THRESHOLDS, WORDS, NOTHING)))})"

with Page(title=content.TITLE, analytics_enabled=False) as demo:
    gr.HTML(str(i18n("about")), elem_id="about")
    with gr.Row():
        with gr.Column():
            photo = Photo(
                label="Photo",
                show_label=False,
                type="pil",
                placeholder=i18n("Take or choose a photo"),
                alt_text="Your photo",
                sources=["upload", "webcam", "clipboard"],
                webcam_options=gr.WebcamOptions(
                    mirror=False, constraints={"video": {"facingMode": {"ideal": "environment"}}}
                ),
                buttons=[],
                height="clamp(13rem, 34vh, 24rem)",
                elem_id="photo",
            )
            samples = gr.Dataset(
                components=[photo],
                samples=[[str(path)] for path in EXAMPLES],
                label=i18n("Or try a sample, rendered by computer"),
                elem_id="samples",
            )
        with gr.Column():
            verdict = gr.HTML(
                NOTHING[0], elem_id="verdict", js_on_load="element.ariaLive = 'polite'"
            )
            answer = gr.Label(
                label=i18n("How sure"), num_top_classes=TOP_K, show_heading=False, elem_id="answer"
            )
            with gr.Accordion(i18n("See why"), open=False, elem_id="why") as why:
                places = gr.Image(
                    label=i18n("Warm colours: where it looked most"),
                    alt_text="Your photo, in warm colours where the network looked most",
                    buttons=[],
                    interactive=False,
                )
    breeds = gr.HTML(NOTHING[1], elem_id="breeds")

    asked = photo.upload(
        predict,
        photo,
        answer,
        api_name="predict",
        concurrency_limit=8,
        trigger_mode="always_last",
        show_progress_on=verdict,
    )
    chosen = samples.click(None, samples, photo, js="durian.choose", cancels=asked)
    tried = chosen.success(
        predict_sample,
        samples,
        answer,
        api_visibility="private",
        trigger_mode="always_last",
        show_progress_on=verdict,
    )
    photo.upload(None, cancels=tried)
    photo.clear(None, None, answer, js="durian.clear", cancels=[asked, tried])
    photo.change(None, None, [why, places], js="durian.forget")
    answer.change(None, answer, [verdict, breeds, answer], js=SAY)
    for call in (asked, tried):
        call.failure(None, None, verdict, js=REFUSE)
    why.expand(explain, photo, places, api_name="explain", concurrency_limit=2)

demo.queue(max_size=64, api_open=False)

if __name__ == "__main__":
    memory.return_large_blocks()
    storage.keep_clean(UPLOADS, samples=EXAMPLES)
    demo.launch(
        app_kwargs={
            "middleware": [
                Middleware(guard.Guard, endpoints=demo.get_api_info()["named_endpoints"]),
                Middleware(LinkPreview, picture=PREVIEW),
            ],
            "openapi_url": None,
        },
        state_session_capacity=1,  # Gradio would hold on to what the last 10,000 visitors sent
        max_file_size=guard.MAX_UPLOAD,
        strict_cors=True,
        server_name=environment.SERVER_NAME,
        ssr_mode=False,  # Node would serve the page without our head and languages
        enable_monitoring=False,
        run_history=False,
        footer_links=["api", "gradio"],
        i18n=i18n,
        theme=THEME,
        css_paths=PAGE.with_suffix(".css"),
        head=f"<script>{PAGE.with_suffix('.js').read_text(encoding='utf-8')}</script>",
        mcp_server=True,
        prevent_thread_lock=True,
    )
    agents.take_photos(demo.mcp_server_obj, UPLOADS)
    # After the server, which TensorFlow's import would hold up, so that the page opens at once.
    Thread(target=load, name="load", daemon=True).start()
    demo.block_thread()
