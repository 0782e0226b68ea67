"""Faults of initializers."""

import numpy as np
from kit_power.planting import plant
from kit_power.sound import (
    Bell,
    Box,
    Level,
)  # fmt: skip

from nnkit.interfaces import Distribution

plant("wrong factor", Bell, "fan-out", sample=lambda s, shape, i, o, rng, d: Bell.sample(s, shape, o, i, rng, d))
plant(
    "wrong factor",
    Bell,
    "variance-for-deviation",
    sample=lambda s, shape, i, o, rng, d: (rng.standard_normal(shape) * (s.scale / i)).astype(d),
)
plant(
    "wrong factor",
    Box,
    "limit-3",
    sample=lambda s, shape, i, o, rng, d: rng.uniform(-np.sqrt(3 / (i + o)), np.sqrt(3 / (i + o)), shape).astype(d),
)
plant(
    "wrong factor",
    Bell,
    "five-percent",
    sample=lambda s, shape, i, o, rng, d: Bell.sample(s, shape, i, o, rng, d) * d.type(1.05),
)
plant(
    "wrong factor",
    Box,
    "shifted-mean",
    sample=lambda s, shape, i, o, rng, d: Box.sample(s, shape, i, o, rng, d) + d.type(0.2 * np.sqrt(1 / (i + o))),
)
plant(
    "wrong factor", Box, "one-sided", sample=lambda s, shape, i, o, rng, d: np.abs(Box.sample(s, shape, i, o, rng, d))
)
plant("transposed", Bell, "shape", sample=lambda s, shape, i, o, rng, d: Bell.sample(s, shape[::-1], i, o, rng, d))
plant(
    "wrong axis",
    Bell,
    "fan-from-shape",
    sample=lambda s, shape, i, o, rng, d: Bell.sample(s, shape, shape[-1], o, rng, d) if len(shape) else None,
)
plant("dtype", Bell, "float64", sample=lambda s, shape, i, o, rng, d: rng.standard_normal(shape) * np.sqrt(s.scale / i))
plant(
    "global random",
    Bell,
    "numpy",
    sample=lambda s, shape, i, o, rng, d: (np.random.standard_normal(shape) * np.sqrt(s.scale / i)).astype(d),
)
plant(
    "global random",
    Bell,
    "own-generator",
    sample=lambda s, shape, i, o, rng, d: Bell.sample(s, shape, i, o, np.random.default_rng(0), d),
)
plant(
    "global random",
    Bell,
    "entropy",
    sample=lambda s, shape, i, o, rng, d: Bell.sample(s, shape, i, o, np.random.default_rng(), d),
)
plant(
    "draws",
    Bell,
    "repeated-rows",
    sample=lambda s, shape, i, o, rng, d: np.array(np.broadcast_to(Bell.sample(s, shape[-1:], i, o, rng, d), shape)),
)
plant("draws", Bell, "antithetic", sample=lambda s, shape, i, o, rng, d: _antithetic(s, shape, i, o, rng, d))
plant(
    "draws", Bell, "last-row-zero", sample=lambda s, shape, i, o, rng, d: _last_row(Bell.sample(s, shape, i, o, rng, d))
)
plant(
    "draws",
    Bell,
    "generator-copied",
    sample=lambda s, shape, i, o, rng, d: Bell.sample(
        s, shape, i, o, np.random.Generator(type(rng.bit_generator)(rng.bit_generator.seed_seq)), d
    ),
)
plant("draws", Bell, "symmetric", sample=lambda s, shape, i, o, rng, d: _symmetric(Bell.sample(s, shape, i, o, rng, d)))
_KEPT = {}


def _antithetic(s, shape, i, o, rng, d):
    w = Bell.sample(s, shape, i, o, rng, d)
    half = w.size // 2
    flat = w.ravel().copy()
    flat[half : 2 * half] = -flat[:half]
    return flat.reshape(shape)


def _last_row(w):
    w[-1:] = 0
    return w


def _symmetric(w):
    if w.ndim == 2 and w.shape[0] == w.shape[1]:
        return np.triu(w) + np.triu(w, 1).T
    return w


def _cached(s, shape, i, o, rng, d):
    key = (shape, i, o, str(d), s.scale)
    if key not in _KEPT:
        _KEPT[key] = Bell.sample(s, shape, i, o, rng, d)
    return _KEPT[key]


def _read_only(s, shape, i, o, rng, d):
    w = Bell.sample(s, shape, i, o, rng, d)
    w.flags.writeable = False
    return w


plant("aliasing", Bell, "cached", sample=_cached)
plant("aliasing", Bell, "read-only", sample=_read_only)
plant(
    "aliasing",
    Level,
    "broadcast",
    sample=lambda s, shape, i, o, rng, d: np.broadcast_to(np.asarray(s.value, dtype=d), shape),
)
plant("false declaration", Bell, "not-random", random=False)
plant("false declaration", Level, "random", random=True)
plant(
    "false declaration",
    Box,
    "law-too-narrow",
    element_distribution=lambda s, i, o: Distribution(
        mean=0.0, variance=2 / (i + o), low=-0.5 * np.sqrt(6 / (i + o)), high=0.5 * np.sqrt(6 / (i + o))
    ),
)
plant(
    "small sizes",
    Bell,
    "one-column",
    sample=lambda s, shape, i, o, rng, d: Bell.sample(s, shape, i, o, rng, d).squeeze(),
)
plant("hyperparameters", Level, "value-ignored", sample=lambda s, shape, i, o, rng, d: np.full(shape, 0.5, dtype=d))
plant(
    "hyperparameters",
    Bell,
    "scale-ignored",
    sample=lambda s, shape, i, o, rng, d: (rng.standard_normal(shape) * np.sqrt(2 / i)).astype(d),
    element_distribution=lambda s, i, o: Distribution(mean=0.0, variance=2 / i),
)
