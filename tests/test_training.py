"""What training sees is what the page sees, and what it is told about a picture is true."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

from durian import hub, network, open_photo
from durian.breeds import CLASSES, NONE
from durian.photo import to_array
from durian.training import corruptions, features, fit, linear, masks
from durian.training import dataset as data
from durian.training.recipe import QUICK
from durian.training.views import MASK_CELL, laid_on, make_views

from .running import EXAMPLES, ROOT

SIZE = 288
WHOLE = [path for path in EXAMPLES if path.stem.endswith("whole")]
MASKS = Path(__file__).parent / "masks"
OTHER = CLASSES.index(NONE)


def mask_of(path: Path) -> np.ndarray:
    mask = Image.open(MASKS / f"{path.stem}.png").convert("L").resize((SIZE, SIZE))
    return np.asarray(mask) > 127


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return keras.saving.load_model(ROOT / "model", compile=False)


def test_features_made_for_training_give_the_answers_of_the_whole_network(model, tmp_path):
    samples = [data.Sample(path, 0, "train", "wild", path.stem) for path in EXAMPLES]
    learn = np.arange(len(samples)) < 2
    no_scenes = np.zeros((0,))
    for _ in range(2):  # the second time from what the first left
        views = make_views(samples, learn, no_scenes, QUICK, network.INPUT_SIZE, tmp_path)
        maps = features.make_maps(model, views, QUICK, tmp_path)
    assert views.numbers.tolist() == [0] * len(samples) + [1, 1]
    pooled = features.pool(model, maps, QUICK)
    layer = model.get_layer("standardise"), model.get_layer("logits")
    kernel, bias = layer[1].get_weights()
    last = {"mean": layer[0].mean, "variance": layer[0].variance, "kernel": kernel, "bias": bias}
    last = {name: np.asarray(part).squeeze() for name, part in last.items()}
    temperature = hub.runtime_config()["temperature"]
    answers = fit.confidences(fit.logits(pooled, last), temperature)
    plain = np.stack([to_array(open_photo(path), network.INPUT_SIZE) for path in EXAMPLES])
    expected = model.predict(plain, verbose=0)
    np.testing.assert_allclose(answers[: len(samples)], expected, atol=0.01)
    assert np.abs(views.photos[-2:].astype(int) - views.photos[:2]).mean() > 10  # it was varied
    again = fit.with_last_layer(model, last, temperature).predict(plain, verbose=0)
    np.testing.assert_allclose(again, expected, atol=1e-5)


def test_the_network_finds_the_fruit_on_the_renders(model):
    plain = np.stack([to_array(open_photo(path), network.INPUT_SIZE) for path in EXAMPLES])
    scaled = model.get_layer("scale")(model.input)
    maps = model.get_layer("backbone")(scaled)
    find = keras.Model(model.input, model.get_layer("mask_head")(maps))
    durian = find.predict(plain, verbose=0).max(axis=-1)  # fruit or flesh
    for path, found in zip(EXAMPLES, durian > 0.5, strict=True):
        fruit = np.asarray(Image.fromarray(mask_of(path)).resize(found.shape))
        assert (found & fruit).sum() > 0.7 * (found | fruit).sum(), path.stem


def test_class_activation_maps_add_up_to_what_the_maps_say(model):
    plain = np.stack([to_array(open_photo(path), network.INPUT_SIZE) for path in EXAMPLES[:2]])
    _, maps = network.with_maps(model).predict(plain, verbose=0)
    standardise, last = model.get_layer("standardise"), model.get_layer("logits")
    kernel, _ = last.get_weights()
    pooled = keras.Model(model.input, standardise.input).predict(plain, verbose=0)
    kernel = kernel / np.sqrt(np.asarray(standardise.variance)).T
    kernel[-network.PALETTE_SIZE * len(network.REGIONS) :] = 0  # colours have no place
    logits = pooled @ kernel
    by_class = np.concatenate(
        [logits[:, :OTHER], logits[:, OTHER:].mean(axis=1, keepdims=True)], axis=1
    )
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), by_class, atol=0.05)


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_a_fruit_on_a_plain_table_is_cut_out_of_it(path):
    fruit = mask_of(path)
    on_table = np.where(fruit[..., None], to_array(open_photo(path), SIZE), 200).astype("uint8")
    found = data.cut_out(on_table) > 127
    assert (found & fruit).sum() > 0.85 * (found | fruit).sum()
    table = np.full_like(on_table, 90)
    elsewhere = laid_on(on_table, 255 * fruit.astype("uint8"), table)
    assert np.abs(elsewhere[~fruit].astype(int) - 90).mean() < 10
    assert np.abs(elsewhere[fruit].astype(int) - on_table[fruit]).mean() < 10


def test_a_hand_hides_what_it_lies_on_and_the_mask_knows():
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


def test_masks_say_only_what_is_known():
    photo = np.zeros((28, 28, 3), "uint8")

    def known(label: str, **rest) -> np.ndarray:
        sample = data.Sample(Path(), CLASSES.index(label), "train", "wild", "group", **rest)
        return np.moveaxis(data.masks(sample, photo) > 127, -1, 0)

    fruit, fruit_known, flesh, flesh_known = known("none", kind="not durian: guava")
    assert not fruit.any() and not flesh.any()
    assert fruit_known.all() and flesh_known.all()

    square = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
    fruit, fruit_known, flesh, flesh_known = known("d24", fruit=(square,), flesh=())
    assert fruit[8:20, 8:20].all() and not fruit[:6].any() and not flesh.any()
    assert fruit_known.all() and flesh_known.all()

    fruit, fruit_known, flesh, flesh_known = known("d24", boxes=((0.5, 0.25, 0.5, 0.5),))
    assert not flesh_known[1:13, 8:10].any()  # inside a box, outside its core
    assert flesh[4:10, 12:16].all() and flesh_known[4:10, 12:16].all()
    assert not flesh[15:].any() and flesh_known[15:].all()
    assert (fruit == fruit_known).all()  # beyond the flesh nobody told where the fruit is

    assert not any(part.any() for part in known("d24", view="opened"))
    *_, flesh, flesh_known = known("d24", view="husk")
    assert not flesh.any() and flesh_known.all()


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


def test_the_mask_head_learns_only_where_something_is_known():
    truth = np.zeros((1, 2, 2, 4), "uint8")
    truth[0, 0, 0] = 255, 255, 0, 0  # one cell is known to be fruit; of flesh nobody told
    said = np.full((1, 2, 2, 2), 0.5, "float32")
    unsure = float(masks.mask_loss(truth, said)[0])
    said[0, 1, 1], said[0, 0, 0, 1] = 0.01, 0.99
    assert float(masks.mask_loss(truth, said)[0]) == pytest.approx(unsure)
    said[0, 0, 0, 0] = 0.99
    assert float(masks.mask_loss(truth, said)[0]) < 0.1 * unsure


def test_a_mask_head_that_is_trained_finds_what_it_was_shown(tmp_path):
    keras.utils.set_random_seed(0)
    untrained = network.build()
    shape = (len(WHOLE), network.INPUT_SIZE // MASK_CELL, network.INPUT_SIZE // MASK_CELL)
    random = np.random.default_rng(0)
    truth = np.zeros((*shape, 4), "uint8")
    truth[:, 5:20, 5:30] = 255
    truth[..., [1, 3]] = 255
    early = random.random((*shape, 256)).astype("float16") + truth[..., :1] / np.float16(255)
    middle = random.random((len(WHOLE), shape[1] // 2, shape[1] // 2, 728)).astype("float16")
    maps = features.Maps(early, middle, np.zeros((*shape, 1), "float16"))
    masks.standardise_maps(untrained, maps)
    recipe = replace(QUICK, mask_epochs=20)
    losses = masks.train_masks(untrained, maps, truth, np.ones(len(WHOLE)), recipe)
    assert losses[-1] < 0.5 * losses[0]
    found = masks.predict_masks(untrained, maps, np.arange(len(WHOLE)), recipe)[..., 0] > 127
    assert (found == (truth[..., 0] > 127)).mean() > 0.9


def wild(label: int, kind: str = "", style: str = "wild") -> data.Sample:
    return data.Sample(ROOT, label, "train", style, "group", kind=kind)


def test_each_common_variety_has_a_logit_and_rare_ones_share_one():
    spelt = ("Monthong (หมอนทอง)", "Montong", "Dona (Monthong)")
    samples = [wild(0), *(wild(OTHER, name) for name in spelt), wild(OTHER, "Ri6")]
    samples += [*[wild(OTHER, "not durian: guava")] * 3, *[wild(OTHER, style="far")] * 3]
    numbers, names = fit.kinds(samples, np.arange(len(samples)), QUICK)
    called = [names[number] for number in numbers]
    assert called == [CLASSES[0], *["Monthong"] * 3, NONE, *["other fruit"] * 3, *["far"] * 3]
    numbers, names = fit.kinds(samples, np.arange(5), replace(QUICK, varieties=False))
    assert set(numbers) == {0, OTHER}
    assert names == list(CLASSES)


def test_kinds_of_none_are_added_up():
    said = fit.confidences(np.log([[1, 1, 1, 1, 2, 3, 1]]))
    np.testing.assert_allclose(said, [[0.1, 0.1, 0.1, 0.1, 0.6]])


def test_every_class_and_style_counts_the_same():
    samples = [*[wild(0)] * 16, wild(1), *[wild(0, style="studio")] * 4]
    weights = data.balance(samples)
    assert weights.mean() == pytest.approx(1)
    for part in (weights[:16], weights[16:17], weights[17:]):
        assert part.sum() == pytest.approx(7)


@pytest.mark.parametrize("shrinkage", [None, 1.0])
def test_the_last_layer_is_the_best_of_its_kind(shrinkage: float | None):
    random = np.random.default_rng(0)
    targets = random.integers(0, 5, 200)
    inputs = (random.normal(size=(5, 6))[targets] + random.normal(size=(200, 6))).astype("float32")
    inputs /= np.sqrt((inputs**2).sum(axis=1).mean())  # so that the penalty means the same
    kernel, bias = linear.fit(inputs, targets, np.ones(200), 1e-2, shrinkage)
    ours = fit.confidences(inputs @ kernel + bias)
    known = LogisticRegression(C=1 / (1e-2 * 200)).fit(inputs, targets).predict_proba(inputs)
    if shrinkage is None:
        np.testing.assert_allclose(ours, known, atol=0.01)
    else:
        assert (ours.argmax(axis=1) == targets).mean() > 0.5
        assert np.abs(ours - known).max() > 0.01  # whitening changes what the penalty costs
