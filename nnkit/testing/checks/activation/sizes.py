"""Large arrays, and an activation's reference values."""

from __future__ import annotations

import numpy as np

from nnkit.testing.call import quiet
from nnkit.testing.checks.activation.passes import derived, in_rows
from nnkit.testing.derivatives import expect_slope
from nnkit.testing.failure import expect_close
from nnkit.testing.methods import called, expect_rows_alone
from nnkit.testing.points import apart, elementwise_points, normal
from nnkit.testing.record import CheckList
from nnkit.testing.reference_values import expect_reference_values, needs_reference_values
from nnkit.testing.subject import Subject

CHECKS = CheckList()


@CHECKS.check(
    "ACT-031/large",
    why="Blocks, chunks and thresholds begin at sizes that small tests do not reach; networks do.",
    fix="Look at what is left over behind the last complete block, and at every condition on a size.",
    scope="variant",
)
def large(subject: Subject) -> None:
    part, kinks = subject.make(), subject.cls.kinks
    z = apart(normal(subject, "large/tall", (3001, 2), 2.0), kinks, 0.02)
    a, rows, tolerance = called(part, "forward", z), (0, 1500, 3000), 64 * subject.eps
    expect_rows_alone(part, "forward", {"z": z}, rows=rows, tolerance=tolerance)
    inputs = {"z": z, "a": a, "grad": normal(subject, "large/tall/grad", z.shape)}
    expect_rows_alone(part, "vjp", inputs, rows=rows, tolerance=tolerance)

    z = apart(normal(subject, "large/wide", (3, 301), 2.0), kinks, 0.02)
    grad, direction = normal(subject, "large/wide/grad", z.shape), normal(subject, "large/wide/way", z.shape)
    direction /= np.abs(direction).max()
    a, back = called(part, "forward", z), derived(part, "vjp", z, grad)
    a_into, back_into, work = np.empty_like(z), np.empty_like(z), np.empty_like(z)
    with quiet():
        part.forward_into(z.copy(), a_into, work)
        part.vjp_into(z.copy(), a.copy(), grad.copy(), back_into, work)
    product = np.einsum("ni,nij->nj", grad[:1], called(part, "jacobian", z[:1], a[:1]))
    for message, got, expected in (
        ("forward_into of 301 columns differs", a_into, a),
        ("vjp_into of 301 columns differs", back_into, back),
        ("jacobian of 301 columns does not agree with vjp", product, back[:1]),
    ):
        expect_close(message, got, expected, tolerance=1e-9, inputs={"z": z})
    expect_slope(
        "vjp of 301 columns is not the derivative of forward along a direction",
        (back * direction).sum(axis=1),
        lambda t: (grad * called(part, "forward", z + t * direction)).sum(axis=1),
        0.019,
        rtol=1e-7,
        atol=1e-9,
        inputs={"z": z, "grad": grad, "direction": direction},
    )


@CHECKS.check(
    "ACT-REF/figures",
    why="A part may be the wrong function with the right derivative; reference values show it.",
    fix="Compare the formula with its source; if the reference value is the wrong one, correct that.",
    needs=needs_reference_values,
)
def figures(subject: Subject) -> None:
    points = np.concatenate([elementwise_points(subject, "reference").ravel(), [25.0, -25.0, 60.0, -60.0]])
    z = points[:, None] if subject.elementwise else in_rows(points)
    narrow = normal(subject, "reference/narrow", (3, 1), 2.0)
    expect_reference_values(subject, "forward", [{"z": z.astype(subject.dtype)}, {"z": narrow}])
