"""Checks of regularizers."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import Call, quiet
from nnkit.testing.failure import expect_agreement, expect_close, expect_equal, require
from nnkit.testing.numerics import one_sided, slope
from nnkit.testing.points import apart, normal
from nnkit.testing.record import CheckList
from nnkit.testing.reference_values import expect_reference_values, needs_reference_values
from nnkit.testing.subject import Subject

CHECKS = CheckList()

SHAPES = ((1,), (5,), (1, 1), (3, 2), (2, 5), (2, 3, 2), (0, 3))


def calls(subject: Subject) -> list[Call]:
    """The plain methods on one array of weights."""
    part = subject.make()
    w = apart(normal(subject, "calls/w", (4, 3)), subject.cls.kinks, 0.05).astype(subject.dtype)
    found = [
        Call("value(weights)", lambda p, x: p.value(x["weights"]), {"weights": w}, floats=False),
        Call("gradient(weights)", lambda p, x: p.gradient(x["weights"]), {"weights": w}),
    ]
    for name in ("curvature", "residual"):
        if part.offers(name):

            def run(p: Any, x: dict[str, Array], name: str = name) -> Any:
                return getattr(p, name)(x["weights"])

            found.append(Call(f"{name}(weights)", run, {"weights": w}))
    return found


def _weights(subject: Subject, label: str) -> list[Array]:
    found = []
    for shape in SHAPES:
        for scale in (0.3, 2.0):
            w = normal(subject, f"{label}/{shape}/{scale}", shape, scale)
            found.append(apart(w, subject.cls.kinks, 0.02).astype(subject.dtype))
    return found


@CHECKS.check(
    "REG-001/shape",
    why="Weights come in any shape, and the price is added to the loss as a number.",
    fix="value gives one float, gradient an array of the shape of the weights.",
)
def shape(subject: Subject) -> None:
    part = subject.make()
    for w in _weights(subject, "shape"):
        value, gradient = part.value(w.copy()), part.gradient(w.copy())
        told = {"weights": w}
        number = isinstance(value, (float, np.floating)) and np.ndim(value) == 0
        require(number, "value is not a float", inputs=told, got=type(value).__name__, expected="float")
        require(np.isfinite(value), "value is not finite", inputs=told, got=value)
        require(
            gradient.shape == w.shape, "gradient has the wrong shape", inputs=told, got=gradient.shape, expected=w.shape
        )


@CHECKS.check(
    "REG-002/gradient-stencil",
    why="The price would be shown, and another one followed.",
    fix="Differentiate value again: the factor of one half, the sign at negative weights.",
    scope="variant",
)
def gradient_stencil(subject: Subject) -> None:
    part = subject.make()
    for w in _weights(subject, "gradient"):
        got = part.gradient(w.copy())
        for place in np.ndindex(*w.shape):
            step = min([0.05, *(0.5 * abs(float(w[place]) - kink) for kink in subject.cls.kinks)])

            def along(t: float, place: Any = place, w: Array = w) -> Array:
                moved = w.copy()
                moved[place] += t
                with quiet():
                    return np.asarray(part.value(moved))

            found = slope(along, step, levels=7)
            expect_close(
                "gradient is not the derivative of value",
                got[place],
                found.value,
                atol=found.allowed(1e-7),
                inputs={"weights": w, "element": list(place)},
            )


@CHECKS.check(
    "REG-003/zero-at-zero",
    why="Weights of zero cost nothing; a constant would be shown as loss.",
    fix="Remove the constant; the gradient at zero is zero unless zero is a declared kink.",
)
def zero_at_zero(subject: Subject) -> None:
    part = subject.make()
    for size in SHAPES:
        w = np.zeros(size, dtype=subject.dtype)
        with quiet() as noted:
            value, gradient = part.value(w), part.gradient(w)
        require(value == 0.0, "value of zero weights is not zero", inputs={"weights": w}, got=value, expected=0.0)
        require(
            np.isfinite(gradient).all(), "gradient of zero weights is not finite", inputs={"weights": w}, got=gradient
        )
        require(not noted.warned, "it warns for zero weights", inputs={"weights": w}, got=noted.warned)


@CHECKS.check(
    "REG-004/linear-in-strength",
    why="A search over the strength expects twice the strength to be twice the price.",
    fix="Multiply by the strength once, in value and in gradient; or set `linear_in_strength = False`.",
    needs=lambda s: None if s.cls.linear_in_strength else "it is not declared linear",
)
def linear_in_strength(subject: Subject) -> None:
    part = subject.make()
    names = [
        f.name for f in attrs.fields(subject.cls) if f.name in {"strength", "l1", "l2"} or f.name.endswith("_strength")
    ]
    names = [name for name in names if isinstance(getattr(part, name), float)]
    for factor in (2.0, 0.5, 8.0):
        try:
            other = attrs.evolve(part, **{name: getattr(part, name) * factor for name in names})
        except ValueError:
            continue
        for w in _weights(subject, "linear"):
            told = {"weights": w, "strength times": factor}
            expect_close(
                "value is not linear in the strength",
                other.value(w.copy()),
                factor * part.value(w.copy()),
                rtol=64 * subject.eps,
                atol=1e-12,
                inputs=told,
            )
            expect_close(
                "gradient is not linear in the strength",
                other.gradient(w.copy()),
                factor * part.gradient(w.copy()),
                rtol=64 * subject.eps,
                atol=1e-12,
                inputs=told,
            )


@CHECKS.check(
    "REG-005/not-negative",
    why="A price below zero pays the weights to grow.",
    fix="Look for a sign; a regularizer costs.",
    level="strict",
)
def not_negative(subject: Subject) -> None:
    part = subject.make()
    for w in _weights(subject, "negative"):
        value = part.value(w.copy())
        require(value >= 0.0, "value is negative", inputs={"weights": w}, got=value, expected="0 or more")


@CHECKS.check(
    "REG-006/add-gradient",
    why="Training runs on the in-place twin; it must be the same gradient.",
    fix="Add to `out` (not: write over it), expect rubbish in `work`, leave the weights alone.",
)
def add_gradient(subject: Subject) -> None:
    part, tolerance = subject.make(), 64 * subject.eps
    for w in [*_weights(subject, "add"), normal(subject, "add/large", (300, 7))]:
        start = normal(subject, f"add/out/{w.shape}", w.shape)
        out, given, work = start.copy(), w.copy(), np.full_like(w, np.nan)
        with quiet() as noted:
            part.add_gradient(given, out, work)
        told = {"weights": w, "out": start}
        require(not noted.warned, "add_gradient warns", inputs=told, got=noted.warned)
        expect_close(
            "add_gradient does not add the gradient",
            out,
            start + part.gradient(w.copy()),
            tolerance=tolerance,
            inputs=told,
        )
        expect_equal("add_gradient writes to the weights", given, w, inputs=told)


def _offers(method: str) -> Any:
    def needs(subject: Subject) -> str | None:
        return None if subject.offers(method) else f"it offers no {method}"

    return needs


@CHECKS.check(
    "REG-007/curvature",
    why="Second-order training adds it to the diagonal.",
    fix="curvature is the derivative of gradient, element by element.",
    needs=_offers("curvature"),
    scope="variant",
)
def curvature(subject: Subject) -> None:
    part = subject.make()
    for w in _weights(subject, "curvature"):
        step = 0.05 * np.ones(w.shape)
        for kink in subject.cls.kinks:
            step = np.minimum(step, 0.5 * np.abs(w - kink))
        got = part.curvature(w.copy())
        for place in np.ndindex(*w.shape):

            def along(t: float, place: Any = place, w: Array = w, step: Array = step) -> Array:
                moved = w.copy()
                moved[place] += t * step[place]
                with quiet():
                    return np.asarray(part.gradient(moved)[place])

            found = slope(along, 1.0, levels=7)
            expect_close(
                "curvature is not the derivative of gradient",
                got[place],
                found.value / step[place],
                atol=found.allowed() / step[place],
                inputs={"weights": w, "element": list(place)},
            )


@CHECKS.check(
    "REG-008/residual",
    why="Least-squares solvers see the residual instead of the value.",
    fix="value must be 0.5 * (residual**2).sum(), with a residual linear in the weights: sqrt(strength) * weights.",
    needs=_offers("residual"),
)
def residual(subject: Subject) -> None:
    part, tolerance = subject.make(), 64 * subject.eps
    for w in _weights(subject, "residual"):
        r = part.residual(w.copy())
        told = {"weights": w}
        require(r.shape == w.shape, "residual has another shape", inputs=told, got=r.shape, expected=w.shape)
        expect_close(
            "half the squared residuals is not the value",
            0.5 * (r.astype(np.float64) ** 2).sum(),
            part.value(w.copy()),
            rtol=4 * tolerance,
            atol=tolerance,
            inputs=told,
        )
        other = normal(subject, f"residual/other/{w.shape}", w.shape)
        mixed = part.residual(w - w.dtype.type(3.0) * other)
        expect_close(
            "residual is not linear in the weights",
            mixed,
            r - r.dtype.type(3.0) * part.residual(other.copy()),
            tolerance=4 * tolerance,
            inputs=told,
        )


@CHECKS.check(
    "REG-009/kinks",
    why="At a kink the gradient is a choice, and it must lie between the slopes that meet there.",
    fix="Return a subgradient (np.sign gives 0 at 0), and declare the kink where it is.",
    needs=lambda s: None if s.cls.kinks else "it declares no kinks",
    scope="variant",
)
def kinks(subject: Subject) -> None:
    part = subject.make()
    for kink in subject.cls.kinks:
        w = np.full((3,), kink + 0.5)
        w[1] = kink
        got = float(part.gradient(w.copy())[1])

        def along(t: float, w: Array = w) -> Array:
            moved = w.copy()
            moved[1] += t
            return np.asarray(part.value(moved))

        sides = [one_sided(along, 0.01, side) for side in (-1, 1)]
        low, high = sorted(float(side.value) for side in sides)
        require(
            low - 1e-6 <= got <= high + 1e-6,
            f"gradient at the kink {kink} is no subgradient",
            inputs={"weights": w},
            got=got,
            expected=f"between {low:.6g} and {high:.6g}",
        )


@CHECKS.check(
    "REG-010/any-arrangement",
    why="The same weights cost the same in any shape and order.",
    fix="Treat all elements alike; no mean over an axis, no weight for the first one.",
    level="strict",
)
def any_arrangement(subject: Subject) -> None:
    part, tolerance = subject.make(), 256 * subject.eps
    for w in _weights(subject, "arrangement"):
        if w.ndim != 1 or not w.size:
            continue

        expect_agreement(
            "the reversed weights cost something else",
            lambda weights: (part.value(weights[::-1].copy()), part.value(weights.copy())),
            {"weights": w},
            tolerance=tolerance,
        )


@CHECKS.check(
    "REG-011/nan-stays-visible",
    why="Weights of NaN that cost nothing hide a training that has failed.",
    fix="No nansum, no nan_to_num, no maximum that prefers a number.",
    level="strict",
    scope="variant",
)
def nan_stays_visible(subject: Subject) -> None:
    part = subject.make()
    for size in ((1,), (5,), (3, 2)):
        w = normal(subject, f"nan/{size}", size)
        w.reshape(-1)[0] = np.nan
        with quiet():
            value, gradient = part.value(w.copy()), part.gradient(w.copy())
        told = {"weights": w}
        require(np.isnan(value), "value hides a NaN", inputs=told, got=value, expected="nan")
        require(np.isnan(gradient.reshape(-1)[0]), "gradient hides a NaN", inputs=told, got=gradient)


@CHECKS.check(
    "REG-012/undeclared-kinks",
    why="Solvers and stencils that trust a smooth penalty stall where it is not.",
    fix="Declare the kink: `kinks = (0.0,)`.",
    scope="variant",
)
def undeclared_kinks(subject: Subject) -> None:
    part = subject.make()
    for place in (0.0, 0.5, -0.5, 1.0, -1.0):
        if place in subject.cls.kinks:
            continue
        w = np.array([0.7, place, -1.3])

        def along(t: float, w: Array = w) -> Array:
            moved = w.copy()
            moved[1] += t
            with quiet():
                return np.asarray(part.value(moved))

        left, right = (one_sided(along, 0.01, side) for side in (-1, 1))
        slack = float(left.allowed(1e-6) + right.allowed(1e-6)) + 1e-6
        apart_by = abs(float(left.value) - float(right.value))
        require(apart_by <= slack, f"value has a kink at {place:g} that is not declared", inputs={"weights": w})


@CHECKS.check(
    "REG-013/large",
    why="Blocks, chunks and samples begin where tests have long stopped; networks do not.",
    fix="Look at what is left over behind the last whole block.",
    scope="variant",
)
def large(subject: Subject) -> None:
    part = subject.make()
    for size in ((3001,), (61, 67)):
        w = apart(normal(subject, f"large/{size}", size), subject.cls.kinks, 0.02)
        way = normal(subject, f"large/way/{size}", size)
        way *= 0.019 / np.abs(way).max()
        found = slope(lambda t, w=w, way=way: np.asarray(part.value(w + t * way)), 1.0)  # type: ignore[misc]
        expect_close(
            f"gradient of {w.size} weights is not the derivative of value along a direction",
            (part.gradient(w.copy()) * way).sum(),
            found.value,
            atol=found.allowed(1e-7),
            inputs={"weights": w, "direction": way},
        )


@CHECKS.check(
    "REG-REF/figures",
    why="A price may have the right slope and still be another price than its name says.",
    fix="Compare the formula with its source: one half or not, sum or mean.",
    needs=needs_reference_values,
)
def figures(subject: Subject) -> None:
    expect_reference_values(subject, "value", [{"weights": w} for w in _weights(subject, "reference") if w.size])
