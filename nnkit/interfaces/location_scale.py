"""Losses of networks that predict a location and the logarithm of a scale for each target."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces.loss import Loss

__all__ = ["LocationScale"]


@attrs.frozen(kw_only=True)
class LocationScale(Loss):
    """The negative log likelihood, or another score, of a distribution with a location and a scale.

    Two outputs for each of ``T`` targets: the first ``T`` are the locations ``m``, the others the logarithms ``s`` of
    ``scale**power``; neither needs an output activation. Its author writes ``value`` and ``gradient`` with ``parts``.

    Attributes:
        power: 1 where ``s`` is the logarithm of the scale, 2 where it is that of the variance.
        limit: ``s`` is clipped to ``[-limit, limit]``; the gradient is 0 beyond.
    """

    minimum_at_target: ClassVar[bool] = False
    zero_at_target: ClassVar[bool] = False
    convex: ClassVar[bool] = False
    additive: ClassVar[bool] = False

    power: ClassVar[float] = 1.0
    limit: ClassVar[float] = 15.0

    def target_columns(self, outputs: int) -> int:
        """Half of them."""
        return outputs // 2

    def outputs_for(self, target_columns: int) -> int:
        """Two for each."""
        return 2 * target_columns

    def point(self, prediction: Array) -> Array:
        """The locations ``(N, T)``."""
        return prediction[:, : prediction.shape[1] // 2]

    def unscale(self, prediction: Array, shift: Array, scale: Array) -> Array:
        """Locations and logarithms in the units of the targets."""
        columns = len(shift)
        wide = prediction[:, columns:] + self.power * np.log(scale)
        return np.hstack([shift + scale * prediction[:, :columns], wide])

    def parts(self, prediction: Array, target: Array) -> tuple[Array, Array, Array]:
        """``m - target``, the clipped ``s``, and where it was not clipped (or is NaN), each ``(N, T)``."""
        columns = target.shape[1]
        raw = prediction[:, columns:]
        s = np.clip(raw, -self.limit, self.limit)
        return prediction[:, :columns] - target, s, (s == raw) | np.isnan(s)
