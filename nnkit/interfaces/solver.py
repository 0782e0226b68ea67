"""Solvers: optimizers of the full batch, which evaluate the objective themselves."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import NotOfferedError
from nnkit.interfaces.part import Part, optional

__all__ = ["ObjectiveLike", "Solver", "SolverStep"]


class ObjectiveLike(Protocol):
    """What a solver may ask about the function that it minimizes; ``theta`` is ``(P,)``.

    One process may answer, or many: values, gradients, ``gauss_newton`` and ``hvp`` add over shards of the data, and
    residuals follow one another.
    """

    @property
    def size(self) -> int:
        """``P``, the number of parameters."""

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """The dtype of parameters and results."""

    @property
    def residual_size(self) -> int:
        """``R``, the length of ``residual``, without computing it; least-squares losses only."""

    def value(self, theta: Array) -> float:
        """The objective, regularization included."""

    def gradient(self, theta: Array) -> Array:
        """Its gradient, ``(P,)``."""

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Both, from one pass."""

    def residual(self, theta: Array) -> Array:
        """``r`` of shape ``(R,)`` with ``value == 0.5 r @ r``; least-squares losses only."""

    def jacobian(self, theta: Array) -> Array:
        """``dr/dtheta``, ``(R, P)``; least-squares losses only."""

    def gauss_newton(self, theta: Array) -> tuple[Array, Array]:
        """``(P, P)`` and ``(P,)``: the Gauss-Newton matrix and the gradient, accumulated in chunks."""

    def hvp(self, theta: Array, v: Array) -> Array:
        """The Hessian times ``v``, ``(P,)``."""


@attrs.frozen(kw_only=True)
class SolverStep:
    """What a solver reports after each step.

    Args:
        step: 1 for the first step of this call.
        parameters: The best parameters so far, ``(P,)``; copy them to keep them.
        value: The objective there.
        reason: Why the solver stops here, in words; ``None`` while it goes on.
        info: Values for the logs (``damping``, ``gain_ratio``, …).
        state: What ``solve_from`` needs to continue from here as if it had not stopped; saved with
            the network. Empty for a solver whose only state is the parameters.
    """

    step: int
    parameters: Array
    value: float
    reason: str | None = None
    info: Mapping[str, float] = attrs.field(factory=dict)
    state: Mapping[str, Any] = attrs.field(factory=dict)


class Solver(Part):
    """A full-batch optimizer, passed in the same ``optimizer=`` argument and registered in the same registry.

    Attributes:
        monotone: The value never rises from one reported step to the next.
        needs_residual: Only least-squares losses (losses with ``residual``) can be solved.
        finds_strength: Estimates the strength of a penalty on the weights itself, so that a network
            with regularizers of its own is refused.
    """

    __slots__ = ()

    kind = "optimizer"
    monotone: ClassVar[bool] = False
    needs_residual: ClassVar[bool] = False
    finds_strength: ClassVar[bool] = False

    @abstractmethod
    def solve(
        self,
        objective: ObjectiveLike,
        parameters: Array,
        *,
        max_steps: int,
        on_step: Callable[[SolverStep], bool],
    ) -> Array:
        """The best parameters after at most ``max_steps`` steps from ``parameters`` (not written to).

        Calls ``on_step`` after each step; when that returns True, stops and returns the best so far.
        The last report contains the reason for stopping. Repeated, it makes the same steps: a run of a solver
        without ``solve_from`` is resumed by repeating the steps that it has made.
        """

    @optional
    def begin(self, parameters: Array, groups: Array) -> dict[str, Any]:
        """Optional, together with ``solve_from``: the state before the first step, arrays and plain numbers by name.

        ``groups`` ``(P,)`` identifies the weights: positive integers, equal for weights that belong
        together (those of one input, those of one later array); 0 for biases and all other parameters.
        Every later state has the same keys, and arrays of the same shapes and dtypes: a file is compared with it.
        """
        raise NotOfferedError(f"{type(self).__name__} has no state between two calls")

    @optional
    def solve_from(
        self,
        objective: ObjectiveLike,
        parameters: Array,
        state: Mapping[str, Any],
        *,
        max_steps: int,
        on_step: Callable[[SolverStep], bool],
    ) -> Array:
        """Optional: ``solve``, continuing from the ``state`` of ``begin`` or of an earlier report (not written to).

        Two calls of ``n`` and ``m`` steps are then bit-identical to one of ``n + m``.
        """
        raise NotOfferedError(f"{type(self).__name__} has no state between two calls")

    @optional
    def strengths(self, state: Mapping[str, Any]) -> Array:
        """Optional, with ``finds_strength``: the estimated strengths ``(P,)``, from a ``state`` of its reports.

        The penalty that was minimized together with the loss is ``0.5 * strengths @ theta**2``.
        """
        raise NotOfferedError(f"{type(self).__name__} estimates no strength of a penalty")
