"""Refuses what cannot be answered in one sentence, in the language of the request."""

import logging
from typing import Any

import gradio as gr

from ..limits import UNREADABLE, PhotoError
from .i18n import language_of, say
from .storage import NO_ROOM, is_no_room

FAILED = "Something went wrong here, so please try again in a moment."

log = logging.getLogger(__name__)


class Page(gr.Blocks):
    """A page that refuses what it cannot read in our sentences, and logs nothing of it."""

    def __init__(self, *, look: dict[str, Any], **settings: Any) -> None:
        """Build a page that looks the same wherever it is served.

        `look` are the arguments of `launch` that decide this. Since Gradio 6 a page does not keep
        them itself (https://github.com/gradio-app/gradio/issues/11890), and other people's apps
        mount it without them.
        """
        super().__init__(**settings)
        self._look = look
        self.i18n_instance = look["i18n"]

    def _set_html_css_theme_variables(self) -> None:
        self.theme, self.head = self._look["theme"], self._look["head"]
        self.css, self.css_paths = "", [self._look["css_paths"]]
        super()._set_html_css_theme_variables()

    async def preprocess_data(self, *args, **kwargs):
        try:
            return await super().preprocess_data(*args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            log.warning("Refused a request: %s", type(error).__name__)
            if isinstance(error, PhotoError):
                sentence = str(error)
            else:
                sentence = NO_ROOM if is_no_room(error) else UNREADABLE
        raise gr.Error(sentence, print_exception=False)

    async def process_api(self, block_fn, inputs, state=None, request=None, **kwargs):
        try:
            return await super().process_api(block_fn, inputs, state, request, **kwargs)
        except gr.Error as error:
            sentence = error.message
        except Exception as error:  # too little memory, a damaged sample…
            log.error("An answer failed: %s", type(error).__name__)
            sentence = NO_ROOM if is_no_room(error) else FAILED
        inputs.clear()  # Gradio holds on to a failed call for a while, photo and all
        raise gr.Error(say(sentence, language_of(request)), print_exception=False)
