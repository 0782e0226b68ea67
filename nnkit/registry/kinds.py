"""Kinds and names of parts, and the check that a class really is a part of its kind.

A new kind is one interface in ``nnkit.interfaces``, one row in ``KINDS`` and one list in ``builtins.py``.
"""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any, cast

import attrs

from nnkit import interfaces
from nnkit.errors import PluginError, UnknownNameError
from nnkit.interfaces.part import Part
from nnkit.spelling import did_you_mean, key

RESERVED = ("name", "providers", "unregistered")
"""Words that specs and configs use themselves, so no hyperparameter may be called so."""

_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


@attrs.frozen
class Kind:
    """One kind: its name as in ``Part.kind``, its folder, and its interfaces, of which a part implements one."""

    name: str
    plural: str
    interfaces: tuple[str, ...]

    @property
    def group(self) -> str:
        """The entry-point group of static parts of this kind."""
        return f"nnkit.{self.plural}"

    def bases(self) -> tuple[type[Part], ...]:
        """The interfaces themselves."""
        return tuple(getattr(interfaces, name) for name in self.interfaces)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("activation", "activations", ("Activation",)),
        Kind("loss", "losses", ("Loss",)),
        Kind("optimizer", "optimizers", ("Optimizer", "Solver")),
        Kind("initializer", "initializers", ("Initializer",)),
        Kind("layer", "layers", ("Layer",)),
        Kind("schedule", "schedules", ("Schedule",)),
        Kind("regularizer", "regularizers", ("Regularizer",)),
        Kind("metric", "metrics", ("Metric",)),
        Kind("callback", "callbacks", ("Callback",)),
        Kind("recipe", "recipes", ("Recipe",)),
    )
}
"""Every kind by its singular name."""


def kind_of(name: str) -> Kind:
    """The kind called ``name``, singular or plural, whatever its case.

    Raises:
        UnknownNameError: When there is no such kind.

    Example:
        >>> kind_of("Losses").name
        'loss'
    """
    if isinstance(name, str):
        for kind in KINDS.values():
            if key(name) in {key(kind.name), key(kind.plural)}:
                return kind
    hint = did_you_mean(name, KINDS, start=" ") if isinstance(name, str) else ""
    raise UnknownNameError(f"{name!r} is not a kind of part;{hint} the kinds are {', '.join(KINDS)}")


def article(kind: str) -> str:
    """``kind`` with its article: ``an activation``, ``a loss``."""
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


# -- targets: from ``"module:Class"`` to a class -----------------------------------------------


def is_target(target: str) -> bool:
    """Whether ``target`` has the form ``module.submodule:Class``."""
    return _TARGET.fullmatch(target) is not None


def top_package(target: str) -> str:
    """The first word of a module path or target: ``acme_nn`` of ``acme_nn.lion:Lion``."""
    return target.partition(":")[0].partition(".")[0]


def import_object(target: str) -> Any:
    """The module, or the object in it, that ``"module"`` or ``"module:attribute"`` names.

    Raises:
        ImportError: When the module has no such attribute; whatever else the import raises.
    """
    module_name, _, path = target.partition(":")
    value: Any = importlib.import_module(module_name)
    for word in filter(None, path.split(".")):
        try:
            value = getattr(value, word)
        except AttributeError as error:
            hint = did_you_mean(word, [name for name in dir(value) if not name.startswith("_")])
            raise ImportError(f"{module_name!r} has no {word!r}{hint}") from error
    return value


def hyperparameters(cls: type) -> dict[str, attrs.Attribute[Any]]:
    """The fields of a part by the keyword that sets them; none for a class without attrs."""
    return {str(field.alias): field for field in attrs.fields(cls) if field.init} if attrs.has(cls) else {}


def check_class(cls: object, kind: Kind, origin: str) -> type[Part]:
    """``cls``, if it is a complete class of a part of this kind.

    Raises:
        PluginError: When it is anything else; names ``origin``, what came and what was expected.
    """
    expected = " or ".join(f"nnkit.interfaces.{name}" for name in kind.interfaces)
    if not isinstance(cls, type):
        raise PluginError(
            f"{origin}: expected a class, a subclass of {expected}; got {cls!r} of type {type(cls).__name__}"
        )
    shown = f"{cls.__module__}:{cls.__qualname__}"
    if not issubclass(cls, kind.bases()):
        actual = getattr(cls, "kind", None) if issubclass(cls, Part) else None
        came = f"it is {article(actual)}, not {article(kind.name)}" if actual else f"it is not {article(kind.name)}"
        raise PluginError(f"{origin}: {shown} is not a subclass of {expected}; {came}")
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(cast("Any", cls).__abstractmethods__))
        raise PluginError(f"{origin}: {shown} does not implement {missing}")
    if not attrs.has(cls):
        raise PluginError(
            f"{origin}: {shown} is not an attrs class; decorate it with @attrs.frozen(kw_only=True), so that its"
            " fields are its hyperparameters"
        )
    fields = hyperparameters(cls)
    taken = [alias for alias in fields if alias in RESERVED]
    if taken:
        raise PluginError(
            f"{origin}: {shown} has a hyperparameter called {taken[0]!r}, a word that specs and configs use"
            " themselves; rename it"
        )
    part_class = cast("type[Part]", cls)  # attrs.has() narrows a class to that of an attrs instance
    for old, new in part_class.renamed_fields.items():
        if old in fields or new not in fields:
            raise PluginError(
                f"{origin}: {shown} declares in renamed_fields that {old!r} is now {new!r}; expected a former and a"
                f" present hyperparameter (they are {', '.join(fields) or 'none'})"
            )
    return part_class
