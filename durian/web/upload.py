"""The photo input: takes what people and programs send, and hands on an upright picture."""

import base64
from pathlib import Path
from threading import Semaphore

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache
from PIL import Image

from ..limits import UNREADABLE, PhotoError
from ..photo import open_photo
from . import agents, guard, storage

UPLOADS = storage.prepare()
NO_PHOTO = "Add a photo of a durian first."

decoding = Semaphore(2)  # files in memory at once; the library limits what decoding takes


class Photo(gr.Image):
    """An image input that opens what `open_photo` opens, and refuses with its sentences."""

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
        # Raised outside `except`: Gradio keeps the error, whose context would hold half a photo.
        raise gr.Error(sentence, print_exception=False)

    async def async_move_resource_to_block_cache(self, url_or_file_path):
        path = str(url_or_file_path)
        if path.lower().startswith(("http://", "https://")):
            path = agents.uploaded(path, UPLOADS) or save_bytes_to_cache(
                await guard.fetch(path), "photo", self.GRADIO_CACHE
            )
        return await super().async_move_resource_to_block_cache(path)
