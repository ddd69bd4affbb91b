"""Sets Keras up as the network needs it, whatever this machine's settings say."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .hub import ModelError


@contextmanager
def keras_on_tensorflow() -> Iterator[None]:
    """Build layers on TensorFlow, channels last, in float32, until the block ends.

    `KERAS_BACKEND`, `~/.keras/keras.json` and the program around us may ask for something else; a
    program's own settings are put back. Raises ModelError where Keras already runs on another
    backend, since it cannot change that after its import.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras

    if (other := keras.config.backend()) != "tensorflow":
        raise ModelError(
            f"Keras runs on {other} in this program and the model needs TensorFlow: set"
            " KERAS_BACKEND=tensorflow before the program imports keras, and start it again."
        )
    settings = keras.config
    theirs = settings.image_data_format(), settings.floatx(), settings.dtype_policy()
    _apply("channels_last", "float32", "float32")
    try:
        yield
    finally:
        _apply(*theirs)


def _apply(image_data_format: str, floatx: str, dtype_policy: object) -> None:
    from keras import config

    config.set_image_data_format(image_data_format)
    config.set_floatx(floatx)
    config.set_dtype_policy(dtype_policy)
