"""The Keras graph: an RGB photograph in, calibrated confidences of the five classes out.

Xception (Chollet 2017, arXiv:1610.02357) looks at shapes. Its ImageNet features throw away the one
cue that people go by, the colour of the flesh, so a second, tiny branch keeps it: a soft histogram
over a palette of 128 colours.

Every layer is Keras' own, so that `keras.saving.load_model("hf://…")` needs none of this code.
"""

import shutil
import tempfile
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import layers

from .breeds import CLASSES
from .hub import WEIGHTS

INPUT_SIZE = 224  # pixels a side
PALETTE_SIZE = 128  # colours told apart
PALETTE_WIDTH = 0.08  # how far a palette colour reaches, in units of the scaled opponent axes
# RGB in −1…1 to brightness, red against green, and both against blue: distances closer to the eye's
OPPONENT = np.array([[1 / 3, 1 / 3, 1 / 3], [1, -1, 0], [0.5, 0.5, -1]], "float32")


def build(backbone: keras.Model | None = None) -> keras.Model:
    """Return the network, around `backbone` or around an Xception with random weights.

    Input: `photo`, (n, 224, 224, 3), RGB 0–255, uint8 or float32.
    Output: `confidences`, (n, 5) float32, sum 1, in the order of `breeds.CLASSES`.
    """
    photo = layers.Input((INPUT_SIZE, INPUT_SIZE, 3), name="photo")
    scaled = layers.Rescaling(1 / 127.5, offset=-1, name="scale")(photo)  # (n, 224, 224, 3), −1…1

    backbone = backbone or keras.applications.Xception(
        include_top=False, weights=None, input_shape=photo.shape[1:]
    )
    maps = backbone(scaled)  # (n, 7, 7, 2048)
    shapes = layers.GlobalAveragePooling2D(name="shapes")(maps)
    shapes = layers.Normalization(name="even_shapes")(shapes)
    shapes = layers.Rescaling((PALETTE_SIZE / 2048) ** 0.5, name="share")(
        shapes
    )  # as loud as colour

    pixels = layers.AveragePooling2D(4, name="pixels")(scaled)  # (n, 56, 56, 3)
    palette = layers.Conv2D(PALETTE_SIZE, 1, activation="softmax", name="palette")(pixels)
    colours = layers.GlobalAveragePooling2D(name="colours")(palette)  # (n, 128), sum 1
    colours = keras.ops.sqrt(colours)  # the Hellinger kernel: rare colours count, too
    colours = layers.Normalization(name="even_colours")(colours)

    merged = layers.Concatenate(name="features")([shapes, colours])
    logits = layers.Dense(len(CLASSES), name="logits")(merged)
    confidences = layers.Softmax(name="confidences")(logits)
    return keras.Model(photo, confidences, name="durian_xception")


def with_maps(model: keras.Model) -> keras.Model:
    """Return `model` with a second output, (n, 7, 7, 5) float32: what speaks where for which class.

    From the last maps to the logits the network is linear, so the weights that Grad-CAM (Selvaraju
    et al. 2017, arXiv:1610.02391) takes from gradients are its own, as in CAM (Zhou et al. 2016).
    """
    maps = model.get_layer("shapes").input  # (n, 7, 7, 2048)
    spread = keras.ops.sqrt(model.get_layer("even_shapes").variance)  # (1, 2048)
    kernel = model.get_layer("logits").kernel[: maps.shape[-1]]  # (2048, 5), the colours' left out
    weights = model.get_layer("share").scale * kernel / keras.ops.transpose(spread)
    return keras.Model(model.input, [model.output, keras.ops.matmul(maps, weights)])


def set_palette(model: keras.Model, colours: np.ndarray) -> None:
    """Make `colours`, (128, 3) float32 RGB in −1…1, the ones that the palette tells apart.

    A pixel belongs to them by a softmax of its negative squared distances, as in soft assignment
    (van Gemert et al. 2008); written out, that is affine in the pixel: a 1×1 convolution.
    """
    centres = colours @ OPPONENT.T  # (128, 3)
    kernel = OPPONENT.T @ centres.T / PALETTE_WIDTH**2  # (3, 128)
    bias = -(centres**2).sum(axis=1) / (2 * PALETTE_WIDTH**2)
    model.get_layer("palette").set_weights([kernel[None, None], bias])


def save(model: keras.Model, folder: Path) -> None:
    """Write `model` to `folder` in Keras' Hub layout, its weights rounded to float16 on disk.

    That halves the file; Keras casts back to float32 when it loads.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch, "model.keras")  # the public way to the three files: a zip of them
        model.save(archive)
        with zipfile.ZipFile(archive) as files:
            files.extractall(folder)
        rounded = Path(scratch, WEIGHTS)
        with h5py.File(folder / WEIGHTS) as source, h5py.File(rounded, "w") as target:
            _copy_as_float16(source, target)
        shutil.move(rounded, folder / WEIGHTS)


def _copy_as_float16(source: h5py.Group, target: h5py.Group) -> None:
    target.attrs.update(source.attrs)
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy_as_float16(item, target.create_group(name))
        else:
            half = np.issubdtype(item.dtype, np.floating)
            target.create_dataset(name, data=item[()].astype("float16") if half else item[()])
