"""The hooks that a module may implement, and what it registers through them.

One plugin's hooks are checked and called on their own, and count only if nothing raised.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from typing import Any

import attrs
import pluggy

from nnkit.errors import PluginError, UnknownNameError
from nnkit.interfaces.part import Part
from nnkit.registry.kinds import Kind, check_class, is_target, kind_of
from nnkit.spelling import BUILTIN, did_you_mean, display, distribution_key, is_distribution, is_name, key

PROJECT = "nnkit"
PREFIX = PROJECT + "_"

hookspec = pluggy.HookspecMarker(PROJECT)

hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a hook module as the implementation of the hook of the same name."""

HOOK_GROUPS = {
    "nnkit_register": "nnkit",
    "nnkit_accelerate": "nnkit.accelerators",
    "nnkit_accelerate_epoch": "nnkit.accelerators",
    "nnkit_commands": "nnkit.commands",
    "nnkit_export": "nnkit.exporters",
    "nnkit_checks": "nnkit.checks",
}
"""Every hook, and the entry-point group of the modules that implement it: no other module is imported for it."""


# -- what is registered --------------------------------------------------------------------------


@attrs.frozen(eq=False)
class Entry:
    """One registered part: its names, its provider, and its class or ``"module:Class"``, imported when first used.

    ``namespace`` is ``nnkit`` or the normalized name of the distribution, ``origin`` where it was registered, in
    words, and ``problem`` why it can never be used.
    """

    kind: Kind
    name: str
    namespace: str
    target: str | type[Part]
    origin: str
    aliases: tuple[str, ...] = ()
    renamed_from: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def id(self) -> str:
        """The canonical id, ``distribution/name``."""
        return f"{self.namespace}/{self.name}"

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its name and of its aliases."""
        return tuple(key(name) for name in (self.name, *self.aliases))

    @property
    def where(self) -> str:
        """The target as ``"module:Class"``."""
        target = self.target
        return target if isinstance(target, str) else f"{target.__module__}:{target.__qualname__}"


@attrs.define(eq=False)
class PartTable:
    """The entries that one distribution provides, by kind and key, and the names that it had before."""

    namespace: str
    entries: dict[tuple[str, str], Entry] = attrs.field(factory=dict)
    former_namespaces: set[str] = attrs.field(factory=set)

    def add(self, entry: Entry) -> None:
        """Add an entry under all of its names.

        Raises:
            PluginError: When one of its names belongs to another target.
        """
        keys = [(entry.kind.name, name) for name in (*entry.keys, *map(key, entry.renamed_from))]
        for place in keys:
            taken = self.entries.get(place)
            if taken is not None and taken.target != entry.target:
                raise PluginError(
                    f"{entry.origin} registers the {entry.kind.name} {entry.name!r} as {entry.where}, but"
                    f" {taken.origin} already registers it as {taken.where}; rename one of them"
                )
        for place in keys:
            self.entries.setdefault(place, entry)

    def of_kind(self, kind: Kind) -> list[Entry]:
        """The entries of one kind, each once."""
        return list(dict.fromkeys(entry for entry in self.entries.values() if entry.kind is kind))


@attrs.define(eq=False)
class Registrar:
    """Passed to ``nnkit_register``; what it collects counts when the hook has returned."""

    _table: PartTable
    _origin: str
    _open: bool = True

    @property
    def distribution(self) -> str:
        """The distribution that the parts will belong to: the ``acme-nn`` of ``acme-nn/lion``."""
        return self._table.namespace

    def add(
        self,
        kind: str,
        name: str,
        target: type[Part] | str,
        aliases: Iterable[str] = (),
        renamed_from: Iterable[str] = (),
    ) -> None:
        """Register one part.

        Args:
            kind: Its kind, singular or plural: ``"optimizer"``.
            name: Its name: a letter, then letters, digits, ``_`` and ``-``; their case does not count.
            target: Its class, or better ``"module:Class"``, which is imported when first used.
            aliases: Other names for it.
            renamed_from: Names that it had in earlier versions; configs and files that use them are read.

        Raises:
            PluginError: When the kind or a name is not valid, the name is taken in this distribution, the
                target is neither a class of this kind nor ``"module:Class"``, or the hook has already returned.
        """
        self._check_open(f"add({kind!r}, {name!r}, …)")
        try:
            wanted = kind_of(kind)
        except UnknownNameError as error:
            raise PluginError(f"{self._origin} calls registrar.add({kind!r}, {name!r}, …): {error}") from error
        other_names, former = ((n,) if isinstance(n, str) else tuple(n) for n in (aliases, renamed_from))
        for word in (name, *other_names, *former):
            if not is_name(word):
                raise PluginError(
                    f"{self._origin} registers {wanted.plural} as {word!r}, which is not a name:"
                    " expected a letter, then letters, digits, '_' and '-'"
                )
        if not isinstance(target, str):
            check_class(target, wanted, f"{self._origin}, {wanted.name} {name!r}")
        elif not is_target(target):
            raise PluginError(
                f"{self._origin} registers the {wanted.name} {name!r} as {target!r}; expected 'module:Class'"
            )
        words = tuple(map(display, other_names)), tuple(map(display, former))
        self._table.add(Entry(wanted, display(name), self._table.namespace, target, self._origin, *words))

    def renamed_distribution(self, old: str) -> None:
        """Declare that this distribution was called ``old`` before, so that ids with that name are read.

        Raises:
            PluginError: When ``old`` cannot be the former name of this distribution.
        """
        self._check_open(f"renamed_distribution({old!r})")
        if not is_distribution(old) or distribution_key(old) in {BUILTIN, self.distribution}:
            raise PluginError(
                f"{self._origin} calls registrar.renamed_distribution({old!r}); expected the name that"
                f" {self.distribution} had before"
            )
        self._table.former_namespaces.add(distribution_key(old))

    def close(self) -> None:
        """Refuse all further calls: the hook has returned."""
        self._open = False

    def _check_open(self, call: str) -> None:
        if not self._open:
            raise PluginError(f"{self._origin} called registrar.{call} after its hook had returned")


# -- the hooks -----------------------------------------------------------------------------------


@hookspec
def nnkit_register(registrar: Registrar) -> None:
    """Register parts of any kind: ``registrar.add(kind, name, target)``."""


@hookspec(firstresult=True)
def nnkit_accelerate(part: Any) -> Any:
    """Return a faster counterpart of ``part`` (a part of the same kind), or ``None``; the first one wins."""


@hookspec(firstresult=True)
def nnkit_accelerate_epoch(model: Any, optimizer: Any, plan: Any, dtype: Any) -> Any:
    """Return what makes many steps of this training a call (``EpochKernel``), or ``None``; the first one wins."""


@hookspec
def nnkit_commands(group: Any) -> None:
    """Add commands to the command ``nnkit``: ``group.add_command(…)`` or ``@group.command()``, as in click."""


@hookspec(firstresult=True)
def nnkit_export(part: Any, graph: Any, inputs: Any) -> Any:
    """Add the nodes of ``part`` to ``graph`` and return its outputs, or ``None``; the first one wins."""


@hookspec
def nnkit_checks(family: str) -> Any:
    """Return the checks (``nnkit.testing.Check``) that the kit runs for parts of ``family``, such as ``"layer"``."""


# -- staging -------------------------------------------------------------------------------------


def new_manager() -> pluggy.PluginManager:
    """A plugin manager with the hooks and no plugin."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(sys.modules[__name__])
    return manager


def stage(plugin: object, namespace: str, origin: str) -> PartTable:
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
    table = PartTable(namespace)
    registrar = Registrar(table, origin)
    returned = manager.hook.nnkit_register(registrar=registrar)
    registrar.close()
    if returned:
        raise PluginError(
            f"{origin}: nnkit_register returned {returned[0]!r}; it should return nothing and call"
            " registrar.add(kind, name, target) for each part"
        )
    return table


def implemented(plugin: object) -> dict[str, str]:
    """The decorated functions of ``plugin``, and the hooks, existing or not, that they implement."""
    manager = pluggy.PluginManager(PROJECT)
    options = {name: manager.parse_hookimpl_opts(plugin, name) for name in dir(plugin)}
    return {name: str(option.get("specname") or name) for name, option in options.items() if option is not None}


def _check_hooks(plugin: object, origin: str) -> None:
    """Refuse what pluggy would pass over in silence."""
    hooks = implemented(plugin)
    for hook in hooks.values():
        if hook not in HOOK_GROUPS:
            raise PluginError(f"{origin}: {hook!r} is not a hook of nnkit; {_suggestion(hook)}")
    for name in dir(plugin):
        if name in hooks or not name.startswith(PREFIX) or not inspect.isroutine(inspect.getattr_static(plugin, name)):
            continue
        other = f"is neither decorated nor a hook of nnkit; {_suggestion(name)}"
        what = "is not decorated; put @nnkit.plugins.hookimpl above it" if name in HOOK_GROUPS else other
        raise PluginError(f"{origin}: the function {name!r} {what}")
    if not hooks:
        raise PluginError(f"{origin}: no hook implementation in {plugin!r}; the hooks are {', '.join(HOOK_GROUPS)}")


def _suggestion(name: str) -> str:
    inside = next((f"did you mean {hook!r}?" for hook in HOOK_GROUPS if hook.removeprefix(PREFIX) in name), "")
    return did_you_mean(name, HOOK_GROUPS, start="", other=inside or f"the hooks are {', '.join(HOOK_GROUPS)}")
