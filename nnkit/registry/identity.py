"""From a part back to its name: the canonical id that a config is written with."""

from __future__ import annotations

from nnkit.errors import PluginError
from nnkit.interfaces.part import Part
from nnkit.registry.control import why_disabled
from nnkit.registry.kinds import KINDS, Kind
from nnkit.registry.manager import Registry, current
from nnkit.registry.names import BUILTIN
from nnkit.registry.registrar import Entry
from nnkit.registry.targets import top_package

__all__ = ["entry_of", "name_of"]


def name_of(part: Part | type[Part]) -> str | None:
    """The canonical id of a part (or of its class), or ``None`` when it is not registered.

    A built-in is recognized by where its class lives, without looking at what is installed.

    Example:
        >>> from nnkit.registry import create
        >>> name_of(create("activation", "leaky_relu"))
        'nnkit/leaky_relu'
    """
    entry = entry_of(current(), part if isinstance(part, type) else type(part))
    return None if entry is None else entry.id


def entry_of(registry: Registry, cls: type[Part]) -> Entry | None:
    """The entry whose class is ``cls``, or ``None``."""
    kind, where = KINDS.get(getattr(cls, "kind", "")), f"{cls.__module__}:{cls.__qualname__}"
    if kind is None:
        return None
    root = top_package(cls.__module__)
    for entry in registry.builtin.entries.values():
        if entry.kind is kind and entry.target == where:
            return entry
    if root in {BUILTIN, "__main__"}:
        return None  # neither belongs to a plugin
    installed = registry.installed().values()
    for load in (False, True):  # what is known already goes first; only then is more of its package imported
        for one in installed:
            if load and why_disabled(one.namespace) is None:
                registry.load_hooks([one], below=root)
            for entry in registry.entries(kind, one):
                if entry.target == where or entry.target is cls:
                    return entry
    return next((entry for entry in _indirect(registry, kind, root) if _is_class_of(registry, entry, cls)), None)


def _indirect(registry: Registry, kind: Kind, root: str) -> list[Entry]:
    """The entries of this top package that may be used: one may name a class by another path, ``acme_nn:Lion``."""
    return [
        entry
        for one in registry.enabled()
        for entry in registry.entries(kind, one)
        if isinstance(entry.target, str) and top_package(entry.target) == root
    ]


def _is_class_of(registry: Registry, entry: Entry, cls: type[Part]) -> bool:
    """Whether the class of an entry is ``cls``."""
    try:
        return registry.load(entry) is cls
    except PluginError:
        return False  # the registry keeps the failure, for whoever asks for that name
