"""The page and the API: one photograph in, the four likeliest labels out."""

import json
import logging
import os
import sys
from functools import partial
from pathlib import Path

try:
    from durian.web import environment, process  # isort: skip  # before Gradio
except ImportError as error:  # a Python without TensorFlow, or requirements not installed
    sys.exit(f"{error} README.md says how to install this project.")

if __name__ == "__main__":
    process.stop_on_signals()
    process.wanted_port()

import gradio as gr
from starlette.middleware import Middleware

from durian import memory
from durian.breeds import CLASSES
from durian.web import agents, content, endpoints, guard, storage
from durian.web.elsewhere import Elsewhere
from durian.web.link_preview import LinkPreview
from durian.web.refusal import Page
from durian.web.theme import THEME
from durian.web.upload import UPLOADS, Photo

# Nothing is trained in this process, so oneDNN can arrange the weights once, not for each photo.
os.environ.setdefault("TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "1")

TOP_K = 4  # labels shown
EXAMPLES = sorted(
    Path(__file__).with_name("examples").glob("*.jpg"),
    key=lambda path: (path.stem.rsplit("-", 1)[1], CLASSES.index(path.stem.rsplit("-", 1)[0])),
)
STYLE = Path(content.__file__).with_name("page.css")
SCRIPTS = "".join(  # what runs in the browser
    f"<script>{STYLE.with_name(name).read_text(encoding='utf-8')}</script>"
    for name in ("page.js", "network.js", "filetype.js", "shrink.js", "camera.js", "share.js")
)
VERDICT = """
    element.ariaLive = "polite"
    element.onclick = ({target}) => target.matches(".doubt button") && trigger("retry")
"""
PREVIEW = Path(__file__).with_name("examples") / "mao-shan-wang-opened.jpg"

logging.basicConfig(level=logging.WARNING, format="%(message)s")
logging.getLogger("durian").setLevel(logging.INFO)

i18n = gr.I18n(**content.translations())

LOOK = {"theme": THEME, "css_paths": STYLE, "head": SCRIPTS, "i18n": i18n}

with Page(title=content.TITLE, analytics_enabled=False, look=LOOK) as demo:
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
            verdict = gr.HTML(str(i18n("empty")), elem_id="verdict", js_on_load=VERDICT)
            answer = gr.Label(
                label=i18n("How sure"), num_top_classes=TOP_K, show_heading=False, elem_id="answer"
            )
            gr.HTML(str(i18n("share")), elem_id="share")
            with gr.Accordion(i18n("See why"), open=False, elem_id="why") as why:
                heat_map = gr.Image(
                    label=i18n("Warm colours: where it looked most"),
                    alt_text="Your photo, in warm colours where the network looked most",
                    buttons=[],
                    interactive=False,
                )
    gr.HTML(str(i18n("breeds")), elem_id="breeds")
    gr.HTML(
        str(i18n("languages")), elem_id="languages", js_on_load="window.offerLanguages?.(element)"
    )

    asked = gr.on(
        [photo.upload, verdict.retry],
        endpoints.predict,
        photo,
        answer,
        api_name="predict",
        concurrency_limit=8,
        trigger_mode="always_last",
        show_progress_on=verdict,
    )
    chosen = samples.click(None, samples, photo, js="durian.choose", cancels=asked)
    tried = chosen.success(
        endpoints.predict_sample,
        samples,
        answer,
        api_visibility="private",
        trigger_mode="always_last",
        show_progress_on=verdict,
    )
    photo.upload(None, cancels=tried)
    photo.clear(None, None, [verdict, answer], js="durian.clear", cancels=[asked, tried])
    photo.change(None, None, [why, heat_map], js="durian.forget")
    answer.change(
        None,
        answer,
        [verdict, answer],
        js=f"(answer) => durian.say(answer, {json.dumps(content.thresholds())})",
    )
    for call in (asked, tried):
        call.failure(None, None, [verdict, answer], js="durian.refuse")
    why.expand(endpoints.explain, photo, heat_map, api_name="explain", concurrency_limit=2)

demo.queue(max_size=64, api_open=False)

if gr.NO_RELOAD:  # Gradio's reload mode passes over this, so the model is loaded once
    classifier = endpoints.classifier
endpoints.classifier = classifier


async def start(page: Page) -> None:
    """Start what the page needs besides a server; the server may be that of another app."""
    storage.keep_clean(UPLOADS, samples=EXAMPLES)
    if page.mcp_server_obj:
        agents.take_photos(page.mcp_server_obj, UPLOADS)
    endpoints.start_loading()


demo.extra_startup_events.append(partial(start, demo))

# How to serve the page, for `demo.launch` and `gr.mount_gradio_app` alike.
SETTINGS = {
    **LOOK,
    "app_kwargs": {
        "middleware": [
            Middleware(guard.Guard, endpoints=demo.get_api_info()["named_endpoints"]),
            Middleware(Elsewhere),
            Middleware(LinkPreview, picture=PREVIEW),
        ],
        "openapi_url": None,
    },
    "ssr_mode": False,  # Node would serve the page without our head and languages
    "enable_monitoring": False,
    "run_history": False,
    "footer_links": ["api", "gradio"],
    "mcp_server": True,
}

if __name__ == "__main__":
    memory.return_large_blocks()
    process.serve(
        demo,
        environment.SERVER_NAME,
        UPLOADS,
        state_session_capacity=1,  # Gradio would hold on to what the last 10,000 visitors sent
        strict_cors=True,
        **SETTINGS,
    )
