"""Where training photographs come from: a manifest, folders, renders, and pictures of other things.

Every source becomes a list of `Sample`s; `load` turns those into arrays through the same door and
the same preprocessing as the page's photographs.
"""

import csv
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ..breeds import CLASSES, NONE
from ..photo import open_photo, to_array

SPLITS = ("train", "valid", "test")
# Kinds of far unknowns, by the split that they serve: what is tested was never trained on.
FAR_KINDS = {
    "train": (
        *("animals", "clothes", "plants", "seasonal", "vehicles"),
        *("plain", "noise", "shapes", "scenery"),
    ),
    "valid": ("space", "sports", "town", "vistas"),
    "test": (
        *("food", "hobbies", "household", "medical", "military", "people", "pictures", "views"),
    ),
}


@dataclass(frozen=True)
class Sample:
    """One labelled picture, and what a fair split needs to know of it."""

    path: Path
    label: int  # an index into CLASSES
    split: str  # train, valid, test, or extra
    style: str  # studio, wild, render, far
    group: str  # pictures of one group stay on one side of every split
    view: str = ""  # husk, opened, flesh, mixed
    kind: str = ""  # variety, or kind of thing
    quality: str = ""  # how sure the label is
    flesh: tuple[
        tuple[float, ...], ...
    ] = ()  # boxes: centre, width, height, as shares of the photo


def read_manifest(folder: Path, name: str = "manifest") -> list[Sample]:
    """Return the photographs that `folder`/`name`.csv lists (see the README there)."""
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return [
            Sample(
                folder / row["file"],
                CLASSES.index(row["label"]),
                row["split"],
                row["style"],
                row["group"],
                row["view"],
                row["variety"],
                row["label_quality"],
                tuple(
                    tuple(map(float, box.split())) for box in row["boxes"].split(";") if box.strip()
                ),
            )
            for row in csv.DictReader(file)
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
        samples.append(
            Sample(path, CLASSES.index(slug), split, "render", path.stem, view, slug, "render")
        )
    return samples


def read_mask(sample: Sample, size: int) -> np.ndarray:
    """Return where the fruit is in a render, by the mask beside it: (size, size) bool."""
    with Image.open(sample.path.with_name(f"{sample.path.stem}-mask.png")) as mask:
        return np.asarray(mask.convert("L").resize((size, size))) > 127


def read_far_unknowns(folder: Path) -> list[Sample]:
    """Return what `make_far_unknowns` left in `folder`, split by kind of thing."""
    none = CLASSES.index(NONE)
    return [
        Sample(path, none, split, "far", f"{kind}-{path.stem}", kind=kind, quality="high")
        for split, kinds in FAR_KINDS.items()
        for kind in kinds
        for path in sorted((folder / kind).glob("*.jpg"))
    ]


def make_far_unknowns(
    stamps: Path, backgrounds: Path, vistas: Path, pictures: Path, folder: Path
) -> None:
    """Make pictures of things that are no durian: objects on backgrounds, colours, noise, photos.

    `stamps` has a folder of transparent PNGs a kind (Debian's tuxpaint-stamps-default). The others
    hold photographs of anything: `backgrounds` (Debian's packages of wallpapers) are dealt to
    training and test, `vistas` (budgie-backgrounds and what is new in a later ukui-wallpapers) are
    for validation alone, and `pictures` (those that scikit-image, scikit-learn, gradio and the
    kitchenware wheel carry) for test alone.
    """
    rng = random.Random(0)
    scenes = [open_photo(path).resize((640, 480)) for path in _pictures(backgrounds)]
    for split, kinds in FAR_KINDS.items():
        behind = scenes[1::2] if split == "test" else scenes[::2]
        for kind in kinds:
            (folder / kind).mkdir(parents=True, exist_ok=True)
            for path in _pictures(stamps / kind):
                name = "-".join(path.relative_to(stamps / kind).with_suffix("").parts)
                _stamped(path, behind, rng).save(folder / kind / f"{name}.jpg", quality=90)
    for kind, source in (("vistas", vistas), ("pictures", pictures)):
        for number, path in enumerate(_pictures(source)):
            open_photo(path).save(folder / kind / f"{number:03}.jpg", quality=90)
    for number, scene in enumerate(scenes):
        kind = "views" if number % 2 else "scenery"
        scene.save(folder / kind / f"{number:03}.jpg", quality=90)
    for number in range(60):
        colour = _colour(rng) if number % 3 else _table_colour(rng)
        Image.new("RGB", (64, 64), colour).save(folder / "plain" / f"{number:03}.jpg", quality=95)
        grain = np.random.default_rng(number).integers(0, 256, (2 ** rng.randint(1, 8),) * 2 + (3,))
        Image.fromarray(grain.astype("uint8")).resize((256, 256), rng.choice((0, 2, 3))).save(
            folder / "noise" / f"{number:03}.jpg", quality=90
        )
        _shapes(rng).save(folder / "shapes" / f"{number:03}.jpg", quality=90)


def _stamped(path: Path, scenes: Sequence[Image.Image], rng: random.Random) -> Image.Image:
    """Return a scene, or a table's plain colour, with a transparent picture laid on it."""
    stamp = Image.open(path).convert("RGBA")
    scene = rng.choice(scenes).copy() if scenes else Image.new("RGB", (640, 480))
    if rng.random() < 0.3:  # as in the studio photographs
        scene.paste(_table_colour(rng), (0, 0, *scene.size))
    scale = rng.uniform(0.5, 0.95) * min(scene.width / stamp.width, scene.height / stamp.height)
    stamp = stamp.resize((round(stamp.width * scale), round(stamp.height * scale)))
    at = [rng.randint(0, a - b) for a, b in zip(scene.size, stamp.size, strict=True)]
    scene.paste(stamp, tuple(at), stamp)
    return scene


def _shapes(rng: random.Random) -> Image.Image:
    """Return a drawing of a few plain shapes, the colours of flesh and husk among theirs."""
    picture = Image.new("RGB", (320, 320), _colour(rng))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.randint(1, 5)):
        yellow = (rng.randint(180, 255), rng.randint(140, 230), rng.randint(30, 150))
        fill = yellow if rng.random() < 0.5 else _colour(rng)
        corners = [sorted(rng.randint(0, 320) for _ in range(2)) for _ in range(2)]
        (left, right), (top, bottom) = corners
        shape = rng.choice((draw.ellipse, draw.ellipse, draw.rectangle))
        shape((left, top, right, bottom), fill=fill, outline=rng.choice((None, "black")), width=3)
    return picture


def _colour(rng: random.Random) -> tuple[int, ...]:
    return tuple(rng.randrange(256) for _ in range(3))


def _table_colour(rng: random.Random) -> tuple[int, int, int]:
    grey = rng.randint(120, 250)
    return tuple(min(255, max(0, grey + rng.randint(-12, 12))) for _ in range(3))


def _pictures(folder: Path) -> list[Path]:
    suffixes = (".jpg", ".jpeg", ".png", ".webp")
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes)


def load(samples: Sequence[Sample], size: int) -> np.ndarray:
    """Return the pictures as (n, size, size, 3) uint8 RGB, preprocessed as the page does."""
    with ThreadPoolExecutor() as pool:
        return np.stack(list(pool.map(lambda s: to_array(open_photo(s.path), size), samples)))


def labels(samples: Sequence[Sample]) -> np.ndarray:
    """Return the samples' classes as (n,) int32."""
    return np.array([sample.label for sample in samples], "int32")


def balance(samples: Sequence[Sample]) -> np.ndarray:
    """Return (n,) float32 weights, mean 1, that give every class, and every style in it, its share.

    Square roots of the inverse counts: full balance would make a few pictures shout.
    """
    cells = [(sample.label, sample.style) for sample in samples]
    weights = np.array([cells.count(cell) ** -0.5 for cell in cells], "float32")
    return weights / weights.mean()


def cut_out(photo: np.ndarray) -> np.ndarray:
    """Return where the fruit is on a plain grey table: (h, w) bool for (h, w, 3) uint8.

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
        return np.ones(photo.shape[:2], bool)
    largest = 1 + np.argmax(ndimage.sum_labels(mask, pieces, range(1, count + 1)))
    return ndimage.binary_fill_holes(ndimage.binary_dilation(pieces == largest, iterations=1))


def places(sample: Sample, size: int, fruit: np.ndarray | None = None) -> np.ndarray:
    """Return where the fruit and its flesh are: (size, size, 4) uint8, 0–255.

    The channels are fruit, is that known, flesh, is that known. `fruit`, (size, size) bool, is the
    mask of a picture that has one. A box around flesh says what is flesh, and that it is fruit, but
    not where the husk ends.
    """
    where = np.zeros((size, size, 4), "uint8")
    if sample.style == "far" or sample.kind.startswith("not durian"):
        where[..., [1, 3]] = 255
        return where
    if fruit is not None:
        where[..., 0], where[..., 1] = fruit * 255, 255
    if sample.flesh:
        where[..., 3] = 255
        for across, down, width, height in sample.flesh:
            rows, columns = (
                slice(max(0, round((middle - side / 2) * size)), round((middle + side / 2) * size))
                for middle, side in ((down, height), (across, width))
            )
            where[rows, columns, :3] = 255
    elif sample.view in ("husk", "whole"):
        where[..., 3] = 255
    return where


def on_background(photo: np.ndarray, fruit: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Return the fruit on another background; all (h, w, 3) uint8, `fruit` (h, w) bool."""
    from scipy import ndimage

    alpha = ndimage.gaussian_filter(fruit.astype("float32"), 1)[..., None]  # no scissor edge
    return (photo * alpha + background * (1 - alpha)).astype("uint8")
