"""Files: bit-exact, atomic, and refused with a reason when they are not what they should be."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import nnkit
from nnkit.errors import FileFormatError, FileSaveError, MissingProviderError, SpecError
from nnkit.files import container
from nnkit.files.versions import FORMAT_VERSION


def data(rows=60):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 4))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


def network(**changes):
    settings = {
        "hidden_activation": "relu",
        "output_activation": "softmax",
        "loss": "categorical_crossentropy",
        "optimizer": "adam(learning_rate=0.01)",
        "seed": 3,
    }
    return nnkit.Network([4, 8, 2], **(settings | changes))


OPTIMIZERS = [
    "sgd(learning_rate=0.1)",
    "sgd(learning_rate=0.1, momentum=0.9, nesterov=True)",
    "adam",
    "amsgrad",
    "adamw",
    "nadam",
    "rmsprop",
    "adagrad",
    "adadelta",
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_saving_between_two_halves_changes_nothing(optimizer, tmp_path):
    X, y = data()
    settings = {"batch_size": 7, "validation_split": 0.25, "metrics": ["accuracy"]}
    whole = network(optimizer=optimizer)
    whole.fit(X, y, epochs=10, **settings)
    first = network(optimizer=optimizer)
    first.fit(X, y, epochs=5, **settings)
    first.save(tmp_path / "half.npz")
    second = nnkit.Network.load(tmp_path / "half.npz")
    np.testing.assert_array_equal(first.parameters, second.parameters)
    assert first.history == second.history
    second.fit(X, y, epochs=5, **settings)
    np.testing.assert_array_equal(whole.parameters, second.parameters)
    assert whole.history == second.history
    assert whole.to_config() == second.to_config()
    assert (10, 10 * 7) == (second.epoch, second.step)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_everything_comes_back_bit_identical(dtype, tmp_path):
    X, y = data()
    net = network()
    net.fit(X.astype(dtype), y, epochs=2)
    net.save(tmp_path / "net.npz")
    back = nnkit.Network.load(tmp_path / "net.npz")
    assert dtype == back.dtype
    np.testing.assert_array_equal(net.predict(X), back.predict(X))
    assert net.seed == back.seed
    assert net._state.noise.bit_generator.state == back._state.noise.bit_generator.state
    assert net._state.optimizer.keys() == back._state.optimizer.keys()
    for name, value in net._state.optimizer.items():
        np.testing.assert_array_equal(value, back._state.optimizer[name])
        assert np.asarray(value).dtype == np.asarray(back._state.optimizer[name]).dtype


def test_the_same_network_makes_the_same_file(tmp_path):
    net = network()
    net.save(tmp_path / "a.npz")
    net.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_the_file_is_an_ordinary_npz_without_pickle(tmp_path):
    net = network()
    net.save(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz", allow_pickle=False) as archive:
        manifest = json.loads(archive["manifest"].tobytes())
        arrays = {name: archive[name] for name in archive.files}
    assert FORMAT_VERSION == manifest["version"]
    assert FORMAT_VERSION == net.to_config()["version"]
    for name, array in net.arrays.items():
        np.testing.assert_array_equal(array, arrays[f"parameters.{name}"])


def test_every_flipped_byte_is_seen(tmp_path):
    path = tmp_path / "net.npz"
    network().save(path)
    whole = path.read_bytes()
    places = np.unique(np.linspace(0, len(whole) - 1, 300).astype(int))
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        path.write_bytes(bytes(damaged))
        with pytest.raises(FileFormatError, match="net.npz"):
            nnkit.Network.load(path)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path, share):
    path = tmp_path / "net.npz"
    network().save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(FileFormatError, match="damaged|not an nnkit file"):
        nnkit.Network.load(path)


def test_a_foreign_npz_is_refused(tmp_path):
    np.savez(tmp_path / "foreign.npz", weights=np.ones(3))
    with pytest.raises(FileFormatError, match="not an nnkit file"):
        nnkit.Network.load(tmp_path / "foreign.npz")


def test_a_file_of_another_kind_is_refused(tmp_path):
    container.write(tmp_path / "other.npz", {"a": 1}, what="archive")
    with pytest.raises(FileFormatError, match="holds 'archive'; expected 'network'"):
        nnkit.Network.load(tmp_path / "other.npz")


def test_a_newer_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(container, "FORMAT_VERSION", 99)
    network().save(tmp_path / "newer.npz")
    monkeypatch.undo()
    with pytest.raises(FileFormatError, match="version 99.*newer nnkit-core"):
        nnkit.Network.load(tmp_path / "newer.npz")


def test_a_missing_file_is_a_file_not_found_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        nnkit.Network.load(tmp_path / "nothing.npz")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileSaveError, match="could not be written"):
        network().save(tmp_path / "no" / "net.npz")


def test_a_config_goes_through_json():
    net = network(regularizer="l2(strength=0.01)", optimizer="sgd(learning_rate='cosine(steps=10)')")
    config = json.loads(json.dumps(net.to_config()))
    back = nnkit.Network.from_config(config)
    assert net.to_config() == back.to_config()
    np.testing.assert_array_equal(net.parameters, back.parameters)
    assert "nnkit." not in json.dumps(config), "no module path"


def test_a_config_of_a_package_that_is_not_installed():
    config = network().to_config()
    config["optimizer"] = {"name": "acme-nn/lion", "learning_rate": 0.1}
    config["providers"]["acme-nn"] = "1.2.3"
    with pytest.raises(MissingProviderError, match=r"acme-nn.*1\.2\.3"):
        nnkit.Network.from_config(config)
    back = nnkit.Network.from_config(config, overrides={"optimizer": "sgd"})
    assert "SGD" in repr(back.optimizer)


def test_unregistered_parts_must_be_passed_again(tmp_path):
    pair = (np.sin, np.cos)
    net = network(hidden_activation=pair)
    X, y = data()
    net.fit(X, y, epochs=1)
    net.save(tmp_path / "own.npz")
    with pytest.raises(SpecError, match=r"layers\[0\]\.activation"):
        nnkit.Network.load(tmp_path / "own.npz")
    back = nnkit.Network.load(tmp_path / "own.npz", overrides={"layers[0].activation": pair})
    np.testing.assert_array_equal(net.predict(X), back.predict(X))


@pytest.mark.parametrize(
    ("config", "says"),
    [({}, "layers"), ({"layers": [], "version": 99}, "newer"), ({"layers": [{"name": "dense"}], "version": 1}, "loss")],
)
def test_a_config_that_is_none(config, says):
    with pytest.raises(SpecError, match=says):
        nnkit.Network.from_config(config)


@pytest.mark.parametrize("place", ["loss", "regularizer", "layers[0].activation"])
def test_an_override_that_is_none_is_refused(place):
    config = nnkit.Network([2, 3, 1], seed=0).to_config()
    with pytest.raises(SpecError, match=rf"overrides has None for {re.escape(repr(place))}; expected a part"):
        nnkit.Network.from_config(config, overrides={place: None})
