"""Corrupts photographs as hurried visitors do: hands, blur, light, compression.

After the common corruptions of Hendrycks and Dietterich (2019, arXiv:1903.12261), with hands added,
and gentle in colour, since colour tells breeds apart.
"""

from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

HANDS, BLURS, JPEGS = 0.3, 0.4, 0.5  # the shares of pictures with each
GLOVES = 0.25  # the share of hands
DARK, LIGHT = np.array([90, 56, 37]), np.array([250, 215, 185])  # skin


def corrupt(
    picture: np.ndarray, where: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture as a hurried visitor might send it, and its masks, less what a hand hides.

    picture: (s, s, 3) uint8 RGB; where: (s, s, 4), 0–255, see `dataset.masks`.
    """
    if random.random() < HANDS:
        picture, hidden = hand_over(picture, random)
        where = np.where(hidden[..., None], np.array([0, 255, 0, 255], where.dtype), where)
    if random.random() < BLURS:
        picture = blurred(picture, random.uniform(0.5, 2))
    red, blue = random.uniform(0.95, 1.05, 2)
    picture = lit(picture, random.uniform(0.8, 1.2) * np.array([red, 1, blue]))
    if random.random() < JPEGS:
        picture = compressed(picture, int(random.integers(10, 90)))
    return picture, where


def blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Return the picture, uint8, out of focus by so many pixels."""
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(sigma)))


def lit(picture: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Return the picture, uint8, in another light: each channel times its gain."""
    return (picture * gains).clip(0, 255).astype("uint8")


def compressed(picture: np.ndarray, quality: int) -> np.ndarray:
    """Return the picture, uint8, as a JPEG of that quality shows it."""
    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def hand_over(picture: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture with a drawn hand, bare or gloved, somewhere on it; and what it hides.

    picture: (s, s, 3) uint8; what is hidden: (s, s) bool.
    """
    size = len(picture)
    reach = size * random.uniform(0.25, 0.5)
    outline = Image.new("L", (2 * size, 2 * size))  # the hand in its middle, fingers up
    draw = ImageDraw.Draw(outline)
    draw.line((size, size, size, 2 * size), 255, round(0.45 * reach))  # forearm
    draw.ellipse((*2 * [size - 0.35 * reach], *2 * [size + 0.35 * reach]), 255)  # palm
    thick = 0.08 * reach
    for angle in np.radians([-60, -25, -8, 8, 25]) + random.uniform(-0.1, 0.1, 5):
        along = np.array([np.sin(angle), -np.cos(angle)])
        for step in np.arange(0, reach * random.uniform(0.5, 1), 2):  # a finger
            x, y = size + step * along
            draw.ellipse((x - thick, y - thick, x + thick, y + thick), 255)
    outline = outline.rotate(random.uniform(0, 360)).filter(ImageFilter.GaussianBlur(1))
    left, top = random.integers(0, size, 2)
    alpha = np.asarray(outline)[top : top + size, left : left + size, None] / np.float32(255)
    skin = DARK + random.random() * (LIGHT - DARK)
    if random.random() < GLOVES:
        skin = random.uniform(0, 255, 3)
    shade = np.linspace(*random.uniform(0.7, 1.1, 2), size)[:, None, None]
    mixed = picture * (1 - alpha) + np.minimum(skin * shade, 255) * alpha
    return mixed.astype("uint8"), alpha[..., 0] > 0.5
