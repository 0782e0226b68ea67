"""Solvers: optimizers of the full batch, which see the objective itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

import attrs

from nnkit.arrays import Array
from nnkit.errors import NotOfferedError
from nnkit.interfaces.part import Part, optional

__all__ = ["ObjectiveLike", "Solver", "SolverStep"]


class ObjectiveLike(Protocol):
    """What a solver may ask about the function it makes small; ``theta`` is ``(P,)``."""

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
        info: Figures of its own (``damping``, ``gain_ratio``, …).
        state: What ``solve_from`` needs to go on from here as if nothing had stopped it; kept with
            the network. Empty for a solver that only looks at the parameters.
    """

    step: int
    parameters: Array
    value: float
    reason: str | None = None
    info: Mapping[str, float] = attrs.field(factory=dict)
    state: Mapping[str, Any] = attrs.field(factory=dict)


class Solver(Part):
    """A full-batch optimizer, named in the same ``optimizer=`` argument and found in the same registry.

    Attributes:
        monotone: The value never rises from one reported step to the next.
        needs_residual: Only least-squares losses (losses with ``residual``) can be solved.
        finds_strength: Finds the strength of a penalty on the weights itself, so that a network
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
        """The best parameters found from ``parameters`` (not written to) in at most ``max_steps`` steps.

        Calls ``on_step`` after each step; when that returns True, stops and returns what it has.
        The last report carries the reason for stopping.
        """

    @optional
    def begin(self, parameters: Array, groups: Array) -> dict[str, Any]:
        """Optional, together with ``solve_from``: the state before the first step, arrays and plain numbers by name.

        ``groups`` ``(P,)`` tells which parameters are weights: integers from 1 on, equal for weights
        that belong together (those of one input, those of one later array); 0 for biases and all else.
        """
        raise NotOfferedError(f"{type(self).__name__} keeps no state between two calls")

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
        """Optional: ``solve``, taking up the ``state`` of ``begin`` or of an earlier report (not written to).

        Two calls of ``n`` and ``m`` steps then equal one of ``n + m``, to the bit.
        """
        raise NotOfferedError(f"{type(self).__name__} keeps no state between two calls")

    @optional
    def strengths(self, state: Mapping[str, Any]) -> Array:
        """Optional, where it ``finds_strength``: what it found, by a ``state`` of its reports, ``(P,)``.

        The penalty that it made small beside the loss is ``0.5 * strengths @ theta**2``.
        """
        raise NotOfferedError(f"{type(self).__name__} looks for no strength of a penalty")
