"""The in-place variants of an activation's methods, and large arrays."""

from __future__ import annotations

import numpy as np

from nnkit.testing.call import quiet
from nnkit.testing.checks.activation.passes import derived, many
from nnkit.testing.derivatives import expect_slope
from nnkit.testing.failure import expect_close, expect_equal
from nnkit.testing.methods import called, expect_rows_alone, silent
from nnkit.testing.points import apart, normal
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


@CHECKS.check("ACT-010/forward-into")
def forward_into(subject: Subject) -> None:
    """Training runs on the in-place variants; they must be the same function, also when out is z itself.

    Write every element of `out`; read z before writing when they are one array; `work` starts with any content.
    """
    part, tolerance = subject.make(), 16 * subject.eps
    for z in many(subject, "forward_into"):
        inputs, expected = {"z": z}, called(part, "forward", z)
        for how in ("with out=z", "with another out"):
            z_passed = z.copy()
            out = z_passed if how == "with out=z" else np.full_like(z, np.nan)
            with silent(f"forward_into {how}", inputs):
                part.forward_into(z_passed, out, np.full_like(z, np.nan))
            message = f"forward_into {how} differs from forward"
            expect_close(message, out, expected, tolerance=tolerance, inputs=inputs)
        expect_equal("forward_into writes to z", z_passed, z, inputs=inputs)


@CHECKS.check("ACT-011/vjp-into")
def vjp_into(subject: Subject) -> None:
    """Training runs on the in-place variants; they must be the same function, also when out is grad itself.

    Write every element of `out`, after reading grad; leave z and a unchanged; `work` starts with any content.
    """
    part, tolerance = subject.make(), 32 * subject.eps
    for z in many(subject, "vjp_into"):
        a = called(part, "forward", z)
        if not np.isfinite(a).all():
            z = np.clip(z, -80, 80)  # noqa: PLW2901  # an exponential: 0 * inf would hide the rest
            a = called(part, "forward", z)
        grad = normal(subject, f"vjp_into/grad/{z.shape}", z.shape)
        inputs, expected = {"z": z, "grad": grad}, derived(part, "vjp", z, grad)
        for how in ("with out=grad", "with another out"):
            a_passed, grad_passed = a.copy(), grad.copy()
            z_passed = z.copy() if subject.cls.uses_z else a_passed
            out = grad_passed if how == "with out=grad" else np.full_like(grad, np.nan)
            with silent(f"vjp_into {how}", inputs):
                part.vjp_into(z_passed, a_passed, grad_passed, out, np.full_like(grad, np.nan))
            message = f"vjp_into {how} differs from vjp"
            expect_close(message, out, expected, tolerance=tolerance, inputs=inputs)
            expect_equal(f"vjp_into {how} writes to a", a_passed, a, inputs=inputs)
            expect_equal(f"vjp_into {how} writes to z", z_passed, z if subject.cls.uses_z else a, inputs=inputs)
        expect_equal("vjp_into writes to grad", grad_passed, grad, inputs=inputs)


@CHECKS.check("ACT-031/large", scope="variant")
def large(subject: Subject) -> None:
    """Blocks, chunks and thresholds begin at sizes that small tests do not reach; networks do.

    Look at what is left over behind the last complete block, and at every condition on a size.
    """
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
