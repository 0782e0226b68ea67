"""Where each array of a network stands in the one flat vector."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import attrs
import numpy as np
import numpy.typing as npt

from nnkit.arrays import Array
from nnkit.errors import ShapeError
from nnkit.interfaces import Block, ParameterSpec

__all__ = ["Layout", "Slot"]


@attrs.frozen
class Slot:
    """One array's place: its layer, its declaration, and where it begins in the vector."""

    layer: int
    spec: ParameterSpec
    offset: int

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.spec.shape)

    @property
    def name(self) -> str:
        """The name of the array in the network: ``"0.weight"``."""
        return f"{self.layer}.{self.spec.name}"

    @property
    def place(self) -> slice:
        """The elements of the vector that it occupies."""
        return slice(self.offset, self.offset + self.size)


@attrs.frozen
class Layout:
    """The order of all arrays in one vector: first the trainable ones, layer by layer, then the frozen ones likewise.

    Example:
        >>> import numpy as np
        >>> weight = ParameterSpec(name="weight", shape=(2, 3), fan_in=2, fan_out=3)
        >>> bias = ParameterSpec(name="bias", shape=(3,), fan_in=2, fan_out=3, role="bias")
        >>> layout = Layout.of([[weight, bias]])
        >>> layout.size
        9
        >>> [array.shape for array in layout.restore(np.arange(9.0))]
        [(2, 3), (3,)]
    """

    slots: tuple[Slot, ...]
    layers: int

    @classmethod
    def of(cls, specs: Sequence[Iterable[ParameterSpec]]) -> Layout:
        """The layout of the declarations of each layer in turn."""
        slots: list[Slot] = []
        offset = 0
        declared = [(layer, spec) for layer, own in enumerate(specs) for spec in own]
        for layer, spec in sorted(declared, key=lambda item: not item[1].trainable):
            slots.append(Slot(layer, spec, offset))
            offset += slots[-1].size
        return cls(tuple(slots), len(specs))

    @property
    def trained(self) -> Layout:
        """The layout of the trainable arrays alone: the first ``P`` elements of the vector."""
        return Layout(tuple(slot for slot in self.slots if slot.spec.trainable), self.layers)

    @property
    def size(self) -> int:
        """The length of the vector."""
        return self.slots[-1].place.stop if self.slots else 0

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The arrays as an optimizer sees them."""
        return tuple(
            Block(
                name=slot.name,
                place=slot.place,
                shape=slot.spec.shape,
                role="weight" if slot.spec.role == "weight" else "bias",
                layer=slot.layer,
            )
            for slot in self.slots
        )

    def flatten(self, arrays: Sequence[npt.ArrayLike]) -> Array:
        """One new vector of all arrays, in order.

        Raises:
            ShapeError: When their number or a shape is not the layout's.
        """
        parts = [np.asarray(array) for array in arrays]
        if len(parts) != len(self.slots):
            raise ShapeError(f"flatten was given {len(parts)} arrays; this layout has {len(self.slots)}")
        for slot, array in zip(self.slots, parts, strict=True):
            if array.shape != slot.spec.shape:
                raise ShapeError(
                    f"{slot.spec.name} of layer {slot.layer} has shape {array.shape}; expected {slot.spec.shape}"
                )
        vector = np.empty(self.size, dtype=np.result_type(*parts) if parts else np.float64)
        for slot, array in zip(self.slots, parts, strict=True):
            vector[slot.place] = array.ravel()
        return vector

    def restore(self, vector: Array) -> list[Array]:
        """The arrays of a vector, in order: views, so writing to one writes to the vector.

        Raises:
            ShapeError: When the vector is not of this size.
        """
        if vector.shape != (self.size,):
            raise ShapeError(
                f"the vector has shape {vector.shape}; this layout has {self.size} parameters: ({self.size},)"
            )
        return [vector[slot.place].reshape(slot.spec.shape) for slot in self.slots]

    def with_role(self, vector: Array, role: str) -> list[Array]:
        """The views of the arrays with this role, in order."""
        views = zip(self.slots, self.restore(vector), strict=True)
        return [view for slot, view in views if slot.spec.role == role]

    def by_layer(self, vector: Array) -> tuple[dict[str, Array], ...]:
        """The same views as a name-to-array mapping for each layer."""
        named: tuple[dict[str, Array], ...] = tuple({} for _ in range(self.layers))
        for slot, array in zip(self.slots, self.restore(vector), strict=True):
            named[slot.layer][slot.spec.name] = array
        return named

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each array by its name in the network, ``"0.weight"``, in order."""
        return {slot.name: slot.spec.shape for slot in self.slots}
