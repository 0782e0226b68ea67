"""Several quantiles of each target at once."""

from __future__ import annotations

import itertools
import math
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import HyperparameterError
from nnkit.interfaces import Example, Loss


def _increasing(part: QuantileSet, attribute: attrs.Attribute[Any], levels: Any) -> None:
    ends = (0.0, *levels, 1.0)
    if len(ends) < 3 or not all(low < high for low, high in itertools.pairwise(ends)):
        raise HyperparameterError(f"QuantileSet(levels={levels!r}): levels must be increasing numbers in (0, 1)")


@final
@attrs.frozen(kw_only=True)
class QuantileSet(Loss):
    """``sum_k sum_q max(q (t_k - p_kq), (q - 1) (t_k - p_kq)) / (T Q)`` for the levels ``q``.

    ``Q`` outputs for each of ``T`` targets: those of the first target stand first, in the order of the levels. The
    point prediction is the quantile whose level is nearest to 0.5. Quantiles may cross; nothing orders them.

    Args:
        levels: Increasing levels, each in (0, 1).

    Source:
        Koenker & Bassett (1978), "Regression Quantiles"; several at once in Wen et al. (2017), "A Multi-Horizon
        Quantile Recurrent Forecaster".

    Example:
        >>> QuantileSet(levels=(0.1, 0.9)).value(np.array([[1.0, 2.0]]), np.array([[3.0]]))
        array([0.55])
    """

    minimum_at_target = False
    zero_at_target = False
    additive = False
    variants = ({"levels": (0.5,)}, {"levels": (0.05, 0.25, 0.75, 0.95)})
    examples = (
        Example(
            inputs={"prediction": [[1.0, 2.0, 4.0]], "target": [[3.0]]},
            expected=[0.8 / 3],
            source="exact arithmetic: (0.1 * 2 + 0.5 * 1 + 0.1 * 1)/3",
        ),
    )

    levels: tuple[float, ...] = attrs.field(default=(0.1, 0.5, 0.9), converter=tuple, validator=_increasing)

    @staticmethod
    def reference(prediction: Array, target: Array, *, levels: tuple[float, ...]) -> Array:
        """The two cases of the definition, term by term."""
        values = []
        for row, wanted in zip(prediction.tolist(), target.tolist(), strict=True):
            errors = [
                (q, wanted[k // len(levels)] - p)
                for k, (p, q) in enumerate(zip(row, levels * len(wanted), strict=True))
            ]
            values.append(math.fsum(q * u if u >= 0 else (q - 1) * u for q, u in errors) / len(row))
        return np.array(values)

    def target_columns(self, outputs: int) -> int:
        return outputs // len(self.levels)

    def outputs_for(self, target_columns: int) -> int:
        return target_columns * len(self.levels)

    def point(self, prediction: Array) -> Array:
        middle = int(np.argmin(np.abs(np.array(self.levels) - 0.5)))
        return prediction[:, middle :: len(self.levels)]

    def unscale(self, prediction: Array, shift: Array, scale: Array) -> Array:
        shifts, scales = np.repeat(shift, len(self.levels)), np.repeat(scale, len(self.levels))
        unscaled: Array = shifts + scales * prediction
        return unscaled

    def value(self, prediction: Array, target: Array) -> Array:
        error, level = self._errors(prediction, target)
        mean: Array = np.maximum((1 - level) * error, -level * error).sum(axis=1) / error.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        error, level = self._errors(prediction, target)
        side = np.sign(error)
        slope: Array = ((1 - level) * np.maximum(side, 0) + level * np.minimum(side, 0)) / error.shape[1]
        return slope

    def _errors(self, prediction: Array, target: Array) -> tuple[Array, Array]:
        """``prediction - target`` and the level of each output, ``(N, K)`` and ``(K,)``."""
        error = prediction - np.repeat(target, len(self.levels), axis=1)
        return error, np.tile(np.array(self.levels, dtype=prediction.dtype), target.shape[1])
