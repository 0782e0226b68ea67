"""Faults for checks that find no other."""

import attrs
import numpy as np
from kit_power.planting import plant, plant_class
from kit_power.sound import (
    Bell,
    Error,
    Fall,
    Hits,
    Line,
    Ridge,
)  # fmt: skip

from nnkit.interfaces import Distribution, Schedule
from nnkit.layers.standardize import Standardize


@attrs.frozen(kw_only=True)
class NoDefault(Schedule):
    """Cannot be named in a string."""

    start: float = attrs.field()

    def rate(self, step):
        return self.start


plant_class("hyperparameters", NoDefault)
plant("hyperparameters", Fall, "no-flag", continuous="yes")
plant("hyperparameters", Error, "bounds-reversed", bounds=(1.0, 0.0))
plant(
    "wrong function",
    Bell,
    "law-and-draw-of-glorot",
    figures=True,
    reference=staticmethod(
        lambda fan_in, fan_out, scale: {"mean": 0.0, "variance": scale / fan_in, "low": -np.inf, "high": np.inf}
    ),
    element_distribution=lambda s, i, o: Distribution(mean=0.0, variance=s.scale / (i + o)),
    sample=lambda s, shape, i, o, rng, d: (rng.standard_normal(shape) * np.sqrt(s.scale / (i + o))).astype(d),
)
plant(
    "dtype",
    Line,
    "through-half",
    forward=lambda s, p, x, *, training, rng: Line.forward(
        s, p, x.astype(np.float16).astype(x.dtype) if x.dtype == np.float32 else x, training=training, rng=rng
    ),
)
plant(
    "weights", Standardize, "adapt-ignores-weights", adapt_add=lambda s, t, x, w: Standardize.adapt_add(s, t, x, None)
)
plant(
    "global random",
    Standardize,
    "adapt-jitters",
    adapt_add=lambda s, t, x, w: Standardize.adapt_add(s, t, x + np.random.standard_normal(x.shape).astype(x.dtype), w),
)
plant("small sizes", Ridge, "value-is-an-array", value=lambda s, w: np.array([Ridge.value(s, w)]))
plant(
    "wrong function",
    Ridge,
    "without-the-half",
    figures=True,
    reference=staticmethod(lambda weights, strength: 0.5 * strength * float((weights**2).sum())),
    value=lambda s, w: 2 * Ridge.value(s, w),
    gradient=lambda s, w: 2 * Ridge.gradient(s, w),
    curvature=lambda s, w: 2 * Ridge.curvature(s, w),
    residual=lambda s, w: w.dtype.type(np.sqrt(2)) * Ridge.residual(s, w),
)
plant(
    "false declaration",
    Hits,
    "labels-shifted",
    add=lambda s, st, p, t, w: Hits.add(s, st, p, (t + 1) % p.shape[1] if t.ndim == 1 and p.shape[1] > 1 else t, w),
)
