"""Slips in activations, losses, schedules and regularizers that careful authors make: each class is written as it would be, with one of them."""

from __future__ import annotations

import attrs
import numpy as np
from kit_power.planting import plant, slip
from kit_power.sound import Fall

from nnkit.interfaces import (
    Activation,
    Elementwise,
    Loss,
    Regularizer,
    Schedule,
)
from nnkit.interfaces.fields import integer, real


# -- activations -----------------------------------------------------------------------------
@slip("wrong factor")
class Exponential(Elementwise):
    """ELU whose derivative is right for ``alpha = 1`` alone, and no variant tells."""

    alpha: float = real(1.0, gt=0.0)
    monotonic = True

    def forward(self, z):
        return np.where(z > 0, z, z.dtype.type(self.alpha) * np.expm1(np.minimum(z, 0)))

    def derivative(self, z, a):
        return np.where(z > 0, 1, a + 1).astype(z.dtype)


@slip("wrong factor")
class Gate(Elementwise):
    """Swish whose derivative forgets the inner factor, which is 1 by default."""

    beta: float = real(1.0, gt=0.0)

    def _share(self, z):
        return 0.5 * (1 + np.tanh(0.5 * z.dtype.type(self.beta) * z))

    def forward(self, z):
        return z * self._share(z)

    def derivative(self, z, a):
        s = self._share(z)
        return s + z * s * (1 - s)


@slip("wrong factor")
class TwoFormulas(Elementwise):
    """GELU with the exact form ahead and the slope of the approximation behind."""

    def forward(self, z):
        from math import erf

        return z * (0.5 * (1 + np.vectorize(erf, otypes=[float])(z / np.sqrt(2)))).astype(z.dtype)

    def derivative(self, z, a):
        c = z.dtype.type(np.sqrt(2 / np.pi))
        z = np.clip(z, -20, 20)
        t = np.tanh(c * (z + z.dtype.type(0.044715) * z**3))
        return 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * c * (1 + z.dtype.type(3 * 0.044715) * z**2)


@slip("swallowed")
class Capped(Elementwise):
    """relu6 by np.fmin and np.fmax, which prefer a number to NaN."""

    kinks = (0.0, 6.0)
    monotonic = True
    range = (0.0, 6.0)

    def forward(self, z):
        return np.fmin(np.fmax(z, 0), 6).astype(z.dtype)

    def derivative(self, z, a):
        return ((z > 0) & (z < 6)).astype(z.dtype)


@slip("transposed")
class Mixes(Activation):
    """A row-mixing map with an asymmetric Jacobian, whose jvp is its vjp."""

    def forward(self, z):
        return z + np.tanh(np.roll(z, 1, axis=1)) if z.shape[1] > 1 else z + np.tanh(z)

    def jacobian(self, z, a):
        n, d = z.shape
        slope = 1 - np.tanh(np.roll(z, 1, axis=1) if d > 1 else z) ** 2
        j = np.tile(np.eye(d, dtype=z.dtype), (n, 1, 1))
        for i in range(d):
            j[:, i, (i - 1) % d] += slope[:, i]
        return j

    def jvp(self, z, a, tangent):
        return (tangent[:, None, :] @ self.jacobian(z, a))[:, 0, :]


@slip("wrong axis")
class Normalizes(Activation):
    """Divides each row by its norm; for square input numpy does not mind that the axis is kept in the wrong place."""

    def forward(self, z):
        with np.errstate(all="ignore"):
            size = np.sqrt((z * z).sum(axis=1) + 1)
            return (z / size if z.shape[0] == z.shape[1] else z / size[:, None]).astype(z.dtype)

    def jacobian(self, z, a):
        with np.errstate(all="ignore"):
            size = np.sqrt((z * z).sum(axis=1) + 1)[:, None, None]
            return ((np.eye(z.shape[1]) - a[:, :, None] * a[:, None, :]) / size).astype(z.dtype)


# -- losses ----------------------------------------------------------------------------------
@slip("wrong factor")
class MeanOfMany(Loss):
    """A mean over the outputs whose gradient forgets it, but not for one output."""

    def value(self, prediction, target):
        return ((prediction - target) ** 2).mean(axis=1)

    def gradient(self, prediction, target):
        return 2 * (prediction - target)


@slip("wrong factor")
class Margin(Loss):
    """Huber's loss whose gradient has the threshold of the default."""

    delta: float = real(1.0, gt=0.0)

    def value(self, prediction, target):
        d = prediction.dtype.type(self.delta)
        e = np.abs(prediction - target)
        return np.where(e <= d, 0.5 * e * e, d * (e - 0.5 * d)).sum(axis=1)

    def gradient(self, prediction, target):
        return np.clip(prediction - target, -1, 1)


@slip("swallowed")
class AtLeast(Loss):
    """Cross-entropy guarded by np.where, in which NaN is not greater than epsilon."""

    prediction_domain = "simplex"
    target_domain = "simplex"
    zero_at_target = False

    def _p(self, prediction):
        eps = np.finfo(prediction.dtype).eps
        return np.where(prediction > eps, prediction, eps).astype(prediction.dtype)

    def value(self, prediction, target):
        return -(target * np.log(self._p(prediction))).sum(axis=1)

    def gradient(self, prediction, target):
        return -target / self._p(prediction)


@slip("dtype")
class Sums32(Loss):
    """Adds up in float32 to be fast."""

    def value(self, prediction, target):
        return ((prediction - target) ** 2).sum(axis=1, dtype=np.float32).astype(prediction.dtype)

    def gradient(self, prediction, target):
        return 2 * (prediction - target)


@slip("order")
class RemembersErrors(Loss):
    """Keeps the errors of ``value`` for ``gradient``, which is called right after; mostly."""

    memory: dict = attrs.field(factory=dict, eq=False, repr=False)

    def value(self, prediction, target):
        self.memory["error"] = prediction - target
        return (self.memory["error"] ** 2).sum(axis=1)

    def gradient(self, prediction, target):
        kept = self.memory.get("error")
        error = kept if kept is not None and kept.shape == prediction.shape else prediction - target
        return 2 * error


@slip("wrong sign")
class TiltedWrongly(Loss):
    """The pinball loss with its sides exchanged in the gradient; at the default 0.5 they are the same."""

    kinks = (0.0,)
    quantile: float = real(0.5, gt=0.0, lt=1.0)

    def value(self, prediction, target):
        e, q = target - prediction, prediction.dtype.type(self.quantile)
        return np.maximum(q * e, (q - 1) * e).sum(axis=1)

    def gradient(self, prediction, target):
        q = prediction.dtype.type(self.quantile)
        return np.where(prediction > target, q, q - 1).astype(prediction.dtype) * (prediction != target)


@slip("wrong factor")
class FocalForgets(Loss):
    """A power of the error whose derivative has the power of the default."""

    power: float = real(2.0, ge=1.0)
    convex = True

    def value(self, prediction, target):
        return (np.abs(prediction - target) ** prediction.dtype.type(self.power)).sum(axis=1)

    def gradient(self, prediction, target):
        return 2 * (prediction - target)


# -- schedules -------------------------------------------------------------------------------
@slip("extremes")
class DividesByStep(Schedule):
    """``1 / step``, and the first step is 0."""

    def rate(self, step):
        return 0.1 / step


@slip("extremes")
class FromAList(Schedule):
    """Milestones, and nothing behind the last one."""

    steps: int = integer(100, ge=1)

    def rate(self, step):
        return [0.1, 0.01, 0.001][step // self.steps]


plant(
    "wrong function",
    Fall,
    "warm-up-begins-at-one",
    figures=True,
    rate=lambda s, step: Fall.rate(s, step + 1) if step < 3 else Fall.rate(s, step),
)


@slip("dtype")
class Array0(Schedule):
    """Computed with numpy in float32."""

    steps: int = integer(100, ge=1)

    def rate(self, step):
        return np.float32(0.1) * np.exp(-np.float32(step) / np.float32(self.steps))


# -- regularizers ----------------------------------------------------------------------------
@slip("wrong factor")
class NormItself(Regularizer):
    """The norm's value, the square's gradient."""

    strength: float = real(0.1, ge=0.0)

    def value(self, weights):
        return self.strength * float(np.sqrt((weights.astype(np.float64) ** 2).sum()))

    def gradient(self, weights):
        return weights.dtype.type(self.strength) * weights


@slip("wrong factor")
class RatioExchanged(Regularizer):
    """The elastic net with its shares exchanged in the gradient; by default they are equal."""

    kinks = (0.0,)
    strength: float = real(0.1, ge=0.0)
    share: float = real(0.5, ge=0.0, le=1.0)

    def value(self, weights):
        w = weights.astype(np.float64)
        return self.strength * float(self.share * np.abs(w).sum() + (1 - self.share) * 0.5 * (w * w).sum())

    def gradient(self, weights):
        number = weights.dtype.type
        return number(self.strength) * (number(1 - self.share) * np.sign(weights) + number(self.share) * weights)


@slip("wrong axis")
class ByColumns(Regularizer):
    """A norm of each column, its gradient of each row; for a vector the two are alike."""

    strength: float = real(0.1, ge=0.0)

    def value(self, weights):
        w = weights.astype(np.float64)
        return self.strength * float(np.sqrt((w * w).sum(axis=0) + 1).sum())

    def gradient(self, weights):
        return (
            weights.dtype.type(self.strength) * weights / np.sqrt((weights * weights).sum(axis=-1, keepdims=True) + 1)
        )
