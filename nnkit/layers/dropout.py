"""Inverted dropout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import BoundLayer, Layer, Parameters, Workspace
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class Dropout(Layer):
    """``y = x * keep / (1 - rate)`` in training, with ``keep`` 0 at this rate and else 1; ``y = x`` otherwise.

    The mean of ``y`` over the draws is ``x``, so nothing is rescaled in prediction. The gradient passes
    through the same elements.

    Args:
        rate: Probability that an element is set to 0, in [0, 1).

    Raises:
        ValueError: When a training pass has no generator.

    Source:
        Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov (2014), "Dropout: A Simple Way to Prevent
        Neural Networks from Overfitting", section 10 for the inverted form.

    Example:
        >>> y, _ = Dropout(0.5).forward({}, np.ones((1, 6)), training=True, rng=np.random.default_rng(0))
        >>> y
        array([[0., 2., 2., 2., 0., 0.]])
    """

    stochastic = True
    variants = ({"rate": 0.0}, {"rate": 0.2})

    rate: float = real(0.5, ge=0.0, lt=1.0, kw_only=False)

    @staticmethod
    def reference(
        parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None = None, rate: float
    ) -> Array:
        """Element by element, one draw each."""
        if not training or rate == 0.0 or rng is None:
            return x.copy()
        flat = [
            value / (1.0 - rate) if rng.random(dtype=x.dtype.type) < 1.0 - rate else 0.0 * value
            for value in x.reshape(-1).tolist()
        ]
        return np.array(flat, dtype=x.dtype).reshape(x.shape)

    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        if not training or self.rate == 0.0:
            return x.copy(), None
        keep = np.empty_like(x, order="C")
        self._draw(_needed(rng), keep)
        with np.errstate(invalid="ignore"):  # inf * 0 is NaN, and so it shall be
            return x * keep, keep

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        return grad.copy() if cache is None else grad * cache, {}

    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        return grads.copy() if cache is None else grads * cache[:, None, :], {}

    def _draw(self, rng: np.random.Generator, keep: Array) -> None:
        """Fill ``keep`` with 0 and ``1 / (1 - rate)``."""
        rng.random(out=keep, dtype=keep.dtype.type)
        np.less(keep, 1.0 - self.rate, out=keep)
        keep *= 1.0 / (1.0 - self.rate)

    def bind(
        self,
        parameters: Parameters,
        gradients: Mapping[str, Array] | None,
        workspace: Workspace,
        *,
        inputs: int,
        training: bool,
        needs_grad_x: bool,
        rng: np.random.Generator | None,
    ) -> BoundLayer:
        if gradients is None and not training:
            return BoundLayer(_same, _same)
        y = workspace.take("y", inputs)
        if not training or self.rate == 0.0:
            # A copy: what follows may write to its input, and the layer below may still need its own.
            def copy(x: Array) -> Array:
                np.copyto(y, x)
                return y

            return BoundLayer(copy, _same)
        keep = workspace.take("keep", inputs)
        source = _needed(rng)
        draw, multiply = self._draw, np.multiply

        def forward(x: Array) -> Array:
            draw(source, keep)
            return multiply(x, keep, y)

        def backward(grad: Array) -> Array | None:
            return multiply(grad, keep, grad)

        return BoundLayer(forward, backward)


def _needed(rng: np.random.Generator | None) -> np.random.Generator:
    if rng is None:
        raise ValueError("Dropout draws in training: rng is None; expected a numpy.random.Generator")
    return rng


def _same(x: Array) -> Array:
    return x
