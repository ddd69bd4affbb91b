"""Varied views of a training picture, and of its masks with it.

The fruit is laid on another background, turned, zoomed, shifted and mirrored, then corrupted as a
hurried visitor would. Hue hardly changes: it tells breeds apart.
"""

import numpy as np
from PIL import Image

from .corruptions import corrupt

SWAPPED = 0.6  # the share of cut-outs that are laid on another background
ZOOM = (0.55, 1.15)  # the side of the part that is seen, as a share of the picture's
SHIFT = 0.12  # of a side, at most, either way


def vary(
    photo: np.ndarray, masks: np.ndarray, backgrounds: np.ndarray, size: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return a random view of a photo, (size, size, 3) uint8, and its masks, (size, size, 4) uint8.

    photo: (s, s, 3) uint8; masks: (s, s, 4) uint8, see `dataset.masks`; backgrounds: (m, s, s, 3)
    uint8.
    """
    random = np.random.default_rng(seed)
    photo = on_background(photo, masks, backgrounds, random)
    move = _move(len(photo), size, random)
    photo = np.asarray(_moved(Image.fromarray(photo), move, size, Image.Resampling.BICUBIC))
    channels = [
        _moved(Image.fromarray(mask), move, size, Image.Resampling.NEAREST)
        for mask in np.moveaxis(masks, -1, 0)
    ]
    return corrupt(photo, np.stack([np.asarray(mask) for mask in channels], -1), random)


def on_background(
    photo: np.ndarray, masks: np.ndarray, backgrounds: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Return a photo whose whole fruit is known on another background, or as it is."""
    known = len(backgrounds) and masks[..., 1].all() and masks[..., 0].any()
    if not known or random.random() > SWAPPED:
        return photo
    background = backgrounds[random.integers(len(backgrounds))]
    background = np.roll(background, random.integers(len(photo)), axis=1)
    return laid_on(photo, masks[..., 0], background)


def laid_on(photo: np.ndarray, fruit: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Return the fruit, a mask (h, w) uint8, on another background; photographs (h, w, 3) uint8."""
    from scipy import ndimage

    alpha = ndimage.gaussian_filter(fruit / np.float32(255), 1)[..., None]  # no scissor edge
    return (photo * alpha + background * (1 - alpha)).astype("uint8")


def _move(side: int, size: int, random: np.random.Generator) -> np.ndarray:
    """Return the affine map (2, 3) from a pixel of the view to one of a picture of `side`."""
    angle = random.uniform(0, 2 * np.pi)
    scale = side * random.uniform(*ZOOM) / size
    mirror = random.choice((-1, 1))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn[:, 0] *= mirror
    centre = side * (0.5 + random.uniform(-SHIFT, SHIFT, 2))
    return np.concatenate([turn, (centre - turn @ np.full(2, size / 2))[:, None]], axis=1)


def _moved(
    picture: Image.Image, move: np.ndarray, size: int, filter: Image.Resampling
) -> Image.Image:
    """Return the part of a square picture that a map shows; beyond its edges it is mirrored."""
    pixels = np.asarray(picture)
    pad = len(pixels) // 2
    width = [(pad, pad), (pad, pad)] + [(0, 0)] * (pixels.ndim - 2)
    padded = Image.fromarray(np.pad(pixels, width, mode="reflect"))
    (a, b, c), (d, e, f) = move
    coefficients = (a, b, c + pad, d, e, f + pad)
    return padded.transform((size, size), Image.Transform.AFFINE, coefficients, filter)
