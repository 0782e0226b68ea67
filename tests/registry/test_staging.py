"""Staging: what a hook module may do, and the answer to what pluggy would pass over in silence."""

import types

import attrs
import pytest

from nnkit.errors import PluginError
from nnkit.interfaces import Elementwise
from nnkit.plugins import hookimpl
from nnkit.registry import hooks
from nnkit.registry.hooks import HOOK_GROUPS, stage
from nnkit.registry.kinds import KINDS


@attrs.frozen(kw_only=True)
class Own(Elementwise):
    def forward(self, z):
        return z

    def derivative(self, z, a):
        return z


@attrs.frozen(kw_only=True)
class Reserved(Own):
    name: str = "x"


def module(*functions, **others):
    made = types.ModuleType("acme_plugin")
    for function in functions:
        setattr(made, function.__name__, function)
    for name, value in others.items():
        setattr(made, name, value)
    return made


def registering(*arguments, **keywords):
    @hookimpl
    def nnkit_register(registrar):
        registrar.add("activation", *arguments, **keywords)

    return module(nnkit_register)


def test_there_is_one_hook_for_parts_and_one_for_each_other_addition():
    declared = {name for name in vars(hooks) if name.startswith("nnkit_")}
    additions = {"nnkit_accelerate", "nnkit_accelerate_epoch", "nnkit_commands", "nnkit_export", "nnkit_checks"}
    assert declared == set(HOOK_GROUPS) == {"nnkit_register"} | additions


def test_classes_and_targets_are_registered():
    table = stage(registering("Own-Part", Own, aliases=["mine"]), "acme", "acme")
    entry = table.entries["activation", "ownpart"]
    assert ("own_part", "acme/own_part", ("mine",)) == (entry.name, entry.id, entry.aliases)
    assert table.entries["activation", "mine"] is entry
    assert (
        "acme.mod:Own" == stage(registering("own", "acme.mod:Own"), "acme", "acme").entries["activation", "own"].target
    )


@pytest.mark.parametrize(
    ("plugin", "sentence"),
    [
        (registering("1own", Own), "'1own', which is not a name"),
        (registering("acme/own", Own), "'acme/own', which is not a name"),
        (registering(3, Own), "3, which is not a name"),
        (registering("own", Own, aliases="not this"), "'not this', which is not a name"),
        (registering("own", "acme.mod"), "expected 'module:Class'"),
        (registering("own", "acme mod:Own"), "expected 'module:Class'"),
        (registering("own", KINDS["loss"].bases()[0]), "it is a loss, not an activation"),
        (registering("own", 3.5), r"expected a class, a subclass of nnkit\.interfaces\.Activation; got 3\.5"),
        (registering("own", int), "int is not a subclass of .*; it is not an activation"),
        (registering("own", Elementwise), "does not implement derivative, forward"),
        (registering("own", Reserved), "a hyperparameter called 'name'"),
        (module(), "no hook implementation"),
        (module(nnkit_register_losses=lambda registrar: None), "neither decorated nor a hook.*mean 'nnkit_register'"),
        (module(nnkit_anything=lambda: None), "neither decorated nor a hook of nnkit; the hooks are nnkit_register, "),
        (module(nnkit_accelerate=lambda part: None), "'nnkit_accelerate' is not decorated"),
    ],
)
def test_what_a_hook_module_may_not_do(plugin, sentence):
    with pytest.raises(PluginError, match=f"(?s)^the-plugin.*{sentence}"):
        stage(plugin, "acme", "the-plugin")


def test_a_decorated_function_of_another_name_is_no_hook():
    @hookimpl
    def register_activations(registrar):
        registrar.add("activation", "own", Own)

    with pytest.raises(PluginError, match="'register_activations' is not a hook.*mean 'nnkit_register'"):
        stage(module(register_activations), "acme", "acme")


def test_a_hook_with_other_arguments_names_them():
    @hookimpl
    def nnkit_register(register):
        pass

    with pytest.raises(PluginError, match=r"(?s)hook 'nnkit_register'.*'register'"):
        stage(module(nnkit_register), "acme", "acme")


def test_a_hook_that_yields_would_never_run():
    @hookimpl
    def nnkit_register(registrar):
        yield "own", Own

    with pytest.raises(PluginError, match=r"nnkit_register returned <generator.*registrar\.add"):
        stage(module(nnkit_register), "acme", "acme")


def test_two_parts_of_one_name_are_refused_and_the_same_twice_is_not():
    @hookimpl
    def nnkit_register(registrar):
        registrar.add("activation", "own", Own)
        registrar.add("activations", "OWN", Own)
        registrar.add("activation", "other", "acme.mod:Other", aliases=["o_w_n"])

    with pytest.raises(PluginError, match=r"'other' as acme\.mod:Other, but acme already registers it as .*Own"):
        stage(module(nnkit_register), "acme", "acme")


def test_a_registrar_is_closed_when_its_hook_has_returned():
    registrars = []

    @hookimpl
    def nnkit_register(registrar):
        registrars.append(registrar)
        registrar.add("activation", "own", Own)

    stage(module(nnkit_register), "acme", "acme")
    assert "acme" == registrars[0].distribution
    with pytest.raises(PluginError, match=r"registrar\.add\('activation', 'late', …\) after its hook"):
        registrars[0].add("activation", "late", Own)
    with pytest.raises(PluginError, match="after its hook had returned"):
        registrars[0].renamed_distribution("old-acme")


def test_what_a_hook_raises_goes_through():
    @hookimpl
    def nnkit_register(registrar):
        registrar.add("activation", "own", Own)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stage(module(nnkit_register), "acme", "acme")


def test_an_ordinary_name_that_only_looks_like_a_hook_is_left_alone():
    plugin = registering("own", Own)
    plugin.nnkit_version = "1.0"
    assert ("activation", "own") in stage(plugin, "acme", "acme").entries


def test_the_specs_carry_a_docstring_each():
    assert all(getattr(hooks, name).__doc__ for name in HOOK_GROUPS)
