"""What training writes loads by Keras alone, in every Keras 3 from the oldest that is promised."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from durian import open_photo
from durian.photo import to_array
from durian.training import export

from .packages import installed
from .running import EXAMPLES, ROOT

ASK = """
import sys, keras, numpy
photos = numpy.load("photos.npy")
answers = [keras.saving.load_model(folder)(photos) for folder in sys.argv[1:]]
numpy.save("answers.npy", numpy.array(answers))
print(keras.__version__)
"""


@pytest.mark.slow
@pytest.mark.parametrize("release", ["keras==3.6.0", "keras"], ids=["oldest", "newest"])
def test_other_versions_of_keras_load_the_model(release: str, tmp_path: Path):
    site = installed(tmp_path / "site", "--no-deps", release)
    model = keras.saving.load_model(ROOT / "model")
    export.save(model, tmp_path / "exported")
    photos = [to_array(open_photo(path), model.input_shape[1]) for path in EXAMPLES[:2]]
    np.save(tmp_path / "photos.npy", photos)
    done = subprocess.run(
        [sys.executable, "-c", ASK, ROOT / "model", tmp_path / "exported"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (site / f"keras-{done.stdout.strip()}.dist-info").exists(), "not the one just installed"
    expected = np.asarray(model(np.stack(photos)))
    for answers in np.load(tmp_path / "answers.npy"):
        np.testing.assert_allclose(answers, expected, atol=1e-5)
