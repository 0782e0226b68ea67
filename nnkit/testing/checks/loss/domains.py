"""Predictions and targets of a loss's domains, and calls of it."""

from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Activation
from nnkit.interfaces.loss import fits
from nnkit.testing.call import Call, called, method_call
from nnkit.testing.derivatives import steps_within
from nnkit.testing.record import Inputs, Subject, applies_if, inputs, normal, simplex

SIZES = ((1, 1), (2, 1), (7, 1), (1, 2), (2, 3), (7, 2), (3, 5), (7, 4))
"""``(N, T)``: every pairing of one, few and many; of a loss that does not accept ``T`` columns, the nearest it does."""

WIDEST = 64
"""The largest number of columns tried beside those asked for."""


def target_size(subject: Subject, size: tuple[int, int]) -> tuple[int, int]:
    """``(N, T)`` with the number of target columns nearest to that of ``size`` that the loss accepts."""
    loss, (rows, columns) = subject.make(), size
    for distance in range(WIDEST):
        for near in (columns + distance, columns - distance):
            if near > 0 and loss.outputs_for(near) > 0 and fits(loss, loss.outputs_for(near)):
                return rows, loss.target_columns(loss.outputs_for(near))
    return size


def prediction_size(subject: Subject, size: tuple[int, int]) -> tuple[int, int]:
    """``(N, K)`` for the targets of ``target_size``."""
    rows, columns = target_size(subject, size)
    return rows, subject.make().outputs_for(columns)


def needs_equal_widths(subject: Subject) -> str | None:
    """A check for losses of as many outputs as target columns."""
    equal = all(prediction_size(subject, size) == size for size in SIZES)
    return None if equal else "its predictions are not as wide as its targets"


def weights(subject: Subject, label: str, rows: int) -> Array:
    """Positive weights ``(N,)``."""
    return np.asarray(subject.rng(f"weight/{label}/{rows}").uniform(0.5, 2.0, rows), dtype=subject.dtype)


# -- values in the declared domains ----------------------------------------------------------


def predictions(subject: Subject, label: str, size: tuple[int, int]) -> Array:
    """Predictions well inside the declared domain."""
    domain, size = subject.cls.prediction_domain, prediction_size(subject, size)
    values = normal(subject, f"prediction/{label}/{size}", size)
    if domain == "nonnegative":
        values = np.exp(values)
    elif domain == "unit":
        values = 0.02 + 0.96 / (1.0 + np.exp(-1.5 * values))
    elif domain in {"simplex", "log_simplex"}:
        values = simplex(subject, f"prediction/{label}/{size}", size, 0.1)
        values = np.log(values) if domain == "log_simplex" else values
    else:
        values = 1.5 * values
    return np.asarray(values, dtype=subject.dtype)


def targets(subject: Subject, label: str, size: tuple[int, int], *, hard: bool = False) -> Array:
    """Targets in the declared domain; ``hard`` ones lie at its corners."""
    size = target_size(subject, size)
    domain, rng = subject.cls.target_domain, subject.rng(f"target/{label}/{size}")
    if domain == "index":
        return rng.integers(0, size[1], size[0])
    if domain == "simplex" and not hard:
        return simplex(subject, f"target/{label}/{size}", size, 0.1)
    if domain == "sign":
        values: Array = rng.choice([-1.0, 1.0], size)
    elif domain == "simplex":
        values = np.eye(size[1])[rng.integers(0, size[1], size[0])]
    elif domain == "unit":
        values = rng.integers(0, 2, size) if hard else rng.uniform(0.05, 0.95, size)
    elif domain == "nonnegative":
        values = rng.integers(0, 4, size) if hard else rng.gamma(2.0, 1.0, size)
    else:
        values = rng.normal(0.0, 1.5, size)
    return np.asarray(values, dtype=subject.dtype)


def pair(subject: Subject, label: str, size: tuple[int, int] = (67, 11), *, hard: bool = True) -> tuple[Array, Array]:
    """A prediction and a target of one size, away from kinks."""
    p, t = predictions(subject, label, size), targets(subject, label, size, hard=hard)
    return apart_from_kinks(subject, p, t), t


SIZED = [(size, hard) for size in SIZES for hard in (False, True)]
"""Every size, with soft and with hard targets."""

MANY = ((67, 11), True)
"""Many rows and columns, with hard targets."""


@inputs("prediction", "target", cases=SIZED)
def pairs(subject: Subject, label: str, size: tuple[int, int], hard: bool) -> tuple[Array, Array]:
    """Predictions and targets of every size, soft and hard, away from kinks."""
    return pair(subject, f"{label}/{hard}", size, hard=hard)


def apart_from_kinks(subject: Subject, p: Array, t: Array, distance: float = 0.02) -> Array:
    """``p`` moved where its gap is near a kink, or near a hyperparameter that may be one."""
    gaps = _gaps(p, t)
    if gaps is None:
        return p
    for kink in _kinks(subject):
        p = np.where(np.abs(gaps - kink) < distance, p - gaps + p.dtype.type(kink + 2 * distance), p)
    return p.astype(subject.dtype)


def room(subject: Subject, p: Array, t: Array) -> Array:
    """How far each prediction may be moved without leaving its domain or crossing a kink, ``(N, K)``."""
    domain = subject.cls.prediction_domain
    step = np.full(p.shape, 0.1)
    if domain == "unit":
        step = np.minimum(step, 0.4 * np.minimum(np.abs(p), np.abs(1.0 - p) + 1e-3))
    elif domain in {"simplex", "nonnegative"}:
        step = np.minimum(step, 0.4 * np.abs(p))
    gaps = _gaps(p, t)
    if gaps is not None and t.shape == p.shape:
        step = np.minimum(step, steps_within(gaps, subject.cls.kinks))
    elif gaps is not None:  # the prediction of the class is an end of every gap, and the other end may move, too
        within = steps_within(np.where(np.isnan(gaps), np.inf, gaps), tuple(_kinks(subject)))
        step = np.minimum(step, 0.5 * within.min(axis=1, keepdims=True))
    return np.asarray(np.maximum(step, 1e-9))


def _gaps(p: Array, t: Array) -> Array | None:
    """What has kinks: ``p - t``; for labels ``p`` less the prediction of the class, NaN at the class itself."""
    if t.shape == p.shape:
        return p - t
    if t.ndim != 1 or t.dtype.kind not in "iu" or t.max(initial=0) >= p.shape[1]:
        return None
    label = (np.arange(len(t)), t)
    gaps = np.asarray(p - p[label][:, None])
    gaps[label] = np.nan
    return gaps


def _kinks(subject: Subject) -> list[float]:
    """The gaps that are declared, and hyperparameters that may be some."""
    part = subject.make()
    fields = [getattr(part, name, None) for name in ("delta", "epsilon", "margin", "threshold")]
    return sorted({*subject.cls.kinks, *(side * one for one in fields if isinstance(one, float) for side in (1, -1))})


def calls(subject: Subject) -> list[Call]:
    """The plain methods on one small batch."""
    loss, size = subject.make(), (5, 3)
    t = targets(subject, "calls", size, hard=subject.cls.target_domain != "real")
    arrays = {"prediction": predictions(subject, "calls", size), "target": t}
    if subject.cls.rows_coupled:
        arrays |= {"weight": weights(subject, "calls", len(t))}
        return [
            method_call("batch_value", arrays, by_row=False, floats=False),
            method_call("batch_gradient", arrays, by_row=False),
        ]
    found = [method_call(method, arrays) for method in plain_methods(loss)]
    activation = fused_activation(subject)
    if activation is not None:
        z = normal(subject, "calls/z", size, 2.0)
        arrays = {"z": z, "a": called(activation, "forward", z), "target": t}
        fused = ("fused_value", "fused_gradient", "fused_curvature")
        found += [method_call(method, arrays) for method in fused if loss.offers(method)]
    return found


def plain_methods(loss: Any) -> list[str]:
    """The methods of a prediction and a target that the loss has."""
    optional = ("residual", "residual_jacobian", "curvature")
    return ["value", "gradient", *(method for method in optional if loss.offers(method))]


# -- the fused form --------------------------------------------------------------------------


def fused_activation(subject: Subject) -> Any:
    """The output activation of the fused form, or ``None``."""
    name = subject.cls.fused_activation
    if name is None or isinstance(name, Activation):
        return name
    from nnkit import registry

    return registry.create("activation", name)


def composed(subject: Subject, method: str, z: Array, t: Array) -> Array:
    """The result of a fused method for ``z`` and its activation."""
    return called(subject.make(), method, z, called(fused_activation(subject), "forward", z), t)


@inputs("z", "target", cases=SIZED)
def logits(subject: Subject, label: str, size: tuple[int, int], hard: bool) -> tuple[Array, Array]:
    """``z`` and ``target`` of every size, moderate."""
    z = normal(subject, f"{label}/z/{size}/{hard}", prediction_size(subject, size), 1.5)
    return z, targets(subject, f"{label}/{hard}", size, hard=hard)


def _far(subject: Subject) -> list[tuple[Array, Array]]:
    z = np.array([[1e4, -1e4, 0.5], [-50.0, 60.0, 3.0], [710.0, 0.0, -710.0]], dtype=subject.dtype)
    return [*logits(subject, "into"), (z, targets(subject, "into/far", (3, 3), hard=True))]


far_logits = Inputs(("z", "target"), _far)
"""``logits``, and numbers whose exponentials overflow."""

needs_fused = applies_if(lambda s: s.cls.fused_activation is not None, "it has no fused form")
needs_no_labels = applies_if(lambda s: s.cls.target_domain != "index", "its targets are labels")
