"""The ranges of the parameters of scikit-learn's MLP."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np

from nnkit_sklearn.mapping import ACTIVATIONS

__all__ = ["check_parameters"]

RATES = ("constant", "invscaling", "adaptive")


def check_parameters(estimator: Any) -> None:
    """Refuse a parameter that is out of its range.

    Raises:
        ValueError: Names it, with the range.
    """
    if estimator.activation not in ACTIVATIONS:
        raise ValueError(f"activation is {estimator.activation!r}; expected one of {', '.join(map(repr, ACTIVATIONS))}")
    if estimator.learning_rate not in RATES:
        raise ValueError(f"learning_rate is {estimator.learning_rate!r}; expected one of {', '.join(map(repr, RATES))}")
    if estimator.batch_size != "auto":
        _check_number(estimator, "batch_size", Integral, low=1)
    for name in ("max_iter", "max_fun"):
        _check_number(estimator, name, Integral, low=1)
    if estimator.n_iter_no_change != np.inf:
        _check_number(estimator, "n_iter_no_change", Integral, low=1)
    for name in ("alpha", "power_t", "tol"):
        _check_number(estimator, name, Real, low=0)
    for name in ("learning_rate_init", "epsilon"):
        _check_number(estimator, name, Real, low=0, includes="neither")
    for name in ("momentum", "validation_fraction", "beta_1", "beta_2"):
        _check_number(estimator, name, Real, low=0, high=1)


def _check_number(
    estimator: Any, name: str, kind: type, *, low: float, high: float = np.inf, includes: str = "left"
) -> None:
    value: Any = getattr(estimator, name)
    numeric = isinstance(value, kind) and not isinstance(value, bool)
    if not numeric or not low <= value < high or (includes == "neither" and value == low):
        what = "an integer" if kind is Integral else "a number"
        raise ValueError(f"{name} is {value!r}; expected {what} in {'[' if includes == 'left' else '('}{low}, {high})")
