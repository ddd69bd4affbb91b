"""The baseline: the recipe of the tutorial that this project grew from, on the same photographs.

    python -m durian.training.tutorial PHOTOS STORE [--seed 0]

All of Xception is fine-tuned on the first manifest's training photographs. It takes two and a half
hours on two cores. The figures that it prints go to `baselines` in measurements.json.
"""

import argparse
import json
from pathlib import Path

import keras
import numpy as np
from keras import layers

from ..breeds import CLASSES
from .dataset import Sample, labels, load, read_manifests
from .imagenet import xception
from .metrics import measure

INPUT_SIZE = 224  # pixels a side
BATCH = 8


def build() -> keras.Model:
    """Return the tutorial's network: (n, 224, 224, 3) RGB 0–255 in, (n, 5) confidences out."""
    photo = layers.Input((INPUT_SIZE, INPUT_SIZE, 3), name="photo")
    x = layers.Rescaling(1 / 255)(photo)  # 0…1, although these weights were made for −1…1
    x = xception(INPUT_SIZE)(x)  # (n, 7, 7, 2048)
    x = layers.AveragePooling2D(7)(x)  # (n, 1, 1, 2048)
    x = layers.Dropout(0.1)(layers.Dense(32, activation="relu")(x))
    confidences = layers.Dense(
        len(CLASSES), activation="softmax", kernel_regularizer=keras.regularizers.L2(5e-4)
    )
    return keras.Model(photo, confidences(layers.Flatten()(x)), name="tutorial")


def train(
    train: tuple[np.ndarray, np.ndarray], valid: tuple[np.ndarray, np.ndarray], store: Path
) -> keras.Model:
    """Train the tutorial's network in its way on (photos, labels), uint8 and int.

    Its checkpoints go to `store`. A run that was stopped goes on from there.
    """
    store.mkdir(parents=True, exist_ok=True)
    model = build()
    model.compile(
        keras.optimizers.SGD(1e-4, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy"],
        jit_compile=False,  # XLA makes Xception slower on a CPU
    )
    best = store / "tutorial.weights.h5"
    model.fit(
        _Batches(*train),
        validation_data=valid,
        epochs=30,
        verbose=2,
        callbacks=[
            keras.callbacks.BackupAndRestore(store / "backup"),
            keras.callbacks.EarlyStopping(patience=4),
            keras.callbacks.ModelCheckpoint(best, save_best_only=True, save_weights_only=True),
        ],
    )
    model.load_weights(best)
    return model


class _Batches(keras.utils.PyDataset):
    """Shuffled batches of varied photographs."""

    def __init__(self, photos: np.ndarray, labels: np.ndarray) -> None:
        super().__init__()
        self.photos, self.labels = photos, labels
        self.order = np.random.permutation(len(photos))
        self.vary = keras.Sequential(
            [
                layers.RandomRotation(15 / 360),
                layers.RandomTranslation(0.1, 0.1),
                layers.RandomFlip("horizontal"),
            ]
        )

    def __len__(self) -> int:
        return -(-len(self.photos) // BATCH)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.order[index * BATCH : (index + 1) * BATCH]
        return self.vary(self.photos[rows].astype("float32"), training=True), self.labels[rows]

    def on_epoch_end(self) -> None:
        np.random.shuffle(self.order)


def main() -> None:
    """Train the baseline, and print its figures on the test photographs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("store", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    keras.utils.set_random_seed(options.seed)
    samples = [s for s in read_manifests(options.photos) if s.source == "manifest"]

    def part(split: str) -> list[Sample]:
        return [sample for sample in samples if sample.split == split]

    pairs = [(load(part(p), INPUT_SIZE), labels(part(p))) for p in ("train", "valid")]
    model = train(*pairs, options.store)
    said = model.predict(load(part("test"), INPUT_SIZE), verbose=0)
    print(json.dumps(measure(part("test"), said), indent=1))


if __name__ == "__main__":
    main()
