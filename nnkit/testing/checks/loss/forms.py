"""The fused form of a loss, the in-place variants of its methods, and large batches."""

from __future__ import annotations

import itertools
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import called, expect_in_place, expect_rows_alone, silent
from nnkit.testing.checks.loss.domains import (
    MANY,
    SIZED,
    composed,
    far_logits,
    fused_activation,
    logits,
    needs_fused,
    pair,
    pairs,
    prediction_size,
    predictions,
    room,
    targets,
)
from nnkit.testing.derivatives import column_slopes, expect_slope, integral_along, moved
from nnkit.testing.failure import expect_close, require, show
from nnkit.testing.points import EXTREMES, normal
from nnkit.testing.record import Inputs, check, inputs, needs_offer
from nnkit.testing.subject import Subject


@check("LOSS-009/fused-equals-composition", needs=needs_fused, on=logits)
def fused_equals_composition(subject: Subject, loss: Any, z: Array, t: Array) -> None:
    """The core uses the fused form wherever the two meet; it must be the same loss.

    fused_value(z, a, target) is value(activation(z), target); fused_gradient is its derivative in z.
    """
    activation = fused_activation(subject)
    a = called(activation, "forward", z)
    gradient = called(activation, "vjp", z, a, called(loss, "gradient", a, t))
    for method, what, expected in (
        ("fused_value", "value(activation(z))", called(loss, "value", a, t)),
        ("fused_gradient", "the composed gradient", gradient),
    ):
        require(loss.offers(method), f"it names a fused activation but offers no {method}")
        got = called(loss, method, z, a, t)
        expect_close(f"{method} differs from {what}", got, expected, tolerance=512 * subject.eps)


@inputs("z", "target", cases=[*itertools.product((1, 2, 3), (False, True))])
def at_extremes(subject: Subject, label: str, columns: int, hard: bool) -> tuple[Array, Array]:
    """One large number in each row of ``z``."""
    numbers = np.concatenate([EXTREMES, -EXTREMES, [0.0, 15.0, -15.0]])
    z, rows = np.zeros((len(numbers), columns)), np.arange(len(numbers))
    z[rows, rows % columns] = numbers
    z[:, -1] -= 0.25
    return z.astype(subject.dtype), targets(subject, f"{label}/{columns}", z.shape, hard=hard)


@check("LOSS-010/fused-at-extremes", needs=needs_fused, on=at_extremes)
def fused_at_extremes(subject: Subject, loss: Any, z: Array, t: Array) -> None:
    """The fused form is there for saturated outputs; it must stay right at logits of ±1e4.

    Compute from z with the largest element taken out (log-sum-exp, softplus), not from a.
    """
    a = called(fused_activation(subject), "forward", z)
    with silent("the fused form at ±1e4"):
        value = loss.fused_value(z.copy(), a.copy(), t.copy())
        gradient = loss.fused_gradient(z.copy(), a.copy(), t.copy())
    for n in range(len(z)):
        row = {"z": z[n : n + 1], "target": t[n : n + 1]}
        require(np.isfinite(value[n]), "fused_value is not finite", inputs=row, got=value[n])
        require(np.isfinite(gradient[n]).all(), "fused_gradient is not finite", inputs=row, got=gradient[n])
    for k in range(z.shape[1] if subject.dtype == np.float64 else 0):
        column = (slice(None), k)
        expect_slope(
            f"fused_gradient[:, {k}] is not the derivative of fused_value",
            gradient[column],
            lambda s, at=column: composed(subject, "fused_value", moved(z, at, s), t),  # type: ignore[misc]
            0.05,
            rtol=1e-7,
            atol=1e-10 * (1 + np.abs(value)),
            rows=("z", "target"),
        )


RAYS = Inputs(("columns", "trial"), [*itertools.product((1, 3), range(3))])


@check("LOSS-011/fused-along-rays", needs=needs_fused, scope="variant", on=RAYS)
def fused_along_rays(subject: Subject, columns: int, trial: int) -> None:
    """A fused value that is capped, or jumps to another branch, has the right slope and the wrong value.

    Do not clip inside the fused form; let its branches meet.
    """
    edges = np.concatenate([-np.geomspace(1e4, 60, 12), np.linspace(-60, 60, 41)[1:-1], np.geomspace(60, 1e4, 12)])
    base = normal(subject, f"ray/base/{columns}/{trial}", (1, columns))
    direction = normal(subject, f"ray/direction/{columns}/{trial}", (1, columns))
    direction /= np.abs(direction).max()
    t = targets(subject, f"ray/{columns}/{trial}", (1, columns), hard=bool(trial % 2))

    def along(s: Array, method: str) -> Array:
        return composed(subject, method, base + s[:, None] * direction, np.repeat(t, len(s), axis=0))

    growth, area, allowed = integral_along(
        lambda s: along(s, "fused_value"), lambda s: along(s, "fused_gradient") @ direction[0], edges, floor=1.0
    )
    show({"z from": base + edges[:-1, None] * direction, "z to": base + edges[1:, None] * direction, "target": t})
    require(not np.isnan(area).any(), "fused_gradient is NaN along a ray", inputs={"base": base, "target": t})
    message = "fused_value does not grow by the integral of fused_gradient"
    expect_close(message, growth, area, atol=allowed, rows=("z from", "z to"))


@check("LOSS-012/fused-curvature", needs=(needs_fused, needs_offer("fused_curvature")), scope="variant", on=logits)
def fused_curvature(subject: Subject, z: Array, t: Array) -> None:
    """Newton-type steps through the fused form use it.

    fused_curvature is the derivative of fused_gradient in z: [n, i, j].
    """
    slopes = column_slopes(lambda x: composed(subject, "fused_gradient", x, t), z, np.full(z.shape, 0.1))
    message, got = "fused_curvature is not the derivative of fused_gradient", composed(subject, "fused_curvature", z, t)
    expect_close(message, got, slopes.value, atol=slopes.allowed())


def _expect_evaluate_into(subject: Subject, p: Array, t: Array, tolerance: float, repeats: int = 1) -> None:
    loss = subject.make()
    expected = {"values": called(loss, "value", p, t), "grad": called(loss, "gradient", p, t)}
    arrays = {"prediction": p, "target": t, "values": None, "grad": None}
    expect_in_place(loss, "evaluate_into", arrays, expected, tolerance, repeats=repeats)


def _expect_fused_into(subject: Subject, z: Array, t: Array, tolerance: float, method: str = "fused_into") -> None:
    a, writes_a = called(fused_activation(subject), "forward", z), method == "fused_forward_into"
    expected = {"values": composed(subject, "fused_value", z, t), "grad": composed(subject, "fused_gradient", z, t)}
    expected |= {"a": a} if writes_a else {}
    arrays = {"z": z, "a": None if writes_a else a, "target": t, "values": None, "grad": None}
    expect_in_place(subject.make(), method, arrays, expected, tolerance, scratch=("z",))


@check("LOSS-013/evaluate-into", on=attrs.evolve(pairs, cases=(*SIZED, MANY, ((4001, 17), True))))
def evaluate_into(subject: Subject, p: Array, t: Array) -> None:
    """Training runs on the in-place variant; it must be the same loss.

    Fill every element of `values` and `grad`, whatever they held; leave prediction and target unchanged.
    """
    _expect_evaluate_into(subject, p, t, 32 * subject.eps, repeats=2)


@check("LOSS-014/fused-into", needs=needs_fused, on=far_logits)
def fused_into(subject: Subject, z: Array, t: Array) -> None:
    """Training runs on the in-place variant; it must be the same loss.

    Fill every element of `values` and `grad`; z may serve as scratch, a and target must stay.
    """
    _expect_fused_into(subject, z, t, 64 * subject.eps)


@check("LOSS-025/fused-forward-into", needs=(needs_fused, needs_offer("fused_forward_into")), on=far_logits)
def fused_forward_into(subject: Subject, z: Array, t: Array) -> None:
    """Where it is offered, the network does not compute the output activation elsewhere.

    Fill `a` with the activation of z, and `values` and `grad` as fused_into does; z may serve as scratch.
    """
    _expect_fused_into(subject, z, t, 256 * subject.eps, "fused_forward_into")


@check("LOSS-026/large", scope="variant")
def large(subject: Subject, loss: Any) -> None:
    """Blocks, chunks and thresholds begin at sizes that small tests do not reach; data do.

    Look at what is left over behind the last complete block, and at every condition on a size.
    """
    wide = (3, 151)
    for size in ((3001, 1), (3001, 2)):
        inputs = {"prediction": predictions(subject, "large", size), "target": targets(subject, "large", size)}
        for method in ("value", "gradient"):
            expect_rows_alone(loss, method, inputs, rows=(0, 1500, 3000), tolerance=64 * subject.eps)
    p, t = predictions(subject, "large", wide), targets(subject, "large", wide)
    show(prediction=p, target=t)
    _expect_evaluate_into(subject, p, t, 1e-9)
    if subject.cls.fused_activation is not None:
        _expect_fused_into(subject, normal(subject, "large/z", prediction_size(subject, wide), 1.5), t, 1e-9)
    for hard in () if subject.cls.surrogate_gradient else (False, True):
        p, t = pair(subject, f"large/{hard}", wide, hard=hard)
        direction = normal(subject, f"large/way/{hard}", p.shape)
        direction *= (room(subject, p, t).min() / np.abs(direction).max()).astype(direction.dtype)
        expect_slope(
            "gradient of 151 outputs is not the derivative of value along a direction",
            (called(loss, "gradient", p, t) * direction).sum(axis=1),
            lambda s, p=p, t=t, direction=direction: called(loss, "value", p + s * direction, t),  # type: ignore[misc]
            1.0,
            rtol=1e-7,
            inputs={"prediction": p, "target": t, "direction": direction},
        )
