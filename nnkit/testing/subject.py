"""A subject: one class of part, with one set of hyperparameters and one dtype, and how to make it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.interfaces import Activation, Elementwise, Part, Solver
from nnkit.interfaces.fields import PART_KIND, PARTS_KIND


def family_of(cls: type[Part]) -> str:
    """The kind of ``cls``, solvers apart from optimizers."""
    return "solver" if issubclass(cls, Solver) else cls.kind


def resolve_parts(part: Part) -> Part:
    """``part`` with the specs in its part fields turned into parts, as a network does it."""
    if not attrs.has(type(part)):
        return part
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(type(part))  # type: ignore[arg-type]
    if not any(PART_KIND in field.metadata or PARTS_KIND in field.metadata for field in fields):
        return part
    from nnkit.registry import resolve

    return resolve(part)


def required_fields(cls: Any) -> list[str]:
    """The fields that have no default."""
    fields = attrs.fields(cls) if attrs.has(cls) else ()
    return [field.alias for field in fields if field.init and field.default is attrs.NOTHING]


@attrs.frozen(kw_only=True)
class Subject:
    """What a check is tried on.

    Args:
        cls: The class of the part.
        hyperparameters: The fields that differ from their defaults.
        dtype: float64 or float32.
        seed: Seed of every random array; the same seed gives the same arrays.
        id: The canonical id of the part (``acme-nn/lion``), ``None`` for one that is not registered.
        variants: All hyperparameter sets that are proven, this one among them.
        thorough: Whether hypothesis chooses further arrays.
    """

    cls: Any
    hyperparameters: Mapping[str, Any] = attrs.field(factory=dict)
    dtype: np.dtype[Any] = attrs.field(default=np.dtype(np.float64), converter=np.dtype)
    seed: int = 0
    id: str | None = None
    variants: tuple[Mapping[str, Any], ...] = ({},)
    thorough: bool = False

    def trait(self, name: str) -> Any:
        """A trait of an instance: that of a part which holds others may be theirs."""
        return getattr(self.make(), name)

    def make(self, **changes: Any) -> Any:
        """A new instance, its part fields resolved."""
        return resolve_parts(self.cls(**{**self.hyperparameters, **changes}))

    def rng(self, label: str) -> np.random.Generator:
        """A fresh generator, the same for the same seed and label."""
        return np.random.default_rng([self.seed, zlib.crc32(label.encode())])

    def offers(self, method: str) -> bool:
        """Whether the part offers an optional method."""
        return bool(self.make().offers(method))

    @property
    def elementwise(self) -> bool:
        """Whether the part is an elementwise activation."""
        return issubclass(self.cls, Elementwise)

    @property
    def is_activation(self) -> bool:
        """Whether the part is an activation."""
        return issubclass(self.cls, Activation)

    @property
    def eps(self) -> float:
        """The relative distance of neighbouring numbers of the dtype."""
        return float(np.finfo(self.dtype).eps)

    @property
    def label(self) -> str:
        """``float32, momentum=0.9``."""
        fields = ", ".join(f"{name}={value!r}" for name, value in self.hyperparameters.items())
        return f"{self.dtype.name}, {fields or 'defaults'}"
