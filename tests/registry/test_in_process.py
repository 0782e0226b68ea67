"""``nnkit.plugins.register``: parts of a notebook or script, by name, for one process."""

import json

import attrs
import numpy as np
import pytest

import nnkit
from nnkit import plugins
from nnkit.errors import AmbiguousNameError, MissingProviderError, PluginError, UnknownNameError
from nnkit.interfaces import Elementwise
from nnkit.registry import manager, name_of, part_from_config, part_to_config


def bent(factor=1.0):
    """A class as a notebook cell defines it, a new one each time."""

    @attrs.frozen(kw_only=True)
    class Bent(Elementwise):
        bend: float = 0.5

        def forward(self, z):
            return z + factor * self.bend * np.tanh(z)

        def derivative(self, z, a):
            return 1 + factor * self.bend / np.cosh(z) ** 2

    Bent.__module__ = "__main__"
    return Bent


@pytest.fixture(autouse=True)
def _fresh():
    with manager.fresh():
        yield


def test_a_registered_class_is_named_like_any_other_part():
    Bent = bent()
    plugins.register("activation", "bent", Bent)
    for name in ("bent", "in-process/bent", "BENT(bend=0.25)"):
        assert isinstance(plugins.create("activation", name), Bent)
    assert name_of(Bent) == "in-process/bent"
    assert "bent" in plugins.names("activation")
    listed = next(one for one in plugins.providers() if one.distribution == "in-process")
    assert (listed.state, listed.parts) == ("loaded", {"activation": ("bent",)})
    where = f"{Bent.__module__}:{Bent.__qualname__}"
    assert plugins.why("bent") == f"in-process/bent is an activation registered in this process ({where})"
    with pytest.raises(UnknownNameError, match="did you mean 'in-process/bent'"):
        plugins.create("activation", "bnet")


def test_a_cell_may_run_again():
    first, second = bent(), bent(2.0)
    plugins.register("activation", "bent", first)
    plugins.register("activation", "Bent", second)
    assert plugins.get("activation", "bent") is second
    assert name_of(first) == "in-process/bent"  # a network made before can still be saved


def test_a_config_records_the_registration_and_asks_for_it(environment):
    with manager.fresh():
        plugins.register("activation", "bent", bent())
        config = part_to_config(plugins.create("layer", "dense(units=2, activation='bent(bend=0.125)')"))
    assert config["activation"] == {"name": "in-process/bent", "bend": 0.125}
    assert config["providers"]["in-process"] == "nnkit.plugins.register('activation', 'bent', Bent)"
    assert config == json.loads(json.dumps(config))
    with pytest.raises(MissingProviderError) as caught:
        part_from_config("layer", config, path="layers[0]")
    assert "layers[0].activation of the config is 'in-process/bent'" in str(caught.value)
    assert "register it before loading: nnkit.plugins.register('activation', 'bent', Bent), or" in str(caught.value)
    plugins.register("activation", "bent", bent())
    assert part_from_config("layer", config).activation.bend == 0.125


def test_several_registrations_are_recorded_once_each():
    for name in ("bent", "bent_too"):
        plugins.register("activation", name, bent(len(name)))
    providers = {}
    for name in ("bent_too", "bent_too"):
        part_to_config(plugins.create("activation", name), providers=providers)
    assert providers["in-process"].count("register(") == 1


@pytest.mark.filterwarnings("ignore::nnkit.errors.TrainingWarning")
def test_a_saved_network_needs_the_same_registration(tmp_path):
    with manager.fresh():
        plugins.register("activation", "bent", bent())
        network = nnkit.Network([2, 3, 1], hidden_activation="bent", seed=0)
        network.save(tmp_path / "model.npz")
        expected = network.predict([[0.5, -1.0]])
    with pytest.raises(MissingProviderError, match=r"nnkit\.plugins\.register\('activation', 'bent', Bent\)"):
        nnkit.Network.load(tmp_path / "model.npz")
    plugins.register("activation", "bent", bent())
    np.testing.assert_array_equal(expected, nnkit.Network.load(tmp_path / "model.npz").predict([[0.5, -1.0]]))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("activation", "relu", bent()), "'relu' is the name of a built-in activation; choose another name"),
        (("activation", "logistic", bent()), "'logistic' is the name of a built-in activation"),
        (("activation", "a b", bent()), "'a b' is not a name"),
        (("loss", "bent", bent()), "it is an activation, not a loss"),
        (("activation", "bent", "module:Bent"), "expected a class"),
        (("activation", "bent", bent()()), "expected a class"),
        (("activation", "bent", Elementwise), "does not implement"),
    ],
)
def test_what_cannot_be_registered(arguments, sentence):
    with pytest.raises(PluginError, match=sentence):
        plugins.register(*arguments)
    with pytest.raises(UnknownNameError, match="not a kind of part"):
        plugins.register("activatoin", "bent", bent())


def test_a_name_that_a_plugin_has_too_is_ambiguous(environment):
    environment("good")
    plugins.register("activation", "swoosh", bent())
    with pytest.raises(AmbiguousNameError, match="in-process/swoosh.*acme-nn/swoosh"):
        plugins.create("activation", "swoosh")


def test_no_plugins_allowed_leaves_the_parts_of_this_process(monkeypatch):
    monkeypatch.setenv("NNKIT_PLUGINS", "")
    plugins.register("activation", "bent", bent())
    assert plugins.create("activation", "bent").bend == 0.5
