"""What cannot be answered is refused in a sentence, in the language of the request."""

import logging

import gradio as gr

from ..limits import UNREADABLE, PhotoError
from .i18n import language_of, say

FAILED = "Something went wrong here, so please try again in a moment."

log = logging.getLogger(__name__)


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
