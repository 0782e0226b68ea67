"""Layers that end in an activation."""

from __future__ import annotations

from typing import Any

import attrs

from nnkit.errors import SpecError
from nnkit.interfaces import Activation, Layer


class Activated(Layer):
    """A layer with a field ``activation``: a name, a spec, an instance, or ``None`` for the identity."""

    __slots__ = ()

    activation: Any

    def split(self) -> tuple[Layer, Activation | None]:
        return attrs.evolve(self, activation=None), self._resolved()  # type: ignore[call-arg]  # its subclasses' field

    def _resolved(self) -> Activation | None:
        """The activation itself; a ``SpecError`` while it is a spec."""
        if self.activation is None or isinstance(self.activation, Activation):
            return self.activation
        raise SpecError(
            f"{type(self).__name__}(activation={self.activation!r}) still holds a spec; put the layer into a Network, "
            f"or pass nnkit.plugins.create('activation', {self.activation!r})"
        )
