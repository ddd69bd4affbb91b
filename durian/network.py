"""The Keras graph: an RGB photograph in, calibrated confidences of the five classes out.

Xception (Chollet 2017, arXiv:1610.02357) in two parts. The *eye*, its first eight blocks, stays as
ImageNet left it. The *judge*, the other six and what stands on them, is trained on durians: a map
of where the fruit is and where its flesh is, the shapes that Xception sees in those two places, and
the colours that are there, since people go by colour and ImageNet's features care little for it.

Every layer is Keras' own, so that `keras.saving.load_model("hf://…")` needs none of this code.
"""

import keras
import numpy as np
from keras import layers, ops

from .breeds import CLASSES

INPUT_SIZE = 224  # pixels a side
LATE = "block9_sepconv1_act"  # Xception's layer that the judge begins with
PLACES = ("fruit", "flesh")  # what the judge looks for in a picture
GRID = 14  # cells a side of the map of places
LEAST = 0.02  # a place smaller than this share of the picture counts for less
PALETTE_SIZE = 128  # colours told apart
RARE = 1e-4  # a share of the picture below which a colour hardly counts
PALETTE_WIDTH = 0.08  # how far a palette colour reaches, in units of the scaled opponent axes
# RGB in −1…1 to brightness, red against green, and both against blue: distances closer to the eye's
OPPONENT = np.array([[1 / 3, 1 / 3, 1 / 3], [1, -1, 0], [0.5, 0.5, -1]], "float32")


def build(backbone: keras.Model | None = None) -> keras.Model:
    """Return the network, around `backbone` or around an Xception with random weights.

    Input: `photo`, (n, 224, 224, 3), RGB 0–255, uint8 or float32.
    Output: `confidences`, (n, 5) float32, sum 1, in the order of `breeds.CLASSES`.
    """
    photo = layers.Input((INPUT_SIZE, INPUT_SIZE, 3), name="photo")
    xception = backbone or keras.applications.Xception(
        include_top=False, weights=None, input_shape=photo.shape[1:]
    )
    scaled = layers.Rescaling(1 / 127.5, offset=-1, name="scale")(photo)  # (n, 224, 224, 3), −1…1
    cut = xception.get_layer(LATE).input
    eye = keras.Model(xception.input, cut, name="eye")
    pixels = _pooled(scaled, 4, "pixels")  # (n, 56, 56, 3)
    confidences, *_ = _judge(xception, cut, pixels)([eye(scaled, training=False), pixels])
    return keras.Model(photo, confidences, name="durian_xception")


def _judge(xception: keras.Model, cut: keras.KerasTensor, pixels: keras.KerasTensor) -> keras.Model:
    """Return the trained part: (n, 14, 14, 728) from the eye and (n, 56, 56, 3) pixels, −1…1, in.

    Out come the confidences, (n, 5), and the map of the two places, (n, 14, 14, 2), 0–1.
    """
    seen = layers.Input(cut.shape[1:], name="seen")  # (n, 14, 14, 728)
    pixels = layers.Input(pixels.shape[1:], name="colour")
    late = keras.Model(
        cut, [xception.get_layer("block13_sepconv1_act").input, xception.output], name="late"
    )
    middle, maps = late(seen, training=False)  # (n, 14, 14, 728), (n, 7, 7, 2048)
    maps = layers.Activation("linear", dtype="float32", name="shapes")(maps)  # bfloat16 in training

    where = layers.Conv2D(64, 1, activation="relu", name="search")(middle)
    where = layers.Conv2D(len(PLACES), 1, activation="sigmoid", name="where")(where)

    coarse = _pooled(where, 2, "coarse")  # (n, 7, 7, 2)
    shapes = layers.Flatten()(_mean(maps, coarse))  # (n, 4096)
    shapes = layers.Normalization(name="even_shapes")(shapes)
    loudness = (PALETTE_SIZE / 2048) ** 0.5  # as loud as colour
    shapes = layers.Rescaling(loudness, name="share")(shapes)

    palette = layers.Conv2D(PALETTE_SIZE, 1, activation="softmax", name="palette")
    palette.trainable = False
    palette = _pooled(palette(pixels), 4, "cells")  # (n, 14, 14, 128)
    colours = layers.Flatten()(_mean(palette, where))  # (n, 256)
    colours = ops.sqrt(colours + RARE)  # the Hellinger kernel: rare colours count, too
    colours = layers.Normalization(name="even_colours")(colours)

    merged = layers.Concatenate(name="features")([shapes, colours])
    merged = layers.Dropout(0.3, name="drop")(merged)
    logits = layers.Dense(len(CLASSES), name="logits")(merged)
    confidences = layers.Softmax(name="confidences")(logits)
    return keras.Model([seen, pixels], [confidences, where], name="judge")


def _pooled(maps: keras.KerasTensor, size: int, name: str) -> keras.KerasTensor:
    """Return the means of squares of cells; with 299 pixels, those at two edges are smaller."""
    return layers.AveragePooling2D(size, padding="same", name=name)(maps)


def _mean(maps: keras.KerasTensor, where: keras.KerasTensor) -> keras.KerasTensor:
    """Return the mean of (n, h, w, c) over each place of (n, h, w, 2): (n, 2, c)."""
    sums = ops.einsum("nhwk,nhwc->nkc", where, maps)
    return sums / _sizes(where)


def _sizes(where: keras.KerasTensor) -> keras.KerasTensor:
    """Return how many cells of (n, h, w, 2) each place takes, (n, 2, 1), and a little more."""
    sizes = ops.expand_dims(ops.sum(where, axis=(1, 2)), -1)
    return sizes + LEAST * where.shape[1] * where.shape[2]


class _Spoken(layers.Layer):
    """What speaks where for which class; one layer, since the names of loose operations clash."""

    def __init__(self, judge: keras.Model) -> None:
        super().__init__(name="spoken")
        spread = ops.sqrt(judge.get_layer("even_shapes").variance)  # (1, 4096)
        kernel = judge.get_layer("logits").kernel[: spread.shape[-1]]  # (4096, 5), without colours
        self._weights = judge.get_layer("share").scale * kernel / ops.transpose(spread)

    def call(self, maps: keras.KerasTensor, where: keras.KerasTensor) -> keras.KerasTensor:
        """Return (n, 7, 7, 5) for maps, (n, 7, 7, 2048), and the places, (n, 7, 7, 2)."""
        weights = ops.reshape(self._weights, (len(PLACES), maps.shape[-1], len(CLASSES)))
        shares = where / ops.transpose(_sizes(where), (0, 2, 1))[:, None]
        return ops.einsum("nhwk,nhwc,kcl->nhwl", shares, maps, weights)


def with_maps(model: keras.Model) -> keras.Model:
    """Return `model` with a second output, (n, 7, 7, 5) float32: what speaks where for which class.

    From the last maps to the logits the network is linear, the places given, so the weights that
    Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) takes from gradients are its own, as in CAM
    (Zhou et al. 2016). What it sees counts as much as it takes the place for fruit, or for flesh.
    """
    judge = model.get_layer("judge")
    places = [judge.get_layer(name).output for name in ("shapes", "coarse")]
    judge = keras.Model(judge.inputs, [judge.outputs[0], _Spoken(judge)(*places)])
    scaled = model.get_layer("scale")(model.input)
    seen = model.get_layer("eye")(scaled, training=False)
    return keras.Model(model.input, judge([seen, model.get_layer("pixels")(scaled)]))


def set_palette(model: keras.Model, colours: np.ndarray) -> None:
    """Make `colours`, (128, 3) float32 RGB in −1…1, the ones that the palette tells apart.

    A pixel belongs to them by a softmax of its negative squared distances, as in soft assignment
    (van Gemert et al. 2008); written out, that is affine in the pixel: a 1×1 convolution.
    """
    centres = colours @ OPPONENT.T  # (128, 3)
    kernel = OPPONENT.T @ centres.T / PALETTE_WIDTH**2  # (3, 128)
    bias = -(centres**2).sum(axis=1) / (2 * PALETTE_WIDTH**2)
    model.get_layer("judge").get_layer("palette").set_weights([kernel[None, None], bias])
