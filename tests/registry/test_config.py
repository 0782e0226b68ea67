"""Configs: plain data there, equal parts back, and a question where a part cannot be written."""

import json
from pathlib import Path

import attrs
import numpy as np
import pytest

from nnkit import plugins
from nnkit.errors import SpecError, UnknownNameError
from nnkit.interfaces import Elementwise, Part
from nnkit.interfaces.fields import part, rate
from nnkit.registry import manager, name_of, part_from_config, part_to_config
from nnkit.registry.config import entry_of
from nnkit.registry.specs import build


@attrs.frozen(kw_only=True)
class Odd(Elementwise):
    """A part with every sort of hyperparameter; registered by the fixture."""

    inner: object = part("activation", "leaky_relu")
    pace: object = rate(0.5)
    path: object = Path("folder/file.txt")
    numbers: object = (1, 2.5)
    array: object = attrs.field(factory=lambda: np.array([1.0, 2.0]), eq=attrs.cmp_using(np.array_equal))
    scalar: object = np.float32(0.5)
    table: object = attrs.field(factory=lambda: {"a": [1, None, True]})
    call: object = None

    def forward(self, z):
        return z

    def derivative(self, z, a):
        return np.ones_like(z)


@pytest.fixture
def odd():
    """``nnkit/odd``, as if it were a built-in."""
    with manager.fresh() as registry:
        template = registry.builtin.entries["activation", "relu"]
        made = attrs.evolve(template, name="odd", target=f"{Odd.__module__}:{Odd.__qualname__}")
        registry.builtin.entries["activation", "odd"] = made
        registry._classes[made] = Odd
        yield registry


def test_every_sort_of_hyperparameter_is_written_as_json_knows_it(odd):
    config = part_to_config(Odd(pace="exponential"), providers=(providers := {}))
    assert {"nnkit-core"} == set(providers)
    assert config == json.loads(json.dumps(config))
    assert "nnkit/odd" == config["name"]
    assert {"name": "nnkit/leaky_relu", "negative_slope": 0.01} == config["inner"]
    assert "nnkit/exponential" == config["pace"]["name"]
    assert ("folder/file.txt", [1, 2.5], [1.0, 2.0], 0.5) == tuple(
        config[name] for name in ("path", "numbers", "array", "scalar")
    )
    assert {"a": [1, None, True]} == config["table"]
    back = part_from_config("activation", config)
    assert back.inner == plugins.create("activation", "leaky_relu")
    assert config == part_to_config(back, providers={})


def test_no_module_path_is_ever_written(odd):
    text = json.dumps(part_to_config(plugins.create("layer", "dense(units=2, activation='gelu')")))
    assert "nnkit.activations" not in text
    assert ":" not in text.replace('": ', "")


def test_what_is_not_plain_data_is_asked_for_again_by_its_path(odd):
    config = part_to_config(Odd(call=print))
    assert {"unregistered": "<built-in function print>"} == config["call"]
    with pytest.raises(
        SpecError, match=r"layers\[1\]\.call .*<built-in function print>.*overrides={'layers\[1\]\.call'"
    ):
        part_from_config("activation", config, path="layers[1]")
    back = part_from_config("activation", config, path="layers[1]", overrides={"layers[1].call": print})
    assert back.call is print


def test_a_part_that_is_not_registered_is_asked_for_again(odd):
    class Own(Elementwise):
        def forward(self, z):
            return z

        def derivative(self, z, a):
            return z

    for unregistered in (Own(), plugins.create("activation", (np.sin, np.cos))):
        assert name_of(unregistered) is None
        config = part_to_config(Odd(inner=unregistered))
        assert {"unregistered": repr(unregistered)} == config["inner"]
        with pytest.raises(SpecError, match="give the activation again: overrides={'activation.inner': …}"):
            part_from_config("activation", config)
        repaired = part_from_config("activation", config, overrides={"activation.inner": "tanh"})
        assert repaired.inner == plugins.create("activation", "tanh")
        top = part_to_config(unregistered)
        assert {"unregistered", "providers"} == set(top)
        assert unregistered is part_from_config("activation", top, overrides={"activation": unregistered})


def test_one_override_serves_every_place_that_uses_a_part(odd):
    @attrs.frozen(kw_only=True)
    class Own(Elementwise):
        def forward(self, z):
            return z

        def derivative(self, z, a):
            return z

    marked = [part_to_config(plugins.create("layer", f"dense(units={n})")) for n in (2, 3)]
    for config in marked:
        config["activation"] = {"unregistered": "Own()"}
    gone = {**marked[0], "activation": {"name": "gone-nn/harmonic"}}
    tanh = plugins.create("layer", "dense(units=2, activation='tanh')")

    def read(config, index, overrides):
        return part_from_config("layer", config, path=f"layers[{index}]", overrides=overrides).activation

    for key in ("Own", "layers[*].activation"):
        assert [Own(), Own()] == [read(config, i, {key: Own()}) for i, config in enumerate(marked)]
    assert read(gone, 0, {"gone-nn/harmonic": "relu"}) == plugins.create("activation", "relu")
    # The path goes first; an id and a class replace nothing else.
    both = {"layers[1].activation": "relu", "Own": Own()}
    assert [Own(), plugins.create("activation", "relu")] == [read(c, i, both) for i, c in enumerate(marked)]
    assert read(part_to_config(tanh), 0, {"Own": Own(), "gone-nn/x": "relu"}) == tanh.activation
    with pytest.raises(SpecError, match=r"overrides={'layers\[0\]\.activation': …}, or {'Own': …} for every place"):
        read(marked[0], 0, {})


@pytest.mark.parametrize("config", [None, [], "relu", {}, {"negative_slope": 0.1}, {"name": 3}])
def test_what_is_no_config_is_refused_with_its_place(config):
    with pytest.raises(SpecError, match=r"layers\[0\] of the config"):
        part_from_config("activation", config, path="layers[0]")


def test_a_builtin_that_is_not_there_is_said_so():
    with pytest.raises(UnknownNameError, match="no activation is called 'nnkit/rleu'"):
        part_from_config("activation", {"name": "nnkit/rleu"})


def test_an_unknown_hyperparameter_is_answered_with_the_known_ones():
    with pytest.raises(SpecError, match="'nnkit/leaky_relu' has no hyperparameter 'slope'.*negative_slope"):
        part_from_config("activation", {"name": "nnkit/leaky_relu", "slope": 0.1})


def test_name_of_knows_nothing_of_what_has_no_kind(odd):
    class Kindless(Part):
        pass

    assert entry_of(odd, Kindless) is None
    assert "activation" == build(Odd, "odd", {}).kind


def test_name_of_passes_over_what_cannot_be_loaded(environment):
    registry = environment("broken")
    with pytest.warns(UserWarning, match="bad-kind"):
        registry.installed()
    from bad_kind.mod import Impostor, Plain

    assert name_of(Impostor) is None  # its package names it as a loss, which it is not
    assert "bad-kind/plain" == name_of(Plain)
    assert "bad_kind.mod" == Plain.__module__

    @attrs.frozen
    class Kaput(Impostor):
        pass

    Kaput.__module__ = "bad_import.elsewhere"
    assert name_of(Kaput) is None


def test_name_of_finds_what_a_hook_module_registered(environment, monkeypatch):
    environment("good")
    from acme_nn.parts import Swoosh

    assert "acme-nn/swoosh" == name_of(Swoosh)
    plugins.names("activation", load=True)
    assert "dynamo" in plugins.names("activation")
    monkeypatch.setenv("NNKIT_PLUGINS", "")
    assert "acme-nn/swoosh" == name_of(Swoosh)  # it is what it is, also where it may not be used
