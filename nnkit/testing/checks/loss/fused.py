"""The fused form of a loss."""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.checks.loss.domains import (
    composed,
    fused_activation,
    logits,
    needs_fused,
    needs_fused_offer,
    targets,
)
from nnkit.testing.derivatives import column_slopes, expect_slope, integral_along, moved
from nnkit.testing.failure import expect_close, require
from nnkit.testing.methods import called, silent
from nnkit.testing.points import EXTREMES, normal
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


@CHECKS.check("LOSS-009/fused-equals-composition", needs=needs_fused)
def fused_equals_composition(subject: Subject) -> None:
    """The core uses the fused form wherever the two meet; it must be the same loss.

    fused_value(z, a, target) is value(activation(z), target); fused_gradient is its derivative in z.
    """
    loss, activation, tolerance = subject.make(), fused_activation(subject), 512 * subject.eps
    for method in ("fused_value", "fused_gradient"):
        require(loss.offers(method), f"it names a fused activation but offers no {method}")
    for z, t in logits(subject, "fused"):
        a = called(activation, "forward", z)
        gradient = called(activation, "vjp", z, a, called(loss, "gradient", a, t))
        for message, method, expected in (
            ("fused_value differs from value(activation(z))", "fused_value", called(loss, "value", a, t)),
            ("fused_gradient differs from the composed gradient", "fused_gradient", gradient),
        ):
            got, inputs = called(loss, method, z, a, t), {"z": z, "target": t}
            expect_close(message, got, expected, tolerance=tolerance, inputs=inputs)


@CHECKS.check("LOSS-010/fused-at-extremes", needs=needs_fused)
def fused_at_extremes(subject: Subject) -> None:
    """The fused form is there for saturated outputs; it must stay right at logits of ±1e4.

    Compute from z with the largest element taken out (log-sum-exp, softplus), not from a.
    """
    loss, activation = subject.make(), fused_activation(subject)
    sizes = np.concatenate([EXTREMES, -EXTREMES, [0.0, 15.0, -15.0]])
    rows = np.arange(len(sizes))
    for columns in (1, 2, 3):
        z = np.zeros((len(sizes), columns))
        z[rows, rows % columns] = sizes
        z[:, -1] -= 0.25
        z = z.astype(subject.dtype)
        a = called(activation, "forward", z)
        for hard in (False, True):
            t = targets(subject, f"extremes/{columns}", (len(sizes), columns), hard=hard)
            inputs = {"z": z, "target": t}
            with silent("the fused form at ±1e4", inputs):
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
                    inputs=inputs,
                    rows=("z", "target"),
                )


@CHECKS.check("LOSS-011/fused-along-rays", needs=needs_fused, scope="variant")
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
    inputs = {"z from": base + edges[:-1, None] * direction, "z to": base + edges[1:, None] * direction, "target": t}
    require(not np.isnan(area).any(), "fused_gradient is NaN along a ray", inputs={"base": base, "target": t})
    message = "fused_value does not grow by the integral of fused_gradient"
    expect_close(message, growth, area, atol=allowed, inputs=inputs, rows=("z from", "z to"))


@CHECKS.check("LOSS-012/fused-curvature", needs=needs_fused_offer("fused_curvature"), scope="variant")
def fused_curvature(subject: Subject) -> None:
    """Newton-type steps through the fused form use it.

    fused_curvature is the derivative of fused_gradient in z: [n, i, j].
    """
    message = "fused_curvature is not the derivative of fused_gradient"
    for z, t in logits(subject, "fused-curvature"):
        steps = np.full(z.shape, 0.1)
        slopes = column_slopes(lambda x, t=t: composed(subject, "fused_gradient", x, t), z, steps)  # type: ignore[misc]
        got, inputs = composed(subject, "fused_curvature", z, t), {"z": z, "target": t}
        expect_close(message, got, slopes.value, atol=slopes.allowed(), inputs=inputs)
