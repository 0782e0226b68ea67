"""Any distribution whose variance follows the fans."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.initializers._scaling import Mode, Shape, draw, drawn_distribution, variance
from nnkit.interfaces import Distribution, Initializer
from nnkit.interfaces.fields import choice, real


@final
@attrs.frozen(kw_only=True)
class VarianceScaling(Initializer):
    """Mean 0 and variance ``scale / fan``, in a distribution of one of three shapes.

    The truncated normal distribution (cut at two standard deviations) is widened, so that its variance is
    exact too. A fan of 0 counts as 1.

    Args:
        scale: The variance times the fan, above 0.
        mode: Which fan: ``"fan_in"``, ``"fan_out"``, their mean ``"fan_avg"`` or their sum ``"fan_sum"``.
        distribution: ``"truncated_normal"``, ``"normal"`` or ``"uniform"``.

    Source:
        He, Zhang, Ren & Sun (2015), "Delving Deep into Rectifiers: Surpassing Human-Level Performance on
        ImageNet Classification", section 2.2, for the argument; defaults as in Keras.

    Example:
        >>> VarianceScaling(scale=2.0, mode="fan_out", distribution="normal").element_distribution(fan_in=3, fan_out=8)
        Distribution(mean=0.0, variance=0.25, low=-inf, high=inf)
    """

    variants = (
        {"scale": 2.0, "mode": "fan_out", "distribution": "normal"},
        {"mode": "fan_avg", "distribution": "uniform"},
        {"scale": 0.5, "mode": "fan_sum"},
    )

    scale: float = real(1.0, gt=0.0)
    mode: Mode = choice("fan_in", ("fan_in", "fan_out", "fan_avg", "fan_sum"))
    distribution: Shape = choice("truncated_normal", ("truncated_normal", "normal", "uniform"))

    @staticmethod
    def reference(fan_in: int, fan_out: int, scale: float, mode: str, distribution: str) -> Distribution:
        """The fans by name, and each distribution's bound in standard deviations."""
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2, "fan_sum": fan_in + fan_out}
        reach = {"normal": np.inf, "uniform": np.sqrt(3.0), "truncated_normal": 2.0 / 0.87962566103423978}
        deviation = np.sqrt(scale / fans[mode])
        return Distribution(
            mean=0.0,
            variance=deviation**2,
            low=-reach[distribution] * deviation,
            high=reach[distribution] * deviation,
        )

    def sample(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator, dtype: np.dtype[Any]
    ) -> Array:
        return draw(self.distribution, variance(self.scale, self.mode, fan_in, fan_out), shape, rng, dtype)

    def element_distribution(self, fan_in: int, fan_out: int) -> Distribution:
        return drawn_distribution(self.distribution, variance(self.scale, self.mode, fan_in, fan_out))
