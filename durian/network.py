"""The Keras network: an RGB photograph in, calibrated confidences of the five classes out.

The backbone is the first nine blocks of Xception (Chollet 2017, arXiv:1610.02357), as ImageNet left
them. The classifier head finds a fruit mask and a flesh mask, averages the feature maps and the
colours inside them and over the whole picture, and ends in one linear layer. The middle of the
network keeps thorns and texture that its last blocks throw away.

Every layer is Keras' own, so that `keras.saving.load_model("hf://…")` needs none of this code.
"""

import keras
import numpy as np
from keras import layers, ops

from .breeds import CLASSES

INPUT_SIZE = 304  # pixels a side: 38 cells for masks and colours, 19 for feature maps
EARLY = "block4_sepconv1_act"  # Xception's layer that takes the early feature maps in
MIDDLE = "block10_sepconv1_act"  # … and the middle ones, which block 9 gives out
MASKS = ("fruit", "flesh")
REGIONS = (*MASKS, "picture")  # where features are averaged
SMALLEST = 0.02  # a region smaller than this share of the picture counts for less
PALETTE_SIZE = 128  # colours told apart
PALETTE_WIDTH = 0.08  # how far a palette colour reaches, in units of the opponent axes below
TINY = 1e-12  # a confidence whose logarithm is finite
RARE = 1e-4  # a share of a region below which a colour hardly counts
# RGB in −1…1 to brightness, red against green, and both against blue: distances as people see them
OPPONENT = np.array([[1 / 3, 1 / 3, 1 / 3], [1, -1, 0], [0.5, 0.5, -1]], "float32")


def build(
    kinds: int = len(CLASSES), temperature: float = 1.0, xception: keras.Model | None = None
) -> keras.Model:
    """Return the network, around `xception` or around an Xception with random weights.

    Input: `photo`, (n, 304, 304, 3), RGB 0–255, uint8 or float32.
    Output: `confidences`, (n, 5) float32, sum 1, in the order of `breeds.CLASSES`.
    `kinds` is how many logits there are: the four breeds, and one or more kinds of anything else.
    """
    photo = layers.Input((INPUT_SIZE, INPUT_SIZE, 3), name="photo")
    scaled = layers.Rescaling(1 / 127.5, offset=-1, name="scale")(photo)  # (n, 304, 304, 3), −1…1
    early, middle = _backbone(xception)(scaled, training=False)
    masks = _mask_head(early, middle)([early, middle])  # (n, 38, 38, 2)
    colours = _palette(scaled)(scaled)  # (n, 38, 38, 128)
    features = _pooling(middle, masks, colours)([middle, masks, colours])  # (n, 4752)
    features = layers.Normalization(name="standardise")(features)
    logits = layers.Dense(kinds, name="logits")(features)
    shares = layers.Softmax(name="kinds")(logits)  # (n, kinds)
    sums = layers.Dense(len(CLASSES), use_bias=False, name="sums")(shares)  # (n, 5)
    confidences = _calibration(temperature)(sums)
    model = keras.Model(photo, confidences, name="durian_xception")
    model.get_layer("sums").set_weights([_sum_of_kinds(kinds)])
    model.get_layer("sums").trainable = False
    return model


def _sum_of_kinds(kinds: int) -> np.ndarray:
    """Return (kinds, 5) float32, 0 or 1: the first four kinds are breeds, all others are none."""
    classes = np.minimum(np.arange(kinds), len(CLASSES) - 1)
    return np.eye(len(CLASSES), dtype="float32")[classes]


def _calibration(temperature: float) -> keras.Model:
    """Return the model that divides log confidences by a temperature: (n, 5) to (n, 5).

    The kinds of none are added up before, so the temperature changes no answer's rank (Guo et al.
    2017, arXiv:1706.04599).
    """
    shares = layers.Input((len(CLASSES),))
    logarithms = layers.Rescaling(1 / temperature, name="temperature")(ops.log(shares + TINY))
    return keras.Model(shares, layers.Softmax()(logarithms), name="confidences")


def _backbone(xception: keras.Model | None) -> keras.Model:
    """Return the frozen part: early maps (n, 38, 38, 256) and middle ones (n, 19, 19, 728)."""
    xception = xception or keras.applications.Xception(
        include_top=False, weights=None, input_shape=(INPUT_SIZE, INPUT_SIZE, 3)
    )
    maps = [xception.get_layer(name).input for name in (EARLY, MIDDLE)]
    backbone = keras.Model(xception.input, maps, name="backbone")
    backbone.trainable = False
    return backbone


def _mask_head(early: keras.KerasTensor, middle: keras.KerasTensor) -> keras.Model:
    """Return the model that finds the fruit and its flesh: (n, 38, 38, 2), 0–1."""
    early, middle = (layers.Input(maps.shape[1:]) for maps in (early, middle))
    what = layers.Normalization(name="standardise_middle")(middle)
    what = layers.SpatialDropout2D(0.2)(what)
    what = layers.Conv2D(64, 1, activation="relu", name="what")(what)
    what = layers.UpSampling2D(2, interpolation="bilinear")(what)  # (n, 38, 38, 64)
    where = layers.Normalization(name="standardise_early")(early)
    where = layers.SpatialDropout2D(0.2)(where)
    where = layers.Conv2D(64, 1, activation="relu", name="where")(where)
    both = layers.Concatenate()([what, where])
    both = layers.Conv2D(64, 3, padding="same", activation="relu", name="both")(both)
    masks = layers.Conv2D(len(MASKS), 1, activation="sigmoid", name="masks")(both)
    return keras.Model([early, middle], masks, name="mask_head")


def _palette(scaled: keras.KerasTensor) -> keras.Model:
    """Return the model that tells how much of each palette colour a cell has: (n, 38, 38, 128)."""
    photo = layers.Input(scaled.shape[1:])
    pixels = layers.AveragePooling2D(4)(photo)  # (n, 76, 76, 3)
    colours = layers.Conv2D(PALETTE_SIZE, 1, activation="softmax", name="colours")(pixels)
    palette = keras.Model(photo, layers.AveragePooling2D(2)(colours), name="palette")
    palette.trainable = False
    return palette


def _pooling(*inputs: keras.KerasTensor) -> keras.Model:
    """Return the model that averages feature maps and colours over the three regions: (n, 4752).

    Of each feature map it takes the mean and the root mean square, as generalised-mean pooling
    with p = 1 and 2 does (Radenović et al. 2018, arXiv:1711.02512). Of each colour it takes the
    root of its share, as the Hellinger kernel does, so that rare colours count too.
    """
    middle, masks, colours = inputs = [layers.Input(maps.shape[1:]) for maps in inputs]
    maps = layers.ReLU(name="maps")(middle)  # (n, 19, 19, 728)
    coarse = layers.AveragePooling2D(2, name="coarse_masks")(masks)  # (n, 19, 19, 2)
    means = _average(maps, coarse)  # (n, 3, 728)
    squares = layers.Multiply()([maps, maps])
    squares = ops.sqrt(_average(squares, coarse) + 1e-6)
    colours = ops.sqrt(_average(colours, masks) + RARE)  # (n, 3, 128)
    features = [layers.Flatten()(part) for part in (means, squares, colours)]
    return keras.Model(inputs, layers.Concatenate()(features), name="pooling")


def _average(maps: keras.KerasTensor, masks: keras.KerasTensor) -> keras.KerasTensor:
    """Return the means of maps (n, h, w, c) over each region: (n, 3, c)."""
    return ops.einsum("nhwk,nhwc->nkc", _shares(masks), maps)


def _shares(masks: keras.KerasTensor) -> keras.KerasTensor:
    """Return each cell's share of each region, (n, h, w, 3), for masks (n, h, w, 2), 0–1."""
    regions = ops.concatenate([masks, ops.ones_like(masks[..., :1])], axis=-1)
    least = SMALLEST * masks.shape[1] * masks.shape[2]
    return regions / (ops.sum(regions, axis=(1, 2), keepdims=True) + least)


class ClassActivationMaps(layers.Layer):
    """How much each cell adds to each class's logit: (n, 19, 19, 5), for maps and coarse masks.

    Given the masks, the features grow in proportion to the feature maps. So a logit is the sum over
    the cells of gradient times feature map, as in Grad-CAM (Selvaraju et al. 2017,
    arXiv:1610.02391), and needs no gradients; colours are left out.
    """

    def __init__(self, model: keras.Model) -> None:
        super().__init__(name="class_activation_maps")
        spread = ops.sqrt(model.get_layer("standardise").variance)  # (1, 4752)
        kernel = model.get_layer("logits").kernel / ops.transpose(spread)  # (4752, kinds)
        sums = _sum_of_kinds(kernel.shape[1])
        kernel = ops.matmul(kernel, sums / sums.sum(axis=0))  # (4752, 5): averages of kinds
        channels = model.get_layer("backbone").output_shape[1][-1]
        shapes = kernel[: 2 * len(REGIONS) * channels]
        shapes = ops.reshape(shapes, (2, len(REGIONS), channels, len(CLASSES)))
        self._of_means, self._of_roots = shapes[0], shapes[1]  # (3, 728, 5)

    def call(self, maps: keras.KerasTensor, masks: keras.KerasTensor) -> keras.KerasTensor:
        """Return (n, 19, 19, 5) for rectified maps, (n, 19, 19, 728), and masks, (n, 19, 19, 2)."""
        shares = _shares(masks)
        roots = ops.sqrt(_average(maps * maps, masks) + 1e-6)  # (n, 3, 728)
        linear = ops.einsum("nhwk,nhwc,kcl->nhwl", shares, maps, self._of_means)
        slopes = self._of_roots[None] / roots[..., None]  # (n, 3, 728, 5)
        return linear + ops.einsum("nhwk,nhwc,nkcl->nhwl", shares, maps * maps, slopes)


def with_maps(model: keras.Model) -> keras.Model:
    """Return `model` with a second output, its class activation maps: (n, 19, 19, 5) float32."""
    scaled = model.get_layer("scale")(model.input)
    early, middle = model.get_layer("backbone")(scaled, training=False)
    masks = model.get_layer("mask_head")([early, middle])
    pooling = model.get_layer("pooling")
    colours = model.get_layer("palette")(scaled)
    answer = pooling([middle, masks, colours])
    for name in ("standardise", "logits", "kinds", "sums", "confidences"):
        answer = model.get_layer(name)(answer)
    coarse = pooling.get_layer("coarse_masks")(masks)
    maps = ClassActivationMaps(model)(pooling.get_layer("maps")(middle), coarse)
    return keras.Model(model.input, [answer, maps])


def set_palette(model: keras.Model, colours: np.ndarray) -> None:
    """Make `colours`, (128, 3) float32 RGB in −1…1, the ones that the palette tells apart.

    A pixel belongs to them by a softmax of its negative squared distances, as in soft assignment
    (van Gemert et al. 2008). Written out, that is affine in the pixel: a 1×1 convolution.
    """
    centres = colours @ OPPONENT.T  # (128, 3)
    kernel = OPPONENT.T @ centres.T / PALETTE_WIDTH**2  # (3, 128)
    bias = -(centres**2).sum(axis=1) / (2 * PALETTE_WIDTH**2)
    model.get_layer("palette").get_layer("colours").set_weights([kernel[None, None], bias])
