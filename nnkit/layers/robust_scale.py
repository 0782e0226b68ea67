"""Scaling of inputs by quantiles, with smooth clipping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import BoundLayer, Example, Layer, Parameters, ParameterSpec, Workspace
from nnkit.interfaces.fields import real

SAMPLE = 1 << 15
"""Rows that the quantiles come from; of more rows a sample is drawn."""

LARGE = 1e18
"""From here on ``z / sqrt(1 + z^2)`` is 1 in all digits, and ``z^2`` does not overflow in float32."""


@final
@attrs.frozen(kw_only=True)
class RobustScale(Layer):
    """``z = (x - median) / (q75 - q25)`` of each column, then ``y = z / sqrt(1 + (z / clip)^2)``, within ``±clip``.

    The quantiles are the smallest values with at least this share of the weight at or below them. They are those of
    the first training data, from a sample where these have more than 32,768 rows; they are saved with the network and
    used in prediction. Where both quartiles are equal, half of the range is used instead of their distance; a column
    that was constant gives 0. Before any data ``z = x``. On the way back they count as constants.

    A value far from the training data has a bounded effect: beyond a few ``clip`` the output hardly changes.

    Args:
        clip: Bound of the outputs, above 0; ``None`` leaves them unbounded, ``y = z``.

    Source:
        Holzmüller, Grinsztajn & Steinwart (2024), "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on
        Tabular Data", section 3; without ``clip`` scikit-learn's ``RobustScaler``.

    Example:
        >>> layer, x = RobustScale(), np.array([[1.0], [2.0], [3.0], [4.0], [500.0]])
        >>> buffers = {"center": np.zeros(1), "spread": np.ones(1)}
        >>> state = layer.adapt_start(1)
        >>> layer.adapt_add(state, x, None)
        >>> layer.adapt_finish(state, buffers)
        >>> layer.forward(buffers, x, training=True, rng=None)[0].round(2).T
        array([[-0.95, -0.49,  0.  ,  0.49,  3.  ]])
    """

    variants = ({"clip": None}, {"clip": 1.0})
    examples = (
        Example(
            method="adapt",
            inputs={
                "parameters": {"center": [0.0, 0.0, 0.0], "spread": [1.0, 1.0, 1.0]},
                "x": [[1.0, 0.0, 7.0], [2.0, 0.0, 7.0], [3.0, 0.0, 7.0], [9.0, 1.0, 7.0], [-50.0, 0.0, 8.0]],
                "weight": [1.0, 2.0, 2.0, 3.0, 0.0],
            },
            expected={"center": [3.0, 0.0, 7.0], "spread": [7.0, 1.0, 0.0]},
            source="by hand: 1, 2, 2, 3, 3, 9, 9, 9 and five zeros among three ones; a row of weight 0 is none",
        ),
        Example(
            inputs={"parameters": {"center": [2.0], "spread": [0.5]}, "x": [[2.0], [4.0], [-1e8]]},
            expected=[[0.0], [2.4], [-3.0]],
            source="by hand: 4 / sqrt(1 + (4 / 3)^2) = 4 / (5 / 3)",
        ),
    )

    clip: float | None = real(3.0, gt=0.0, optional=True)

    @staticmethod
    def reference(parameters: Parameters, x: Array, *, clip: float | None = 3.0) -> Array:
        """Value by value, with Python's own numbers."""
        y = np.zeros_like(x)
        for (row, column), value in np.ndenumerate(x):
            center, spread = float(parameters["center"][column]), float(parameters["spread"][column])
            z = (float(value) - center) / spread if spread else 0.0
            y[row, column] = z if clip is None else z / (1.0 + (z / clip) ** 2) ** 0.5
        return y

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        return tuple(
            ParameterSpec(name=name, shape=(inputs,), fan_in=1, fan_out=1, role="buffer", initializer=initializer)
            for name, initializer in (("center", "zeros"), ("spread", "ones"))
        )

    @np.errstate(over="ignore", invalid="ignore")  # what is not finite stays so, in silence
    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        slope = _invert(parameters["spread"])
        z = (x - parameters["center"]) * slope
        if self.clip is None:
            return z, (slope, None)
        clip = x.dtype.type(self.clip)
        z = np.minimum(np.maximum(z / clip, -LARGE), LARGE)
        inverse = 1.0 / np.sqrt(z * z + 1.0)
        return clip * (z * inverse), (slope, inverse)

    def typical_inputs(self, parameters: Parameters, shape: tuple[int, int], rng: np.random.Generator) -> Array:
        return parameters["center"] + parameters["spread"] * rng.normal(size=shape)

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        return grad * _derivative(*cache), {}

    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        derivative = _derivative(*cache)
        return grads * (derivative if derivative.ndim == 1 else derivative[:, None]), {}

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
        y, inverse, center = workspace.take("y", inputs), workspace.take("inverse", inputs), parameters["center"]
        slope, clip = np.zeros(inputs, workspace.dtype), self.clip

        @np.errstate(over="ignore", invalid="ignore")
        def forward(x: Array) -> Array:
            np.copyto(slope, _invert(parameters["spread"]))
            np.subtract(x, center, y)
            np.multiply(y, slope, y)
            if clip is None:
                return y
            np.divide(y, clip, y)
            np.minimum(np.maximum(y, -LARGE, out=y), LARGE, out=y)
            np.multiply(y, y, inverse)
            np.sqrt(np.add(inverse, 1.0, inverse), inverse)
            np.divide(1.0, inverse, inverse)
            return np.multiply(np.multiply(y, inverse, y), clip, y)

        def backward(grad: Array) -> Array | None:
            return grad * _derivative(slope, None if clip is None else inverse) if needs_grad_x else None

        return BoundLayer(forward, backward)

    def adapt_start(self, inputs: int) -> Any:
        return {
            "seen": 0,
            "limit": 1.0,
            "x": np.empty((0, inputs)),
            "weight": np.empty(0),
            "draw": np.empty(0),
            "low": np.full(inputs, np.inf),
            "high": np.full(inputs, -np.inf),
        }

    def adapt_add(self, state: Any, x: Array, weight: Array | None) -> None:
        weights = np.ones(len(x)) if weight is None else weight.astype(np.float64)
        draws = _draws(state["seen"], len(x))
        counted = weights > 0.0
        state["seen"] += len(x)
        if counted.any():
            state["low"] = np.minimum(state["low"], x[counted].min(axis=0))
            state["high"] = np.maximum(state["high"], x[counted].max(axis=0))
        rows = counted & (draws < state["limit"])
        new = {"x": x[rows], "weight": weights[rows], "draw": draws[rows]}
        state.update({name: np.concatenate([state[name], values]) for name, values in new.items()})
        _thin(state)

    def adapt_merge(self, state: Any, other: Any) -> Any:
        merged = {name: np.concatenate([state[name], other[name]]) for name in ("x", "weight", "draw")}
        merged |= {"seen": state["seen"] + other["seen"], "limit": min(state["limit"], other["limit"])}
        merged["low"] = np.minimum(state["low"], other["low"])
        merged["high"] = np.maximum(state["high"], other["high"])
        stays = merged["draw"] < merged["limit"]
        merged |= {name: merged[name][stays] for name in ("x", "weight", "draw")}
        _thin(merged)
        return merged

    def adapt_finish(self, state: Any, parameters: Parameters) -> None:
        if not len(state["x"]):
            return
        share = state["weight"] / state["weight"].max()
        low, middle, high = np.quantile(state["x"], (0.25, 0.5, 0.75), axis=0, weights=share, method="inverted_cdf")
        half_range = 0.5 * state["high"] - 0.5 * state["low"]  # the difference itself may overflow
        np.copyto(parameters["center"], middle)
        np.copyto(parameters["spread"], np.where(high > low, high - low, half_range))


def _invert(spread: Array) -> Array:
    """``1 / spread``; 0 for columns that are constant."""
    inverse: Array = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread >= np.finfo(spread.dtype).tiny)
    return inverse


def _derivative(slope: Array, inverse: Array | None) -> Array:
    return slope if inverse is None else slope * (inverse * inverse * inverse)


def _draws(first: int, count: int) -> Array:
    """A number in [0, 1) for each row from ``first`` on: that of its place alone (splitmix64)."""
    number = (np.arange(first, first + count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    draws: Array = (number ^ (number >> np.uint64(31))) / 2.0**64
    return draws


def _thin(state: Any) -> None:
    """Halve the share of rows that stay until they are at most ``SAMPLE``."""
    while len(state["draw"]) > SAMPLE:
        state["limit"] *= 0.5
        stays = state["draw"] < state["limit"]
        state.update({name: state[name][stays] for name in ("x", "weight", "draw")})
