"""The objective of one batch as a function that an optimizer may call again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.core.step import GradientStep, Vectors
from nnkit.errors import ShapeError
from nnkit.interfaces import Evaluate

__all__ = ["bind_closure"]


def bind_closure(
    gradient_step: GradientStep,
    vectors: Vectors,
    rng: np.random.Generator,
    make_step: Callable[[Evaluate, Array], tuple[Array, float]],
) -> GradientStep:
    """A function of a batch that makes one complete step and returns the objective before it.

    Afterwards parameters are those of the step; gradient, buffers and noise are those of the first evaluation.

    Args:
        gradient_step: Objective and gradient of a batch, bound to ``vectors``.
        vectors: Trainable parameters, their gradient, and buffers; changed in place.
        rng: The generator of layers that draw.
        make_step: ``(evaluate, parameters) -> (parameters, value)``.
    """
    parameters, gradient, buffers = vectors.parameters, vectors.gradient, vectors.buffers
    assert gradient is not None
    start, start_buffers = np.empty_like(parameters), np.empty_like(buffers)

    def step(x: Array, target: Array, weight: Array | None) -> float:
        np.copyto(start, parameters)
        np.copyto(start_buffers, buffers)
        noise = rng.bit_generator.state
        first: tuple[Array, Array, Mapping[str, Any]] | None = None

        def evaluate(theta: Array) -> tuple[float, Array]:
            nonlocal first
            if np.shape(theta) != parameters.shape:
                raise ShapeError(
                    f"evaluate was passed parameters of shape {np.shape(theta)}; expected {parameters.shape}"
                )
            restore(theta, start_buffers, noise)
            value = gradient_step(x, target, weight)
            if first is None:
                first = gradient.copy(), buffers.copy(), rng.bit_generator.state
            return value, gradient.copy()

        try:
            new, value = make_step(evaluate, start.copy())
        except BaseException:
            restore(start, start_buffers, noise)
            raise
        first_gradient, first_buffers, first_noise = first or (gradient, start_buffers, noise)
        restore(new, first_buffers, first_noise)
        np.copyto(gradient, first_gradient)
        return float(value)

    def restore(theta: Array, statistics: Array, noise: Mapping[str, Any]) -> None:
        np.copyto(parameters, theta)
        np.copyto(buffers, statistics)
        rng.bit_generator.state = noise

    return step
