"""The arguments of ``fit`` that arrays and sources have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import attrs

from nnkit import registry
from nnkit.data.arrays import DataLike
from nnkit.data.sources import SourceLike
from nnkit.data.weights import ClassWeight
from nnkit.errors import NNKitError
from nnkit.interfaces import Callback, PartSpec

__all__ = ["FitOptions", "ValidationLike"]

ValidationLike: TypeAlias = tuple[DataLike, DataLike] | tuple[DataLike, DataLike, DataLike] | SourceLike
"""``(X, y)`` or ``(X, y, sample_weight)``, or a source of these."""


@attrs.frozen(kw_only=True)
class FitOptions:
    """What a call of ``fit`` asks for, as passed; ``nnkit.Network.fit`` documents it."""

    epochs: int | None
    batch_size: int | None
    validation_data: ValidationLike | None
    validation_split: float
    metrics: PartSpec | Sequence[PartSpec]
    callbacks: PartSpec | Sequence[PartSpec]
    class_weight: ClassWeight | None
    sampling: str
    resume: bool

    def listeners(self) -> dict[str, Callback]:
        """The callbacks by their key in the run: what each is, with a number for the second and later equal ones."""
        callbacks = self.callbacks
        several = isinstance(callbacks, Iterable) and not isinstance(callbacks, (str, Mapping))
        many: list[PartSpec] = list(callbacks) if several else [callbacks]  # type: ignore[arg-type, list-item]
        keyed: dict[str, Callback] = {}
        for spec in many:
            callback: Callback = registry.create("callback", spec)
            key = base = _key(callback)
            count = 1
            while key in keyed:
                count += 1
                key = f"{base}#{count}"
            keyed[key] = callback
        return keyed


def _key(callback: Callback) -> str:
    """Its fields where they can be written as a spec; else its class."""
    try:
        registry.part_to_config(callback)
    except NNKitError:
        return type(callback).__name__
    return repr(callback)
