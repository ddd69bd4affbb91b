# /// script
# requires-python = "==3.11.*"
# dependencies = ["bpy==5.0.1", "numpy"]
# ///
"""Render durians that look like photographs, with Blender as a Python module.

With no options this makes the eight committed examples again; `--count N --out DIR` makes N random
scenes for each breed and view, to train on, and `--mask` adds a picture of where the fruit is.

Every part of a fruit is a sphere or a tube of quads bent by numpy. A direction from the centre
becomes a point on the husk by `Body.at`: an oval with five lobes. Thorns are little pyramids that
stand on the husk where the golden angle puts them, as seeds sit in a sunflower. An opened fruit is
the half of a husk, a bowl of white pith in it, and pods of flesh in the bowl. Colours are computed
for each vertex; the materials only add grain. One seed decides everything: shape, pose, table,
light and camera. The committed seeds were picked by eye among a dozen each, with a look at what a
first network made of them: they show the breeds and measure nothing. Light comes from the CC0
panoramas that Blender ships with.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.random import Generator

Colour = tuple[float, float, float]  # sRGB, 0–255

# (seed, width, height) of the committed examples. Training never sees these seeds.
COMMITTED = {
    ("d24", "whole"): (3, 960, 720),
    ("d24", "opened"): (10, 960, 720),
    ("golden-phoenix", "whole"): (6, 720, 960),
    ("golden-phoenix", "opened"): (4, 720, 960),
    ("mao-shan-wang", "whole"): (9, 960, 720),
    ("mao-shan-wang", "opened"): (12, 960, 720),
    ("red-prawn", "whole"): (6, 960, 720),
    ("red-prawn", "opened"): (4, 960, 720),
}


@dataclass(frozen=True)
class Breed:
    """What can be seen of a breed. Lengths are in radii of the fruit."""

    thorns: int
    height: float  # of a thorn
    width: float  # of a thorn's foot, in distances between thorns
    sharpness: float  # 1 is a straight pyramid, more is a thinner tip
    aspect: float  # the fruit's length over its width
    shoulder: float  # how flat the stalk's end is, 0–1
    star: float  # how bare the seams are at the base, 0–1
    husks: tuple[tuple[Colour, Colour, Colour], ...]  # valley, side and tip of the thorns
    flesh: tuple[tuple[Colour, Colour], ...]  # shaded and bright


# fmt: off
BREEDS = {
    "d24": Breed(
        700, 0.2, 0.76, 1.45, 1.12, 0.2, 0.0,
        (((70, 62, 24), (124, 130, 50), (158, 132, 86)),
         ((64, 66, 22), (112, 132, 46), (150, 128, 84)),
         ((84, 68, 34), (136, 126, 62), (170, 146, 108))),
        (((206, 168, 84), (236, 208, 132)),
         ((208, 178, 106), (236, 216, 154)),
         ((202, 168, 62), (232, 202, 104))),
    ),
    "golden-phoenix": Breed(
        700, 0.14, 0.77, 1.35, 1.28, 0.0, 0.0,
        (((74, 60, 20), (128, 112, 40), (150, 122, 70)),
         ((76, 58, 24), (126, 102, 48), (164, 134, 88)),
         ((86, 88, 18), (134, 140, 40), (160, 146, 76))),
        (((196, 178, 92), (230, 216, 146)),
         ((198, 170, 108), (228, 208, 156))),
    ),
    "mao-shan-wang": Breed(
        520, 0.17, 0.84, 1.05, 1.1, 0.75, 1.0,
        (((84, 84, 26), (124, 148, 44), (140, 110, 62)),
         ((96, 92, 28), (142, 156, 52), (156, 124, 68)),
         ((78, 66, 26), (116, 122, 44), (146, 112, 66))),
        (((200, 138, 6), (246, 198, 22)),
         ((188, 140, 6), (234, 194, 20)),
         ((206, 122, 6), (246, 180, 20))),
    ),
    "red-prawn": Breed(
        620, 0.19, 0.76, 1.3, 1.05, 0.3, 0.0,
        (((76, 58, 36), (134, 116, 78), (186, 164, 128)),
         ((66, 48, 26), (122, 98, 58), (170, 140, 96)),
         ((84, 74, 42), (142, 134, 84), (190, 172, 134))),
        (((190, 108, 32), (228, 156, 66)),
         ((198, 102, 14), (232, 146, 36)),
         ((188, 114, 52), (222, 158, 96))),
    ),
}
# fmt: on
VIEWS = ("whole", "opened")
PITH = ((222, 204, 156), (238, 230, 210))
STALK = ((92, 66, 40), (150, 118, 76))
DRY = (138, 104, 60)

# What the fruit lies on: pattern, two colours, roughness.
SURFACES = {
    "old wood": ("planks", (86, 54, 34), (130, 88, 56), 0.55),
    "pale wood": ("planks", (176, 136, 92), (206, 170, 124), 0.5),
    "grey crate": ("planks", (112, 100, 86), (150, 138, 120), 0.8),
    "red cloth": ("cloth", (150, 22, 24), (176, 34, 34), 0.9),
    "linen": ("cloth", (206, 196, 176), (228, 220, 204), 0.95),
    "cardboard": ("stone", (150, 112, 74), (172, 132, 90), 0.85),
    "banana leaf": ("leaf", (40, 82, 30), (58, 108, 40), 0.45),
    "slate": ("stone", (36, 38, 42), (62, 64, 68), 0.5),
    "concrete": ("stone", (132, 130, 126), (166, 164, 158), 0.8),
    "white board": ("stone", (206, 208, 216), (222, 223, 230), 0.4),
    "blue plastic": ("stone", (26, 74, 132), (34, 86, 148), 0.3),
}
PANORAMAS = ("courtyard", "interior", "city", "forest", "studio", "sunset")


# ---------------------------------------------------------------- shapes, by numpy


def linear(colour: Colour) -> np.ndarray:
    """sRGB 0–255 to the linear light that Blender computes in."""
    c = np.asarray(colour) / 255
    return np.where(c < 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def ramp(t: np.ndarray, stops: list[float], colours: tuple[Colour, ...]) -> np.ndarray:
    """Colours (…, 3) for the values t (…)."""
    table = np.array([linear(c) for c in colours])
    return np.stack([np.interp(t, stops, table[:, i]) for i in range(3)], -1)


def unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def waves(rng: Generator, frequency: float) -> Callable[[np.ndarray], np.ndarray]:
    """Smooth noise of about -1…1 over space: a sum of a dozen sine waves."""
    k = rng.normal(0, frequency, (12, 3))
    phase = rng.uniform(0, 2 * np.pi, 12)
    return lambda p: np.sin(p @ k.T + phase).sum(-1) / 3.5


def sphere(rows: int, columns: int, limit: float = np.pi) -> np.ndarray:
    """Directions (rows, columns, 3) from the pole +z down to `limit`."""
    t = np.linspace(1e-3, limit, rows)[:, None]
    a = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None]
    return np.stack([np.sin(t) * np.cos(a), np.sin(t) * np.sin(a), np.cos(t) + 0 * a], -1)


class Body:
    """The husk without thorns, stalk towards +z; opened, it keeps the half with y < 0."""

    def __init__(self, breed: Breed, rng: Generator) -> None:
        self.aspect = breed.aspect * rng.uniform(0.94, 1.07)
        self.lobes = rng.uniform(0.02, 0.06)
        self.phase = rng.uniform(0, 2 * np.pi)
        self.shoulder = breed.shoulder
        self.taper = rng.uniform(-0.04, 0.1)
        self.bumps = waves(rng, 1.6)

    def at(self, d: np.ndarray) -> np.ndarray:
        """Directions (…, 3) to points on the husk (…, 3)."""
        z = d[..., 2]
        seams = np.cos(5 * np.arctan2(d[..., 1], d[..., 0]) + self.phase)
        r = 1 + self.lobes * seams * (1 - z**2) + 0.03 * self.bumps(d)
        top = np.where(z > 0, 1 - 0.22 * self.shoulder * z**2, 1)
        wide = 1 + self.shoulder * 0.1 * np.clip(z, 0, 1) * (1 - z**2) - self.taper * z
        return d * np.stack([r * wide, r * wide, r * top * self.aspect], -1)

    def normal(self, d: np.ndarray) -> np.ndarray:
        side = unit(np.cross(d, [0.31, 0.87, 0.38])) * 0.02
        here, over = self.at(d), np.cross(d, side)
        return unit(np.cross(self.at(d + side) - here, self.at(d + over) - here))

    def bareness(self, d: np.ndarray) -> np.ndarray:
        """1 on the five rays of the star at the base, 0 far from them."""
        seam = 0.5 - 0.5 * np.cos(5 * np.arctan2(d[..., 1], d[..., 0]) + self.phase)
        near = np.clip((-d[..., 2] - 0.66) / 0.3, 0, 1)
        return np.clip(near * seam**4 * 1.3 + np.clip((-d[..., 2] - 0.97) / 0.02, 0, 1), 0, 1)


# ---------------------------------------------------------------- materials


def node(tree: bpy.types.NodeTree, kind: str, inputs: dict | None = None, **settings):
    """Add a shader node; an input is a value or another node's output."""
    new = tree.nodes.new("ShaderNode" + kind)
    for key, value in settings.items():
        setattr(new, key, value)
    for key, value in (inputs or {}).items():
        if isinstance(value, bpy.types.NodeSocket):
            tree.links.new(value, new.inputs[key])
        else:
            new.inputs[key].default_value = value
    return new


def material(name: str, build: Callable, bump: float, **shading: float) -> bpy.types.Material:
    """A material whose colour and relief `build` makes, out of the place on the object."""
    made = bpy.data.materials.new(name)
    tree = made.node_tree
    tree.nodes.clear()
    colour, relief = build(tree, node(tree, "TexCoord").outputs["Object"])
    bumped = node(tree, "Bump", {"Height": relief, "Strength": bump, "Distance": 0.03})
    look = {key.replace("_", " "): value for key, value in shading.items()}
    look |= {"Base Color": colour, "Normal": bumped.outputs[0]}
    shader = node(tree, "BsdfPrincipled", look)
    node(tree, "OutputMaterial", {"Surface": shader.outputs[0]})
    return made


def skin(
    name: str, grain: float, stretch: float, speckle: float, bump: float, **shading: float
) -> bpy.types.Material:
    """Part of a fruit: the vertices' colours, with fine noise over them."""

    def build(tree: bpy.types.NodeTree, where: bpy.types.NodeSocket) -> tuple:
        place = node(tree, "VectorMath", {0: where, 1: (1, 1, stretch)}, operation="MULTIPLY")
        noise = node(tree, "TexNoise", {0: place.outputs[0], "Scale": grain, "Detail": 4.0})
        light = {0: noise.outputs[0], 1: 0.3, 2: 0.7, 3: 1 - speckle, 4: 1 + speckle}
        paint = {
            0: node(tree, "Attribute", attribute_name="Col").outputs[0],
            "Scale": node(tree, "MapRange", light).outputs[0],
        }
        return node(tree, "VectorMath", paint, operation="SCALE").outputs[0], noise.outputs[0]

    return material(name, build, bump, **shading)


def surface(pattern: str, dark: Colour, bright: Colour, roughness: float) -> bpy.types.Material:
    """The table: a pattern between two colours."""

    def build(tree: bpy.types.NodeTree, where: bpy.types.NodeSocket) -> tuple:
        low, high = 0.3, 0.7
        if pattern == "planks":
            low, high = 0.25, 1.15
            along = node(tree, "VectorMath", {0: where, 1: (0.5, 7, 1)}, operation="MULTIPLY")
            grain = node(tree, "TexNoise", {0: along.outputs[0], "Detail": 6.0, "Scale": 2.0})
            tones = {
                "Color1": (0, 0, 0, 1),
                "Color2": (0.5, 0.5, 0.5, 1),
                "Mortar": (-2, -2, -2, 1),
            }
            sizes = {"Scale": 1.0, "Mortar Size": 0.012, "Brick Width": 7.0, "Row Height": 1.1}
            board = node(tree, "TexBrick", {0: where} | tones | sizes)
            both = {0: grain.outputs[0], 1: board.outputs[0]}
            relief = node(tree, "Math", both, operation="ADD").outputs[0]
        elif pattern == "leaf":
            low, high = 0.0, 1.0
            bands = {0: where, "Scale": 0.7, "Distortion": 3.0, "Detail": 4.0}
            relief = node(tree, "TexWave", bands).outputs[1]
        elif pattern == "cloth":
            relief = node(tree, "TexNoise", {0: where, "Scale": 50.0}).outputs[0]
        else:
            relief = node(tree, "TexNoise", {0: where, "Scale": 6.0, "Detail": 5.0}).outputs[0]
        relief = node(tree, "MapRange", {0: relief, 1: low, 2: high}).outputs[0]
        ends = {0: relief, 6: (*linear(dark), 1.0), 7: (*linear(bright), 1.0)}
        return node(tree, "Mix", ends, data_type="RGBA").outputs[2], relief

    return material(pattern, build, 0.06 if pattern == "stone" else 0.2, Roughness=roughness)


# ---------------------------------------------------------------- fruit


def mesh(
    points: np.ndarray, colours: np.ndarray, look: bpy.types.Material, smooth: bool
) -> bpy.types.Mesh:
    """A mesh of one or many (rows, columns) grids of quads whose columns close into rings."""
    points = points.reshape(-1, *points.shape[-3:])
    count, rows, columns, _ = points.shape
    index = np.arange(count * rows * columns).reshape(count, rows, columns)
    right = np.roll(index, -1, axis=2)
    quads = np.stack([index[:, :-1], index[:, 1:], right[:, 1:], right[:, :-1]], -1).reshape(-1, 4)
    made = bpy.data.meshes.new(look.name)
    made.from_pydata(points.reshape(-1, 3).tolist(), [], quads.tolist())
    made.polygons.foreach_set("use_smooth", np.full(len(quads), smooth))
    layer = made.color_attributes.new("Col", "FLOAT_COLOR", "POINT")
    rgba = np.ones((points.size // 3, 4), np.float32)
    rgba[:, :3] = colours.reshape(-1, 3)
    layer.data.foreach_set("color", rgba.ravel())
    made.materials.append(look)
    return made


def husk(breed: Breed, body: Body, rng: Generator, half: bool) -> list[bpy.types.Mesh]:
    """The outside: body, thorns and stalk. Only the half with y < 0 where the fruit is opened."""
    tones = breed.husks[rng.integers(len(breed.husks))]
    patch, dryness = waves(rng, 1.8), rng.uniform(0.0, 0.35)
    look = skin("husk", 26, 1, 0.32, 0.5, Roughness=0.55)
    pyramids = thorns(breed, body, tones, patch, dryness, look, rng, half)

    d = sphere(48, 96, np.pi / 2 if half else np.pi)
    d = np.stack([d[..., 0], -d[..., 2], d[..., 1]], -1) if half else d
    bare = breed.star * body.bareness(d)[..., None]
    ground = linear(tones[0]) * (1 - bare) + linear(DRY) * bare * 0.9
    ground = ground * (1 + 0.2 * patch(d)[..., None])
    floor = mesh(body.at(d) * 0.995, ground, look, smooth=True)
    return [floor, pyramids, stalk(body, rng, half)]


def thorns(
    breed: Breed, body: Body, tones: tuple[Colour, ...], patch: Callable, dryness: float,
    look: bpy.types.Material, rng: Generator, half: bool,
) -> bpy.types.Mesh:  # fmt: skip
    """All thorns of a husk: five-sided pyramids, each a little different."""
    i, gap = np.arange(breed.thorns), np.sqrt(4 * np.pi / breed.thorns)
    z, angle = 1 - 2 * (i + 0.5) / breed.thorns, i * np.pi * (3 - np.sqrt(5))
    d = np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], -1)
    d = unit(d + rng.normal(0, 0.07 * gap, d.shape))
    d = d[(d[:, 2] < 0.985) & (d[:, 1] < (-0.42 * gap if half else 1.1))]
    n, normal, bare = len(d), body.normal(d), breed.star * body.bareness(d)
    east = unit(np.cross([0, 0, 1.0], normal))
    north = np.cross(normal, east)

    # Axes of what follows: thorn, level from foot to tip, side, coordinate.
    levels, sides = np.array([-0.12, 0.12, 0.4, 0.72, 1.0]), 5
    rise = levels.clip(0)
    size = rng.uniform(0.82, 1.12, n) * (1 - 0.3 * np.clip((d[:, 2] - 0.7) / 0.3, 0, 1))
    size *= 1 - 0.55 * bare
    spin = rng.uniform(0, 2 * np.pi, (n, 1)) + np.arange(sides) * 2 * np.pi / sides
    spin += rng.normal(0, 0.2, (n, sides))
    ring = breed.width * gap * size[:, None, None] * ((1.04 - rise) ** breed.sharpness)[:, None]
    ring = (ring * rng.uniform(0.85, 1.12, (n, 1, sides)))[..., None]
    lean = rng.normal(0, 0.16, (n, 2)) - [0.0, 0.12]
    tall = (breed.height * size * rng.uniform(0.85, 1.15, n))[:, None] * levels
    bow = (tall * rise)[..., None] * (lean[:, :1] * east + lean[:, 1:] * north)[:, None]
    core = body.at(d)[:, None] + tall[..., None] * normal[:, None] + bow
    out = np.cos(spin)[..., None] * east[:, None] + np.sin(spin)[..., None] * north[:, None]
    points = core[:, :, None] + ring * out[:, None]

    shade = 1 + 0.1 * rng.normal(size=(n, 1, 1, 1)) + 0.12 * patch(d)[:, None, None, None]
    # Parts of a fruit are dry, the star most of all: there the thorns are brown.
    dry = np.clip(dryness * (patch(d * 1.3 + 5) + 0.4) + 0.6 * bare, 0, 0.9)[:, None, None, None]
    t = np.broadcast_to(levels[None, :, None], (n, len(levels), sides))
    fresh = ramp(t, [0.0, 0.4, 1.0], tones) * shade
    colours = fresh * (1 - dry) + linear(DRY) * dry * (0.6 + 0.5 * t[..., None])
    return mesh(points, colours, look, smooth=False)


def stalk(body: Body, rng: Generator, half: bool) -> bpy.types.Mesh:
    length, thick = rng.uniform(0.35, 0.95), rng.uniform(0.1, 0.14)
    s, a = np.linspace(0, 1, 14)[:, None], np.linspace(0, 2 * np.pi, 16, endpoint=False)
    ends = 0.5 * np.exp(-((s - 0.2) ** 2) / 0.02) + 0.3 * np.exp(-((s - 0.93) ** 2) / 0.004)
    girth = np.where(s > 0.97, 0.001, thick * (1 + ends)) * (1 + 0.05 * rng.normal(size=(14, 16)))
    sway = s**2 * length * rng.uniform(-0.35, 0.35, 2)
    sink, deep = (1.35 * thick, 0.1) if half else (0, 0.22)  # below the rim of the pith
    foot = body.at(np.array([0, 0, 1.0]))[2] - deep
    up = foot + (deep + length) * np.minimum(s, 0.95) / 0.95 + 0 * a
    points = [girth * np.cos(a) + sway[:, :1], girth * np.sin(a) + sway[:, 1:] - sink, up]
    bark = ramp(rng.uniform(0, 1, (14, 16)) * 0.5 + 0.4 * s, [0, 1], STALK)
    look = skin("stalk", 20, 0.3, 0.3, 0.5, Roughness=0.8)
    return mesh(np.stack(points, -1), bark, look, smooth=True)


def inside(breed: Breed, body: Body, rng: Generator) -> list[bpy.types.Mesh]:
    """The pith's rim and bowl, and the pods in it. The opening is the plane y = 0."""
    rind = rng.uniform(0.1, 0.16)
    a = np.linspace(0, 2 * np.pi, 128, endpoint=False)
    outline = body.at(np.stack([np.cos(a), 0 * a, np.sin(a)], -1))
    # The pith is thicker at the stalk and at the base, where the seams meet.
    thick = 1 + np.exp(-((a - np.pi / 2) ** 2) / 0.12)
    thick = rind * (thick + 0.7 * np.exp(-((a - 1.5 * np.pi) ** 2) / 0.08))
    inner = 1 - thick / np.linalg.norm(outline, axis=-1)
    edge, t = np.linspace(0, 1, 8)[:, None], np.linspace(0, np.pi / 2, 40)[1:, None]
    deep = 0.8 * (1 - rind) / (1 - rind / 2)
    bowl = outline * np.concatenate([1.01 + (inner - 1.01) * edge, inner * np.cos(t)])[..., None]
    bowl[..., 1] = np.concatenate([0.05 * np.sin(np.pi * edge**0.7), -deep * np.sin(t)])
    lumps, fibres = waves(rng, 5), waves(rng, 30)
    bowl[..., 1] += 0.016 * lumps(bowl) + 0.006 * fibres(bowl)
    tones = ((126, 136, 52), (206, 208, 130), PITH[1], PITH[1], PITH[0], (226, 196, 140))
    across = np.broadcast_to(np.concatenate([edge, 1 + t]), bowl.shape[:2])
    pith = ramp(across, [0, 0.1, 0.35, 1.0, 1.5, 2.6], tones)
    pith *= 1 + 0.06 * lumps(bowl * 2)[..., None]
    look = skin("pith", 40, 0.4, 0.1, 0.45, Roughness=0.75)
    parts = [mesh(bowl, pith, look, smooth=True)]

    look = skin("flesh", 22, 0.55, 0.07, 0.35, Roughness=0.36, Coat_Weight=0.12, Coat_Roughness=0.3)
    tones = breed.flesh[rng.integers(len(breed.flesh))]
    wide, long = float(np.abs(outline[:, 0]).max()) - rind, body.aspect - 1.4 * rind
    wall = rng.random() < 0.4  # a wall of pith between two pods, or three or four side by side
    count = 2 if wall else int(rng.integers(3, 5))
    share = rng.uniform(0.85, 1.15, count)
    share /= share.sum()
    for x, part in zip((np.cumsum(share) * 2 - share - 1) * wide, share, strict=True):
        broad = min(wide * part * (0.9 if wall else 1.25), 0.42 * wide)
        x = np.clip(x, 0.98 * (broad - wide), 0.98 * (wide - broad))
        size = broad, long * np.sqrt(max(1 - (x / wide) ** 2, 0.2)) * rng.uniform(0.84, 0.95)
        at = x, rng.uniform(-0.06, 0.12) - 0.2 * abs(x), rng.uniform(-0.12, 0.0)
        parts.append(pod(tones, size, at, look, rng))
    if wall:
        p = sphere(40, 24) * [0.13, 0.42, long * 1.1] - [0.0, 0.36, 0.0]
        p[..., 0] += 0.03 * lumps(p)
        p[..., 1] += 0.05 * lumps(p * 0.5) + 0.01 * fibres(p)
        tint = ramp(0.5 + 0.5 * lumps(p * 2), [0, 1], PITH)
        look = skin("wall", 24, 0.3, 0.08, 0.5, Roughness=0.75)
        parts.append(mesh(p, tint, look, smooth=True))
    return parts


def pod(
    tones: tuple[Colour, Colour], size: tuple[float, float], at: tuple[float, float, float],
    look: bpy.types.Material, rng: Generator,
) -> bpy.types.Mesh:  # fmt: skip
    """One pod of flesh along z: plump, bowed outwards, creased across and finely wrinkled."""
    broad, long = size
    d = sphere(90, 72)
    swell, fold, fine, mottle = waves(rng, 1.5), waves(rng, 4), waves(rng, 11), waves(rng, 3)
    z = d[..., 2]
    bent = z + 0.14 * fold(d * 0.5)
    places = rng.uniform(-0.6, 0.6, rng.integers(1, 4))
    crease = sum((np.exp(-(((bent - place) / 0.045) ** 2)) for place in places), 0 * z)
    # Where a smooth noise crosses zero it draws long lines: the wrinkles of a ripe pod.
    lines = (1 - np.abs(fold(d * [1.5, 1.5, 0.6])).clip(0, 1)) ** 4
    lines += 0.5 * (1 - np.abs(fine(d * [1.2, 1.2, 0.35])).clip(0, 1)) ** 4
    r = 1 + 0.12 * swell(d) - 0.1 * crease - 0.04 * lines
    plump = np.sign(z) * np.abs(z) ** 0.9
    p = np.stack([d[..., 0] * broad * r, d[..., 1] * broad * 1.02 * r, plump * long * r], -1)
    p[..., 0] -= 0.175 * at[0] * (z**2 - 0.4)
    p[..., 1] -= 0.22 * broad * z**2
    p += at
    # It lies in the bowl and never pokes through the husk.
    room = 1 - (p[..., 0] / 0.9) ** 2 - (p[..., 2] / (1.1 * long + 0.1)) ** 2
    p[..., 1] = np.maximum(p[..., 1], -0.7 * np.sqrt(room.clip(0.01)))
    tone = 0.7 + 0.3 * mottle(d) - 0.6 * crease - 0.35 * lines
    return mesh(p, ramp(tone.clip(0, 1), [0, 1], tones), look, smooth=True)


# ---------------------------------------------------------------- scenes


def place(parts: list[bpy.types.Mesh], turn: Matrix, x: float, y: float) -> float:
    """Put a fruit on the table; returns its height."""
    heights = []
    for part in parts:
        corners = np.empty(len(part.vertices) * 3, np.float32)
        part.vertices.foreach_get("co", corners)
        heights.append(corners.reshape(-1, 3) @ np.array(turn)[2, :3])
    high = np.concatenate(heights)
    low = float(np.percentile(high, 0.2))  # the lowest thorns sink in
    for part in parts:
        thing = bpy.data.objects.new("fruit", part)
        thing.matrix_world = Matrix.Translation((x, y, -low)) @ turn
        bpy.context.collection.objects.link(thing)
    return float(high.max()) - low


def pose(view: str, star: float, rng: Generator) -> Matrix:
    """A turn of the fruit as it lies before a camera that looks towards +y."""
    if view == "opened":
        face_up = Matrix.Rotation(np.pi / 2, 4, "X")
        spin = Matrix.Rotation(np.pi + rng.normal(0, 0.7), 4, "Z")
        return Matrix.Rotation(rng.uniform(0.05, 0.45), 4, "X") @ spin @ face_up
    roll = Matrix.Rotation(rng.uniform(0, 2 * np.pi), 4, "Z")
    if rng.random() < 0.55 * star:  # lying down, its base and star towards the camera
        tilt = Matrix.Rotation(-rng.uniform(1.2, 2.1), 4, "X")
    else:
        tilt = Matrix.Rotation(rng.choice([0.15, 0.9, 1.5]) * rng.uniform(0.8, 1.2), 4, "X")
    return Matrix.Rotation(rng.normal(0, 0.8), 4, "Z") @ tilt @ roll


def scene(slug: str, view: str, seed: int, width: int, height: int) -> None:
    """Build the one scene that the seed stands for."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    index = list(BREEDS).index(slug) * len(VIEWS) + VIEWS.index(view)
    rng, breed, opened = np.random.default_rng((seed, index)), BREEDS[slug], view == "opened"

    body = Body(breed, rng)
    parts = husk(breed, body, rng, opened) + (inside(breed, body, rng) if opened else [])
    tall = place(parts, pose(view, breed.star, rng), 0, 0)
    crowd = int(rng.choice([0, 0, 2, 4, 6]))
    if crowd:
        other = husk(breed, Body(breed, rng), rng, half=False)
        for angle in np.linspace(-0.3, np.pi + 0.3, crowd) + rng.normal(0, 0.08, crowd):
            away = rng.uniform(2.7, 3.2)
            place(other, pose("whole", 0, rng), away * np.cos(angle), away * np.sin(angle))

    bpy.ops.mesh.primitive_plane_add(size=60)
    table = bpy.context.object
    table.rotation_euler.z = rng.choice([0, np.pi / 2]) + rng.normal(0, 0.15)
    table.data.materials.append(surface(*list(SURFACES.values())[rng.integers(len(SURFACES))]))

    room = (1.15 if opened else 1.3) * max(body.aspect, 1.1)
    rise = (0.6, 1.25) if opened else (0.3, 0.95)
    shoot(tall, room, rise, min(width, height) / max(width, height), rng)
    light(0.0 if opened else 0.3, rng)  # a husk is darker than pith


def aim(thing: bpy.types.Object, target: Vector, around: float, up: float, away: float) -> None:
    """Add a lamp or a camera that looks at the target from two angles and a distance."""
    bpy.context.collection.objects.link(thing)
    ray = Vector((np.cos(around) * np.cos(up), np.sin(around) * np.cos(up), np.sin(up)))
    thing.location = target + ray * away
    thing.rotation_euler = (-ray).to_track_quat("-Z", "Y").to_euler()


def shoot(
    tall: float, room: float, rise: tuple[float, float], ratio: float, rng: Generator
) -> None:
    """The camera: a phone's or a portrait lens, held by hand."""
    lens = bpy.data.cameras.new("camera")
    camera = bpy.data.objects.new("camera", lens)
    bpy.context.scene.camera = camera
    lens.lens = rng.uniform(32, 60)
    half = np.arctan(lens.sensor_width / 2 / lens.lens * ratio)
    target = Vector((*rng.normal(0, 0.08, 2), tall * 0.45))
    away = room / np.sin(half) * rng.uniform(0.86, 1.25)
    up = rng.uniform(*rise)
    aim(camera, target, rng.normal(0, 0.12) - np.pi / 2, up, away)
    camera.rotation_euler.rotate_axis("Z", rng.normal(0, 0.06))
    lens.dof.use_dof, lens.dof.focus_distance = True, away - 0.7
    lens.dof.aperture_fstop = rng.uniform(0.5, 1.6)  # a unit is a decimetre, not a metre


def light(least: float, rng: Generator) -> None:
    """One soft lamp, a panorama of a real place all around, and the exposure."""
    key = bpy.data.lights.new("key", "AREA")
    key.size, key.energy = rng.uniform(1.5, 5), rng.uniform(90, 270)
    key.color = np.clip([1 + rng.normal(0, 0.06), 0.97, 0.92 + rng.normal(0, 0.1)], 0.7, 1.1)
    lamp = bpy.data.objects.new("key", key)
    lamp.visible_camera = False
    aim(lamp, Vector(), rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 1.3), 6)

    bpy.context.scene.view_settings.exposure = least + rng.uniform(0, 0.4)

    world = bpy.data.worlds.new("world")
    bpy.context.scene.world, tree = world, world.node_tree
    tree.nodes.clear()
    # Half of a small picture's time went into finding where a big panorama is bright.
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 256
    folder = Path(bpy.utils.system_resource("DATAFILES")) / "studiolights" / "world"
    image = bpy.data.images.load(str(folder / f"{rng.choice(PANORAMAS)}.exr"))
    pixels = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(pixels)
    strength = rng.uniform(0.4, 0.65) / pixels.reshape(-1, 4)[:, :3].mean()
    where = node(tree, "TexCoord").outputs["Generated"]
    spin = node(tree, "Mapping", {0: where, "Rotation": (0, 0, rng.uniform(0, 6.28))})
    sky = node(tree, "TexEnvironment", {0: spin.outputs[0]}, image=image)
    glow = node(tree, "Background", {0: sky.outputs[0], 1: strength})
    node(tree, "OutputWorld", {0: glow.outputs[0]})


def render(path: Path, width: int, height: int, samples: int, mask: bool) -> None:
    """Write the scene's picture, and its mask beside it: white where the fruit is."""
    stage = bpy.context.scene
    settings, cycles = stage.render, stage.cycles
    settings.engine = "CYCLES"
    settings.resolution_x, settings.resolution_y = width, height
    cycles.device, cycles.samples, cycles.seed = "CPU", samples, 0
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_prefilter = "ACCURATE" if samples > 8 else "FAST"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 3, 3, 1
    cycles.caustics_reflective = cycles.caustics_refractive = False
    stage.view_settings.view_transform = "Khronos PBR Neutral"
    for flag in [name for name in dir(settings) if name.startswith("use_stamp")]:
        setattr(settings, flag, False)  # no date, no machine's name in the file
    settings.image_settings.file_format = "JPEG"
    settings.image_settings.quality = 88
    settings.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    if not mask:
        return
    white = bpy.data.materials.new("white")
    tree = white.node_tree
    tree.nodes.clear()
    glow = node(tree, "Emission", {0: (1, 1, 1, 1)})
    node(tree, "OutputMaterial", {0: glow.outputs[0]})
    for thing in bpy.data.objects:
        thing.is_holdout = thing.type == "MESH" and thing.name.split(".")[0] != "fruit"
    stage.view_layers[0].material_override = white
    stage.view_settings.exposure = 0
    stage.world, stage.camera.data.dof.use_dof = None, False
    stage.view_settings.view_transform = "Standard"
    cycles.samples, cycles.use_denoising = 8, False
    settings.film_transparent = True
    settings.image_settings.file_format = "PNG"
    settings.image_settings.color_mode = "BW"
    settings.filepath = str(path.with_name(f"{path.stem}-mask.png"))
    bpy.ops.render.render(write_still=True)


def main() -> None:
    ask = argparse.ArgumentParser(description="Render durians.")
    ask.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to fill")
    ask.add_argument("--count", type=int, default=0, help="random scenes per breed and view")
    ask.add_argument("--first-seed", type=int, default=1000)
    ask.add_argument("--size", type=int, nargs=2, metavar=("W", "H"), default=(320, 320))
    ask.add_argument("--samples", type=int, help="per pixel; 8 for training, 14 for the examples")
    ask.add_argument("--mask", action="store_true", help="also write <name>-mask.png")
    args = ask.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if not args.count:
        for (slug, view), (seed, width, height) in COMMITTED.items():
            scene(slug, view, seed, width, height)
            path = args.out / f"{slug}-{view}.jpg"
            render(path, width, height, args.samples or 14, args.mask)
        return
    seeds = range(args.first_seed, args.first_seed + args.count)
    kept = sorted({seed for seed, *_ in COMMITTED.values()} & set(seeds))
    if kept:
        sys.exit(f"Seeds {kept} are kept for the committed examples: choose another --first-seed.")
    for seed in seeds:
        for slug in BREEDS:
            for view in VIEWS:
                scene(slug, view, seed, *args.size)
                path = args.out / f"{slug}-{view}-{seed}.jpg"
                render(path, *args.size, args.samples or 8, args.mask)


if __name__ == "__main__":
    main()
