"""Targets: from ``"module:Class"`` to a class that really is a part of its kind."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any, cast

import attrs

from nnkit.errors import PluginError
from nnkit.interfaces.part import Part
from nnkit.registry.kinds import Kind, article
from nnkit.registry.names import nearest

__all__ = ["RESERVED", "check_class", "hyperparameters", "import_object", "looks_like_target", "top_package"]

RESERVED = ("name", "providers", "unregistered")
"""Words that specs and configs use themselves, so no hyperparameter may be called so."""

_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def looks_like_target(target: str) -> bool:
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
    found: Any = importlib.import_module(module_name)
    for word in filter(None, path.split(".")):
        try:
            found = getattr(found, word)
        except AttributeError as error:
            close = nearest(word, [name for name in dir(found) if not name.startswith("_")], 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ImportError(f"{module_name!r} has no {word!r}{hint}") from error
    return found


def hyperparameters(cls: type) -> dict[str, attrs.Attribute[Any]]:
    """The fields of a part by the keyword that sets them; none for a class without attrs."""
    return {str(field.alias): field for field in attrs.fields(cls) if field.init} if attrs.has(cls) else {}


def check_class(found: object, kind: Kind, origin: str) -> type[Part]:
    """``found``, if it is a complete class of a part of this kind.

    Raises:
        PluginError: When it is anything else; names ``origin``, what came and what was expected.
    """
    expected = " or ".join(f"nnkit.interfaces.{name}" for name in kind.interfaces)
    if not isinstance(found, type):
        raise PluginError(
            f"{origin}: expected a class, a subclass of {expected}; got {found!r} of type {type(found).__name__}"
        )
    if not issubclass(found, kind.bases()):
        actual = getattr(found, "kind", None) if issubclass(found, Part) else None
        came = f"it is {article(actual)}, not {article(kind.name)}" if actual else f"it is not {article(kind.name)}"
        raise PluginError(f"{origin}: {found.__module__}:{found.__qualname__} is not a subclass of {expected}; {came}")
    if inspect.isabstract(found):
        missing = ", ".join(sorted(cast("Any", found).__abstractmethods__))
        raise PluginError(f"{origin}: {found.__module__}:{found.__qualname__} does not implement {missing}")
    if not attrs.has(found):
        raise PluginError(
            f"{origin}: {found.__module__}:{found.__qualname__} is not an attrs class; decorate it with"
            " @attrs.frozen(kw_only=True), so that its fields are its hyperparameters"
        )
    taken = [alias for alias in hyperparameters(found) if alias in RESERVED]
    if taken:
        raise PluginError(
            f"{origin}: {found.__module__}:{found.__qualname__} has a hyperparameter called {taken[0]!r},"
            " a word that specs and configs use themselves; rename it"
        )
    return cast("type[Part]", found)
