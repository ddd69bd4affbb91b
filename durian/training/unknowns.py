"""Pictures of things that are no durian: objects on backgrounds, colours, noise, photographs."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ..breeds import CLASSES, NONE
from ..photo import open_photo
from .dataset import Sample

# Kinds of far unknowns, by the split that they serve: what is tested was never trained on.
FAR_KINDS = {
    "train": (
        *("animals", "clothes", "plants", "seasonal", "vehicles"),
        *("plain", "noise", "shapes", "scenery", "photographs"),
    ),
    "valid": ("space", "sports", "town", "vistas"),
    "test": (
        *("food", "hobbies", "household", "medical", "military", "people", "pictures", "views"),
    ),
}


def read_far_unknowns(folder: Path) -> list[Sample]:
    """Return what `make_far_unknowns` left in `folder`, split by kind of thing."""
    none = CLASSES.index(NONE)
    return [
        Sample(path, none, split, "far", f"{kind}-{path.stem}", kind=kind)
        for split, kinds in FAR_KINDS.items()
        for kind in kinds
        for path in sorted((folder / kind).glob("*.jpg"))
    ]


def make_far_unknowns(sources: Path, folder: Path) -> None:
    """Make pictures of things that are no durian: objects on backgrounds, colours, noise, photos.

    `sources` may have these folders:
    - stamps: a folder of transparent PNGs a kind (Debian's tuxpaint-stamps-default);
    - backgrounds: photographs for training and test (Debian's packages of wallpapers);
    - photographs: for training alone (those inside gcompris-qt-data's .rcc files);
    - vistas: for validation alone (plasma-workspace-wallpapers and sway-backgrounds);
    - pictures: for test alone (what the packages of scikit-image, scikit-learn, gradio, matplotlib
      and kitchenware carry).
    """
    rng = random.Random(0)
    scenes = [open_photo(path).resize((640, 480)) for path in _pictures(sources / "backgrounds")]
    for split, kinds in FAR_KINDS.items():
        behind = scenes[1::2] if split == "test" else scenes[::2]
        for kind in kinds:
            (folder / kind).mkdir(parents=True, exist_ok=True)
            stamps = sources / "stamps" / kind
            for path in _pictures(stamps):
                name = "-".join(path.relative_to(stamps).with_suffix("").parts)
                _stamped(path, behind, rng).save(folder / kind / f"{name}.jpg", quality=90)
    for kind in ("photographs", "vistas", "pictures"):
        for number, path in enumerate(_pictures(sources / kind)):
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
