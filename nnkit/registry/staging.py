"""Staging: one plugin's hooks are checked and called on their own, and count only if nothing raised."""

from __future__ import annotations

import inspect

import pluggy

from nnkit.errors import PluginError
from nnkit.registry import hookspecs
from nnkit.registry.kinds import KINDS
from nnkit.registry.names import nearest
from nnkit.registry.registrar import Registrar, Shelf

__all__ = ["HOOK_NAMES", "implemented", "new_manager", "stage"]

PREFIX = hookspecs.PROJECT + "_"

HOOK_NAMES = tuple(name for name in vars(hookspecs) if name.startswith(PREFIX))
"""Every hook there is."""


def new_manager() -> pluggy.PluginManager:
    """A plugin manager that knows the hooks and no plugin."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def stage(plugin: object, namespace: str, origin: str) -> Shelf:
    """Everything that ``plugin``, a module with hook implementations, registers.

    Raises:
        PluginError: When a hook is misspelt, undecorated or has other arguments, when there is
            none, or when one registers something that cannot be.
        Exception: Whatever a hook raises.
    """
    manager = new_manager()
    _check_hooks(plugin, origin)
    try:
        manager.register(plugin, name=origin)
    except pluggy.PluginValidationError as error:
        raise PluginError(f"{origin}: {error}") from error
    shelf = Shelf(namespace)
    for kind in KINDS.values():
        registrar = Registrar(kind, shelf, origin)
        returned = getattr(manager.hook, kind.hook)(registrar=registrar)
        registrar.close()
        if returned:
            raise PluginError(
                f"{origin}: {kind.hook} returned {returned[0]!r}; it should return nothing and call"
                " registrar.add(name, target) for each part"
            )
    return shelf


def implemented(plugin: object) -> dict[str, str]:
    """The decorated functions of ``plugin``, and the hooks, existing or not, that they implement."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    options = {name: manager.parse_hookimpl_opts(plugin, name) for name in dir(plugin)}
    return {name: str(found.get("specname") or name) for name, found in options.items() if found is not None}


def _check_hooks(plugin: object, origin: str) -> None:
    """Refuse what pluggy would pass over in silence."""
    hooks = implemented(plugin)
    for hook in hooks.values():
        if hook not in HOOK_NAMES:
            raise PluginError(f"{origin}: {hook!r} is not a hook of nnkit; {_suggestion(hook)}")
    for name in dir(plugin):
        if name in hooks or not name.startswith(PREFIX) or not inspect.isroutine(inspect.getattr_static(plugin, name)):
            continue
        if name in HOOK_NAMES:
            raise PluginError(f"{origin}: the function {name!r} is not decorated; put @nnkit.plugins.hookimpl above it")
        raise PluginError(
            f"{origin}: the function {name!r} is neither decorated nor a hook of nnkit; {_suggestion(name)}"
        )
    if not hooks:
        raise PluginError(f"{origin}: no hook implementation in {plugin!r}; the hooks are {', '.join(HOOK_NAMES)}")


def _suggestion(name: str) -> str:
    close = nearest(name, HOOK_NAMES, 1)
    return f"did you mean {close[0]!r}?" if close else f"the hooks are {', '.join(HOOK_NAMES)}"
