"""The registrar: what a hook is given to register its parts with, and the entries that it gathers."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from nnkit.errors import PluginError
from nnkit.interfaces.part import Part
from nnkit.registry.kinds import Kind
from nnkit.registry.names import display, is_name, key
from nnkit.registry.targets import check_class, looks_like_target

__all__ = ["Entry", "Registrar", "Shelf"]


@attrs.frozen(eq=False)
class Entry:
    """One registered part: what it is called, who provides it, and where its class lives.

    Args:
        kind: Its kind.
        name: Its name as shown, ``leaky_relu``.
        namespace: ``nnkit``, or the normalized name of the distribution that provides it.
        target: The class, or ``"module:Class"``, imported when first used.
        origin: Where it was registered, in words, for messages.
        aliases: Other names for it.
        problem: Why it can never be used, in words; ``None`` for a sound entry.
    """

    kind: Kind
    name: str
    namespace: str
    target: str | type[Part]
    origin: str
    aliases: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def id(self) -> str:
        """The canonical id, ``distribution/name``."""
        return f"{self.namespace}/{self.name}"

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its name and of its aliases."""
        return tuple(key(name) for name in (self.name, *self.aliases))


@attrs.define(eq=False)
class Shelf:
    """The entries that one distribution provides, by kind and key."""

    namespace: str
    entries: dict[tuple[str, str], Entry] = attrs.field(factory=dict)

    def add(self, entry: Entry) -> None:
        """Put an entry on the shelf.

        Raises:
            PluginError: When one of its names is taken by another target.
        """
        for name in entry.keys:
            taken = self.entries.get((entry.kind.name, name))
            if taken is not None and taken.target != entry.target:
                raise PluginError(
                    f"{entry.origin} registers the {entry.kind.name} {entry.name!r} as {_shown(entry.target)}, but"
                    f" {taken.origin} already registers it as {_shown(taken.target)}; rename one of them"
                )
        for name in entry.keys:
            self.entries.setdefault((entry.kind.name, name), entry)


@attrs.define(eq=False)
class Registrar:
    """Given to each ``nnkit_register_*`` hook; nothing counts until every hook of the plugin has returned.

    Args:
        kind: The kind of part that this hook registers.
        distribution: The distribution that the parts will belong to.
    """

    _kind: Kind
    _shelf: Shelf
    _origin: str
    _open: bool = True

    @property
    def kind(self) -> str:
        """The kind of part that this hook registers: ``"optimizer"``, …."""
        return self._kind.name

    @property
    def distribution(self) -> str:
        """The distribution that the parts will belong to: the ``acme-nn`` of ``acme-nn/lion``."""
        return self._shelf.namespace

    def add(self, name: str, target: type[Part] | str, *, aliases: Iterable[str] = ()) -> None:
        """Register one part.

        Args:
            name: Its name: a letter, then letters, digits, ``_`` and ``-``; their case does not count.
            target: Its class, or better ``"module:Class"``, which is imported when first used.
            aliases: Other names for it.

        Raises:
            PluginError: When the name is not one or is taken in this distribution, the target is
                neither a class of this kind nor ``"module:Class"``, or the hook has already returned.
        """
        if not self._open:
            raise PluginError(f"{self._origin} called registrar.add({name!r}, …) after its hook had returned")
        aliases = (aliases,) if isinstance(aliases, str) else tuple(aliases)
        for given in (name, *aliases):
            if not is_name(given):
                raise PluginError(
                    f"{self._origin} registers {self._kind.plural} as {given!r}, which is not a name:"
                    " expected a letter, then letters, digits, '_' and '-'"
                )
        if isinstance(target, str):
            if not looks_like_target(target):
                raise PluginError(
                    f"{self._origin} registers the {self._kind.name} {name!r} as {target!r}; expected 'module:Class'"
                )
        else:
            check_class(target, self._kind, f"{self._origin}, {self._kind.name} {name!r}")
        shown = tuple(display(alias) for alias in aliases)
        self._shelf.add(Entry(self._kind, display(name), self._shelf.namespace, target, self._origin, shown))

    def close(self) -> None:
        """Refuse everything from now on: the hook has returned."""
        self._open = False


def _shown(target: str | type[Part]) -> str:
    return target if isinstance(target, str) else f"{target.__module__}:{target.__qualname__}"
