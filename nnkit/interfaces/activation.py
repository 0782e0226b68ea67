"""Activations: what happens between a layer's pre-activation ``z`` and its activation ``a``."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import NotOfferedError
from nnkit.interfaces.part import Part, optional

__all__ = ["Activation", "Elementwise"]


class Activation(Part):
    """A function of the rows of ``z``, each on its own.

    float32 in, float32 out; float64 in, float64 out. NaN in a row of ``z`` gives NaN in that row
    of ``a``; nothing warns, whatever the size of ``z``.

    Attributes:
        range: Closed interval that holds every ``a``.
        kinks: Values of ``z`` where the derivative jumps.
        monotonic: Never falls as ``z`` grows.
        analytic: ``forward`` also accepts complex ``z`` (near the real axis) and is analytic there.
        parity: ``"odd"``, ``"even"`` or ``None``.
        fixed_points: Values with ``forward(z) == z``.
        shift_invariant: Adding a constant to a row of ``z`` changes nothing.
        simplex: Each row of ``a`` is a probability distribution.
        log_simplex: Each row of ``a`` is the logarithm of a probability distribution.
        ordered: Which unit stands in which column matters (a cumulative sum); otherwise all columns are alike.
        uses_z: The derivative needs ``z``. A part that sets False promises to read only ``a`` in
            ``jacobian``, ``vjp``, ``derivative`` and their in-place variants; it then receives ``a`` for ``z``.
    """

    __slots__ = ()

    kind = "activation"
    range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    kinks: ClassVar[tuple[float, ...]] = ()
    monotonic: ClassVar[bool] = False
    analytic: ClassVar[bool] = False
    parity: ClassVar[Literal["odd", "even"] | None] = None
    fixed_points: ClassVar[tuple[float, ...]] = ()
    shift_invariant: ClassVar[bool] = False
    simplex: ClassVar[bool] = False
    log_simplex: ClassVar[bool] = False
    ordered: ClassVar[bool] = False
    uses_z: ClassVar[bool] = True

    @abstractmethod
    def forward(self, z: Array) -> Array:
        """``a`` of ``z``, both ``(N, D)``; a new array."""

    @abstractmethod
    def jacobian(self, z: Array, a: Array) -> Array:
        """``J[n, i, j] = da[n, i] / dz[n, j]``, shape ``(N, D, D)``."""

    def vjp(self, z: Array, a: Array, grad: Array) -> Array:
        """``dL/dz[n, j] = sum_i grad[n, i] J[n, i, j]``, shape ``(N, D)``; by default through ``jacobian``."""
        product: Array = np.matmul(grad[:, None, :], self.jacobian(z, a))
        return product[:, 0, :]

    def jvp(self, z: Array, a: Array, tangent: Array) -> Array:
        """``da[n, i] = sum_j J[n, i, j] tangent[n, j]``, shape ``(N, D)``; by default through ``jacobian``."""
        product: Array = np.matmul(self.jacobian(z, a), tangent[:, :, None])
        return product[:, :, 0]

    def forward_into(self, z: Array, out: Array, work: Array) -> None:
        """In-place variant of ``forward``: writes ``a`` to ``out``, which may be ``z`` itself.

        ``work`` is scratch of the shape of ``z`` with any content.
        """
        np.copyto(out, self.forward(z))

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        """In-place variant of ``vjp``: writes ``dL/dz`` to ``out``, which may be ``grad`` itself.

        ``work`` is scratch of the shape of ``z`` with any content.
        """
        np.copyto(out, self.vjp(z, a, grad))

    @optional
    def vjp_derivative(self, z: Array, a: Array, grad: Array, tangent: Array) -> Array:
        """Optional: the derivative of ``vjp(z, a, grad)`` along ``tangent`` in ``z`` for constant ``grad``; ``(N, D)``.

        ``out[n, j] = sum_k tangent[n, k] d/dz[n, k] (sum_i grad[n, i] J[n, i, j])``. Makes
        Hessian-vector products exact.
        """
        raise NotOfferedError(f"{type(self).__name__} offers no second derivative (vjp_derivative)")


class Elementwise(Activation):
    """An activation that treats every element alone, so that its Jacobian is diagonal.

    Its author writes ``forward`` and ``derivative``; the diagonal matrix is only built by
    ``jacobian``.
    """

    __slots__ = ()

    @abstractmethod
    def derivative(self, z: Array, a: Array) -> Array:
        """``da/dz`` of each element, ``(N, D)``; at a kink, one of the one-sided derivatives."""

    @optional
    def second_derivative(self, z: Array, a: Array) -> Array:
        """Optional: ``d2a/dz2`` of each element, ``(N, D)``; makes Hessian-vector products exact."""
        raise NotOfferedError(f"{type(self).__name__} offers no second_derivative")

    def jacobian(self, z: Array, a: Array) -> Array:
        """``J[n, i, i] = da[n, i] / dz[n, i]``, zero elsewhere, shape ``(N, D, D)``."""
        diagonal = self.derivative(z, a)
        rows, units = diagonal.shape
        stacked = np.zeros((rows, units, units), dtype=diagonal.dtype)
        unit = np.arange(units)
        stacked[:, unit, unit] = diagonal
        return stacked

    def vjp(self, z: Array, a: Array, grad: Array) -> Array:
        """``dL/dz = grad * da/dz``, shape ``(N, D)``."""
        product: Array = grad * self.derivative(z, a)
        return product

    def jvp(self, z: Array, a: Array, tangent: Array) -> Array:
        """``da = da/dz * tangent``, shape ``(N, D)``."""
        product: Array = self.derivative(z, a) * tangent
        return product

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        """In-place variant of ``vjp``; ``out`` may be ``grad`` itself."""
        np.multiply(grad, self.derivative(z, a), out=out)

    def vjp_derivative(self, z: Array, a: Array, grad: Array, tangent: Array) -> Array:
        """``grad * d2a/dz2 * tangent``, shape ``(N, D)``; needs ``second_derivative``."""
        product: Array = grad * self.second_derivative(z, a) * tangent
        return product

    def offers(self, method: str) -> bool:
        """As for every part; ``vjp_derivative`` is offered exactly when ``second_derivative`` is."""
        return super().offers("second_derivative" if method == "vjp_derivative" else method)
