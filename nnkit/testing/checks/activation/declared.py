"""What an activation declares of itself: kinks, range, symmetries, invariances, reference values."""

from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import called, quiet
from nnkit.testing.checks.activation.passes import derived, in_rows, matrices, needs_elementwise
from nnkit.testing.derivatives import Slope, slope
from nnkit.testing.failure import difference, expect_agreement, expect_close, fail, require
from nnkit.testing.record import (
    EXTREMES,
    Inputs,
    Subject,
    applies_if,
    check,
    declared_kinks,
    elementwise_points,
    needs_trait,
    needs_unordered,
    normal,
)
from nnkit.testing.reference_values import Compared, compared_with, expect_values, needs_reference_values


def _samples(subject: Subject) -> Array:
    """The grid, the neighbourhood of kinks, and extremes; in rows of four where rows matter, with random rows."""
    kinks = np.asarray(subject.cls.kinks, dtype=np.float64)
    points = np.concatenate([elementwise_points(subject, "traits").ravel(), EXTREMES, -EXTREMES, kinks])
    if subject.elementwise:
        return points[:, None].astype(subject.dtype)
    rows = subject.rng("traits/rows").normal(0.0, 3.0, (20, 4))
    return np.concatenate([in_rows(points), rows, np.zeros((1, 4))]).astype(subject.dtype)


_places = Inputs(("z",), [k / 2 for k in range(-14, 15)])
_in_rows = Inputs(("z",), lambda s: [*matrices(s, "simplex"), _samples(s)])


@check("ACT-019/kinks", needs=(needs_elementwise, needs_trait("kinks", "kinks")), scope="variant", on=declared_kinks)
def kinks(subject: Subject, part: Any, kink: float) -> None:
    """At a kink the derivative is a choice, and it must be one of the two slopes that meet there.

    Return the slope from the left or from the right at a kink, and declare the kink where it is.
    """
    z = np.array([[kink]])
    step = min([0.1, *(0.5 * abs(kink - other) for other in subject.cls.kinks if other != kink)])

    def side_slope(side: int) -> Slope:
        near = z + side * 1e-9 * np.maximum(np.abs(z), 1.0)
        value = called(part, "forward", z)
        jumps = difference(value, called(part, "forward", near), atol=1e-6 * (1 + np.abs(value))) is not None
        base = near if jumps else z
        return slope(lambda t: called(part, "forward", base + t), step, sided=side)

    derivative, sides = derived(part, "derivative", z), [side_slope(-1), side_slope(1)]
    require(
        any(difference(derivative, side.value, atol=side.allowed() + 1e-6) is None for side in sides),
        f"derivative at the kink {kink} is neither of the one-sided slopes",
        inputs={"z": z},
        got=derivative,
        expected=" or ".join(f"{float(side.value[0, 0]):.6g}" for side in sides),
    )


@check("ACT-020/undeclared-kinks", needs=needs_elementwise, scope="variant", on=_places)
def undeclared_kinks(subject: Subject, part: Any, center: float) -> None:
    """Stencils, Hessians and solvers avoid declared kinks; at others they compute wrong values.

    Declare the place in `kinks`, or make the branches of the derivative meet.
    """
    if any(abs(center - kink) < 1e-3 for kink in subject.cls.kinks):
        return
    z = center + np.array([[-1e-7], [1e-7], [-2e-7], [2e-7], [0.0]])
    d = derived(part, "derivative", z)[:, 0]
    jump, drift = abs(d[1] - d[0]), abs(d[0] - d[2]) + abs(d[3] - d[1])
    message, expected = f"the derivative jumps at {center:g}, which is not declared", f"kinks with {center:g} in it"
    require(jump <= 1e-4 * (1.0 + abs(d[0])) + 10.0 * drift, message, inputs={"z": z[:2]}, got=d[:2], expected=expected)


@check("ACT-021/range", needs=applies_if(lambda s: np.isfinite(s.cls.range).any(), "it declares no bound"))
def declared_range(subject: Subject) -> None:
    """Losses and plots rely on the declared range: a logarithm of a negative number is NaN.

    Widen `range`, or keep forward inside it also at the extremes.
    """
    z, (low, high) = _samples(subject), subject.cls.range
    slack = 4 * subject.eps * max(abs(x) for x in (low, high) if np.isfinite(x))
    for n, row in enumerate(called(subject.make(), "forward", z).astype(np.float64)):
        inside = ((row >= low - slack) & (row <= high + slack)).all()
        require(inside, "forward leaves its range", inputs={"z": z[n : n + 1]}, got=row, expected=f"[{low}, {high}]")


@check("ACT-022/monotonic", needs=(needs_elementwise, needs_trait("monotonic", "monotonic")))
def monotonic(subject: Subject) -> None:
    """Plots, calibration and inversion rely on it.

    Drop `monotonic`, or look for the branch that falls.
    """
    z = np.sort(_samples(subject), axis=0)
    a = called(subject.make(), "forward", z).astype(np.float64)[:, 0]
    with np.errstate(invalid="ignore"):
        falls = np.flatnonzero(np.diff(a) < -8 * subject.eps * (np.abs(a[1:]) + np.abs(a[:-1])))
    if falls.size:
        at = slice(int(falls[0]), int(falls[0]) + 2)
        fail("forward falls although it is declared monotonic", inputs={"z": z[at]}, got=a[at], expected="not falling")


@check("ACT-023/parity", needs=needs_trait("parity", "parity"))
def parity(subject: Subject, part: Any) -> None:
    """Sign symmetry is used where weights are drawn and where networks are compared.

    Drop `parity`, or make forward(-z) equal to -forward(z) ("odd") or forward(z) ("even").
    """
    eps, declared = subject.eps, subject.cls.parity
    require(declared in {"odd", "even"}, "parity is neither 'odd' nor 'even'", got=declared)
    sign = -1.0 if declared == "odd" else 1.0

    def compute(z: Array) -> tuple[Array, Array]:
        return called(part, "forward", -z), sign * called(part, "forward", z)

    expect_agreement(f"forward is not {declared}", compute, {"z": _samples(subject)}, rtol=16 * eps, atol=4 * eps)


@check("ACT-024/fixed-points", needs=needs_trait("fixed_points", "fixed points"))
def fixed_points(subject: Subject) -> None:
    """A wrong fixed point shifts every value.

    Remove the point from `fixed_points`, or correct the constant that moves it.
    """
    z, tolerance = np.asarray(subject.cls.fixed_points, dtype=subject.dtype)[:, None], 16 * subject.eps
    a, message = called(subject.make(), "forward", z), "a declared fixed point moves"
    expect_close(message, a, z, tolerance=tolerance, inputs={"z": z}, rows=("z",))


@check("ACT-025/shift-invariant", needs=needs_trait("shift_invariant", "shift invariance"), on=matrices)
def shift_invariant(subject: Subject, part: Any, z: Array) -> None:
    """Stable forms subtract the largest element of a row; that is only allowed if it changes nothing.

    Drop `shift_invariant`, or look for what the shift changes.
    """
    for by in (1.5, -7.0, 50.0):

        def compute(z: Array, by: float = by) -> tuple[Array, Array]:
            return called(part, "forward", z + z.dtype.type(by)), called(part, "forward", z)

        message, tolerance = f"forward changes when {by:g} is added to a row", 16 * subject.eps * (abs(by) + 4.0)
        expect_agreement(message, compute, {"z": z}, tolerance=tolerance)


@check("ACT-026/simplex", needs=needs_trait("simplex", "a simplex"), on=_in_rows)
def on_simplex(subject: Subject, part: Any, z: Array) -> None:
    """Cross-entropy reads the rows as probabilities.

    Divide by the sum of the same row, after the exponential.
    """
    eps, a = subject.eps, called(part, "forward", z).astype(np.float64)
    require((a >= 0).all() and (a <= 1 + 8 * eps).all(), "an element is no probability", got=a)
    sums, atol, message = a.sum(axis=1), 8 * eps * (z.shape[1] + 2), "a row does not sum to 1"
    expect_close(message, sums, np.ones(len(a)), atol=atol, rows=("z",))


@check("ACT-027/log-simplex", needs=needs_trait("log_simplex", "a simplex of logarithms"), on=_in_rows)
def on_log_simplex(subject: Subject, part: Any, z: Array) -> None:
    """Losses read the rows as logarithms of probabilities.

    Subtract the logarithm of the sum of exponentials of the same row.
    """
    eps, a = subject.eps, called(part, "forward", z).astype(np.float64)
    require((a <= 4 * eps).all(), "an element is above 0", got=a)
    sums, atol = np.exp(a).sum(axis=1), 64 * eps * (z.shape[1] + 2)
    expect_close("the exponentials of a row do not sum to 1", sums, np.ones(len(a)), atol=atol, rows=("z",))


@check("ACT-028/equivariant-columns", level="strict", needs=needs_unordered, on=matrices)
def equivariant_columns(subject: Subject, part: Any, z: Array) -> None:
    """Which unit stands in which column must not matter, unless the part declares that it does.

    Treat all columns alike; or set `ordered = True`, if their order has a meaning.
    """
    for order in (subject.rng(f"columns/{z.shape}").permutation(z.shape[1]), np.arange(z.shape[1])[::-1]):

        def compute(z: Array, order: Array = order) -> tuple[Array, Array]:
            return called(part, "forward", z[:, order]), called(part, "forward", z)[:, order]

        message = "forward of exchanged columns is not the exchanged forward"
        expect_agreement(message, compute, {"z": z}, tolerance=64 * subject.eps)


@check("ACT-029/largest-numbers", level="advisory")
def largest_numbers(subject: Subject, part: Any) -> None:
    """Values of a diverging network reach such numbers before they become infinite.

    Saturate before multiplying: np.clip, or the smaller of two forms.
    """
    ceiling = float(np.finfo(subject.dtype).max)
    z = np.array([[1e30], [-1e30], [ceiling], [-ceiling]], dtype=subject.dtype)
    if not subject.elementwise:
        z = np.hstack([z, np.zeros_like(z), -z])
    with quiet() as noted:
        a = part.forward(z.copy())
        part.vjp(z.copy(), a.copy(), np.ones_like(z))
    require(not noted.warned, "it warns at the largest numbers of the dtype", inputs={"z": z}, got=noted.warned)
    require(not np.isnan(a).any(), "forward is NaN at the largest numbers of the dtype", inputs={"z": z}, got=a)


def _points(subject: Subject) -> list[dict[str, Any]]:
    points = np.concatenate([elementwise_points(subject, "reference").ravel(), [25.0, -25.0, 60.0, -60.0]])
    z = points[:, None] if subject.elementwise else in_rows(points)
    return [{"z": z.astype(subject.dtype)}, {"z": normal(subject, "reference/narrow", (3, 1), 2.0)}]


@check("ACT-REF/reference-values", needs=needs_reference_values, on=compared_with(_points))
def reference_values(subject: Subject, compared: Compared) -> None:
    """A part may be the wrong function with the right derivative; reference values show it.

    Compare the formula with its source; if the reference value is the wrong one, correct that.
    """
    expect_values(subject, "forward", compared)
