"""Labelled photographs: where they lie, what is known of each, and where its fruit and flesh are.

Every source becomes a list of `Sample`s. `load` turns those into arrays through the same functions
that the page uses.
"""

import csv
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ..breeds import CLASSES
from ..photo import open_photo, to_array

SPLITS = ("train", "valid", "test")
UNNAMED = -1  # the label of a durian whose breed nobody named: it teaches masks only
DOUBTFUL = "Rafirizanda"  # its Golden Phoenixes may be crops of another variety's pictures
SPELLINGS = {  # other names of a variety, and its own
    "Dona": "Monthong",
    "Duri Hitam": "Black Thorn",
    "Kan Yao": "Kanyao",
    "Lanjiao": "D88",
    "Lao Tai Po": "Old Lady",
    "Long Laplae": "Long Lap Lae",
    "Montong": "Monthong",
    "S17 / D212": "S17",
}
CORE = 0.5  # the share of a box's sides that is surely flesh
HUSK = ("husk", "whole")  # views without visible flesh

Polygon = tuple[tuple[float, float], ...]  # corners x, y as shares of width and height


@dataclass(frozen=True)
class Sample:
    """One labelled picture, and what a fair split needs to know of it."""

    path: Path
    label: int  # an index into CLASSES, or UNNAMED
    split: str  # train, valid, test, extra, or masks
    style: str  # studio, wild, render, far
    group: str  # pictures of one group stay on one side of every split
    view: str = ""  # husk, opened, flesh, mixed
    kind: str = ""  # variety, or kind of thing
    source: str = ""  # manifest, manifest2, …
    boxes: tuple[tuple[float, ...], ...] = ()  # around flesh: centre, width, height, as shares
    flesh: tuple[Polygon, ...] | None = None  # outlines; None where nobody drew any
    fruit: tuple[Polygon, ...] | None = None

    @property
    def no_durian(self) -> bool:
        """Tell whether nothing in the picture is a durian."""
        return self.style == "far" or self.kind.startswith("not durian")

    @property
    def variety(self) -> str:
        """The variety's name without remarks, one spelling for each; or an empty string."""
        name = self.kind.partition(" (")[0]
        return SPELLINGS.get(name, name)


def read_manifests(folder: Path) -> list[Sample]:
    """Return the photographs that the manifests in `folder` list (see the README there)."""
    outlines = {row["file"]: row for row in _rows(folder / "outlines.csv")}
    samples = []
    for name in ("manifest", "manifest2"):
        for row in _rows(folder / f"{name}.csv"):
            if row["label"] == "golden-phoenix" and row["repo"].startswith(DOUBTFUL):
                continue
            label, kind = CLASSES.index(row["label"]), row["variety"]
            where = row["split"], row["style"], row["group"], row["view"]
            boxes = tuple(
                tuple(map(float, box.split())) for box in row["boxes"].split(";") if box.strip()
            )
            shapes = _outlines(outlines.get(row["file"]))
            samples.append(Sample(folder / row["file"], label, *where, kind, name, boxes, *shapes))
    return samples


def read_unnamed(folder: Path) -> list[Sample]:
    """Return the durians in `folder` that have outlines but no name."""
    outlines = {row["file"]: row for row in _rows(folder / "outlines.csv")}
    return [
        Sample(
            *(folder / row["file"], UNNAMED, "masks", "wild", row["group"], row["view"]),
            *("", "unnamed", (), *_outlines(outlines.get(row["file"]))),
        )
        for row in _rows(folder / "unnamed.csv")
    ]


def read_folders(folder: Path) -> list[Sample]:
    """Return the pictures in `folder`/{train,valid,test}/<class>/, the tutorial's layout."""
    return [
        Sample(path, CLASSES.index(path.parent.name), split, "wild", path.stem)
        for split in SPLITS
        for path in sorted(folder.glob(f"{split}/*/*"))
        if path.parent.name in CLASSES
    ]


def read_renders(folder: Path, split: str = "train") -> list[Sample]:
    """Return the renders `<class>-<view>-<seed>.jpg` that examples/render.py left in `folder`."""
    samples = []
    for path in sorted(folder.glob("*-*-*.jpg")):
        slug, view, _ = path.stem.rsplit("-", 2)
        samples.append(Sample(path, CLASSES.index(slug), split, "render", path.stem, view, slug))
    return samples


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)


def _outlines(row: dict[str, str] | None) -> tuple[tuple[Polygon, ...] | None, ...]:
    """Return the polygons around flesh and around fruit of one row of outlines.csv."""
    if row is None:
        return None, None
    return tuple(
        tuple(
            tuple(tuple(float(x) / 100 for x in point.split()) for point in polygon.split(","))
            for polygon in row[column].split(";")
            if polygon.strip()
        )
        for column in ("flesh", "fruit")
    )


def load(samples: Sequence[Sample], size: int) -> np.ndarray:
    """Return the pictures as (n, size, size, 3) uint8 RGB, preprocessed as the page does."""
    with ThreadPoolExecutor() as pool:
        return np.stack(list(pool.map(lambda s: to_array(open_photo(s.path), size), samples)))


def labels(samples: Sequence[Sample]) -> np.ndarray:
    """Return the samples' classes as (n,) int32."""
    return np.array([sample.label for sample in samples], "int32")


def masks(sample: Sample, photo: np.ndarray) -> np.ndarray:
    """Return where the fruit and its flesh are: (s, s, 4) uint8, 0–255, for (s, s, 3) uint8.

    The channels are fruit, is that known, flesh, is that known. What is known comes from outlines,
    from the mask beside a render, from a cut-out on a plain table, or from boxes around flesh: all
    outside the boxes is no flesh, and the core of each box is flesh.
    """
    size = len(photo)
    where = np.zeros((size, size, 4), "uint8")
    if sample.no_durian:
        where[..., [1, 3]] = 255
    elif sample.fruit is not None:
        where[..., 0], where[..., 2] = (_filled(p, size) for p in (sample.fruit, sample.flesh))
        where[..., [1, 3]] = 255
    elif sample.style in ("studio", "render"):
        where[..., 0] = _render_mask(sample, size) if sample.style == "render" else cut_out(photo)
        where[..., 1] = 255
        where[..., 3] = 255 * (sample.view in HUSK)
    elif sample.boxes:
        outside, core = (~_boxed(sample.boxes, size, scale) for scale in (1, CORE))
        where[~core, :3] = 255
        where[..., 3] = 255 * (outside | ~core)
    elif sample.view in HUSK:
        where[..., 3] = 255
    return where


def _filled(polygons: tuple[Polygon, ...], size: int) -> np.ndarray:
    mask = Image.new("L", (size, size))
    for polygon in polygons:
        ImageDraw.Draw(mask).polygon([(x * size, y * size) for x, y in polygon], fill=255)
    return np.asarray(mask)


def _boxed(boxes: tuple[tuple[float, ...], ...], size: int, scale: float) -> np.ndarray:
    """Return (size, size) bool: what lies in one of the boxes, their sides scaled."""
    inside = np.zeros((size, size), bool)
    for across, down, width, height in boxes:
        rows, columns = (
            slice(
                max(0, round((middle - scale * side / 2) * size)),
                round((middle + scale * side / 2) * size),
            )
            for middle, side in ((down, height), (across, width))
        )
        inside[rows, columns] = True
    return inside


def _render_mask(sample: Sample, size: int) -> np.ndarray:
    with Image.open(sample.path.with_name(f"{sample.path.stem}-mask.png")) as mask:
        return np.asarray(mask.convert("L").resize((size, size)))


def cut_out(photo: np.ndarray) -> np.ndarray:
    """Return where the fruit is on a plain grey table: (h, w) uint8, 0 or 255, for (h, w, 3) uint8.

    The table has no colour to speak of and the fruit has: threshold the chroma as Otsu (1979)
    would, keep the largest piece, fill its holes.
    """
    from scipy import ndimage
    from skimage.filters import threshold_otsu

    rgb = ndimage.uniform_filter(photo.astype("float32"), (3, 3, 0))
    chroma = np.minimum(rgb[..., 0], rgb[..., 1]) - rgb[..., 2]  # yellow: husk, stalk
    mask = chroma > threshold_otsu(chroma) * 0.75
    mask = ndimage.binary_opening(mask, iterations=2)
    pieces, count = ndimage.label(mask)
    if not count:
        return np.full(photo.shape[:2], 255, "uint8")
    largest = 1 + np.argmax(ndimage.sum_labels(mask, pieces, range(1, count + 1)))
    piece = ndimage.binary_dilation(pieces == largest, iterations=1)
    return 255 * ndimage.binary_fill_holes(piece).astype("uint8")


def balance(samples: Sequence[Sample]) -> np.ndarray:
    """Return (n,) float32 weights, mean 1, by which every class and style counts the same."""
    cells = [(sample.label, sample.style) for sample in samples]
    weights = np.array([1 / cells.count(cell) for cell in cells], "float32")
    return weights / weights.mean()
