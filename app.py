"""The page and the API: one photograph in, the four likeliest labels out."""

import base64
import logging
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache
from PIL import Image
from starlette.middleware import Middleware

from durian import DurianClassifier, PhotoError, guard, open_photo
from durian.breeds import CLASSES
from durian.hub import WeightsError
from durian.photo import UNREADABLE

# A folder of its own, so that sweeping it takes nothing from other Gradio apps.
os.environ.setdefault("GRADIO_TEMP_DIR", str(Path(tempfile.gettempdir(), "durian")))
UPLOADS = Path(os.environ["GRADIO_TEMP_DIR"]).resolve()

TOP_K = 4  # labels shown
EXAMPLES = sorted(
    Path(__file__).with_name("examples").glob("*.jpg"),
    key=lambda path: (path.stem.rsplit("-", 1)[1], CLASSES.index(path.stem.rsplit("-", 1)[0])),
)

logging.basicConfig(level=logging.WARNING, format="%(message)s")
logging.getLogger("durian").setLevel(logging.INFO)

# The model loads beside the server, so that the page opens at once.
classifier = ThreadPoolExecutor(1, "load").submit(DurianClassifier.load)


class Photo(gr.Image):
    """An image input that opens every photograph the library can, and refuses in its words."""

    def get_block_name(self) -> str:
        return "image"  # the frontend's component

    def preprocess(self, payload) -> Image.Image:
        if payload is None:
            raise gr.Error("Add a photo of a durian first.", print_exception=False)
        try:
            if payload.url and payload.url.startswith("data:"):
                return open_photo(base64.b64decode(payload.url.partition(",")[2]))
            # Gradio checks the path only where the request calls it a file.
            if not Path(payload.path).resolve().is_relative_to(UPLOADS):
                raise PhotoError(UNREADABLE)
            return open_photo(payload.path)
        except PhotoError as error:
            raise gr.Error(str(error), print_exception=False) from None

    async def async_move_resource_to_block_cache(self, url_or_file_path):
        path = str(url_or_file_path)
        if path.lower().startswith(("http://", "https://")):
            path = save_bytes_to_cache(await guard.fetch(path), "photo", self.GRADIO_CACHE)
        return await super().async_move_resource_to_block_cache(path)


class Page(gr.Blocks):
    """A page that refuses what it cannot read in our words, and writes none of it to the log."""

    async def preprocess_data(self, *args, **kwargs):
        try:
            return await super().preprocess_data(*args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            logging.getLogger("durian").warning("Refused a request: %s", type(error).__name__)
            sentence = str(error) if isinstance(error, PhotoError) else UNREADABLE
            raise gr.Error(sentence, print_exception=False) from None


def predict(image: Image.Image) -> dict[str, float]:
    """Tell which durian breed a photo shows, and how sure that is.

    Args:
        image: A photo of one durian, whole or opened.
    """
    try:
        return classifier.result().predict(image)
    except WeightsError as error:
        raise gr.Error(str(error), print_exception=False) from None


with Page(
    title="Durian breeds", delete_cache=(300, guard.MAX_AGE), analytics_enabled=False
) as demo:
    gr.Markdown("# Which durian is this?")
    with gr.Row():
        photo = Photo(label="Photo", sources=["upload", "webcam", "clipboard"], type="pil")
        answer = gr.Label(label="Breed", num_top_classes=TOP_K)
    # before the samples, whose own event would take the name
    photo.upload(predict, photo, answer, api_name="predict", concurrency_limit=8)
    gr.Examples([[str(path)] for path in EXAMPLES], photo, answer, predict, run_on_click=True,
                cache_examples=False, api_visibility="private", label="Samples (rendered)")  # fmt: skip

demo.queue(max_size=64, api_open=False)

if __name__ == "__main__":
    guard.keep_sweeping(
        UPLOADS, keep={path for block in demo.blocks.values() for path in block.keep_in_cache}
    )
    demo.launch(
        app_kwargs={"middleware": [Middleware(guard.Guard)]},
        state_session_capacity=1,  # Gradio would hold on to what the last 10,000 visitors sent
        max_file_size=guard.MAX_UPLOAD,
        strict_cors=True,
        enable_monitoring=False,
        run_history=False,
        footer_links=["api"],
        mcp_server=True,
    )
