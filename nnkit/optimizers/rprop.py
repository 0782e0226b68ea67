"""Rprop: steps whose length depends on the signs of the gradients alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import HyperparameterError
from nnkit.interfaces import Block, Optimizer, State
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class Rprop(Optimizer):
    """``theta -= sign(g) * size``: a parameter's ``size`` grows while its gradient retains its sign, else shrinks.

    Where the sign has changed, the parameter stays where it is for one step. For full batches
    (``fit(batch_size=None)``): the noise of small ones changes signs too.

    Args:
        initial: Every first step's length, above 0.
        shrink: Factor of ``size`` where the sign has changed, in (0, 1).
        grow: Factor of ``size`` where it has not, at least 1.
        smallest: Lower bound of ``size``, above 0.
        largest: Upper bound of ``size``, at least ``smallest``.

    Raises:
        HyperparameterError: When ``largest`` is below ``smallest``.

    State:
        ``previous_gradient`` and ``size``, ``(P,)`` each.

    Source:
        Riedmiller & Braun (1993), "A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP
        Algorithm". Semantics and defaults of PyTorch 2.13 (iRprop-, after Igel & Hüsken, 2000).

    Example:
        >>> rprop = Rprop(initial=0.1, shrink=0.5, grow=1.25)
        >>> theta, state = np.zeros(1), rprop.init(np.zeros(1), [])
        >>> [rprop.update(theta, np.array([g]), state).item() for g in (2.0, 9.0, -1.0, -1.0)]
        [-0.1, -0.225, -0.225, -0.1625]
    """

    per_parameter = ("previous_gradient", "size")
    variants = ({"initial": 0.5, "shrink": 0.3, "grow": 1.5, "smallest": 0.1, "largest": 0.6},)

    initial: float = real(0.01, gt=0.0)
    shrink: float = real(0.5, gt=0.0, lt=1.0)
    grow: float = real(1.2, ge=1.0)
    smallest: float = real(1e-6, gt=0.0)
    largest: float = real(50.0, gt=0.0)

    def __attrs_post_init__(self) -> None:
        if self.largest < self.smallest:
            raise HyperparameterError(
                f"Rprop(largest={self.largest!r}): largest must be at least smallest, here {self.smallest:g}"
            )

    @staticmethod
    def reference(
        parameters: Array,
        gradients: Array,
        initial: float,
        shrink: float,
        grow: float,
        smallest: float,
        largest: float,
    ) -> Array:
        """Element by element, with a branch for each case."""
        theta, size, previous, path = parameters.tolist(), [initial] * parameters.size, [0.0] * parameters.size, []
        for g in gradients.tolist():
            for i, slope in enumerate(g):
                if previous[i] * slope < 0.0:
                    size[i] = min(max(size[i] * shrink, smallest), largest)
                    previous[i] = 0.0
                    continue
                factor = grow if previous[i] * slope > 0.0 else 1.0
                size[i] = min(max(size[i] * factor, smallest), largest)
                theta[i] += size[i] * ((slope < 0.0) - (slope > 0.0))
                previous[i] = slope
            path.append(list(theta))
        return np.array(path)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        return {"previous_gradient": np.zeros_like(parameters), "size": np.full_like(parameters, self.initial)}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        size = state["size"]
        agreement = np.sign(gradient) * np.sign(state["previous_gradient"])
        size *= np.where(agreement > 0.0, self.grow, np.where(agreement < 0.0, self.shrink, 1.0))
        np.clip(size, self.smallest, self.largest, out=size)
        seen = np.where(agreement < 0.0, gradient.dtype.type(0.0), gradient)
        parameters -= np.sign(seen) * size
        state["previous_gradient"][:] = seen
        return parameters
