"""Varied views of a training picture, and of its masks with it.

The fruit is laid on another background, turned, zoomed, shifted and mirrored, then corrupted as in
a hurried snapshot. Hue hardly changes: it tells breeds apart.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from ..photo import open_photo, to_array
from .corruptions import corrupt
from .dataset import Sample, masks
from .recipe import Recipe

ZOOM = (0.55, 1.15)  # the side of the part that is seen, as a share of the picture's
MASK_CELL = 8  # pixels of the view a side of a cell of its masks
SHIFT = 0.12  # of a side, at most, either way


@dataclass(frozen=True)
class Views:
    """Pictures as the network takes them in; the plain view of each comes first."""

    photos: np.ndarray  # (m, 304, 304, 3) uint8
    masks: np.ndarray  # (m, 38, 38, 4) uint8, see `dataset.masks`
    rows: np.ndarray  # (m,) int: which picture each is a view of
    numbers: np.ndarray  # (m,) int: 0 for a plain view

    def of(self, rows: np.ndarray) -> np.ndarray:
        """Return the indices of all views of the pictures `rows`."""
        return np.flatnonzero(np.isin(self.rows, rows))


def make_views(
    samples: Sequence[Sample],
    learn: np.ndarray,
    backgrounds: np.ndarray,
    recipe: Recipe,
    size: int,
    store: Path,
) -> Views:
    """Return the plain view of each picture, and varied ones of those to learn from.

    learn: (n,) bool; backgrounds: (m, s, s, 3) uint8, of the recipe's photo size; size: of the
    network's input. The photographs lie in a file in `store`, which may take some gigabytes; where
    they lie there already, they are read.
    """
    store.mkdir(parents=True, exist_ok=True)
    if (store / "views.npz").exists():
        with np.load(store / "views.npz") as known:
            return Views(np.load(store / "views.npy", mmap_mode="r"), **known)
    varied = [recipe.render_views if s.style == "render" else recipe.views for s in samples]
    counts = 1 + np.array(varied) * learn
    jobs = [(row, n) for row in range(len(samples)) for n in range(counts[row])]
    jobs.sort(key=lambda job: (job[1] > 0, job))  # plain views first
    index_of = {job: index for index, job in enumerate(jobs)}
    shape = (len(jobs), size, size, 3)
    photos = np.lib.format.open_memmap(store / "views.npy", "w+", "uint8", shape)
    truth = np.zeros((len(jobs), size // MASK_CELL, size // MASK_CELL, 4), "uint8")
    context = get_context("spawn")  # a fork would copy TensorFlow's or JAX's threads half
    with ProcessPoolExecutor(
        mp_context=context, initializer=_start, initargs=(backgrounds, recipe, size)
    ) as pool:
        drawn = pool.map(_draw, range(len(samples)), samples, counts, chunksize=8)
        for row, pairs in enumerate(drawn):
            for number, pair in enumerate(pairs):
                index = index_of[row, number]
                photos[index], truth[index] = pair
    rows, numbers = np.array(jobs).T
    np.savez(store / "views.npz", masks=truth, rows=rows, numbers=numbers)
    return Views(photos, truth, rows, numbers)


def _start(*shared: object) -> None:
    """Give a worker process what all its pictures need."""
    _draw.shared = shared


def _draw(row: int, sample: Sample, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the views of one picture and their masks."""
    backgrounds, recipe, size = _draw.shared
    image = open_photo(sample.path)
    photo = to_array(image, recipe.photo_size)
    where = masks(sample, photo)
    views = [(to_array(image, size), where)]
    for number in range(1, count):
        random = np.random.default_rng((recipe.seed, row, number))
        views.append(vary(photo, where, backgrounds, size, recipe.swapped, random))
    return [(view, _shrunk(mask, size // MASK_CELL)) for view, mask in views]


def _shrunk(mask: np.ndarray, size: int) -> np.ndarray:
    picture = Image.fromarray(np.ascontiguousarray(mask))
    return np.asarray(picture.resize((size, size), Image.Resampling.BOX))


def vary(
    photo: np.ndarray,
    masks: np.ndarray,
    backgrounds: np.ndarray,
    size: int,
    swapped: float,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return a random view of a photo, (size, size, 3) uint8, and its masks, (size, size, 4) uint8.

    photo: (s, s, 3) uint8; masks: (s, s, 4) uint8, see `dataset.masks`; backgrounds: (m, s, s, 3)
    uint8; swapped: the share of cut-out fruits that are laid on one of them.
    """
    whole = len(backgrounds) and masks[..., 1].all() and masks[..., 0].any()
    if whole and random.random() < swapped:
        background = backgrounds[random.integers(len(backgrounds))]
        background = np.roll(background, random.integers(len(photo)), axis=1)
        photo = laid_on(photo, masks[..., 0], background)
    move = _move(len(photo), size, random)
    photo = np.asarray(_moved(Image.fromarray(photo), move, size, Image.Resampling.BICUBIC))
    channels = [
        _moved(Image.fromarray(mask), move, size, Image.Resampling.NEAREST)
        for mask in np.moveaxis(masks, -1, 0)
    ]
    return corrupt(photo, np.stack([np.asarray(mask) for mask in channels], -1), random)


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
