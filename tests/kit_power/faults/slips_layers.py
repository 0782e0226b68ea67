"""Slips in initializers and layers that careful authors make: each class is written as it would be, with one of them."""

from __future__ import annotations

import numpy as np
from kit_power.planting import plant, slip
from kit_power.sound import Bell, Mask

from nnkit.interfaces import (
    Distribution,
    Initializer,
    Layer,
    ParameterSpec,
)
from nnkit.interfaces.fields import real


# -- initializers ----------------------------------------------------------------------------
@slip("wrong factor")
class Truncated(Initializer):
    """A normal law cut at two deviations, its deviation not corrected for the cut."""

    def sample(self, shape, fan_in, fan_out, rng, dtype):
        found = rng.standard_normal(shape)
        while (far := np.abs(found) > 2).any():
            found[far] = rng.standard_normal(int(far.sum()))
        return (found * np.sqrt(1 / fan_in)).astype(dtype)

    def element_distribution(self, fan_in, fan_out):
        limit = 2 * float(np.sqrt(1 / fan_in))
        return Distribution(mean=0.0, variance=1 / fan_in, low=-limit, high=limit)


@slip("wrong factor")
class HalfOpen(Initializer):
    """Uniform on [0, limit) instead of (-limit, limit)."""

    def sample(self, shape, fan_in, fan_out, rng, dtype):
        return (rng.random(shape) * np.sqrt(3 / fan_in)).astype(dtype)

    def element_distribution(self, fan_in, fan_out):
        limit = float(np.sqrt(3 / fan_in))
        return Distribution(mean=0.0, variance=1 / fan_in, low=-limit, high=limit)


plant(
    "wrong factor",
    Bell,
    "mean-of-fans-wrong-way",
    sample=lambda s, shape, i, o, rng, d: Bell.sample(s, shape, (i + o) // 2, o, rng, d),
)


# -- layers ----------------------------------------------------------------------------------
@slip("wrong factor")
class Around(Layer):
    """``x + tanh(x w)``: the way round is forgotten on the way back."""

    def parameter_specs(self, inputs):
        return (ParameterSpec(name="weight", shape=(inputs, inputs), fan_in=inputs, fan_out=inputs),)

    def forward(self, parameters, x, *, training, rng):
        a = np.tanh(x @ parameters["weight"])
        return x + a, (x.copy(), a)

    def backward(self, parameters, cache, grad):
        x, a = cache
        inner = grad * (1 - a * a)
        return inner @ parameters["weight"].T, {"weight": x.T @ inner}


@slip("wrong factor")
class Standard(Layer):
    """Layer normalization with ``ddof=1`` ahead and ``ddof=0`` behind."""

    def forward(self, parameters, x, *, training, rng):
        d = max(x.shape[1] - 1, 1)
        centred = x - x.mean(axis=1, keepdims=True)
        size = np.sqrt((centred**2).sum(axis=1, keepdims=True) / x.dtype.type(d) + x.dtype.type(1e-3))
        return centred / size, (centred / size, size)

    def backward(self, parameters, cache, grad):
        y, size = cache
        mean = grad.mean(axis=1, keepdims=True)
        return (grad - mean - y * (grad * y).mean(axis=1, keepdims=True)) / size, {}


@slip("aliasing")
class MasksTheGradient(Mask):
    """Multiplies the gradient that it was given."""

    def backward(self, parameters, cache, grad):
        if cache is not None:
            grad *= cache
        return grad, {}


@slip("dtype")
class Noise(Layer):
    """Adds noise of the generator's own type."""

    stochastic = True
    size: float = real(0.1, ge=0.0)

    def forward(self, parameters, x, *, training, rng):
        return (x + self.size * rng.standard_normal(x.shape) if training else x.copy()), None

    def backward(self, parameters, cache, grad):
        return grad.copy(), {}


@slip("wrong factor")
class Scales(Layer):
    """A factor that is 1 by default, forgotten in the gradient of the weight."""

    factor: float = real(1.0, gt=0.0)

    def parameter_specs(self, inputs):
        return (ParameterSpec(name="weight", shape=(inputs, 2), fan_in=inputs, fan_out=2),)

    def outputs(self, inputs):
        return 2

    def forward(self, parameters, x, *, training, rng):
        return x.dtype.type(self.factor) * (x @ parameters["weight"]), x.copy()

    def backward(self, parameters, cache, grad):
        return grad.dtype.type(self.factor) * (grad @ parameters["weight"].T), {"weight": cache.T @ grad}
