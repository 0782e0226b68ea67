"""The fused form of a loss, and its in-place twins."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import quiet
from nnkit.testing.checks.loss.domains import (
    SIZES,
    apart_from_kinks,
    fused_activation,
    needs_fused,
    needs_fused_curvature,
    needs_offer,
    pairs,
    predictions,
    sloped,
    slopes_of,
    targets,
    valued,
)
from nnkit.testing.comparison import difference
from nnkit.testing.failure import expect_close, expect_equal, fail, require
from nnkit.testing.numerics import slope
from nnkit.testing.points import EXTREMES, normal
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


# -- the fused form --------------------------------------------------------------------------


def _logits(subject: Subject, label: str, activation: Any) -> list[tuple[Array, Array, Array]]:
    """``z``, ``a``, ``target`` of several sizes, moderate."""
    found = []
    for size in SIZES:
        for hard in (False, True):
            z = normal(subject, f"{label}/z/{size}/{hard}", size, 1.5)
            with quiet():
                a = np.array(activation.forward(z.copy()))
            found.append((z, a, targets(subject, f"{label}/{hard}", size, hard=hard)))
    return found


def _far_logits(subject: Subject, label: str, activation: Any) -> tuple[Array, Array, Array]:
    """``z``, ``a``, ``target`` where exponentials overflow and the activation saturates."""
    z = np.array([[1e4, -1e4, 0.5], [-50.0, 60.0, 3.0], [710.0, 0.0, -710.0]], dtype=subject.dtype)
    with quiet():
        a = np.array(activation.forward(z.copy()))
    return z, a, targets(subject, f"{label}/far", (3, 3), hard=True)


@CHECKS.check(
    "LOSS-009/fused-equals-composition",
    why="The core uses the fused form wherever the two meet; it must be the same loss.",
    fix="fused_value(z, a, target) is value(activation(z), target); fused_gradient is its derivative in z.",
    needs=needs_fused,
)
def fused_equals_composition(subject: Subject) -> None:
    loss, activation = subject.make(), fused_activation(subject)
    for method in ("fused_value", "fused_gradient"):
        require(loss.offers(method), f"it names a fused activation but offers no {method}")
    tolerance = 512 * subject.eps
    for z, a, t in _logits(subject, "fused", activation):
        told = {"z": z, "target": t}
        with quiet():
            value = loss.fused_value(z.copy(), a.copy(), t.copy())
            gradient = loss.fused_gradient(z.copy(), a.copy(), t.copy())
            honest = activation.vjp(z.copy(), a.copy(), sloped(loss, a, t))
        expect_close(
            "fused_value differs from value(activation(z))", value, valued(loss, a, t), tolerance=tolerance, inputs=told
        )
        expect_close(
            "fused_gradient differs from the composed gradient", gradient, honest, tolerance=tolerance, inputs=told
        )


@CHECKS.check(
    "LOSS-010/fused-at-extremes",
    why="The fused form is there for saturated outputs; it must stay right at logits of ±1e4.",
    fix="Compute from z with the largest element taken out (log-sum-exp, softplus), not from a.",
    needs=needs_fused,
)
def fused_at_extremes(subject: Subject) -> None:
    loss, activation = subject.make(), fused_activation(subject)
    for columns in (1, 2, 3):
        sizes = np.concatenate([EXTREMES, -EXTREMES, [0.0, 15.0, -15.0]])
        z = np.zeros((len(sizes), columns))
        z[np.arange(len(sizes)), np.arange(len(sizes)) % columns] = sizes
        z[:, -1] -= 0.25
        z = z.astype(subject.dtype)
        with quiet():
            a = np.array(activation.forward(z.copy()))
        for hard in (False, True):
            t = targets(subject, f"extremes/{columns}", (len(sizes), columns), hard=hard)
            told = {"z": z, "target": t}
            with quiet() as noted:
                value = loss.fused_value(z.copy(), a.copy(), t.copy())
                gradient = loss.fused_gradient(z.copy(), a.copy(), t.copy())
            require(not noted.warned, "the fused form warns at ±1e4", inputs=told, got=noted.warned)
            for n in range(len(z)):
                one = {"z": z[n : n + 1], "target": t[n : n + 1]}
                require(np.isfinite(value[n]), "fused_value is not finite", inputs=one, got=value[n])
                require(np.isfinite(gradient[n]).all(), "fused_gradient is not finite", inputs=one, got=gradient[n])
            if subject.dtype != np.float64:
                continue

            def along(s: float, k: int, z: Array = z, t: Array = t) -> Array:
                moved = z.copy()
                moved[:, k] += s
                with quiet():
                    return np.array(loss.fused_value(moved.copy(), activation.forward(moved.copy()), t.copy()))

            for k in range(columns):
                found = slope(lambda s, k=k: along(s, k), 0.05)  # type: ignore[misc]
                off = difference(
                    gradient[:, k], found.value, atol=found.allowed(1e-7) + 1e-9 * (1 + np.abs(value)) * 0.1
                )
                if off is not None:
                    n = off.index[0]
                    fail(
                        f"fused_gradient[:, {k}] is not the derivative of fused_value",
                        inputs={"z": z[n : n + 1], "target": t[n : n + 1]},
                        got=off.got,
                        expected=off.expected,
                    )


@CHECKS.check(
    "LOSS-011/fused-along-rays",
    why="A fused value that is capped, or jumps to another branch, has the right slope and the wrong value.",
    fix="Do not clip inside the fused form; let its branches meet.",
    needs=needs_fused,
    scope="variant",
)
def fused_along_rays(subject: Subject) -> None:
    loss, activation = subject.make(), fused_activation(subject)
    x, w = np.polynomial.legendre.leggauss(24)
    edges = np.concatenate([-np.geomspace(1e4, 60, 12), np.linspace(-60, 60, 41)[1:-1], np.geomspace(60, 1e4, 12)])
    for columns in (1, 3):
        for trial in range(3):
            base = normal(subject, f"ray/base/{columns}/{trial}", (1, columns))
            direction = normal(subject, f"ray/direction/{columns}/{trial}", (1, columns))
            direction /= np.abs(direction).max()
            t = targets(subject, f"ray/{columns}/{trial}", (1, columns), hard=bool(trial % 2))

            def value(s: Array, base: Array = base, direction: Array = direction, t: Array = t) -> Array:
                z = base + s[:, None] * direction
                with quiet():
                    return np.array(
                        loss.fused_value(z.copy(), activation.forward(z.copy()), np.repeat(t, len(s), axis=0))
                    )

            def rate(s: Array, base: Array = base, direction: Array = direction, t: Array = t) -> Array:
                z = base + s[:, None] * direction
                with quiet():
                    g = np.array(
                        loss.fused_gradient(z.copy(), activation.forward(z.copy()), np.repeat(t, len(s), axis=0))
                    )
                found: Array = g @ direction[0]
                return found

            ends = value(edges)
            half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
            fine = (rate((middle[:, None] + half[:, None] * x).ravel()).reshape(len(half), -1) * w).sum(axis=1) * half
            quarter = np.concatenate([edges[:-1], middle])
            widths = np.concatenate([half, half]) / 2
            centers = quarter + widths
            split = (rate((centers[:, None] + widths[:, None] * x).ravel()).reshape(len(widths), -1) * w).sum(
                axis=1
            ) * widths
            doubled = split[: len(half)] + split[len(half) :]
            scale = np.abs(ends[1:]) + np.abs(ends[:-1]) + 1.0
            error = np.abs(doubled - fine)
            allowed = np.where(error > 1e-3 * scale, np.inf, 20 * error + 1e-11 * scale)
            off = difference(np.diff(ends), doubled, atol=allowed)
            if off is not None:
                at = off.index[0]
                fail(
                    "fused_value does not grow by the integral of fused_gradient",
                    inputs={
                        "z from": base + edges[at] * direction,
                        "z to": base + edges[at + 1] * direction,
                        "target": t,
                    },
                    got=off.got,
                    expected=off.expected,
                )


@CHECKS.check(
    "LOSS-012/fused-curvature",
    why="Newton-type steps through the fused form use it.",
    fix="fused_curvature is the derivative of fused_gradient in z: [n, i, j].",
    needs=needs_fused_curvature,
    scope="variant",
)
def fused_curvature(subject: Subject) -> None:
    loss, activation = subject.make(), fused_activation(subject)
    for z, a, t in _logits(subject, "fused-curvature", activation):

        def gradient(x: Array, t: Array = t) -> Array:
            with quiet():
                return np.array(loss.fused_gradient(x.copy(), activation.forward(x.copy()), t.copy()))

        expected = slopes_of(gradient, z, np.full(z.shape, 0.1))
        with quiet():
            got = loss.fused_curvature(z.copy(), a.copy(), t.copy())
        expect_close(
            "fused_curvature is not the derivative of fused_gradient",
            got,
            expected.value,
            atol=expected.allowed(),
            inputs={"z": z, "target": t},
        )


# -- in-place twins --------------------------------------------------------------------------


@CHECKS.check(
    "LOSS-013/evaluate-into",
    why="Training runs on the in-place twin; it must be the same loss.",
    fix="Fill every element of `values` and `grad`, whatever they held; leave prediction and target alone.",
)
def evaluate_into(subject: Subject) -> None:
    loss, tolerance = subject.make(), 32 * subject.eps
    for p, t in [*pairs(subject, "into"), many(subject), many(subject, (4001, 17))]:
        given, target = p.copy(), t.copy()
        values, grad = np.full(len(p), np.nan, subject.dtype), np.full_like(p, np.nan)
        told = {"prediction": p, "target": t}
        for _ in range(2):
            with quiet() as noted:
                loss.evaluate_into(given, target, values, grad)
            require(not noted.warned, "evaluate_into warns", inputs=told, got=noted.warned)
            for name, got, expected in (("values", values, valued(loss, p, t)), ("grad", grad, sloped(loss, p, t))):
                expect_close(
                    f"{name} of evaluate_into differs from the plain method",
                    got,
                    expected,
                    tolerance=tolerance,
                    inputs=told,
                )
            expect_equal("evaluate_into writes to prediction", given, p, inputs=told)
            expect_equal("evaluate_into writes to target", target, t, inputs=told)


def many(subject: Subject, size: tuple[int, int] = (67, 11)) -> tuple[Array, Array]:
    p, t = predictions(subject, "many", size), targets(subject, "many", size, hard=True)
    return apart_from_kinks(subject, p, t), t


@CHECKS.check(
    "LOSS-014/fused-into",
    why="Training runs on the in-place twin; it must be the same loss.",
    fix="Fill every element of `values` and `grad`; z may serve as scratch, a and target must stay.",
    needs=needs_fused,
)
def fused_into(subject: Subject) -> None:
    loss, activation = subject.make(), fused_activation(subject)
    tolerance = 64 * subject.eps
    moderate = _logits(subject, "fused-into", activation)
    for z, a, t in [*moderate, _far_logits(subject, "fused-into", activation)]:
        with quiet():
            value, gradient = (
                loss.fused_value(z.copy(), a.copy(), t.copy()),
                loss.fused_gradient(z.copy(), a.copy(), t.copy()),
            )
        kept, target = a.copy(), t.copy()
        values, grad = np.full(len(z), np.nan, subject.dtype), np.full_like(z, np.nan)
        told = {"z": z, "target": t}
        with quiet() as noted:
            loss.fused_into(z.copy(), kept, target, values, grad)
        require(not noted.warned, "fused_into warns", inputs=told, got=noted.warned)
        for name, got, expected in (("values", values, value), ("grad", grad, gradient)):
            expect_close(
                f"{name} of fused_into differs from the plain fused form",
                got,
                expected,
                tolerance=tolerance,
                inputs=told,
            )
        expect_equal("fused_into writes to a", kept, a, inputs=told)
        expect_equal("fused_into writes to target", target, t, inputs=told)


@CHECKS.check(
    "LOSS-025/fused-forward-into",
    why="Where it is offered, nobody else computes the output activation.",
    fix="Fill `a` with the activation of z, and `values` and `grad` as fused_into does; z may serve as scratch.",
    needs=lambda s: needs_fused(s) or needs_offer("fused_forward_into")(s),
)
def fused_forward_into(subject: Subject) -> None:
    loss, activation = subject.make(), fused_activation(subject)
    tolerance = 256 * subject.eps
    moderate = _logits(subject, "fused-forward", activation)
    for z, a, t in [*moderate, _far_logits(subject, "fused-forward", activation)]:
        given, values = np.full_like(z, np.nan), np.full(len(z), np.nan, subject.dtype)
        grad, target = np.full_like(z, np.nan), t.copy()
        with quiet() as noted:
            loss.fused_forward_into(z.copy(), given, target, values, grad)
        told = {"z": z, "target": t}
        require(not noted.warned, "fused_forward_into warns", inputs=told, got=noted.warned)
        expect_equal("fused_forward_into writes to target", target, t, inputs=told)
        with quiet():
            expected = loss.fused_value(z.copy(), a.copy(), t.copy()), loss.fused_gradient(z.copy(), a.copy(), t.copy())
        for name, got, right in (("a", given, a), ("values", values, expected[0]), ("grad", grad, expected[1])):
            expect_close(f"{name} of fused_forward_into differs", got, right, tolerance=tolerance, inputs=told)
