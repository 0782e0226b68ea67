"""The kinds of parts: their singular and plural names, and the interface that each must implement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from nnkit.errors import UnknownNameError
from nnkit.registry.names import key, nearest

if TYPE_CHECKING:
    from nnkit.interfaces import Part

__all__ = ["KINDS", "Kind", "article", "kind_of"]


@attrs.frozen
class Kind:
    """One kind of part.

    Args:
        name: The singular name, as in ``Part.kind``.
        plural: The name of its hook, its entry-point group and its folder.
        interfaces: Names in ``nnkit.interfaces``; a part is a subclass of one of them.
    """

    name: str
    plural: str
    interfaces: tuple[str, ...]

    @property
    def hook(self) -> str:
        """The hook that registers parts of this kind."""
        return f"nnkit_register_{self.plural}"

    @property
    def group(self) -> str:
        """The entry-point group of static parts of this kind."""
        return f"nnkit.{self.plural}"

    def bases(self) -> tuple[type[Part], ...]:
        """The interfaces themselves, imported when first needed."""
        from nnkit import interfaces

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
    )
}
"""Every kind by its singular name."""

_BY_KEY = {key(word): kind for kind in KINDS.values() for word in (kind.name, kind.plural)}


def kind_of(name: str) -> Kind:
    """The kind called ``name``, singular or plural, whatever its case.

    Raises:
        UnknownNameError: When there is no such kind.

    Example:
        >>> kind_of("Losses").name
        'loss'
    """
    found = _BY_KEY.get(key(name)) if isinstance(name, str) else None
    if found is not None:
        return found
    close = nearest(name, KINDS) if isinstance(name, str) else []
    hint = f" did you mean {close[0]!r}?" if close else ""
    raise UnknownNameError(f"{name!r} is not a kind of part;{hint} the kinds are {', '.join(KINDS)}")


def article(kind: str) -> str:
    """``kind`` with its article: ``an activation``, ``a loss``."""
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
