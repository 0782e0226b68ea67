"""Regularizers: a price on the weights, added to the loss."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from nnkit.arrays import Array
from nnkit.errors import NotOfferedError
from nnkit.interfaces.part import Part, optional

__all__ = ["Regularizer"]


class Regularizer(Part):
    """A function of one array of weights (any shape); part of the objective, so its gradient is followed.

    Attributes:
        kinks: Values of a weight where the gradient jumps.
        linear_in_strength: Twice the strength (every field called ``strength`` or ``l1``, ``l2`` …)
            gives twice the value.
        zero_at_zero: Weights of zero cost nothing; ``False`` for a distance from something else.
    """

    __slots__ = ()

    kind = "regularizer"
    kinks: ClassVar[tuple[float, ...]] = ()
    linear_in_strength: ClassVar[bool] = True
    zero_at_zero: ClassVar[bool] = True

    @abstractmethod
    def value(self, weights: Array) -> float:
        """The price of ``weights``; 0 for zero weights, unless ``zero_at_zero`` is ``False``."""

    @abstractmethod
    def gradient(self, weights: Array) -> Array:
        """``d value / d weights``, of the shape of ``weights``."""

    def add_gradient(self, weights: Array, out: Array, work: Array) -> None:
        """In-place variant of ``gradient``: adds it to ``out``; ``work`` is scratch of the same shape."""
        out += self.gradient(weights)

    @optional
    def curvature(self, weights: Array) -> Array:
        """Optional: the second derivative in each weight (no mixed ones), of the shape of ``weights``."""
        raise NotOfferedError(f"{type(self).__name__} offers no second derivative (curvature)")

    @optional
    def residual(self, weights: Array) -> Array:
        """Optional: ``r`` of the shape of ``weights`` with ``value == 0.5 * (r**2).sum()``, linear in them.

        Lets least-squares solvers take the regularizer in.
        """
        raise NotOfferedError(f"{type(self).__name__} offers no residual")
