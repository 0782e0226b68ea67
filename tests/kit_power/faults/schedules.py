"""Faults of schedules and regularizers."""

import attrs
import numpy as np
from kit_power.planting import plant, plant_class
from kit_power.sound import (
    Fall,
    Lasso,
    Ridge,
)  # fmt: skip

from nnkit.interfaces import Regularizer, Schedule
from nnkit.interfaces.fields import real
from nnkit.regularizers.l2 import L2

# -- schedules -------------------------------------------------------------------------------
plant("extremes", Fall, "negative-late", rate=lambda s, step: s.learning_rate * (1 - step / s.steps))
plant(
    "extremes",
    Fall,
    "overflows",
    rate=lambda s, step: (
        s.learning_rate * float(np.exp(np.float64(step) / s.steps)) if step > 10**5 else Fall.rate(s, step)
    ),
)
plant(
    "false declaration",
    Fall,
    "stairs",
    rate=lambda s, step: s.learning_rate * max(0.0, 1 - (step // 10) * 10 / s.steps),
)
plant(
    "false declaration",
    Fall,
    "jump-at-the-end",
    rate=lambda s, step: s.learning_rate * (max(0.0, 1 - step / s.steps) if step < s.steps else 0.3),
)
plant("wrong function", Fall, "one-late", figures=True, rate=lambda s, step: Fall.rate(s, max(0, step - 1)))
plant(
    "wrong function",
    Fall,
    "squared",
    figures=True,
    rate=lambda s, step: s.learning_rate * max(0.0, 1 - step / s.steps) ** 2,
)
plant("wrong sign", Fall, "negative", rate=lambda s, step: -Fall.rate(s, step))


@attrs.frozen(kw_only=True)
class Counting(Schedule):
    """Counts its calls instead of reading the step."""

    memory: dict = attrs.field(factory=lambda: {"calls": 0}, eq=False, repr=False)

    def rate(self, step):
        self.memory["calls"] += 1
        return 0.1 / (1 + 1e-3 * self.memory["calls"])


plant_class("order", Counting)
plant("hyperparameters", Fall, "steps-ignored", rate=lambda s, step: s.learning_rate * max(0.0, 1 - step / 100))

# -- regularizers ----------------------------------------------------------------------------
plant("wrong factor", Ridge, "no-half", gradient=lambda s, w: 2 * Ridge.gradient(s, w), offers=lambda s, m: False)
plant("wrong factor", Ridge, "curvature", curvature=lambda s, w: np.ones_like(w))
plant("wrong factor", Ridge, "residual", residual=lambda s, w: w.dtype.type(s.strength) * w)
plant("wrong sign", Lasso, "gradient", gradient=lambda s, w: -Lasso.gradient(s, w))
plant(
    "wrong sign",
    Ridge,
    "negative-price",
    value=lambda s, w: -Ridge.value(s, w),
    gradient=lambda s, w: -Ridge.gradient(s, w),
    offers=lambda s, m: False,
)
plant("wrong factor", Ridge, "mean", value=lambda s, w: Ridge.value(s, w) / max(w.size, 1), offers=lambda s, m: False)
plant(
    "in-place differs",
    L2,
    "add-writes-over",
    add_gradient=lambda s, w, out, work: np.multiply(w, w.dtype.type(s.strength), out=out),
)
plant(
    "in-place differs",
    L2,
    "add-reads-work",
    add_gradient=lambda s, w, out, work: np.add(out, w.dtype.type(s.strength) * w + 0 * work, out=out),
)
plant(
    "aliasing",
    L2,
    "add-writes-weights",
    add_gradient=lambda s, w, out, work: (w.__imul__(w.dtype.type(s.strength)), out.__iadd__(w))[1],
)
plant(
    "false declaration",
    Ridge,
    "strength-squared",
    value=lambda s, w: s.strength * Ridge.value(s, w),
    gradient=lambda s, w: w.dtype.type(s.strength) * Ridge.gradient(s, w),
    offers=lambda s, m: False,
)
plant("extremes", Ridge, "constant", value=lambda s, w: Ridge.value(s, w) + 1)
plant(
    "dtype",
    Ridge,
    "gradient-float64",
    gradient=lambda s, w: s.strength * w.astype(np.float64),
    offers=lambda s, m: False,
)
plant(
    "false declaration",
    Lasso,
    "kink-slope",
    gradient=lambda s, w: np.where(w == 0, w.dtype.type(5), Lasso.gradient(s, w)),
)
plant(
    "order",
    Ridge,
    "first-weighs-more",
    value=lambda s, w: Ridge.value(s, w) + 0.5 * s.strength * float((w.ravel()[:1] ** 2).sum()),
    gradient=lambda s, w: (
        Ridge.gradient(s, w) + w.dtype.type(s.strength) * (np.arange(w.size).reshape(w.shape) == 0) * w
    ),
    offers=lambda s, m: False,
)
plant("extremes", Lasso, "nan-at-zero", gradient=lambda s, w: w.dtype.type(s.strength) * w / np.abs(w))


@attrs.frozen(kw_only=True)
class GroupNan(Regularizer):
    """Not defined at zero."""

    strength: float = real(0.1, ge=0.0)

    def value(self, weights):
        return self.strength * float(np.sqrt((weights.astype(np.float64) ** 2).sum()))

    def gradient(self, weights):
        with np.errstate(all="ignore"):
            return weights.dtype.type(self.strength) * weights / np.sqrt((weights**2).sum())


plant_class("extremes", GroupNan)
