"""Values, Jacobians and second derivatives of an activation, and its in-place twins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import quiet
from nnkit.testing.checks.activation.passes import (
    WRONG_SLOPE,
    called,
    forwarded,
    jacobian_slopes,
    matrices,
    needs_analytic,
    needs_elementwise,
    needs_offer,
    needs_second,
    slopes_of,
    steps_of,
)
from nnkit.testing.comparison import difference
from nnkit.testing.failure import expect_agreement, expect_close, expect_equal, fail, require
from nnkit.testing.numerics import Slope, complex_step, gauss_legendre, slope
from nnkit.testing.points import EXTREMES, SHAPES, apart, elementwise_points, normal
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


# -- values ----------------------------------------------------------------------------------


@CHECKS.check(
    "ACT-001/shape",
    why="A layer hands on what it is given; a wrong shape breaks, or broadcasts, one layer later.",
    fix="forward returns an ndarray of exactly the shape of z, for any number of rows and columns.",
)
def shape(subject: Subject) -> None:
    part = subject.make()
    for size in (*SHAPES, (0, 3), (1, 300), (300, 1)):
        z = normal(subject, f"shape/{size}", size)
        a = part.forward(z.copy())
        require(isinstance(a, np.ndarray), "forward returns no array", inputs={"z": z}, got=type(a).__name__)
        require(a.shape == size, f"forward of {size} has another shape", inputs={"z": z}, got=a.shape, expected=size)
        jacobian = part.jacobian(z.copy(), a.copy())
        expected = (*size, size[1])
        require(
            jacobian.shape == expected,
            "jacobian has the wrong shape",
            inputs={"z": z},
            got=jacobian.shape,
            expected=expected,
        )
        for name in ("vjp", "jvp"):
            found = called(part, name, z, a, z)
            require(found.shape == size, f"{name} has the wrong shape", inputs={"z": z}, got=found.shape, expected=size)


@CHECKS.check(
    "ACT-002/derivative-stencil",
    why=WRONG_SLOPE,
    fix="Differentiate the formula of `forward` again; look at factors, signs and the branch of each condition.",
    needs=needs_elementwise,
    scope="variant",
)
def derivative_stencil(subject: Subject) -> None:
    part, kinks = subject.make(), subject.cls.kinks
    points = elementwise_points(subject, "derivative")
    z = apart(points, kinks, 1e-4)
    expected = slopes_of(lambda x: forwarded(part, x), z, kinks)

    def compare(z: Array, value: Array, allowed: Array) -> tuple[Array, ...]:
        return called(part, "derivative", z, forwarded(part, z)), value, allowed

    allowed = expected.allowed()
    require(
        np.isfinite(allowed).mean() > 0.8,
        "forward is too rough to have a derivative at most points",
        inputs={"z": z[np.isinf(allowed)][:4]},
    )
    _hold_slope("derivative(z, a) is not the derivative of forward", compare, z, expected.value, allowed)


def _hold_slope(message: str, compare: Any, z: Array, value: Array, allowed: Array) -> None:
    """``expect_agreement`` with a known slope, showing only z."""
    inputs = {"z": z, "value": value, "allowed": allowed}
    expect_agreement(message, compare, inputs, hidden=("value", "allowed"))


@CHECKS.check(
    "ACT-003/derivative-complex-step",
    why=WRONG_SLOPE,
    fix="Differentiate the formula of `forward` again; if it is not analytic (abs, where, max), drop `analytic`.",
    needs=needs_analytic,
    scope="variant",
)
def derivative_complex_step(subject: Subject) -> None:
    part = subject.make()
    z = elementwise_points(subject, "complex")
    with quiet():
        given = part.forward(z + 0j)
    require(np.iscomplexobj(given), "forward(z) of complex z is not complex, so `analytic` is untrue", got=given.dtype)
    expect_close(
        "forward of complex z with zero imaginary part differs",
        given.real,
        forwarded(part, z),
        rtol=1e-12,
        atol=1e-14,
        inputs={"z": z},
    )
    with quiet():
        expected = complex_step(part.forward, z)

    def compare(z: Array, value: Array, allowed: Array) -> tuple[Array, ...]:
        return called(part, "derivative", z, forwarded(part, z)), value, allowed

    scale = np.abs(expected) + EPS_SCALE * (1.0 + np.abs(z))
    _hold_slope("derivative(z, a) is not the complex-step derivative of forward", compare, z, expected, 1e-10 * scale)


EPS_SCALE = 1e-3


@CHECKS.check(
    "ACT-004/extremes",
    why="Untrained or diverging networks produce such numbers; one NaN ends the training.",
    fix="Use a form that saturates instead of overflowing, and check each branch at ±1e4.",
)
def extremes(subject: Subject) -> None:
    part, cls = subject.make(), subject.cls
    grows = {side: bool(np.abs(forwarded(part, np.array([[side * 80.0]]))).max() > 1e30) for side in (-1.0, 1.0)}
    points = np.concatenate([EXTREMES, -EXTREMES])[:, None]
    if not subject.elementwise:
        points = np.concatenate([np.hstack([points, np.zeros_like(points), points * 0.5]), np.tile(points, 3)])
    z = points.astype(subject.dtype)
    with quiet() as noted:
        a = part.forward(z.copy())
        jacobian = part.jacobian(z.copy(), a.copy())
        back = part.vjp(z.copy(), a.copy(), np.ones_like(z))
        along = part.jvp(z.copy(), a.copy(), np.ones_like(z))
    require(not noted.warned, "it warns at ±1e4", inputs={"z": z}, got=noted.warned)
    low, high = cls.range
    for name, result in (("forward", a), ("jacobian", jacobian), ("vjp", back), ("jvp", along)):
        rows = result.reshape(len(z), -1)
        for n in range(len(z)):
            require(not np.isnan(rows[n]).any(), f"{name} is NaN", inputs={"z": z[n : n + 1]}, got=rows[n])
            may_overflow = grows[float(np.sign(z[n, 0]))] and not (low > -np.inf and high < np.inf)
            log_simplex = getattr(cls, "log_simplex", False)
            if not may_overflow and not log_simplex:
                require(np.isfinite(rows[n]).all(), f"{name} overflows", inputs={"z": z[n : n + 1]}, got=rows[n])


@CHECKS.check(
    "ACT-005/integral",
    why="A jump, or a branch that is wrong far out, has the right slope on both sides and the wrong value.",
    fix="Let the branches of `forward` meet; compare both of them at the point where one takes over.",
    needs=needs_elementwise,
    scope="variant",
)
def integral(subject: Subject) -> None:
    part, kinks = subject.make(), subject.cls.kinks
    inner = np.linspace(-12.0, 12.0, 97)
    outer = np.concatenate([np.linspace(12.0, 60.0, 49), np.geomspace(60.0, 1e4, 40)[1:]])
    nodes = np.unique(np.concatenate([inner, outer, -outer, np.asarray(kinks, dtype=np.float64)]))
    low, high = nodes[:-1].copy(), nodes[1:].copy()
    for kink in kinks:
        low[low == kink] = np.nextafter(kink, np.inf) if kink else 1e-300
        high[high == kink] = np.nextafter(kink, -np.inf) if kink else -1e-300

    def rate(z: Array) -> Array:
        return called(part, "derivative", z, forwarded(part, z))

    with np.errstate(all="ignore"):
        coarse, fine = gauss_legendre(rate, low, high, 16), gauss_legendre(rate, low, high, 32)
        start, end = forwarded(part, low[:, None])[:, 0], forwarded(part, high[:, None])[:, 0]
        scale = np.abs(start) + np.abs(end) + np.abs(fine)
        rough = (high - low) * np.abs(np.diff(rate(np.stack([low, (low + high) / 2, high], axis=1)), axis=1)).sum(
            axis=1
        )
        allowed = 10.0 * np.abs(fine - coarse) + 1e-11 * scale + 1e-12 + 1e-3 * np.nan_to_num(rough)
        allowed[~np.isfinite(scale) | ~(np.abs(fine - coarse) <= 1e-3 * (scale + 1e-3))] = np.inf
        allowed[_turns(rate, low, high) > FOLLOWED] = np.inf
        found = difference(end - start, fine, atol=allowed)
    if found is not None:
        at = found.index[0]
        fail(
            "forward(b) - forward(a) is not the integral of derivative from a to b",
            inputs={"a": low[at], "b": high[at]},
            got=found.got,
            expected=found.expected,
        )


FOLLOWED = 8
"""Turns of a derivative between two nodes that a quadrature of 32 points still follows."""


def _turns(rate: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """How often ``rate`` turns round in each interval: of a fast wave, two rules may agree by chance."""
    share = np.linspace(0.0, 1.0, 64) ** 1.1  # uneven, so that no wave is met at the same place each time
    values = rate(low[:, None] + (high - low)[:, None] * share)
    steps = np.diff(values, axis=1)
    steps[np.abs(steps) <= 1e-6 * np.abs(values).max(axis=1, keepdims=True)] = 0.0
    ways = np.sign(steps)
    return np.asarray((ways[:, 1:] * ways[:, :-1] < 0.0).sum(axis=1))


@CHECKS.check(
    "ACT-006/far-derivative",
    why=WRONG_SLOPE,
    fix="Check the derivative where forward saturates, and each branch of a condition, at ±30 to ±1e4.",
    needs=needs_elementwise,
    scope="variant",
)
def far_derivative(subject: Subject) -> None:
    part, kinks = subject.make(), subject.cls.kinks
    z = np.concatenate([EXTREMES, -EXTREMES])[:, None]
    value = forwarded(part, z)
    sane = (np.abs(value) < 1e100).ravel()
    z = z[sane]
    expected = slopes_of(lambda x: forwarded(part, x), z, kinks, np.full(z.shape, 0.5))

    def compare(z: Array, value: Array, allowed: Array) -> tuple[Array, ...]:
        return called(part, "derivative", z, forwarded(part, z)), value, allowed

    _hold_slope("derivative(z, a) is wrong far from zero", compare, z, expected.value, expected.allowed(1e-7))


@CHECKS.check(
    "ACT-007/jacobian",
    why="The Jacobian is what every backward pass, prediction interval and second-order step stands on.",
    fix="J[n, i, j] is da[n, i] / dz[n, j]: outputs by inputs. A transposed one passes for softmax and for no other.",
    scope="variant",
)
def jacobian(subject: Subject) -> None:
    part, kinks = subject.make(), subject.cls.kinks
    for z in matrices(subject, "jacobian"):
        if z.shape[1] > 5 or z.shape[0] > 7:
            continue
        expected = jacobian_slopes(part, z, kinks)

        def compare(z: Array, value: Array, allowed: Array) -> tuple[Array, ...]:
            return called(part, "jacobian", z, forwarded(part, z)), value, allowed

        _hold_slope("jacobian(z, a) is not the Jacobian of forward", compare, z, expected.value, expected.allowed())


@CHECKS.check(
    "ACT-008/vjp-equals-jacobian",
    why="Training goes through vjp, analysis through jacobian; they must be one function.",
    fix="vjp[n, j] = sum over i of grad[n, i] J[n, i, j]: the gradient stands on the left.",
)
def vjp_equals_jacobian(subject: Subject) -> None:
    part, tolerance = subject.make(), 200 * subject.eps
    for z in matrices(subject, "vjp"):
        grad = normal(subject, f"vjp/grad/{z.shape}", z.shape)

        def compare(z: Array, grad: Array) -> tuple[Array, Array]:
            a = forwarded(part, z)
            expected = np.einsum("ni,nij->nj", grad, called(part, "jacobian", z, a))
            return called(part, "vjp", z, a, grad), expected

        expect_agreement(
            "vjp(z, a, grad) is not grad @ jacobian",
            compare,
            {"z": z, "grad": grad},
            tolerance=tolerance,
            columns=subject.elementwise,
        )
        found = called(part, "vjp", z, forwarded(part, z), np.zeros_like(z))
        require(not found.any(), "vjp of a zero gradient is not zero", inputs={"z": z}, got=found)


@CHECKS.check(
    "ACT-009/jvp-equals-jacobian",
    why="Sensitivities and Hessian-vector products go through jvp.",
    fix="jvp[n, i] = sum over j of J[n, i, j] tangent[n, j]: the tangent stands on the right.",
)
def jvp_equals_jacobian(subject: Subject) -> None:
    part, tolerance = subject.make(), 200 * subject.eps
    for z in matrices(subject, "jvp"):
        tangent = normal(subject, f"jvp/tangent/{z.shape}", z.shape)

        def compare(z: Array, tangent: Array) -> tuple[Array, Array]:
            a = forwarded(part, z)
            expected = np.einsum("nij,nj->ni", called(part, "jacobian", z, a), tangent)
            return called(part, "jvp", z, a, tangent), expected

        told = {"z": z, "tangent": tangent}
        expect_agreement(
            "jvp(z, a, tangent) is not jacobian @ tangent",
            compare,
            told,
            tolerance=tolerance,
            columns=subject.elementwise,
        )


@CHECKS.check(
    "ACT-010/forward-into",
    why="Training runs on the in-place twins; they must be the same function, also when out is z itself.",
    fix="Write every element of `out`; read z before writing when they are one array; expect rubbish in `work`.",
)
def forward_into(subject: Subject) -> None:
    part, tolerance = subject.make(), 16 * subject.eps
    for z in [*matrices(subject, "forward_into"), wide_rows(subject), _large(subject)]:
        expected = forwarded(part, z)
        for aliased in (False, True):
            given = z.copy()
            out = given if aliased else np.full_like(z, np.nan)
            work = np.full_like(z, np.nan)
            with quiet() as noted:
                part.forward_into(given, out, work)
            how = "with out=z" if aliased else "with another out"
            require(not noted.warned, f"forward_into {how} warns", inputs={"z": z}, got=noted.warned)
            expect_close(
                f"forward_into {how} differs from forward", out, expected, tolerance=tolerance, inputs={"z": z}
            )
            if not aliased:
                expect_equal("forward_into writes to z", given, z, inputs={"z": z})


def _large(subject: Subject) -> Array:
    """More elements than a block of any in-place twin holds (65,536), not a multiple of anything."""
    return normal(subject, "large", (4001, 17), 2.0)


def wide_rows(subject: Subject) -> Array:
    """Many values at once, extremes among them."""
    points = np.concatenate([EXTREMES, -EXTREMES, elementwise_points(subject, "wide").ravel()])
    return points[: points.size // 4 * 4].reshape(-1, 4).astype(subject.dtype)


@CHECKS.check(
    "ACT-011/vjp-into",
    why="Training runs on the in-place twins; they must be the same function, also when out is grad itself.",
    fix="Write every element of `out`; read grad before writing; leave z and a alone; expect rubbish in `work`.",
)
def vjp_into(subject: Subject) -> None:
    part, tolerance = subject.make(), 32 * subject.eps
    for z in [*matrices(subject, "vjp_into"), wide_rows(subject), _large(subject)]:
        a = forwarded(part, z)
        if not np.isfinite(a).all():
            z = np.clip(z, -80, 80)  # noqa: PLW2901  # an exponential: 0 * inf would hide the rest
            a = forwarded(part, z)
        grad = normal(subject, f"vjp_into/grad/{z.shape}", z.shape)
        expected = called(part, "vjp", z, a, grad)
        for aliased in (False, True):
            given_a = a.copy()
            given_z = z.copy() if subject.cls.uses_z else given_a
            given = grad.copy()
            out = given if aliased else np.full_like(grad, np.nan)
            with quiet() as noted:
                part.vjp_into(given_z, given_a, given, out, np.full_like(grad, np.nan))
            how = "with out=grad" if aliased else "with another out"
            told = {"z": z, "grad": grad}
            require(not noted.warned, f"vjp_into {how} warns", inputs=told, got=noted.warned)
            expect_close(f"vjp_into {how} differs from vjp", out, expected, tolerance=tolerance, inputs=told)
            expect_equal(f"vjp_into {how} writes to a", given_a, a, inputs=told)
            if subject.cls.uses_z:
                expect_equal(f"vjp_into {how} writes to z", given_z, z, inputs=told)
            if not aliased:
                expect_equal("vjp_into writes to grad", given, grad, inputs=told)


# -- second derivatives ----------------------------------------------------------------------


@CHECKS.check(
    "ACT-012/second-derivative",
    why="Hessian-vector products are exact only if the second derivative is.",
    fix="Differentiate `derivative` once more; away from kinks it must be its slope.",
    needs=needs_second,
    scope="variant",
)
def second_derivative(subject: Subject) -> None:
    part, kinks = subject.make(), subject.cls.kinks
    z = apart(elementwise_points(subject, "second"), kinks, 1e-4)
    expected = slopes_of(lambda x: called(part, "derivative", x, forwarded(part, x)), z, kinks)

    def compare(z: Array, value: Array, allowed: Array) -> tuple[Array, ...]:
        return called(part, "second_derivative", z, forwarded(part, z)), value, allowed

    message = "second_derivative(z, a) is not the derivative of derivative"
    _hold_slope(message, compare, z, expected.value, expected.allowed())


@CHECKS.check(
    "ACT-013/vjp-derivative",
    why="Hessian-vector products are exact only if the derivative of the backward pass is.",
    fix="vjp_derivative is d/dt vjp(z + t tangent, a(z + t tangent), grad) at t = 0, with grad held.",
    needs=needs_offer("vjp_derivative"),
    scope="variant",
)
def vjp_derivative(subject: Subject) -> None:
    part, kinks = subject.make(), subject.cls.kinks
    for z in matrices(subject, "vjp_derivative"):
        grad, tangent = normal(subject, f"g/{z.shape}", z.shape), normal(subject, f"t/{z.shape}", z.shape)
        tangent = np.clip(tangent, -1.0, 1.0)
        step = float(steps_of(z, kinks).min(initial=0.1))

        def along(t: float, z: Array = z, grad: Array = grad, tangent: Array = tangent, step: float = step) -> Array:
            moved = z + t * step * tangent
            return called(part, "vjp", moved, forwarded(part, moved), grad)

        expected = slope(along, 1.0)
        value, error = expected.value / step, Slope(expected.value / step, expected.error / step).allowed()
        expect_close(
            "vjp_derivative is not the derivative of vjp along tangent",
            called(part, "vjp_derivative", z, forwarded(part, z), grad, tangent),
            value,
            atol=error,
            inputs={"z": z, "grad": grad, "tangent": tangent},
        )
