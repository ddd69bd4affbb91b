"""Shows on a photograph which places spoke for an answer."""

import numpy as np
from PIL import Image

from .photo import frame

WARM = np.array([[255, 214, 92], [226, 54, 28]], "float32")  # RGB of half the heat and of all of it
VEIL = 0.75  # how much of the photo the greatest heat covers
SHADE = 0.55  # brightness of what spoke least


def heat(size: tuple[int, int], places: np.ndarray) -> np.ndarray:
    """Return one class's map, (7, 7) float32, as heat over a photo: (height, width), 0–1.

    Only what speaks for the class is heat, as in Grad-CAM. Ends of a long photo that the network
    does not see stay cold.
    """
    width, height = size
    left, top, right, bottom = (round(edge) for edge in frame(size))
    positive = Image.fromarray(np.maximum(places, 0))
    smooth = np.asarray(positive.resize((right - left, bottom - top), Image.Resampling.BICUBIC))
    seen = np.maximum(smooth, 0)
    whole = np.zeros((height, width), "float32")
    whole[top:bottom, left:right] = seen / max(seen.max(), np.finfo("float32").tiny)
    return whole


def overlay(photo: Image.Image, warmth: np.ndarray) -> Image.Image:
    """Return `photo` with its heat, (height, width) float32 0–1, laid over it in warm colours."""
    warmth = warmth[..., None]  # (height, width, 1)
    colour = WARM[0] + (WARM[1] - WARM[0]) * np.clip(2 * warmth - 1, 0, 1)
    lit = np.asarray(photo, "float32") * (SHADE + (1 - SHADE) * np.minimum(2 * warmth, 1))
    veil = VEIL * np.clip(warmth * 1.5 - 0.35, 0, 1)
    return Image.fromarray(((1 - veil) * lit + veil * colour).astype("uint8"))
