"""The in-place variants of an activation's methods."""

from __future__ import annotations

import numpy as np

from nnkit.testing.checks.activation.passes import derived, many
from nnkit.testing.failure import expect_close, expect_equal
from nnkit.testing.methods import called, silent
from nnkit.testing.points import normal
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


@CHECKS.check(
    "ACT-010/forward-into",
    why="Training runs on the in-place variants; they must be the same function, also when out is z itself.",
    fix="Write every element of `out`; read z before writing when they are one array; `work` starts with any content.",
)
def forward_into(subject: Subject) -> None:
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


@CHECKS.check(
    "ACT-011/vjp-into",
    why="Training runs on the in-place variants; they must be the same function, also when out is grad itself.",
    fix="Write every element of `out`, after reading grad; leave z and a unchanged; `work` starts with any content.",
)
def vjp_into(subject: Subject) -> None:
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
