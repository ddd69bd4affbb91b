"""Turns a class activation map into a heat map over the photograph."""

import numpy as np
from PIL import Image

from .photo import frame

WARM = np.array([[255, 214, 92], [226, 54, 28]], "float32")  # RGB at heat 0.5 and at heat 1
VEIL = 0.75  # opacity of the colour at heat 1
SHADE = 0.55  # brightness of the photo at heat 0


def heat(size: tuple[int, int], class_map: np.ndarray) -> np.ndarray:
    """Return one class's activation map as a heat map: (height, width) float32, 0–1.

    `size` is the photo's (width, height) in pixels. `class_map` is square, (n, n) float32; its
    negative values, which speak against the class, become 0, as in Grad-CAM. So do the ends of a
    long photo that `photo.frame` leaves out.
    """
    width, height = size
    left, top, right, bottom = (round(edge) for edge in frame(size))
    positive = Image.fromarray(np.maximum(class_map, 0))
    smooth = np.asarray(positive.resize((right - left, bottom - top), Image.Resampling.BICUBIC))
    framed = np.maximum(smooth, 0)  # bicubic resizing overshoots
    whole = np.zeros((height, width), "float32")
    whole[top:bottom, left:right] = framed / max(framed.max(), np.finfo("float32").tiny)
    return whole


def overlay(photo: Image.Image, warmth: np.ndarray) -> Image.Image:
    """Return an RGB photo with its heat map in warm colours over it.

    `warmth` is as `heat` returns it: (height, width) float32, 0–1, of the photo's size.
    """
    warmth = warmth[..., None]  # (height, width, 1)
    colour = WARM[0] + (WARM[1] - WARM[0]) * np.clip(2 * warmth - 1, 0, 1)
    lit = np.asarray(photo, "float32") * (SHADE + (1 - SHADE) * np.minimum(2 * warmth, 1))
    veil = VEIL * np.clip(warmth * 1.5 - 0.35, 0, 1)
    return Image.fromarray(((1 - veil) * lit + veil * colour).astype("uint8"))
