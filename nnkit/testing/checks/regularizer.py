"""Checks of regularizers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import Call
from nnkit.testing.derivatives import expect_slope, moved, steps_within
from nnkit.testing.failure import expect_close, expect_equal, require
from nnkit.testing.methods import called, expect_shape, method_call, needs_offer, needs_trait, silent
from nnkit.testing.numerics import one_sided
from nnkit.testing.points import apart, normal
from nnkit.testing.record import CheckList
from nnkit.testing.reference_values import expect_reference_values, needs_reference_values
from nnkit.testing.subject import Subject

CHECKS = CheckList()

SHAPES = ((1,), (5,), (1, 1), (3, 2), (2, 5), (2, 3, 2), (0, 3))


def calls(subject: Subject) -> list[Call]:
    """The plain methods on one array of weights."""
    part = subject.make()
    weights = apart(normal(subject, "calls/w", (4, 3)), subject.cls.kinks, 0.05).astype(subject.dtype)
    methods = ("value", "gradient", *(name for name in ("curvature", "residual") if part.offers(name)))
    return [method_call(name, {"weights": weights}, by_row=False, floats=name != "value") for name in methods]


def _weights(subject: Subject, label: str) -> list[Array]:
    """Weights of every shape, small and large, away from kinks."""
    return [
        apart(normal(subject, f"{label}/{shape}/{scale}", shape, scale), subject.cls.kinks, 0.02).astype(subject.dtype)
        for shape in SHAPES
        for scale in (0.3, 2.0)
    ]


@CHECKS.check("REG-001/shape")
def shape(subject: Subject) -> None:
    """Weights come in any shape, and the penalty is added to the loss as a number.

    value returns one float, gradient an array of the shape of the weights.
    """
    part = subject.make()
    for w in _weights(subject, "shape"):
        value, inputs = part.value(w.copy()), {"weights": w}
        number = isinstance(value, (float, np.floating)) and np.ndim(value) == 0
        require(number, "value is not a float", inputs=inputs, got=type(value).__name__, expected="float")
        require(np.isfinite(value), "value is not finite", inputs=inputs, got=value)
        expect_shape("gradient has the wrong shape", part.gradient(w.copy()), w.shape, inputs)


def _expect_elements(
    subject: Subject, of: str, method: str, function: Callable[[Array, Any], Array], *, rtol: float = 1e-8
) -> None:
    """Raise ``CheckFailure`` unless ``method`` is in each element the derivative of ``function(weights, place)``."""
    part, message = subject.make(), f"{method} is not the derivative of {of}"
    for w in _weights(subject, method):
        derivative, steps = called(part, method, w), steps_within(w, subject.cls.kinks, 0.05)
        for place in np.ndindex(*w.shape):
            expect_slope(
                message,
                derivative[place],
                lambda t, w=w, place=place: function(moved(w, place, t), place),  # type: ignore[misc]
                float(steps[place]),
                levels=7,
                inputs={"weights": w, "element": list(place)},
                rtol=rtol,
            )


@CHECKS.check("REG-002/gradient-stencil", scope="variant")
def gradient_stencil(subject: Subject) -> None:
    """One penalty would be shown, and another one followed.

    Differentiate value again: the factor of one half, the sign at negative weights.
    """
    part = subject.make()
    _expect_elements(subject, "value", "gradient", lambda w, _: called(part, "value", w), rtol=1e-7)


@CHECKS.check("REG-007/curvature", needs=needs_offer("curvature"), scope="variant")
def curvature(subject: Subject) -> None:
    """Second-order training adds it to the diagonal.

    curvature is the derivative of gradient, element by element.
    """
    part = subject.make()
    _expect_elements(subject, "gradient", "curvature", lambda w, place: called(part, "gradient", w)[place])


@CHECKS.check("REG-003/zero-at-zero")
def zero_at_zero(subject: Subject) -> None:
    """Weights of zero cost nothing; a constant would be shown as loss.

    Remove the constant; the gradient at zero is zero unless zero is a declared kink.
    """
    part = subject.make()
    for size in SHAPES:
        w = np.zeros(size, dtype=subject.dtype)
        inputs = {"weights": w}
        with silent("for zero weights it", inputs):
            value, gradient = part.value(w), part.gradient(w)
        require(value == 0.0, "value of zero weights is not zero", inputs=inputs, got=value, expected=0.0)
        require(np.isfinite(gradient).all(), "gradient of zero weights is not finite", inputs=inputs, got=gradient)


@CHECKS.check("REG-004/linear-in-strength", needs=needs_trait("linear_in_strength", "linearity in the strength"))
def linear_in_strength(subject: Subject) -> None:
    """A search over the strength expects twice the strength to be twice the penalty.

    Multiply by the strength once, in value and in gradient; or set `linear_in_strength = False`.
    """
    part, rtol = subject.make(), 64 * subject.eps
    names = [f.name for f in attrs.fields(subject.cls) if f.name in {"l1", "l2"} or f.name.endswith("strength")]
    strengths = {name: getattr(part, name) for name in names if isinstance(getattr(part, name), float)}
    for factor in (2.0, 0.5, 8.0):
        try:
            other = attrs.evolve(part, **{name: strength * factor for name, strength in strengths.items()})
        except ValueError:
            continue
        for w in _weights(subject, "linear"):
            for method in ("value", "gradient"):
                got, expected = called(other, method, w), factor * called(part, method, w)
                message, inputs = f"{method} is not linear in the strength", {"weights": w, "strength times": factor}
                expect_close(message, got, expected, rtol=rtol, atol=1e-12, inputs=inputs)


@CHECKS.check("REG-005/not-negative", level="strict")
def not_negative(subject: Subject) -> None:
    """A negative penalty rewards weights that grow.

    Look for a sign; a penalty is not negative.
    """
    part = subject.make()
    for w in _weights(subject, "negative"):
        value = part.value(w.copy())
        require(value >= 0.0, "value is negative", inputs={"weights": w}, got=value, expected="0 or more")


@CHECKS.check("REG-006/add-gradient")
def add_gradient(subject: Subject) -> None:
    """Training runs on the in-place variant; it must be the same gradient.

    Add to `out` (not: write over it), rely on no content of `work`, leave the weights unchanged.
    """
    part, tolerance = subject.make(), 64 * subject.eps
    for w in [*_weights(subject, "add"), normal(subject, "add/large", (300, 7))]:
        start = normal(subject, f"add/out/{w.shape}", w.shape)
        out, w_passed, inputs = start.copy(), w.copy(), {"weights": w, "out": start}
        with silent("add_gradient", inputs):
            part.add_gradient(w_passed, out, np.full_like(w, np.nan))
        expected, message = start + called(part, "gradient", w), "add_gradient does not add the gradient"
        expect_close(message, out, expected, tolerance=tolerance, inputs=inputs)
        expect_equal("add_gradient writes to the weights", w_passed, w, inputs=inputs)


@CHECKS.check("REG-008/residual", needs=needs_offer("residual"))
def residual(subject: Subject) -> None:
    """Least-squares solvers use the residual instead of the value.

    value must be 0.5 * (residual**2).sum(), with a residual linear in the weights: sqrt(strength) * weights.
    """
    part, tolerance, three = subject.make(), 64 * subject.eps, subject.dtype.type(3.0)
    for w in _weights(subject, "residual"):
        r, inputs = part.residual(w.copy()), {"weights": w}
        expect_shape("residual has another shape", r, w.shape, inputs)
        half_squares, message = 0.5 * (r.astype(np.float64) ** 2).sum(), "half the squared residuals is not the value"
        value = called(part, "value", w)
        expect_close(message, half_squares, value, rtol=4 * tolerance, atol=tolerance, inputs=inputs)
        other = normal(subject, f"residual/other/{w.shape}", w.shape)
        mixed, expected = part.residual(w - three * other), r - three * part.residual(other.copy())
        message = "residual is not linear in the weights"
        expect_close(message, mixed, expected, rtol=4 * tolerance, atol=4 * tolerance, inputs=inputs)


def _sides(part: Any, w: Array) -> tuple[Any, Any]:
    """The slopes of value in the second weight, from the left and from the right."""
    left, right = (one_sided(lambda t: called(part, "value", moved(w, 1, t)), 0.01, side) for side in (-1, 1))
    return left, right


@CHECKS.check("REG-009/kinks", needs=needs_trait("kinks", "kinks"), scope="variant")
def kinks(subject: Subject) -> None:
    """At a kink the gradient is a choice, and it must lie between the slopes that meet there.

    Return a subgradient (np.sign gives 0 at 0), and declare the kink where it is.
    """
    part = subject.make()
    for kink in subject.cls.kinks:
        w = np.array([kink + 0.5, kink, kink + 0.5])
        gradient, (low, high) = float(part.gradient(w.copy())[1]), sorted(float(s.value) for s in _sides(part, w))
        message, expected = f"gradient at the kink {kink} is no subgradient", f"between {low:.6g} and {high:.6g}"
        between = low - 1e-6 <= gradient <= high + 1e-6
        require(between, message, inputs={"weights": w}, got=gradient, expected=expected)


@CHECKS.check("REG-012/undeclared-kinks", scope="variant")
def undeclared_kinks(subject: Subject) -> None:
    """Solvers and stencils that rely on a smooth penalty stall where it is not.

    Declare the kink: `kinks = (0.0,)`.
    """
    for place in {0.0, 0.5, -0.5, 1.0, -1.0} - set(subject.cls.kinks):
        w = np.array([0.7, place, -1.3])
        left, right = _sides(subject.make(), w)
        slack = float(left.allowed(1e-6) + right.allowed(1e-6)) + 1e-6
        smooth = abs(float(left.value) - float(right.value)) <= slack
        require(smooth, f"value has a kink at {place:g} that is not declared", inputs={"weights": w})


@CHECKS.check("REG-010/any-arrangement", level="strict")
def any_arrangement(subject: Subject) -> None:
    """The same weights have the same penalty in any shape and order.

    Treat all elements alike; no mean over an axis, no weight for the first one.
    """
    part, tolerance = subject.make(), 256 * subject.eps
    for w in _weights(subject, "arrangement"):
        if w.ndim == 1 and w.size:
            reverse, value = called(part, "value", w[::-1]), called(part, "value", w)
            message = "the reversed weights have another penalty"
            expect_close(message, reverse, value, tolerance=tolerance, inputs={"weights": w})


@CHECKS.check("REG-011/nan-stays-visible", level="strict", scope="variant")
def nan_stays_visible(subject: Subject) -> None:
    """Weights of NaN without a penalty hide a training that has failed.

    No nansum, no nan_to_num, no maximum that prefers a number.
    """
    part = subject.make()
    for size in ((1,), (5,), (3, 2)):
        w = normal(subject, f"nan/{size}", size)
        w.reshape(-1)[0] = np.nan
        value, gradient, inputs = called(part, "value", w), called(part, "gradient", w), {"weights": w}
        require(np.isnan(value), "value hides a NaN", inputs=inputs, got=value, expected="nan")
        require(np.isnan(gradient.reshape(-1)[0]), "gradient hides a NaN", inputs=inputs, got=gradient)


@CHECKS.check("REG-013/large", scope="variant")
def large(subject: Subject) -> None:
    """Blocks, chunks and samples begin at sizes that small tests do not reach; networks do.

    Look at what is left over behind the last complete block.
    """
    part = subject.make()
    for size in ((3001,), (61, 67)):
        w = apart(normal(subject, f"large/{size}", size), subject.cls.kinks, 0.02)
        direction = normal(subject, f"large/way/{size}", size)
        direction *= 0.019 / np.abs(direction).max()
        expect_slope(
            f"gradient of {w.size} weights is not the derivative of value along a direction",
            (called(part, "gradient", w) * direction).sum(),
            lambda t, w=w, direction=direction: called(part, "value", w + t * direction),  # type: ignore[misc]
            1.0,
            rtol=1e-7,
            inputs={"weights": w, "direction": direction},
        )


@CHECKS.check("REG-REF/figures", needs=needs_reference_values)
def figures(subject: Subject) -> None:
    """A penalty may have the right slope and still be another penalty than its name says.

    Compare the formula with its source: one half or not, sum or mean.
    """
    expect_reference_values(subject, "value", [{"weights": w} for w in _weights(subject, "reference") if w.size])
