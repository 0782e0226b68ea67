"""The arrays of a network by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping

import numpy as np
import numpy.typing as npt

from nnkit.arrays import Array
from nnkit.core.model import Model
from nnkit.errors import DataError, ShapeError, brief

__all__ = ["NamedViews"]


class NamedViews(MutableMapping[str, Array]):
    """Every array of a network by its name, ``"0.weight"``: trainable ones, frozen ones, then buffers.

    What is read is a read-only view of the live array. What is assigned is checked and copied into it.

    Args:
        model: The structure.
        parameters: All arrays but the buffers.
        buffers: Arrays that are not trained, in one vector.
        before_assignment: Called before an array is changed.
    """

    def __init__(self, model: Model, parameters: Array, buffers: Array, before_assignment: Callable[[], None]) -> None:
        self._before_assignment = before_assignment
        self._views: dict[str, Array] = {}
        self._frozen = model.layout.shapes.keys() - model.trained.shapes.keys()
        for layout, vector in ((model.layout, parameters), (model.buffer_layout, buffers)):
            self._views.update(zip(layout.shapes, layout.restore(vector), strict=True))

    def __getitem__(self, name: str) -> Array:
        view = self._view(name).view()
        view.flags.writeable = False
        return view

    def __setitem__(self, name: str, values: npt.ArrayLike) -> None:
        view = self._view(name)
        array = np.asarray(values)
        if array.shape != view.shape:
            raise ShapeError(f"arrays[{name!r}] was given shape {array.shape}; expected {view.shape}")
        if array.dtype.kind not in "iuf":
            raise DataError(f"arrays[{name!r}] was given values of dtype {array.dtype}; expected numbers")
        with np.errstate(over="ignore"):
            converted = array.astype(view.dtype)
        if not np.isfinite(converted).all():
            raise DataError(f"arrays[{name!r}] was given NaN, infinity or numbers too large for {view.dtype}")
        self._before_assignment()
        view[...] = converted

    def __delitem__(self, name: str) -> None:
        raise DataError(
            f"arrays[{brief(name)}] belongs to a layer and cannot be removed; assign zeros, or change the layer"
        )

    def __contains__(self, name: object) -> bool:
        return name in self._views

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __repr__(self) -> str:
        shown = (f"{name!r}: {view.shape}{' frozen' * (name in self._frozen)}" for name, view in self._views.items())
        return "{" + ", ".join(shown) + "}"

    def _view(self, name: str) -> Array:
        try:
            return self._views[name]
        except (KeyError, TypeError):
            raise DataError(f"there is no array {brief(name)}; there are {', '.join(self._views)}") from None
