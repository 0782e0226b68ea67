"""The base of all parts: frozen hyperparameters, a kind, and declared properties."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, TypeAlias, runtime_checkable

import attrs

from nnkit.arrays import Array

__all__ = ["Example", "Part", "PartSpec", "UpdateLike"]


@attrs.frozen(kw_only=True)
class Example:
    """One published reference value of a part: inputs, expected output and source.

    Args:
        inputs: Keyword arguments of ``method``; numbers and nested lists become float64 arrays.
        expected: What ``method`` must return for them.
        source: The paper, book, page or library (with version) that the value comes from.
        method: The method called; ``None`` means the kind's first one (``forward``, ``value``, …).
        hyperparameters: The fields that differ from their defaults.
        tolerance: Largest relative difference in float64.
    """

    inputs: Mapping[str, Any]
    expected: Any
    source: str
    method: str | None = None
    hyperparameters: Mapping[str, Any] = attrs.field(factory=dict)
    tolerance: float = 1e-12


class Part(ABC):
    """A swappable component: hyperparameters in frozen attrs fields, behaviour in pure methods.

    A part is an attrs class decorated ``@attrs.frozen(kw_only=True)``. Equal fields make equal
    parts; nothing that changes during training lives in it, so one part may serve several
    networks. Arguments are never written to, except where a method documents it, and random
    numbers come only from a ``numpy.random.Generator`` that is passed in.

    Attributes:
        kind: The singular name of its kind, set by the interface.
        examples: Published reference values with which the conformance kit compares the part.
        reference: An independent implementation (a ``staticmethod`` with the arguments of the
            kind's first method and the hyperparameters as keywords), for the same purpose.
        variants: Hyperparameter sets that the kit checks besides the defaults.
        deterministic: Equal arguments give equal results.
        renamed_fields: Hyperparameters that had another name in earlier versions, old name to new: specs, configs
            and files with the old name are read.
        declares_traits: Whether the traits of the class describe the part; ``False`` for a part made of bare
            functions, whose ranges, domains and other properties are unknown.
    """

    __slots__ = ()

    kind: ClassVar[str]
    examples: ClassVar[tuple[Example, ...]] = ()
    reference: ClassVar[Callable[..., Any] | None] = None
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = ()
    deterministic: ClassVar[bool] = True
    renamed_fields: ClassVar[Mapping[str, str]] = {}
    declares_traits: ClassVar[bool] = True

    def offers(self, method: str) -> bool:
        """Whether this part's class has its own version of an optional method of its interface."""
        return offered(type(self), method)


def offered(cls: type[Part], method: str) -> bool:
    """Whether ``cls`` overrides ``method`` of the interface that first declared it."""
    for base in cls.__mro__:
        if method in vars(base):
            return not getattr(vars(base)[method], "__nnkit_optional__", False)
    return False


def optional(method: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a method of an interface as optional: ``Part.offers`` is False until a part overrides it."""
    method.__nnkit_optional__ = True  # type: ignore[attr-defined]
    return method


@runtime_checkable
class UpdateLike(Protocol):
    """Any object that can serve as an optimizer: it computes new parameters from the old ones and their gradient."""

    def update(self, old_params: Array, gradient: Array, /) -> Array:
        """The new parameters."""


PartSpec: TypeAlias = (
    str | Mapping[str, object] | Part | type[Part] | tuple[Callable[..., object], Callable[..., object]] | UpdateLike
)
"""The ways to name a part: ``"adam"`` or ``"adam(learning_rate=3e-4)"``; a mapping with ``"name"``; an instance or a
class; ``(function, derivative)`` for an activation or a loss; an object with ``update`` for an optimizer."""
