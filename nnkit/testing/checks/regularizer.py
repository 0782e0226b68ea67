"""Checks of regularizers."""

import itertools
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import Call, called, expect_in_place, expect_shape, method_call, silent
from nnkit.testing.derivatives import expect_slope, moved, slope, steps_within
from nnkit.testing.failure import expect_close, require, show
from nnkit.testing.record import Inputs, Subject, apart, check, declared_kinks, inputs, needs_offer, needs_trait, normal
from nnkit.testing.reference_values import Compared, compared_with, expect_values, needs_reference_values

SHAPES = ((1,), (5,), (1, 1), (3, 2), (2, 5), (2, 3, 2), (0, 3))

SIZED = [*itertools.product(SHAPES, (0.3, 2.0)), ((3, 2), 100.0)]


def calls(subject: Subject) -> list[Call]:
    """The plain methods on one array of weights."""
    part = subject.make()
    weights = apart(normal(subject, "calls/w", (4, 3)), subject.cls.kinks, 0.05).astype(subject.dtype)
    methods = ("value", "gradient", *(name for name in ("curvature", "residual") if part.offers(name)))
    return [method_call(name, {"weights": weights}, by_row=False, floats=name != "value") for name in methods]


@inputs("weights", cases=SIZED)
def _weights(subject: Subject, label: str, shape: tuple[int, ...], scale: float) -> Array:
    """Weights of every shape, small and large, away from kinks."""
    weights = normal(subject, f"{label}/{shape}/{scale}", shape, scale)
    return apart(weights, subject.cls.kinks, 0.02).astype(subject.dtype)


@check("REG-001/shape", on=_weights)
def shape(subject: Subject, part: Any, w: Array) -> None:
    """Weights come in any shape, and the penalty is added to the loss as a number.

    value returns one float, gradient an array of the shape of the weights.
    """
    value = part.value(w.copy())
    number = isinstance(value, (float, np.floating)) and np.ndim(value) == 0
    require(number, "value is not a float", got=type(value).__name__, expected="float")
    require(np.isfinite(value), "value is not finite", got=value)
    expect_shape("gradient has the wrong shape", part.gradient(w.copy()), w.shape)


def _expect_elements(
    subject: Subject, w: Array, of: str, method: str, function: Callable[[Array, Any], Array], *, rtol: float = 1e-8
) -> None:
    """Raise ``CheckFailure`` unless ``method`` is in each element the derivative of ``function(weights, place)``."""
    derivative, steps = called(subject.make(), method, w), steps_within(w, subject.cls.kinks, 0.05)
    for place in np.ndindex(*w.shape):
        expect_slope(
            f"{method} is not the derivative of {of}",
            derivative[place],
            lambda t, place=place: function(moved(w, place, t), place),  # type: ignore[misc]
            float(steps[place]),
            levels=7,
            inputs={"element": list(place)},
            rtol=rtol,
        )


@check("REG-002/gradient-stencil", scope="variant", on=_weights)
def gradient_stencil(subject: Subject, part: Any, w: Array) -> None:
    """One penalty would be shown, and another one followed.

    Differentiate value again: the factor of one half, the sign at negative weights.
    """
    _expect_elements(subject, w, "value", "gradient", lambda w, _: called(part, "value", w), rtol=1e-7)


@check("REG-007/curvature", needs=needs_offer("curvature"), scope="variant", on=_weights)
def curvature(subject: Subject, part: Any, w: Array) -> None:
    """Second-order training adds it to the diagonal.

    curvature is the derivative of gradient, element by element.
    """
    _expect_elements(subject, w, "gradient", "curvature", lambda w, place: called(part, "gradient", w)[place])


_shapes = Inputs(("shape",), [(shape,) for shape in SHAPES])


@check("REG-003/zero-at-zero", on=_shapes)
def zero_at_zero(subject: Subject, part: Any, shape: tuple[int, ...]) -> None:
    """Weights of zero cost nothing; a constant would be shown as loss.

    Remove the constant, or set `zero_at_zero = False` for a distance from something else than zero.
    """
    w = np.zeros(shape, dtype=subject.dtype)
    with silent("for zero weights it"):
        value, gradient = part.value(w), part.gradient(w)
    zero = value == 0.0 or not subject.trait("zero_at_zero")
    require(zero, "value of zero weights is not zero", got=value, expected=0.0)
    require(np.isfinite(gradient).all(), "gradient of zero weights is not finite", got=gradient)


@check("REG-004/linear-in-strength", needs=needs_trait("linear_in_strength", "linearity in the strength"), on=_weights)
def linear_in_strength(subject: Subject, part: Any, w: Array) -> None:
    """A search over the strength expects twice the strength to be twice the penalty.

    Multiply by the strength once, in value and in gradient; or set `linear_in_strength = False`.
    """
    names = [f.name for f in attrs.fields(subject.cls) if f.name in {"l1", "l2"} or f.name.endswith("strength")]
    strengths = {name: getattr(part, name) for name in names if isinstance(getattr(part, name), float)}
    for factor in (2.0, 0.5, 8.0):
        try:
            other = attrs.evolve(part, **{name: strength * factor for name, strength in strengths.items()})
        except ValueError:
            continue
        for method in ("value", "gradient"):
            got, expected = called(other, method, w), factor * called(part, method, w)
            show({"strength times": factor}, weights=w)
            message = f"{method} is not linear in the strength"
            expect_close(message, got, expected, rtol=64 * subject.eps, atol=1e-12)


@check("REG-005/not-negative", level="strict", on=_weights)
def not_negative(subject: Subject, part: Any, w: Array) -> None:
    """A negative penalty rewards weights that grow.

    Look for a sign; a penalty is not negative.
    """
    value = part.value(w.copy())
    require(value >= 0.0, "value is negative", got=value, expected="0 or more")


_also_many = attrs.evolve(_weights, cases=[*SIZED, ((300, 7), 1.0)])


@check("REG-006/add-gradient", on=_also_many)
def add_gradient(subject: Subject, part: Any, w: Array) -> None:
    """Training runs on the in-place variant; it must be the same gradient.

    Add to `out` (not: write over it), rely on no content of `work`, leave the weights unchanged.
    """
    out = normal(subject, f"add/out/{w.shape}", w.shape)
    show(weights=w, out=out)
    expected = {"out": out + called(part, "gradient", w)}
    arrays = {"weights": w, "out": out, "work": None}
    expect_in_place(part, "add_gradient", arrays, expected, 64 * subject.eps)


@check("REG-008/residual", needs=needs_offer("residual"), on=_weights)
def residual(subject: Subject, part: Any, w: Array) -> None:
    """Least-squares solvers use the residual instead of the value.

    value must be 0.5 * (residual**2).sum(), with a residual linear in the weights: sqrt(strength) * weights.
    """
    tolerance, three = 64 * subject.eps, subject.dtype.type(3.0)
    r = part.residual(w.copy())
    expect_shape("residual has another shape", r, w.shape)
    half_squares, message = 0.5 * (r.astype(np.float64) ** 2).sum(), "half the squared residuals is not the value"
    expect_close(message, half_squares, called(part, "value", w), rtol=4 * tolerance, atol=tolerance)
    other = normal(subject, f"residual/other/{w.shape}", w.shape)
    mixed, expected = part.residual(w - three * other), r - three * part.residual(other.copy())
    expect_close("residual is not linear in the weights", mixed, expected, rtol=4 * tolerance, atol=4 * tolerance)


def _sides(part: Any, w: Array) -> tuple[Any, Any]:
    """The slopes of value in the second weight, from the left and from the right."""
    left, right = (slope(lambda t: called(part, "value", moved(w, 1, t)), 0.01, sided=side) for side in (-1, 1))
    return left, right


@check("REG-009/kinks", needs=needs_trait("kinks", "kinks"), scope="variant", on=declared_kinks)
def kinks(subject: Subject, part: Any, kink: float) -> None:
    """At a kink the gradient is a choice, and it must lie between the slopes that meet there.

    Return a subgradient (np.sign gives 0 at 0), and declare the kink where it is.
    """
    w = np.array([kink + 0.5, kink, kink + 0.5])
    gradient, (low, high) = float(part.gradient(w.copy())[1]), sorted(float(s.value) for s in _sides(part, w))
    message, expected = f"gradient at the kink {kink} is no subgradient", f"between {low:.6g} and {high:.6g}"
    require(low - 1e-6 <= gradient <= high + 1e-6, message, inputs={"weights": w}, got=gradient, expected=expected)


@check("REG-012/undeclared-kinks", scope="variant", on=Inputs(("place",), (0.0, 0.5, -0.5, 1.0, -1.0)))
def undeclared_kinks(subject: Subject, part: Any, place: float) -> None:
    """Solvers and stencils that rely on a smooth penalty stall where it is not.

    Declare the kink: `kinks = (0.0,)`.
    """
    left, right = _sides(part, np.array([0.7, place, -1.3]))
    slack = float(left.allowed(1e-6) + right.allowed(1e-6)) + 1e-6
    smooth = place in subject.cls.kinks or abs(float(left.value) - float(right.value)) <= slack
    require(smooth, f"value has a kink at {place:g} that is not declared")


@check("REG-010/any-arrangement", level="strict", on=_weights)
def any_arrangement(subject: Subject, part: Any, w: Array) -> None:
    """The same weights have the same penalty in any shape and order.

    Treat all elements alike; no mean over an axis, no weight for the first one.
    """
    if w.ndim == 1 and w.size:
        reverse, value = called(part, "value", w[::-1]), called(part, "value", w)
        expect_close("the reversed weights have another penalty", reverse, value, tolerance=256 * subject.eps)


_nonempty = attrs.evolve(_weights, cases=[((1,), 1.0), ((5,), 1.0), ((3, 2), 1.0)])


@check("REG-011/nan-stays-visible", level="strict", scope="variant", on=_nonempty)
def nan_stays_visible(subject: Subject, part: Any, w: Array) -> None:
    """Weights of NaN without a penalty hide a training that has failed.

    No nansum, no nan_to_num, no maximum that prefers a number.
    """
    w.reshape(-1)[0] = np.nan
    value, gradient = called(part, "value", w), called(part, "gradient", w)
    require(np.isnan(value), "value hides a NaN", got=value, expected="nan")
    require(np.isnan(gradient.reshape(-1)[0]), "gradient hides a NaN", got=gradient)


@check("REG-013/large", scope="variant", on=attrs.evolve(_weights, cases=(((3001,), 1.0), ((61, 67), 1.0))))
def large(subject: Subject, part: Any, w: Array) -> None:
    """Blocks, chunks and samples begin at sizes that small tests do not reach; networks do.

    Look at what is left over behind the last complete block.
    """
    direction = normal(subject, f"large/way/{w.shape}", w.shape)
    direction *= 0.019 / np.abs(direction).max()
    expect_slope(
        f"gradient of {w.size} weights is not the derivative of value along a direction",
        (called(part, "gradient", w) * direction).sum(),
        lambda t: called(part, "value", w + t * direction),
        1.0,
        rtol=1e-7,
        inputs={"direction": direction},
    )


def _points(subject: Subject) -> list[dict[str, Any]]:
    return [{"weights": w} for w in _weights(subject, "reference") if w.size]


@check("REG-REF/reference-values", needs=needs_reference_values, on=compared_with(_points))
def reference_values(subject: Subject, compared: Compared) -> None:
    """A penalty may have the right slope and still be another penalty than its name says.

    Compare the formula with its source: one half or not, sum or mean.
    """
    expect_values(subject, "value", compared)
