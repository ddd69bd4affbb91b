"""Writes the trained network as files that Keras alone can load, every version from 3.6 on."""

import importlib
import inspect
import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from ..hub import WEIGHTS

CONFIG = "config.json"


def save(model: keras.Model, folder: Path) -> None:
    """Write `model` to `folder` in Keras' Hub layout: config.json, metadata.json and the weights.

    Kernels are rounded to float16 on disk, which halves the file; Keras casts them back to float32
    when it loads them. Biases and statistics, which are small, stay float32.
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
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    (folder / CONFIG).write_text(json.dumps(without_defaults(config)), encoding="utf-8")


def without_defaults(config: Any) -> Any:
    """Return a Keras config without arguments at their defaults; Keras fills them in again.

    Older versions of Keras refuse arguments that they do not know, though they do what the newer
    defaults say.
    """
    if isinstance(config, list):
        return [without_defaults(item) for item in config]
    if not isinstance(config, dict):
        return config
    config = {key: without_defaults(value) for key, value in config.items()}
    if config.get("module") and isinstance(config.get("config"), dict):
        kind = getattr(importlib.import_module(config["module"]), config["class_name"])
        config["config"] = _arguments(kind, config["config"])
    return config


def _arguments(kind: type, given: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(kind.__init__).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    if "from_config" in vars(kind):  # it may look an argument up, as Rescaling does its offset
        defaults = {name: None for name, default in defaults.items() if default is None}
    if issubclass(kind, keras.Operation) and not issubclass(kind, keras.layers.Layer):
        defaults["name"] = given.get("name")  # Keras 3.11 added it; it stands beside the config too
    return {
        name: value
        for name, value in given.items()
        if name not in defaults or value != defaults[name]
    }


def _copy_as_float16(source: h5py.Group, target: h5py.Group) -> None:
    target.attrs.update(source.attrs)
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy_as_float16(item, target.create_group(name))
        else:
            half = np.issubdtype(item.dtype, np.floating) and item.ndim > 1
            target.create_dataset(name, data=item[()].astype("float16") if half else item[()])
