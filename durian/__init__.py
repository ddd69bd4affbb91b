"""A durian breed classifier: `DurianClassifier.load().predict(image)`."""

from .classifier import DurianClassifier
from .photo import PhotoError, open_photo

__all__ = ["DurianClassifier", "PhotoError", "open_photo"]
