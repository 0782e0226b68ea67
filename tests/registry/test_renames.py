"""Renamed parts, hyperparameters and distributions of an installed package; the message where undeclared."""

import attrs
import pytest

from nnkit import plugins
from nnkit.errors import HyperparameterError, MissingProviderError, PluginError, SpecError, UnknownNameError
from nnkit.interfaces import Elementwise
from nnkit.registry import name_of, part_from_config, part_to_config
from nnkit.registry.hooks import hookimpl, stage
from nnkit.registry.kinds import KINDS, check_class


@pytest.mark.parametrize(
    "name", ["slope_unit", "renaming-nn/slope_unit", "old-renaming/ramp", "Old.Renaming/Slope-Unit"]
)
def test_a_part_is_found_under_its_former_names(environment, name):
    environment("more")
    assert name_of(plugins.create("activation", name)) == "renaming-nn/ramp"
    assert "renaming-nn/ramp" in plugins.why(name)
    assert "slope_unit" not in plugins.names("activation", load=True)


def test_a_former_name_gives_way_to_a_part_that_has_the_name_now(environment):
    environment("more", "good")
    assert name_of(plugins.create("activation", "renaming-nn/puma")) == "renaming-nn/ramp"
    assert plugins.get("activation", "puma").__name__ == "Ramp"  # no other activation has it
    with plugins.disabled("zeta-nn"):
        assert plugins.get("optimizer", "puma").__module__ == "acme_nn.puma"


def test_a_config_with_former_names_is_read_and_written_anew(environment):
    environment("more")
    old = {"name": "old-renaming/slope_unit", "slope": 2.5, "providers": {"old-renaming": "1.0"}}
    part = part_from_config("activation", old)
    assert part.steepness == 2.5
    assert part_to_config(part) == {
        "name": "renaming-nn/ramp",
        "steepness": 2.5,
        "providers": {"renaming-nn": "2.0"},
    }


def test_a_hyperparameter_has_its_former_name_in_every_form_of_a_spec(environment):
    environment("more")
    expected = plugins.create("activation", "ramp(steepness=0.5)")
    assert plugins.create("activation", "ramp(slope=0.5)") == expected
    assert plugins.create("activation", {"name": "ramp", "slope": 0.5}) == expected
    with pytest.raises(SpecError, match="received 'steepness' and 'slope', its former name; pass one"):
        plugins.create("activation", "ramp(slope=0.5, steepness=0.5)")


def test_an_undeclared_rename_names_place_versions_and_what_to_do(environment):
    environment("more")
    config = {"name": "renaming-nn/plain", "slope": 2.5}
    with pytest.raises(SpecError) as caught:
        part_from_config("activation", config, providers={"renaming-nn": "1.0"}, path="layers[2].activation")
    for words in (
        "layers[2].activation of the config",
        "'renaming-nn/plain' has no hyperparameter 'slope'",
        "steepness",
        "it was written with renaming-nn 1.0, and this is renaming-nn 2.0; install renaming-nn 1.0",
        "give the activation again: overrides={'layers[2].activation': …}",
    ):
        assert words in str(caught.value)
    repaired = part_from_config(
        "activation", config, path="layers[2].activation", overrides={"layers[2].activation": "tanh"}
    )
    assert repaired == plugins.create("activation", "tanh")


def test_a_part_without_its_former_name_is_answered_with_what_to_do(environment):
    environment("more")
    with pytest.raises(UnknownNameError, match=r"renaming-nn/gone.*written with renaming-nn 1\.0") as caught:
        part_from_config("activation", {"name": "renaming-nn/gone"}, providers={"renaming-nn": "1.0"})
    assert "renaming-nn 2.0 is installed, but has no activation of that name" in str(caught.value)
    assert "install renaming-nn 1.0, or give another part: overrides={'activation': …}" in str(caught.value)


def test_a_value_that_is_out_of_range_now_names_the_place_too(environment):
    environment("more")
    with pytest.raises(HyperparameterError, match=r"layers\[0\] of the config: Ramp\(steepness=-1.0\).*written with"):
        part_from_config(
            "activation",
            {"name": "renaming-nn/ramp", "slope": -1.0},
            providers={"renaming-nn": "1.0"},
            path="layers[0]",
        )


def test_a_distribution_without_a_declaration_stays_missing(environment):
    environment("more")
    with pytest.raises(MissingProviderError, match="'older-renaming' is not installed"):
        part_from_config("activation", {"name": "older-renaming/ramp"})
    with pytest.raises(UnknownNameError, match="did you mean 'renaming-nn/ramp'"):
        plugins.create("activation", "older-renaming/ramp")


@pytest.mark.parametrize("renamed", [{"slope": "gone"}, {"steepness": "steepness"}])
def test_renamed_fields_must_lead_from_a_former_to_a_present_field(renamed):
    @attrs.frozen(kw_only=True)
    class Own(Elementwise):
        renamed_fields = renamed
        steepness: float = 1.0

        def forward(self, z):
            return z

        def derivative(self, z, a):
            return z

    with pytest.raises(PluginError, match=r"renamed_fields.*a present hyperparameter \(they are steepness\)"):
        check_class(Own, KINDS["activation"], "acme")


@pytest.mark.parametrize("old", ["nnkit-core", "acme-nn", "no name", 3, ""])
def test_a_distribution_has_another_valid_former_name(old):
    class Plugin:
        @staticmethod
        @hookimpl
        def nnkit_register(registrar):
            registrar.renamed_distribution(old)

    with pytest.raises(PluginError, match=r"renamed_distribution\(.*expected the name that acme-nn had before"):
        stage(Plugin, "acme-nn", "acme-nn")
