"""The functions behind the page and the API."""

import logging
from concurrent.futures import Future
from functools import cache
from threading import Lock, Thread

import gradio as gr
from PIL import Image

from .. import memory
from ..classifier import DurianClassifier
from ..heat import overlay
from ..hub import ModelError
from ..photo import open_photo
from .i18n import language_of, say
from .upload import NO_PHOTO

classifier: Future[DurianClassifier] = Future()

starting = Lock()
log = logging.getLogger(__name__)


def predict(image: Image.Image, request: gr.Request) -> dict[str, float]:
    """Tell which durian breed a photo shows, and how sure that is.

    Args:
        image: A photo of one durian, whole or opened: a link, a data: URL, or an upload's path.
    """
    return loaded(request).predict(image)


def predict_sample(sample: list[str] | None, request: gr.Request) -> dict[str, float]:
    """Return what `predict` would for a sample, given its path; each is computed only once."""
    if not sample:
        raise gr.Error(NO_PHOTO, print_exception=False)
    return answer_to_sample(loaded(request), *sample)


@cache  # Gradio's own runs before the page starts, and a sample that failed would stop it
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


def start_loading() -> None:
    """Load the classifier in a thread of its own, unless that has begun.

    Call this once the server has started: TensorFlow's import would delay the page.
    """
    with starting:
        if classifier.running() or classifier.done():
            return
        classifier.set_running_or_notify_cancel()
    Thread(target=load, name="load", daemon=True).start()


def load() -> None:
    """Load the classifier, and give it or its error to those who wait for it."""
    try:
        classifier.set_result(DurianClassifier.load())
    except ModelError as error:
        log.error(f"{error} ({error.__cause__!r})" if error.__cause__ else str(error))
        classifier.set_exception(error)
    memory.return_freed()


def loaded(request: gr.Request) -> DurianClassifier:
    """Return the classifier, once it is loaded. Raises gr.Error, with a sentence, if that fails."""
    start_loading()  # the app that this page is part of may have no startup events
    if not classifier.done():
        gr.Info(say("The model is still loading. A few seconds.", language_of(request)), 5)
    try:
        return classifier.result()
    except ModelError as error:
        raise gr.Error(str(error), print_exception=False) from None
