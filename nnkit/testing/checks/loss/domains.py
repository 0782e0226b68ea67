"""Predictions and targets of a loss's domains, and calls of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Activation
from nnkit.testing.call import Call, quiet
from nnkit.testing.numerics import Slope, slope
from nnkit.testing.points import normal, simplex
from nnkit.testing.subject import Subject

SIZES = ((1, 1), (2, 1), (7, 1), (1, 2), (2, 3), (7, 2), (3, 5), (7, 4))
"""``(N, K)``: every pairing of one, few and many."""

WRONG_SLOPE = "A wrong gradient trains towards the wrong place, without any error."


# -- figures in the declared domains ---------------------------------------------------------


def predictions(subject: Subject, label: str, size: tuple[int, int]) -> Array:
    """Predictions well inside the declared domain."""
    domain = subject.cls.prediction_domain
    raw = normal(subject, f"prediction/{label}/{size}", size)
    if domain == "nonnegative":
        found = np.exp(raw)
    elif domain == "unit":
        found = 0.02 + 0.96 / (1.0 + np.exp(-1.5 * raw))
    elif domain in {"simplex", "log_simplex"}:
        found = simplex(subject, f"prediction/{label}/{size}", size, 0.1)
        found = np.log(found) if domain == "log_simplex" else found
    else:
        found = 1.5 * raw
    return np.asarray(found, dtype=subject.dtype)


def targets(subject: Subject, label: str, size: tuple[int, int], *, hard: bool = False) -> Array:
    """Targets in the declared domain; ``hard`` ones lie at its corners."""
    domain = subject.cls.target_domain
    rng = subject.rng(f"target/{label}/{size}")
    if domain == "index":
        return rng.integers(0, size[1], size[0])
    if domain == "sign":
        found = rng.choice([-1.0, 1.0], size)
    elif domain == "simplex":
        found = simplex(subject, f"target/{label}/{size}", size, 0.1)
        if hard:
            found = np.eye(size[1])[rng.integers(0, size[1], size[0])]
    elif domain == "unit":
        found = rng.integers(0, 2, size) if hard else rng.uniform(0.05, 0.95, size)
    elif domain == "nonnegative":
        found = rng.integers(0, 4, size) if hard else rng.gamma(2.0, 1.0, size)
    else:
        found = rng.normal(0.0, 1.5, size)
    return np.asarray(found, dtype=subject.dtype)


def pairs(subject: Subject, label: str) -> list[tuple[Array, Array]]:
    """Predictions and targets of every size, soft and hard, away from kinks."""
    found = []
    for size in SIZES:
        for hard in (False, True):
            p = predictions(subject, f"{label}/{hard}", size)
            t = targets(subject, f"{label}/{hard}", size, hard=hard)
            found.append((apart_from_kinks(subject, p, t), t))
    return found


def apart_from_kinks(subject: Subject, p: Array, t: Array, distance: float = 0.02) -> Array:
    if t.shape != p.shape:
        return p
    p = p.copy()
    kinks = subject.cls.kinks
    for field in ("delta", "epsilon", "margin", "threshold"):
        if hasattr(subject.cls(**subject.hyperparameters), field):
            value = getattr(subject.cls(**subject.hyperparameters), field)
            if isinstance(value, float):
                kinks = (*kinks, value, -value)
    for kink in sorted(set(kinks)):
        near = np.abs(p - t - kink) < distance
        p = np.where(near, t + p.dtype.type(kink + 2 * distance), p)
    return p.astype(subject.dtype)


def room(subject: Subject, p: Array, t: Array) -> Array:
    """How far each prediction may be moved without leaving its domain or crossing a kink, ``(N, K)``."""
    domain = subject.cls.prediction_domain
    step = np.full(p.shape, 0.1)
    if domain in {"unit", "simplex"}:
        step = np.minimum(step, 0.4 * np.minimum(np.abs(p), np.abs(1.0 - p) + 1e-3))
        if domain == "simplex":
            step = np.minimum(np.full(p.shape, 0.1), 0.4 * np.abs(p))
    elif domain == "nonnegative":
        step = np.minimum(step, 0.4 * np.abs(p))
    if t.shape == p.shape:
        for kink in subject.cls.kinks:
            step = np.minimum(step, 0.5 * np.abs(p - t - kink))
    found: Array = np.maximum(step, 1e-9)
    return found


def valued(loss: Any, p: Array, t: Array) -> Array:
    with quiet():
        return np.array(loss.value(p.copy(), t.copy()))


def sloped(loss: Any, p: Array, t: Array) -> Array:
    with quiet():
        return np.array(loss.gradient(p.copy(), t.copy()))


def slopes_of(function: Callable[[Array], Array], p: Array, step: Array) -> Slope:
    """``d function(p)[n, …] / dp[n, k]``: the derivative in each column, stacked on a last axis."""
    values, errors = [], []
    for k in range(p.shape[1]):
        direction = np.zeros(p.shape)
        direction[:, k] = step[:, k]
        found = slope(lambda s, d=direction: function(p + s * d), 1.0)  # type: ignore[misc]
        scale = step[:, k].reshape(-1, *[1] * (found.value.ndim - 1))
        values.append(found.value / scale)
        errors.append(found.error / scale)
    return Slope(np.stack(values, axis=-1), np.stack(errors, axis=-1))


def calls(subject: Subject) -> list[Call]:
    """The plain methods on one small batch."""
    loss = subject.make()
    size = (5, 3)
    p, t = predictions(subject, "calls", size), targets(subject, "calls", size, hard=True)
    if subject.cls.target_domain == "real":
        t = targets(subject, "calls", size)
    rows = frozenset({"prediction", "target"})
    both = {"prediction": p, "target": t}
    names = ["value", "gradient"]
    names += [name for name in ("residual", "residual_jacobian", "curvature") if loss.offers(name)]

    def plain(name: str) -> Callable[[Any, dict[str, Array]], Any]:
        return lambda part, x: getattr(part, name)(x["prediction"], x["target"])

    found = [Call(f"{name}(prediction, target)", plain(name), both, rows=rows) for name in names]
    activation = fused_activation(subject)
    if activation is not None:
        z = normal(subject, "calls/z", size, 2.0)
        with quiet():
            a: Array = np.array(activation.forward(z.copy()))
        given = {"z": z, "a": a, "target": t}

        def fused(name: str) -> Callable[[Any, dict[str, Array]], Any]:
            return lambda part, x: getattr(part, name)(x["z"], x["a"], x["target"])

        offered = [name for name in ("fused_value", "fused_gradient", "fused_curvature") if loss.offers(name)]
        found += [Call(f"{name}(z, a, target)", fused(name), given, rows=frozenset(given)) for name in offered]
    return found


# -- what applies ----------------------------------------------------------------------------


def fused_activation(subject: Subject) -> Any:
    """The output activation of the fused form, or ``None``."""
    name = subject.cls.fused_activation
    if name is None:
        return None
    if isinstance(name, Activation):
        return name
    from nnkit import plugins

    return plugins.create("activation", name)


def needs_offer(method: str) -> Any:
    def needs(subject: Subject) -> str | None:
        return None if subject.offers(method) else f"it offers no {method}"

    return needs


def needs_fused(subject: Subject) -> str | None:
    return None if subject.cls.fused_activation is not None else "it has no fused form"


def needs_fused_curvature(subject: Subject) -> str | None:
    return needs_fused(subject) or needs_offer("fused_curvature")(subject)


def needs_trait(trait: str, words: str) -> Any:
    def needs(subject: Subject) -> str | None:
        return None if getattr(subject.cls, trait) else f"it does not declare {words}"

    return needs
