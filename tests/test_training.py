"""What training sees is what the page sees, and what it is told about a picture is true."""

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from durian import network, open_photo
from durian.breeds import CLASSES
from durian.photo import to_array
from durian.training import corruptions
from durian.training import dataset as data
from durian.training import fit as training

from .running import EXAMPLES, ROOT

SIZE = 288
WHOLE = [path for path in EXAMPLES if path.stem.endswith("whole")]
MASKS = Path(__file__).parent / "masks"


def mask_of(path: Path) -> np.ndarray:
    mask = Image.open(MASKS / f"{path.stem}.png").convert("L").resize((SIZE, SIZE))
    return np.asarray(mask) > 127


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return keras.saving.load_model(ROOT / "model", compile=False)


def test_the_part_that_is_trained_answers_as_the_whole_network_does(model, tmp_path):
    samples = [data.Sample(path, 0, "train", "render", path.stem) for path in EXAMPLES]
    plain, photos = data.load(samples, network.INPUT_SIZE), data.load(samples, SIZE)
    where = np.stack([data.places(sample, SIZE) for sample in samples])
    learn = np.ones(len(samples), bool)
    for _ in range(2):  # the second time from what the first left
        views = training.look(model, plain, photos, where, learn, photos, tmp_path, varied=1)
        judge = model.get_layer("judge")
        said = training.confidences(judge, views, np.arange(len(samples)))
        np.testing.assert_allclose(said, model.predict(plain, verbose=0), atol=0.01)
    assert len(views.seen) == 2
    assert np.abs(views.colour[1] - views.colour[0]).mean() > 0.05  # it was varied


def test_the_network_finds_the_fruit_on_the_renders(model):
    plain = np.stack([to_array(open_photo(path), network.INPUT_SIZE) for path in EXAMPLES])
    scaled = model.get_layer("scale")(model.input)
    seen = model.get_layer("eye")(scaled), model.get_layer("pixels")(scaled)
    where = keras.Model(model.input, model.get_layer("judge")(list(seen))[1])
    for path, found in zip(EXAMPLES, where.predict(plain, verbose=0)[..., 0] > 0.5, strict=True):
        size = (network.GRID, network.GRID)
        fruit = np.asarray(Image.fromarray(mask_of(path)).resize(size))
        assert (found & fruit).sum() > 0.7 * (found | fruit).sum(), path.stem


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_a_fruit_on_a_plain_table_is_cut_out_of_it(path):
    fruit = mask_of(path)
    on_table = np.where(fruit[..., None], to_array(open_photo(path), SIZE), 200).astype("uint8")
    found = data.cut_out(on_table)
    assert (found & fruit).sum() > 0.85 * (found | fruit).sum()
    table = np.full_like(on_table, 90)
    elsewhere = data.on_background(on_table, fruit, table)
    assert np.abs(elsewhere[~fruit].astype(int) - 90).mean() < 10
    assert np.abs(elsewhere[fruit].astype(int) - on_table[fruit]).mean() < 10


def test_a_hand_hides_what_it_lies_on_and_the_map_knows():
    everywhere = np.full((SIZE, SIZE, 4), 255, "uint8")
    clear = to_array(open_photo(WHOLE[0]), SIZE)
    random = np.random.default_rng(0)
    shares = []
    for _ in range(20):
        with_hand, hidden = corruptions.hand_over(clear, random)
        changed = np.abs(with_hand.astype(int) - clear).max(axis=-1) > 0
        assert (~hidden & changed).sum() < 0.1 * SIZE**2  # a soft edge
        shares.append(hidden.mean())
        _, where = corruptions.corrupt(clear, everywhere, random)
        hidden = where[..., 0] == 0
        assert (where[hidden] == [0, 255, 0, 255]).all()  # no fruit and no flesh, for sure
        assert (where[~hidden] == 255).all()
    assert 0.05 < np.mean(shares) < 0.3


def test_corruptions_leave_colours_nearly_as_they_were(monkeypatch):
    monkeypatch.setattr(corruptions, "HANDS", 0)
    random, nowhere = np.random.default_rng(0), np.zeros((SIZE, SIZE, 4))
    for path in EXAMPLES:
        clear = to_array(open_photo(path), SIZE)
        corrupted, _ = corruptions.corrupt(clear, nowhere, random)
        assert (corrupted != clear).any()
        before, after = (picture.mean(axis=(0, 1)) for picture in (clear, corrupted))
        np.testing.assert_allclose(after / after[1], before / before[1], rtol=0.08)


def test_places_say_only_what_is_known():
    def sample(label: str, **known) -> data.Sample:
        return data.Sample(Path(), CLASSES.index(label), "train", "wild", "group", **known)

    no_fruit = data.places(sample("none", kind="not durian: guava"), 28)
    assert not no_fruit[..., [0, 2]].any()
    assert no_fruit[..., [1, 3]].all()

    opened = data.places(sample("d24", view="opened", flesh=((0.5, 0.25, 0.5, 0.5),)), 28)
    fruit, fruit_known, flesh, flesh_known = np.moveaxis(opened > 0, -1, 0)
    assert flesh[:14, 7:21].all()
    assert flesh.sum() == 14 * 14
    assert flesh_known.all()
    assert (fruit == flesh).all()  # flesh is fruit; where else there is fruit, nobody told
    assert (fruit_known == flesh).all()

    assert not data.places(sample("d24", view="opened"), 28).any()
    assert not data.places(sample("d24", view="husk"), 28)[..., :3].any()


def test_tutorial_folders_become_labelled_samples(tmp_path):
    for name in (
        "train/d24/1.jpg",
        "valid/none/2.jpg",
        "test/red-prawn/3.jpg",
        "train/other/4.jpg",
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    samples = data.read_folders(tmp_path)
    assert [(s.split, CLASSES[s.label]) for s in samples] == [
        ("train", "d24"),
        ("valid", "none"),
        ("test", "red-prawn"),
    ]


def test_an_average_of_weights_lies_between_them(model, tmp_path):
    judge = model.get_layer("judge")
    last = judge.get_layer("logits")
    kernel, bias = last.get_weights()
    try:
        for number in (1, 3):
            last.set_weights([kernel * number, bias])
            judge.save_weights(tmp_path / f"{number}.weights.h5")
        training.average(judge, sorted(tmp_path.iterdir()))
        np.testing.assert_allclose(last.get_weights()[0], kernel * 2, rtol=1e-5)
        np.testing.assert_allclose(last.get_weights()[1], bias, rtol=1e-5)
    finally:
        last.set_weights([kernel, bias])


def test_confidences_are_those_of_the_weights_just_loaded(model):
    judge = model.get_layer("judge")
    even = judge.get_layer("even_shapes")
    mean, variance, count = even.get_weights()
    random = np.random.default_rng(0)
    inputs = [random.random((2, *part.shape[1:]), "float32") for part in judge.inputs]
    views = training.Views([inputs[0]], [inputs[1]], [])
    try:
        before = training.confidences(judge, views, np.arange(2))
        even.set_weights([mean + 0.1, variance, count])
        even.finalize_state()
        after = training.confidences(judge, views, np.arange(2))
        np.testing.assert_allclose(after, judge(inputs)[0], atol=1e-4)
        assert np.abs(after - before).max() > 0.01
    finally:
        even.set_weights([mean, variance, count])
        even.finalize_state()


def test_a_stage_trains_what_it_should_and_a_finished_one_is_read(tmp_path, monkeypatch):
    judge = keras.saving.load_model(ROOT / "model", compile=False).get_layer("judge")
    random, labels = np.random.default_rng(0), np.array([0, 1, 2, 3])
    seen, colour = (
        random.random((4, *part.shape[1:]), "float32").astype("float16") for part in judge.inputs
    )
    where = np.full((4, network.GRID, network.GRID, 4), 255, "uint8")
    views = training.Views([seen], [colour], [where])
    stages = (training.Stage(15, 1, 2e-3), training.Stage(14, 1, 1e-3))

    def run(*some: training.Stage) -> list[Path]:
        each, rows = [views] * len(some), np.arange(4)
        return training.fit(judge, each, labels, rows, np.ones(4, "float32"), tmp_path, some)

    def weights() -> dict[str, np.ndarray]:
        late = judge.get_layer("late")
        layers = [late.get_layer(f"block{number}_sepconv2") for number in (13, 14)]
        layers.append(judge.get_layer("logits"))
        return {layer.name: layer.get_weights()[0] for layer in layers}

    monkeypatch.setattr(training, "DRAWS", 2 * training.BATCH)
    before = weights()
    (first,) = run(*stages[:1])  # and here it was stopped
    new, written = weights(), first.stat().st_mtime_ns
    run(*stages)
    both = weights()
    assert first.stat().st_mtime_ns == written

    untouched = "block13_sepconv2"
    np.testing.assert_array_equal(both[untouched], before[untouched])
    np.testing.assert_array_equal(new["block14_sepconv2"], before["block14_sepconv2"])
    assert np.abs(new["logits"] - before["logits"]).max() > 0
    moved = {name: np.abs(both[name] - new[name]).max() for name in both}
    assert 0 < moved["block14_sepconv2"] < 0.3 * moved["logits"]  # what ImageNet taught, slowly

    judge.load_weights(first)
    monkeypatch.setattr(training, "Draws", None)  # nothing is left to learn
    run(*stages)
    for name, weight in weights().items():
        np.testing.assert_array_equal(weight, both[name])


def test_rows_are_drawn_as_often_as_their_chances_say(monkeypatch):
    rows = np.array([3, 5])
    views = training.Views(*([np.arange(6.0)[:, None]] * 2 for _ in range(3)))
    draws = training.Draws(views, np.arange(6) % 5, rows, np.array([1.0, 3.0]), seed=0)
    drawn = np.concatenate([draws[k][0][0][:, 0] for k in range(len(draws))])
    assert set(drawn) == {3, 5}
    assert 0.7 < (drawn == 5).mean() < 0.8


def test_the_map_learns_only_from_places_that_are_known():
    truth = np.zeros((1, 2, 2, 4), "uint8")
    truth[0, 0, 0] = 255, 255, 0, 0  # one place is known to be fruit; of flesh nobody told
    said = np.full((1, 2, 2, 2), 0.5, "float32")
    unsure = float(training.places_loss(truth, said)[0])
    said[0, 1, 1], said[0, 0, 0, 1] = 0.01, 0.99
    assert float(training.places_loss(truth, said)[0]) == pytest.approx(unsure)
    said[0, 0, 0, 0] = 0.99
    assert float(training.places_loss(truth, said)[0]) < 0.1 * unsure
