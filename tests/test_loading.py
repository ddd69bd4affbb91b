"""The model loads whatever this machine's settings are; where it cannot, a sentence says so."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from durian import DurianClassifier, open_photo
from durian.classifier import NOT_LOADED, TOO_LITTLE_MEMORY
from durian.web.i18n import say

from .api import Api, Refused
from .packages import installed
from .running import EXAMPLES, ROOT, running_app

LOAD = """
from durian import DurianClassifier, ModelError
try:
    DurianClassifier.load()
except ModelError as error:
    print(error)
"""


def complaint(folder: Path, before: str = "", **environment: str) -> str:
    """Return what a program prints that runs `before`, then loads the classifier."""
    path = os.pathsep.join(filter(None, [environment.pop("PYTHONPATH", ""), str(ROOT)]))
    done = subprocess.run(
        [sys.executable, "-c", before + LOAD],
        cwd=folder,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": path} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_library_leaves_a_programs_own_settings_alone(classifier, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    keras.config.set_image_data_format("channels_first")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        photo = open_photo(EXAMPLES[0])
        answer = DurianClassifier.load().predict(photo)
        assert keras.config.image_data_format() == "channels_first"
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_image_data_format("channels_last")
        keras.config.set_dtype_policy("float32")
    assert list(answer.values()) == pytest.approx(
        list(classifier.predict(photo).values()), abs=1e-5
    )


@pytest.mark.slow
def test_a_program_on_another_backend_is_told_what_to_do(tmp_path: Path):
    site = installed(tmp_path / "site", "--no-deps", "jax", "jaxlib")
    told = complaint(tmp_path, "import keras", KERAS_BACKEND="jax", PYTHONPATH=str(site))
    assert "set KERAS_BACKEND=tensorflow before the program imports keras" in told


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("raise ImportError('DLL load failed')", NOT_LOADED),
        ("raise SystemError('compiled for another numpy')", NOT_LOADED),
        ("raise MemoryError", TOO_LITTLE_MEMORY),
    ],
)
def test_a_broken_installation_ends_in_a_sentence(fault: str, sentence: str, tmp_path: Path):
    (tmp_path / "tensorflow.py").write_text(fault)
    assert complaint(tmp_path) == sentence


def test_the_page_the_api_and_the_log_say_why_there_is_no_model(tmp_path: Path, browser):
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras/keras.json").write_text("[]")  # Keras itself stumbles over this
    with running_app(tmp_path / "log", HOME=str(tmp_path)) as app:
        with pytest.raises(Refused, match=NOT_LOADED):
            Api(app.url).ask(EXAMPLES[0].read_bytes())
        page = browser.new_page(locale="ms-MY")
        page.goto(app.url)
        page.locator("#photo input[type=file]").set_input_files(EXAMPLES[0])
        page.locator("#verdict").get_by_text(say(NOT_LOADED, "ms")).wait_for()
        page.close()
        assert f"{NOT_LOADED} (AttributeError" in app.log.read_text()


def test_without_its_configuration_the_page_opens_and_says_so(tmp_path: Path):
    project = tmp_path / "project"
    for name in ("durian", "examples"):
        shutil.copytree(ROOT / name, project / name)
    shutil.copy(ROOT / "app.py", project)
    with running_app(tmp_path / "app.log", cwd=project) as app:
        with pytest.raises(Refused, match=r"model.*start again"):
            Api(app.url).ask(EXAMPLES[0].read_bytes())
        assert "Traceback" not in app.log.read_text()
