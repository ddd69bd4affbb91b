"""A durian breed classifier: `DurianClassifier.load().predict(image)`."""

from . import supported  # noqa: F401 # isort: skip # before what cannot be imported elsewhere
from .classifier import DurianClassifier
from .hub import ModelError
from .photo import PhotoError, open_photo

__all__ = ["DurianClassifier", "ModelError", "PhotoError", "open_photo"]
