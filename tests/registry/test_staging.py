"""Staging: what a hook module may do, and the answer to what pluggy would pass over in silence."""

import types

import attrs
import pytest

from nnkit.errors import PluginError
from nnkit.interfaces import Elementwise
from nnkit.plugins import hookimpl
from nnkit.registry import hookspecs
from nnkit.registry.kinds import KINDS
from nnkit.registry.staging import HOOK_NAMES, stage


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
    def nnkit_register_activations(registrar):
        registrar.add(*arguments, **keywords)

    return module(nnkit_register_activations)


def test_there_is_one_hook_a_kind_and_the_accelerator():
    assert {kind.hook for kind in KINDS.values()} | {"nnkit_accelerate"} == set(HOOK_NAMES)


def test_classes_and_targets_are_registered():
    shelf = stage(registering("Own-Part", Own, aliases=["mine"]), "acme", "acme")
    entry = shelf.entries["activation", "ownpart"]
    assert ("own_part", "acme/own_part", ("mine",)) == (entry.name, entry.id, entry.aliases)
    assert shelf.entries["activation", "mine"] is entry
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
        (module(nnkit_register_loss=lambda registrar: None), "neither decorated nor a hook.*'nnkit_register_losses'"),
        (module(nnkit_anything=lambda: None), "neither decorated nor a hook of nnkit; .*nnkit_register_activations"),
        (module(nnkit_accelerate=lambda component: None), "'nnkit_accelerate' is not decorated"),
    ],
)
def test_what_a_hook_module_may_not_do(plugin, sentence):
    with pytest.raises(PluginError, match=f"(?s)^the-plugin.*{sentence}"):
        stage(plugin, "acme", "the-plugin")


def test_a_decorated_function_of_another_name_is_no_hook():
    @hookimpl
    def register_activations(registrar):
        registrar.add("own", Own)

    with pytest.raises(PluginError, match="'register_activations' is not a hook.*'nnkit_register_activations'"):
        stage(module(register_activations), "acme", "acme")


def test_a_hook_with_other_arguments_names_them():
    @hookimpl
    def nnkit_register_losses(register):
        pass

    with pytest.raises(PluginError, match=r"(?s)nnkit_register_losses.*register"):
        stage(module(nnkit_register_losses), "acme", "acme")


def test_a_hook_that_yields_would_never_run():
    @hookimpl
    def nnkit_register_losses(registrar):
        yield "own", Own

    with pytest.raises(PluginError, match=r"nnkit_register_losses returned <generator.*registrar\.add"):
        stage(module(nnkit_register_losses), "acme", "acme")


def test_two_parts_of_one_name_are_refused_and_the_same_twice_is_not():
    @hookimpl
    def nnkit_register_activations(registrar):
        registrar.add("own", Own)
        registrar.add("OWN", Own)
        registrar.add("other", "acme.mod:Other", aliases=["o_w_n"])

    with pytest.raises(PluginError, match=r"'other' as acme\.mod:Other, but acme already registers it as .*Own"):
        stage(module(nnkit_register_activations), "acme", "acme")


def test_a_registrar_is_closed_when_its_hook_has_returned():
    kept = []

    @hookimpl
    def nnkit_register_activations(registrar):
        kept.append(registrar)
        registrar.add("own", Own)

    stage(module(nnkit_register_activations), "acme", "acme")
    assert ("activation", "acme") == (kept[0].kind, kept[0].distribution)
    with pytest.raises(PluginError, match="after its hook had returned"):
        kept[0].add("late", Own)


def test_nothing_is_kept_when_a_later_hook_raises():
    @hookimpl
    def nnkit_register_activations(registrar):
        registrar.add("own", Own)

    @hookimpl
    def nnkit_register_losses(registrar):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stage(module(nnkit_register_activations, nnkit_register_losses), "acme", "acme")


def test_an_ordinary_name_that_only_looks_like_a_hook_is_left_alone():
    plugin = registering("own", Own)
    plugin.nnkit_version = "1.0"
    assert ("activation", "own") in stage(plugin, "acme", "acme").entries


def test_the_specs_carry_a_docstring_each():
    assert all(getattr(hookspecs, name).__doc__ for name in HOOK_NAMES)
