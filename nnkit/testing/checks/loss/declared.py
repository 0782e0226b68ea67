"""What a loss declares of itself: convexity, additivity, kinks, equivalent outputs, reference values."""

import itertools
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import called
from nnkit.testing.checks.loss.domains import (
    MANY,
    SIZED,
    SIZES,
    needs_equal_widths,
    needs_no_labels,
    pairs,
    predictions,
    targets,
    weights,
)
from nnkit.testing.derivatives import slope
from nnkit.testing.failure import expect_close, fail, require, show
from nnkit.testing.record import Inputs, Subject, check, declared_kinks, needs_trait, needs_unordered
from nnkit.testing.reference_values import Compared, compared_with, expect_values, needs_reference_values

_trials = Inputs(("size", "trial"), [*itertools.product(SIZES, range(4))])


@check("LOSS-019/convex", needs=needs_trait("convex", "convexity"), on=_trials)
def convex(subject: Subject, loss: Any, size: tuple[int, int], trial: int) -> None:
    """Solvers and users rely on a convex loss having no false minima.

    Drop `convex` (set it to False), or look for the branch that bends down.
    """
    number = subject.dtype.type
    t = targets(subject, f"convex/{trial}", size, hard=bool(trial % 2))
    scale = number(1.0 if subject.cls.prediction_domain != "real" else (1.0, 3.0, 10.0, 0.1)[trial])
    one, two = (predictions(subject, f"convex/{name}/{trial}", size) * scale for name in ("one", "two"))
    ends = [called(loss, "value", p, t).astype(np.float64) for p in (one, two)]
    for share in (0.5, 0.1):
        middle = (1 - number(share)) * one + number(share) * two
        chord = (1 - share) * ends[0] + share * ends[1]
        there = called(loss, "value", middle, t).astype(np.float64)
        for n in np.flatnonzero(there > chord + 64 * subject.eps * (1 + np.abs(chord) + np.abs(there))):
            fail(
                "value lies above its chord although it is declared convex",
                inputs={"from": one[n : n + 1], "to": two[n : n + 1], "share": share, "target": t[n : n + 1]},
                got=there[n : n + 1],
                expected=f"at most {float(chord[n])!r}",
            )


_needs_columns = needs_no_labels, needs_equal_widths
_columns = Inputs(("size", "trial"), [(size, trial) for size in SIZES if size[1] > 1 for trial in range(2)])


@check(
    "LOSS-020/additive", needs=(needs_trait("additive", "additivity"), needs_no_labels, needs_equal_widths), on=_columns
)
def additive(subject: Subject, loss: Any, size: tuple[int, int], trial: int) -> None:
    """Multi-output reports and per-output plots separate the loss by column.

    Drop `additive` (set it to False), or look for what mixes the outputs.
    """
    labels, tolerance = (f"additive/{trial}", f"additive/other/{trial}"), 256 * subject.eps
    one, two = ((predictions(subject, x, size), targets(subject, x, size, hard=True)) for x in labels)
    mixed, swapped = (
        [np.hstack([a[:, :1], b[:, 1:]]) for a, b in zip(*both, strict=True)] for both in ((one, two), (two, one))
    )
    plain, exchanged = (
        sum(called(loss, "value", *each).astype(np.float64) for each in both) for both in ((one, two), (mixed, swapped))
    )
    show(dict(zip(("prediction", "target", "other columns of prediction", "and of target"), (*one, *two), strict=True)))
    expect_close("exchanging columns between two samples changes the sum", exchanged, plain, tolerance=tolerance)
    first, of_mixed = (called(loss, "gradient", *both)[:, 0] for both in (one, mixed))
    expect_close("gradient of one output depends on the others", of_mixed, first, tolerance=tolerance)


@check(
    "LOSS-021/kinks",
    needs=(needs_trait("kinks", "kinks"), needs_no_labels, needs_equal_widths),
    scope="variant",
    on=declared_kinks,
)
def kinks(subject: Subject, kink: float) -> None:
    """At a kink the gradient is a choice, and it must lie between the slopes that meet there.

    Return a subgradient at a kink (np.sign gives 0 between -1 and 1), and declare the kink where it is.
    """
    bends = [_bends(subject, kink, k, hard=hard) for hard in (False, True) for k in range(2)]
    if subject.hyperparameters == subject.variants[0]:
        message = f"there is no kink at {kink}: the slopes on both sides of it are equal"
        require(any(bends), message, expected="a kink")


def _bends(subject: Subject, kink: float, k: int, *, hard: bool) -> bool:
    """Whether value has a kink there in output ``k``, where the gradient must be a subgradient."""
    loss, t = subject.make(), targets(subject, f"kink/{kink}", (3, 2), hard=hard)
    p, direction = t + kink, np.eye(2)[k]
    gradient = called(loss, "gradient", p, t)[:, k]
    sides = [slope(lambda s: called(loss, "value", p + s * direction, t), 0.01, sided=side) for side in (-1, 1)]
    low, high = np.minimum(*(side.value for side in sides)), np.maximum(*(side.value for side in sides))
    slack = sides[0].allowed() + sides[1].allowed() + 1e-6
    for n in np.flatnonzero((gradient < low - slack) | (gradient > high + slack)):
        fail(
            f"gradient at the kink {kink} is no subgradient",
            inputs={"prediction": p[n : n + 1], "target": t[n : n + 1]},
            got=gradient[n],
            expected=f"between {float(low[n]):.6g} and {float(high[n]):.6g}",
        )
    return bool((high - low > slack).any())


@check("LOSS-024/equivariant-columns", level="strict", needs=(needs_unordered, needs_equal_widths), on=pairs)
def equivariant_columns(subject: Subject, loss: Any, p: Array, t: Array) -> None:
    """Which output stands in which column must not matter, unless the part declares that it does.

    Treat all columns alike; or set `ordered = True`, if their order has a meaning.
    """
    reversed_pair = p[:, ::-1], t[:, ::-1] if t.ndim > 1 else (p.shape[1] - 1 - t)
    for method in ("value", "gradient"):
        expected = called(loss, method, p, t)
        expected = expected[:, ::-1] if method == "gradient" else expected
        message, got = f"{method} changes when the columns are exchanged", called(loss, method, *reversed_pair)
        expect_close(message, got, expected, tolerance=256 * subject.eps)


def _points(subject: Subject) -> list[dict[str, Any]]:
    if subject.cls.surrogate_gradient and not subject.cls.rows_coupled:
        return []  # the reference is one of the gradient
    cases = attrs.evolve(pairs, cases=(*SIZED, MANY))
    points = [{"prediction": p, "target": t} for p, t in cases(subject, "reference")]
    if subject.cls.prediction_domain == "real":
        points.append({"prediction": 20 * points[-1]["prediction"], "target": points[-1]["target"]})
    if subject.cls.rows_coupled:
        points = [{**point, "weight": weights(subject, "reference", len(point["target"]))} for point in points]
    return points


@check("LOSS-REF/reference-values", needs=needs_reference_values, on=compared_with(_points))
def reference_values(subject: Subject, compared: Compared) -> None:
    """A part may be the wrong function with the right derivative; reference values show it.

    Compare the formula with its source; if the reference value is the wrong one, correct that.
    """
    method = "batch_value" if subject.cls.rows_coupled else "value"
    integers = frozenset({"target"} if subject.cls.target_domain == "index" else ())
    expect_values(subject, method, compared, integers=integers)
