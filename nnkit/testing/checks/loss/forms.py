"""The fused form of a loss, the in-place variants of its methods, and large batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import called, expect_rows_alone, silent
from nnkit.testing.checks.loss.domains import (
    composed,
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
from nnkit.testing.failure import expect_close, expect_equal, require, show
from nnkit.testing.points import EXTREMES, normal
from nnkit.testing.record import check, needs_offer
from nnkit.testing.subject import Subject


@check("LOSS-009/fused-equals-composition", needs=needs_fused)
def fused_equals_composition(subject: Subject, loss: Any) -> None:
    """The core uses the fused form wherever the two meet; it must be the same loss.

    fused_value(z, a, target) is value(activation(z), target); fused_gradient is its derivative in z.
    """
    activation, tolerance = fused_activation(subject), 512 * subject.eps
    for method in ("fused_value", "fused_gradient"):
        require(loss.offers(method), f"it names a fused activation but offers no {method}")
    for z, t in logits(subject, "fused"):
        a = called(activation, "forward", z)
        gradient = called(activation, "vjp", z, a, called(loss, "gradient", a, t))
        for message, method, expected in (
            ("fused_value differs from value(activation(z))", "fused_value", called(loss, "value", a, t)),
            ("fused_gradient differs from the composed gradient", "fused_gradient", gradient),
        ):
            show(z=z, target=t)
            expect_close(message, called(loss, method, z, a, t), expected, tolerance=tolerance)


@check("LOSS-010/fused-at-extremes", needs=needs_fused)
def fused_at_extremes(subject: Subject, loss: Any) -> None:
    """The fused form is there for saturated outputs; it must stay right at logits of ±1e4.

    Compute from z with the largest element taken out (log-sum-exp, softplus), not from a.
    """
    sizes = np.concatenate([EXTREMES, -EXTREMES, [0.0, 15.0, -15.0]])
    rows = np.arange(len(sizes))
    for columns in (1, 2, 3):
        z = np.zeros((len(sizes), columns))
        z[rows, rows % columns] = sizes
        z[:, -1] -= 0.25
        z = z.astype(subject.dtype)
        a = called(fused_activation(subject), "forward", z)
        for hard in (False, True):
            t = targets(subject, f"extremes/{columns}", (len(sizes), columns), hard=hard)
            show(z=z, target=t)
            with silent("the fused form at ±1e4"):
                value = loss.fused_value(z.copy(), a.copy(), t.copy())
                gradient = loss.fused_gradient(z.copy(), a.copy(), t.copy())
            for n in rows:
                row = {"z": z[n : n + 1], "target": t[n : n + 1]}
                require(np.isfinite(value[n]), "fused_value is not finite", inputs=row, got=value[n])
                require(np.isfinite(gradient[n]).all(), "fused_gradient is not finite", inputs=row, got=gradient[n])
            for k in range(columns if subject.dtype == np.float64 else 0):
                column = (slice(None), k)
                expect_slope(
                    f"fused_gradient[:, {k}] is not the derivative of fused_value",
                    gradient[column],
                    lambda s, z=z, t=t, at=column: composed(subject, "fused_value", moved(z, at, s), t),  # type: ignore[misc]
                    0.05,
                    rtol=1e-7,
                    atol=1e-10 * (1 + np.abs(value)),
                    rows=("z", "target"),
                )


@check("LOSS-011/fused-along-rays", needs=needs_fused, scope="variant")
def fused_along_rays(subject: Subject) -> None:
    """A fused value that is capped, or jumps to another branch, has the right slope and the wrong value.

    Do not clip inside the fused form; let its branches meet.
    """
    for columns in (1, 3):
        for trial in range(3):
            _expect_growth(subject, columns, trial)


def _expect_growth(subject: Subject, columns: int, trial: int) -> None:
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


@check("LOSS-012/fused-curvature", needs=(needs_fused, needs_offer("fused_curvature")), scope="variant")
def fused_curvature(subject: Subject) -> None:
    """Newton-type steps through the fused form use it.

    fused_curvature is the derivative of fused_gradient in z: [n, i, j].
    """
    message = "fused_curvature is not the derivative of fused_gradient"
    for z, t in logits(subject, "fused-curvature"):
        steps = np.full(z.shape, 0.1)
        slopes = column_slopes(lambda x, t=t: composed(subject, "fused_gradient", x, t), z, steps)  # type: ignore[misc]
        show(z=z, target=t)
        expect_close(message, composed(subject, "fused_curvature", z, t), slopes.value, atol=slopes.allowed())


def expect_outputs(
    subject: Subject,
    method: str,
    arrays: Mapping[str, Array],
    *,
    outputs: tuple[str, ...] = ("values", "grad"),
    scratch: tuple[str, ...] = (),
    tolerance: float,
    repeats: int = 1,
) -> None:
    """Raise ``CheckFailure`` unless an in-place method writes its ``outputs``, and nothing else but ``scratch``.

    ``arrays`` are its arguments in their order, of outputs the expected values; the method finds NaN there.
    """
    loss = subject.make()
    shown = {name: array for name, array in arrays.items() if name in {"prediction", "z", "target"}}
    passed = {
        name: np.full(array.shape, np.nan, subject.dtype) if name in outputs else array.copy()
        for name, array in arrays.items()
    }
    for _ in range(repeats):
        with silent(method):
            getattr(loss, method)(*passed.values())
        for name, expected in arrays.items():
            if name in outputs:
                message = f"{name} of {method} differs from the plain method"
                expect_close(message, passed[name], expected, tolerance=tolerance, inputs=shown)
            elif name not in scratch:
                expect_equal(f"{method} writes to {name}", passed[name], expected, inputs=shown)


def plain_arrays(subject: Subject, p: Array, t: Array) -> dict[str, Array]:
    """The arguments of ``evaluate_into``, with the expected values and gradients."""
    values, grad = (called(subject.make(), method, p, t) for method in ("value", "gradient"))
    return {"prediction": p, "target": t, "values": values, "grad": grad}


def fused_arrays(subject: Subject, z: Array, t: Array) -> dict[str, Array]:
    """The arguments of ``fused_into``, with the expected values and gradients."""
    values, grad = (composed(subject, method, z, t) for method in ("fused_value", "fused_gradient"))
    return {"z": z, "a": called(fused_activation(subject), "forward", z), "target": t, "values": values, "grad": grad}


@check("LOSS-013/evaluate-into")
def evaluate_into(subject: Subject) -> None:
    """Training runs on the in-place variant; it must be the same loss.

    Fill every element of `values` and `grad`, whatever they held; leave prediction and target unchanged.
    """
    for p, t in pairs(subject, "into", pair(subject, "many"), pair(subject, "many", (4001, 17))):
        expect_outputs(subject, "evaluate_into", plain_arrays(subject, p, t), tolerance=32 * subject.eps, repeats=2)


@check("LOSS-014/fused-into", needs=needs_fused)
def fused_into(subject: Subject) -> None:
    """Training runs on the in-place variant; it must be the same loss.

    Fill every element of `values` and `grad`; z may serve as scratch, a and target must stay.
    """
    for z, t in logits(subject, "fused-into", far=True):
        expect_outputs(subject, "fused_into", fused_arrays(subject, z, t), scratch=("z",), tolerance=64 * subject.eps)


@check("LOSS-025/fused-forward-into", needs=(needs_fused, needs_offer("fused_forward_into")))
def fused_forward_into(subject: Subject) -> None:
    """Where it is offered, the network does not compute the output activation elsewhere.

    Fill `a` with the activation of z, and `values` and `grad` as fused_into does; z may serve as scratch.
    """
    outputs, tolerance = ("a", "values", "grad"), 256 * subject.eps
    for z, t in logits(subject, "fused-forward", far=True):
        arrays = fused_arrays(subject, z, t)
        expect_outputs(subject, "fused_forward_into", arrays, outputs=outputs, scratch=("z",), tolerance=tolerance)


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
    expect_outputs(subject, "evaluate_into", plain_arrays(subject, p, t), tolerance=1e-9)
    if subject.cls.fused_activation is not None:
        arrays = fused_arrays(subject, normal(subject, "large/z", prediction_size(subject, wide), 1.5), t)
        expect_outputs(subject, "fused_into", arrays, scratch=("z",), tolerance=1e-9)
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
