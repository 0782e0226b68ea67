"""What scikit-learn's names and settings of an MLP are in nnkit."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from scipy.sparse import issparse

from nnkit import Network, plugins
from nnkit.arrays import Array, FloatDType
from nnkit.interfaces import PartSpec, Solver

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "OUTPUTS",
    "MLPSettings",
    "dense",
    "divisor",
    "initial_arrays",
    "is_solver",
    "loss_offset",
    "network_of",
    "optimizer_of",
    "uses_batches",
]

ACTIVATIONS = {"identity": "identity", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
"""The hidden activations of scikit-learn."""

OUTPUTS = {"identity": None, "logistic": "sigmoid", "softmax": "softmax", "exp": "exponential"}
"""The activation of the last layer by ``out_activation_``."""

LOSSES = {
    "identity": "half_squared_error",
    "logistic": "binary_crossentropy",
    "softmax": "sparse_categorical_crossentropy",
    "exp": "poisson",
}
"""The loss by ``out_activation_``."""

MEANS = {"logistic", "exp"}
"""Where nnkit's loss is the mean over the outputs, and scikit-learn's the sum."""

SCIPY_TOLERANCE = 1e7 * np.finfo(np.float64).eps
"""``ftol`` of scipy's L-BFGS-B, which scikit-learn leaves as it is."""


class MLPSettings(Protocol):
    """The parameters of an MLP that describe its network; scikit-learn's own estimators have them too."""

    activation: str
    solver: Any
    alpha: float
    learning_rate_init: float
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    tol: float
    max_fun: int


def divisor(out_activation: str, outputs: int) -> int:
    """What scikit-learn's loss is divided by in nnkit.

    Penalties and tolerances are divided by it and the learning rate of ``sgd`` is multiplied by it, so that the same
    steps are made.
    """
    return outputs if out_activation in MEANS else 1


def optimizer_of(settings: MLPSettings, divided_by: int) -> PartSpec:
    """The optimizer or solver of ``settings.solver``; every other one is a spec of nnkit already."""
    if settings.solver == "adam":
        return {
            "name": "adam",
            "learning_rate": float(settings.learning_rate_init),
            "beta1": float(settings.beta_1),
            "beta2": float(settings.beta_2),
            "epsilon": settings.epsilon / divided_by,
        }
    if settings.solver == "sgd":
        return {
            "name": "sgd",
            "learning_rate": settings.learning_rate_init * divided_by,
            "momentum": float(settings.momentum),
            "nesterov": bool(settings.nesterovs_momentum),
        }
    if settings.solver == "lbfgs":
        return {
            "name": "lbfgs",
            "gradient_tolerance": settings.tol / divided_by,
            "value_tolerance": SCIPY_TOLERANCE,
            "max_evaluations": int(settings.max_fun),
        }
    spec: PartSpec = settings.solver
    return spec


def is_solver(optimizer: PartSpec) -> bool:
    """Whether ``optimizer`` uses all of the data in each step."""
    return isinstance(plugins.create("optimizer", optimizer), Solver)


def dense(x: Any) -> Array:
    """``x`` as an array; solvers and intervals need the rows of a sparse matrix as one."""
    array: Array = x.toarray() if issparse(x) else x
    return array


def uses_batches(settings: MLPSettings) -> bool:
    """Whether the optimizer makes a step a batch; a solver uses all of the data in each step."""
    if settings.solver in {"adam", "sgd", "lbfgs"}:
        return bool(settings.solver != "lbfgs")
    return not is_solver(settings.solver)


def network_of(
    settings: MLPSettings,
    widths: Sequence[int],
    out_activation: str,
    *,
    weight: float,
    seed: int,
    dtype: FloatDType,
) -> Network:
    """The network that scikit-learn's MLP with these settings is.

    Args:
        settings: The parameters.
        widths: Of all layers, inputs first.
        out_activation: The name in ``out_activation_``.
        weight: The total weight of the rows of a batch, by which scikit-learn divides ``alpha``.
        seed: A non-negative integer.
        dtype: Of the parameters.
    """
    divided_by = divisor(out_activation, widths[-1])
    strength = settings.alpha / (weight * divided_by)
    return Network(
        list(widths),
        hidden_activation=ACTIVATIONS[settings.activation],
        output_activation=OUTPUTS[out_activation],
        loss=LOSSES[out_activation],
        optimizer=optimizer_of(settings, divided_by),
        regularizer={"name": "l2", "strength": strength} if strength else None,
        seed=seed,
        dtype=dtype,
    )


def initial_arrays(widths: Sequence[int], activation: str, rng: np.random.RandomState) -> list[Array]:
    """The weights of all layers, then the biases: the numbers that scikit-learn draws from the same seed."""
    weights, biases = [], []
    for fan_in, fan_out in itertools.pairwise(widths):
        bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / (fan_in + fan_out))
        weights.append(rng.uniform(-bound, bound, (fan_in, fan_out)))
        biases.append(rng.uniform(-bound, bound, fan_out))
    return [*weights, *biases]


def loss_offset(output: str, y: Array, weight: Array | None) -> float:
    """What scikit-learn's loss adds to nnkit's: of ``"poisson"`` the value of a perfect prediction."""
    if output != "exp":
        return 0.0
    terms = np.where(y > 0.0, y * np.log(np.where(y > 0.0, y, 1.0)), 0.0) - y
    return float(np.average(terms, weights=weight, axis=0).sum())
