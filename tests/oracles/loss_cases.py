"""The losses' formulas for mpmath, written from their definitions, and data of every domain."""

from __future__ import annotations

import mpmath as mp
import numpy as np

from nnkit.losses.binary_crossentropy import BinaryCrossentropy
from nnkit.losses.categorical_crossentropy import CategoricalCrossentropy
from nnkit.losses.half_squared_error import HalfSquaredError
from nnkit.losses.hinge import Hinge
from nnkit.losses.huber import Huber
from nnkit.losses.kl_divergence import KLDivergence
from nnkit.losses.log_cosh import LogCosh
from nnkit.losses.mean_absolute_error import MeanAbsoluteError
from nnkit.losses.mean_squared_error import MeanSquaredError
from nnkit.losses.nll import NegativeLogLikelihood
from nnkit.losses.poisson import Poisson
from nnkit.losses.quantile import Quantile
from nnkit.losses.sparse_categorical_crossentropy import SparseCategoricalCrossentropy
from nnkit.losses.squared_error import SquaredError

LOSSES = [
    MeanSquaredError(),
    SquaredError(),
    HalfSquaredError(),
    MeanAbsoluteError(),
    Huber(),
    Huber(delta=0.25),
    LogCosh(),
    Quantile(),
    Quantile(level=0.9),
    Poisson(),
    Hinge(),
    BinaryCrossentropy(),
    CategoricalCrossentropy(),
    SparseCategoricalCrossentropy(),
    KLDivergence(),
    NegativeLogLikelihood(),
]
"""Every built-in loss, some with hyperparameters of their own."""


def name(loss):
    """The id of a test case."""
    return repr(loss)


def huber(delta):
    return lambda p, t: (p - t) ** 2 / 2 if abs(p - t) <= delta else delta * (abs(p - t) - mp.mpf(delta) / 2)


def quantile(level):
    return lambda p, t: max(level * (t - p), (mp.mpf(level) - 1) * (t - p))


def cross(p, t):
    return -t * mp.log(p) if t else mp.mpf(0)


# The loss of one output, and whether a sample's loss is the mean of them (else the sum).
TERMS = {
    "MeanSquaredError()": (lambda p, t: (p - t) ** 2, True),
    "SquaredError()": (lambda p, t: (p - t) ** 2, False),
    "HalfSquaredError()": (lambda p, t: (p - t) ** 2 / 2, False),
    "MeanAbsoluteError()": (lambda p, t: abs(p - t), True),
    "Huber(delta=1.0)": (huber(1.0), True),
    "Huber(delta=0.25)": (huber(0.25), True),
    "LogCosh()": (lambda p, t: mp.log(mp.cosh(p - t)), True),
    "Quantile(level=0.5)": (quantile(0.5), True),
    "Quantile(level=0.9)": (quantile(0.9), True),
    "Poisson()": (lambda p, t: p - t * mp.log(p), True),
    "Hinge()": (lambda p, t: max(1 - t * p, mp.mpf(0)), True),
    "BinaryCrossentropy(label_smoothing=0.0, pos_weight=1.0)": (lambda p, t: cross(p, t) + cross(1 - p, 1 - t), True),
    "CategoricalCrossentropy(label_smoothing=0.0)": (cross, False),
    "KLDivergence()": (lambda p, t: t * mp.log(t / p) if t else mp.mpf(0), False),
    "NegativeLogLikelihood()": (lambda p, t: -t * p, False),
}


def softmax(rows):
    """Rows of shares, normalised plainly; for the moderate figures of tests."""
    exponentials = np.exp(rows - rows.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def sigmoid(z):
    """Through tanh, so unlike the library's."""
    return 0.5 * (1.0 + np.tanh(0.5 * z))


FUSED_WITH = {
    "sigmoid": sigmoid,
    "softmax": softmax,
    "log_softmax": lambda z: np.log(softmax(z)),
}


def draw_prediction(loss, rng, shape, dtype=np.float64):
    """Predictions in the domain of ``loss``, away from its edges."""
    z = rng.normal(size=shape)
    domain = {
        "real": lambda: 2.0 * z,
        "nonnegative": lambda: np.exp(z),
        "unit": lambda: sigmoid(z),
        "simplex": lambda: softmax(z),
        "log_simplex": lambda: np.log(softmax(z)),
    }
    return domain[loss.prediction_domain]().astype(dtype)


def draw_target(loss, rng, shape, dtype=np.float64):
    """Targets in the domain of ``loss``; half of the probabilities are certain."""
    rows, outputs = shape
    labels = rng.integers(0, outputs, rows)
    sure = np.eye(outputs)[labels]
    domain = {
        "real": lambda: rng.normal(size=shape),
        "nonnegative": lambda: rng.poisson(2.0, shape),
        "unit": lambda: np.where(rng.random(shape) < 0.5, rng.random(shape), rng.integers(0, 2, shape)),
        "sign": lambda: rng.choice([-1.0, 1.0], shape),
        "simplex": lambda: np.where(rng.random((rows, 1)) < 0.5, softmax(rng.normal(size=shape)), sure),
        "index": lambda: labels,
    }
    drawn = domain[loss.target_domain]()
    return drawn if loss.target_domain == "index" else drawn.astype(dtype)
