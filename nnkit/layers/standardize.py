"""Standardization of inputs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import BoundLayer, Example, Layer, Parameters, ParameterSpec, Workspace
from nnkit.interfaces.fields import flag
from nnkit.layers._normalizing import power_of_two

ROUNDING = 10.0
"""A spread of at most this many units in the last place of the mean is rounding, such as that of long sums."""


@final
@attrs.frozen(kw_only=True)
class Standardize(Layer):
    """``y = (x - mean) / stddev`` of each column; a column that was constant gives 0.

    Constant is a column whose ``stddev`` is at most ten units in the last place of its ``mean``. Mean and
    (population) standard deviation are not trained. They are those of the first training data as a
    whole, weighted with the sample weights; or, streaming, of all rows seen in training so far, the
    present batch included. They are saved with the network and used in prediction. Before any data
    ``y = x``. On the way back they count as constants.

    Args:
        streaming: Gather the statistics batch by batch instead of from the whole of the data; every row
            then weighs the same.

    Source:
        LeCun, Bottou, Orr & Müller (1998), "Efficient BackProp", section 4.3; merging after Chan, Golub &
        LeVeque (1983), "Algorithms for Computing the Sample Variance".

    Example:
        >>> layer, x = Standardize(), np.array([[1.0, 7.0], [3.0, 7.0]])
        >>> buffers = {"mean": np.zeros(2), "stddev": np.ones(2), "count": np.zeros(1)}
        >>> state = layer.adapt_start(2)
        >>> layer.adapt_add(state, x, None)
        >>> layer.adapt_finish(state, buffers)
        >>> layer.forward(buffers, x, training=True, rng=None)[0]
        array([[-1.,  0.],
               [ 1.,  0.]])
    """

    variants = ({"streaming": True},)
    examples = (
        Example(
            method="adapt",
            inputs={
                "parameters": {"mean": [0.0, 0.0], "stddev": [1.0, 1.0], "count": [0.0]},
                "x": [[1.0, 7.0], [3.0, 7.0], [9.0, 7.0]],
                "weight": [3.0, 3.0, 0.0],
            },
            expected={"mean": [2.0, 7.0], "stddev": [1.0, 0.0], "count": [6.0]},
            source="by hand: three times 1 and three times 3; a row of weight 0 is none",
        ),
        Example(
            inputs={
                "parameters": {"mean": [2.0], "stddev": [1.0], "count": [2.0]},
                "x": [[4.0], [6.0]],
                "training": True,
            },
            expected={
                "mean": [3.5],
                "stddev": [3.25**0.5],
                "count": [4.0],
                "y": [[0.5 / 3.25**0.5], [2.5 / 3.25**0.5]],
            },
            source="by hand: 1 and 3 before, 4 and 6 now: squares of 2.5, 0.5, 0.5, 2.5 around 3.5",
            hyperparameters={"streaming": True},
        ),
    )

    streaming: bool = flag(default=False)

    @staticmethod
    def reference(
        parameters: Parameters, x: Array, *, training: bool = False, streaming: bool = False
    ) -> tuple[Array, dict[str, Array]]:
        """Element by element, all rows seen so far taken from the buffers as one group; ``y``, and the buffers."""
        y = np.empty_like(x)
        after = {name: parameters[name].astype(np.float64) for name in ("mean", "stddev", "count")}
        before = float(parameters["count"][0])
        for j, column in enumerate(x.T.tolist()):
            mean, stddev = float(parameters["mean"][j]), float(parameters["stddev"][j])
            if training and streaming:
                rows = before + len(column)
                square = before * (stddev**2 + mean**2) + math.fsum(value**2 for value in column)
                mean = (before * mean + math.fsum(column)) / rows
                stddev = math.sqrt(max(0.0, square / rows - mean**2))
                after["mean"][j], after["stddev"][j], after["count"][0] = mean, stddev, rows
            constant = stddev <= ROUNDING * np.finfo(x.dtype).eps * abs(mean)
            y[:, j] = [0.0 if constant else (value - mean) / stddev for value in column]
        return y, after

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        def spec(name: str, size: int, initializer: str) -> ParameterSpec:
            return ParameterSpec(name=name, shape=(size,), fan_in=1, fan_out=1, role="buffer", initializer=initializer)

        return spec("mean", inputs, "zeros"), spec("stddev", inputs, "ones"), spec("count", 1, "zeros")

    @np.errstate(over="ignore", invalid="ignore")  # what is not finite stays so, in silence
    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        if training and self.streaming:
            _absorb(parameters, x, np.empty_like(x))
        inverse = np.zeros_like(parameters["stddev"])
        _invert(parameters, inverse)
        return (x - parameters["mean"]) * inverse, inverse

    def typical_inputs(self, parameters: Parameters, shape: tuple[int, int], rng: np.random.Generator) -> Array:
        return parameters["mean"] + parameters["stddev"] * rng.normal(size=shape)

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        return grad * cache, {}

    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        return grads * cache, {}

    def adapt_start(self, inputs: int) -> Any:
        return {"weight": 0.0, "mean": np.zeros(inputs), "stddev": np.zeros(inputs)}

    def adapt_add(self, state: Any, x: Array, weight: Array | None) -> None:
        rows = slice(None) if weight is None else weight > 0.0
        data = x[rows].astype(np.float64)
        if self.streaming or not len(data):
            return
        weights = np.ones(len(data)) if weight is None else weight[rows].astype(np.float64)
        total = float(weights.sum())
        weights /= weights.max()
        # In units that cannot overflow when squared, and measured from a row of the data, so that a constant column
        # has no deviation at all.
        unit = power_of_two(np.abs(data).max(axis=0))
        data /= unit
        origin = data[0].copy()
        data -= origin
        spread = power_of_two(np.abs(data).max(axis=0))
        data /= spread
        away = weights @ data / weights.sum()
        data -= away
        stddev = np.sqrt(weights @ np.square(data) / weights.sum()) * spread * unit
        state.update(
            self.adapt_merge(state, {"weight": total, "mean": (origin + away * spread) * unit, "stddev": stddev})
        )

    def adapt_merge(self, state: Any, other: Any) -> Any:
        total = state["weight"] + other["weight"]
        if not state["weight"] or not other["weight"]:
            return other if other["weight"] else state
        share = other["weight"] / total
        half = 0.5 * other["mean"] - 0.5 * state["mean"]  # the difference itself may overflow
        # The root of a sum of squares, none of which is ever formed.
        within = np.hypot(math.sqrt(1.0 - share) * state["stddev"], math.sqrt(share) * other["stddev"])
        between = 2.0 * math.sqrt(share * (1.0 - share)) * half
        return {
            "weight": total,
            "mean": state["mean"] + share * half + share * half,
            "stddev": np.hypot(within, between),
        }

    def adapt_finish(self, state: Any, parameters: Parameters) -> None:
        if state["weight"]:
            np.copyto(parameters["mean"], state["mean"])
            np.copyto(parameters["stddev"], state["stddev"])
            parameters["count"][0] = state["weight"]

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
        y = workspace.take("y", inputs)
        work = workspace.scratch(inputs)
        mean = parameters["mean"]
        inverse = np.zeros(inputs, dtype=workspace.dtype)
        gathers = training and self.streaming
        subtract, multiply = np.subtract, np.multiply

        def forward(x: Array) -> Array:
            if gathers:
                _absorb(parameters, x, work)
            _invert(parameters, inverse)
            subtract(x, mean, y)
            return multiply(y, inverse, y)

        def backward(grad: Array) -> Array | None:
            return multiply(grad, inverse, grad) if needs_grad_x else None

        return BoundLayer(forward, backward)


def _invert(parameters: Parameters, out: Array) -> None:
    """``1 / stddev``, and 0 where the spread is no more than the rounding of the values."""
    stddev, mean = parameters["stddev"], parameters["mean"]
    limits = np.finfo(stddev.dtype)
    out.fill(0.0)
    np.divide(1.0, stddev, out=out, where=(stddev > ROUNDING * limits.eps * np.abs(mean)) & (stddev >= limits.tiny))


def _absorb(parameters: Parameters, x: Array, work: Array) -> None:
    """Merge the statistics of a batch into the buffers; ``work`` is scratch of its shape."""
    mean, stddev, count = parameters["mean"], parameters["stddev"], parameters["count"]
    rows = len(x)
    np.subtract(x, x[0], out=work)
    unit = power_of_two(np.maximum(work.max(axis=0), -work.min(axis=0)))
    work /= unit
    away = work.mean(axis=0)
    work -= away
    np.square(work, out=work)
    deviation = np.sqrt(work.mean(axis=0)) * unit
    total = float(count[0]) + rows
    share = rows / total
    gap = x[0] + away * unit - mean
    if share == 1.0:  # the values before any data mean nothing
        mean += gap
        stddev[...] = deviation
    else:
        mean += share * gap
        # The root of a sum of squares, none of which is ever formed.
        within = np.hypot(math.sqrt(1.0 - share) * stddev, math.sqrt(share) * deviation)
        np.hypot(within, math.sqrt(share * (1.0 - share)) * gap, out=stddev)
    count[0] = total
