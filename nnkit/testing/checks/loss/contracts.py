"""Widths, point predictions, missing targets, coupled rows and surrogate gradients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import called, expect_shape
from nnkit.testing.checks.loss.domains import SIZES, pair, predictions, target_size, targets, weights
from nnkit.testing.derivatives import expect_slope
from nnkit.testing.failure import expect_close, expect_equal, require, show
from nnkit.testing.points import normal
from nnkit.testing.record import applies_if, check, needs_offer, needs_trait
from nnkit.testing.reference_values import expect_reference_values
from nnkit.testing.subject import Subject

needs_coupled = needs_trait("rows_coupled", "that its rows are coupled")


@check("LOSS-030/widths")
def widths(subject: Subject, loss: Any) -> None:
    """The core computes the columns of the targets from the outputs, and advises outputs from the targets.

    outputs_for(target_columns(outputs)) must be outputs; point returns (N, target_columns) finite values, or the
    prediction unchanged where there is no point prediction.
    """
    for size in SIZES:
        rows, columns = target_size(subject, size)
        outputs = loss.outputs_for(columns)
        require(
            loss.target_columns(outputs) == columns,
            "target_columns and outputs_for are not inverse to each other",
            inputs={"target_columns": columns, "outputs_for(target_columns)": outputs},
            got=loss.target_columns(outputs),
            expected=columns,
        )
        p = predictions(subject, "widths", size)
        show(prediction=p)
        point = called(loss, "point", p)
        if point.shape != p.shape:
            expect_shape("point has the wrong shape", point, (rows, columns))
        require(np.isfinite(point).all(), "point is not finite", got=point)
        require(point.dtype == p.dtype, "point changes the dtype", got=point.dtype, expected=p.dtype)


def _absent(subject: Subject, label: str) -> tuple[Array, Array, Array]:
    """A prediction, a target with NaN in its first two rows, and the same target without NaN."""
    p, t = pair(subject, label, (5, 2), hard=True)
    broken = t.copy()
    broken[0] = np.nan
    broken[1, 0] = np.nan
    return p, broken, t


@check(
    "LOSS-031/missing-targets",
    needs=(
        needs_trait("missing_targets", "missing targets"),
        applies_if(lambda s: not s.cls.rows_coupled, "its rows are coupled"),
    ),
)
def missing_targets(subject: Subject, loss: Any) -> None:
    """Targets of NaN reach a loss that declares missing_targets; one NaN in a gradient ends the training.

    Leave out what is missing (np.where(np.isnan(target), 0, ...)); a row without any target has value and gradient 0.
    """
    p, broken, t = _absent(subject, "missing")
    show(prediction=p, target=broken)
    for method in ("value", "gradient"):
        result, complete = called(loss, method, p, broken), called(loss, method, p, t)
        require(np.isfinite(result).all(), f"{method} is not finite for missing targets", got=result)
        require(not result[0].any(), f"{method} of a row without targets is not 0", got=result[0])
        message = f"a missing target changes other rows of {method}"
        expect_close(message, result[2:], complete[2:], tolerance=16 * subject.eps)
    values, grad = np.empty(len(p), subject.dtype), np.empty_like(p)
    loss.evaluate_into(p.copy(), broken.copy(), values, grad)
    for name, result, method in (("values", values, "value"), ("grad", grad, "gradient")):
        expected = called(loss, method, p, broken)
        message = f"{name} of evaluate_into differs from {method} for missing targets"
        expect_close(message, result, expected, tolerance=64 * subject.eps)


@check("LOSS-032/surrogate-reference", needs=needs_trait("surrogate_gradient", "a surrogate gradient"))
def surrogate_reference(subject: Subject) -> None:
    """A gradient that is deliberately no derivative can only be compared with a second implementation of it.

    Define `reference` as a staticmethod of prediction, target and the hyperparameters that returns the gradient (N, K).
    """
    require(subject.cls.reference is not None, "it declares surrogate_gradient without a reference of the gradient")
    points = []
    for size in SIZES:
        p, t = pair(subject, "surrogate", size)
        points.append({"prediction": p, "target": t})
    expect_reference_values(subject, "gradient", points, examples=False)


@check("LOSS-039/unscale", needs=needs_offer("unscale"))
def unscale(subject: Subject, loss: Any) -> None:
    """With target_scaling, predict returns unscale of what was trained: a wrong one makes every prediction wrong.

    Every column is a + b * prediction, and point of the result is shift + scale * point(prediction).
    """
    tolerance = 256 * subject.eps
    for size in SIZES:
        p, t = pair(subject, f"unscale/{size}", size)
        columns = target_size(subject, size)[1]
        shift = normal(subject, f"unscale/shift/{size}", (columns,), 5.0)
        scale = np.exp(normal(subject, f"unscale/scale/{size}", (columns,)))
        show(prediction=p, target=t, shift=shift, scale=scale)
        moved, twice, zero = (called(loss, "unscale", x, shift, scale) for x in (p, 2 * p, np.zeros_like(p)))
        expect_shape("unscale has the wrong shape", moved, p.shape)
        require(moved.dtype == p.dtype, "unscale changes the dtype", got=moved.dtype, expected=p.dtype)
        message = "unscale is not a + b * prediction with constants for each column"
        atol = tolerance * (1.0 + float(np.abs(moved).max()))
        expect_close(message, twice - moved, moved - zero, atol=atol)
        expected = shift + scale * called(loss, "point", p)
        message = "point of the unscaled prediction is not shift + scale * point"
        expect_close(message, called(loss, "point", moved), expected, atol=atol)
        if subject.cls.rows_coupled or t.shape[-1:] != (columns,):
            continue
        # In either unit, the same predictions are too large and too small.
        slopes = called(loss, "unscale", np.ones_like(p), shift, scale) - zero
        grad, target = called(loss, "gradient", p, t), (shift + scale * t).astype(p.dtype)
        other = called(loss, "gradient", moved, target) * slopes
        certain = (np.abs(grad) > 1e-3) & (np.abs(other) > 1e-3)
        message = "the loss in units of the targets pulls the unscaled prediction another way"
        expect_equal(message, np.sign(other) * certain, np.sign(grad) * certain)


# -- coupled rows ------------------------------------------------------------------------------


def _batches(subject: Subject, label: str) -> Iterator[tuple[Array, Array, Array]]:
    """Predictions, targets and weights of a few sizes; failures show the present ones."""
    for size in ((2, 1), (7, 2), (23, 3)):
        p, t = pair(subject, f"{label}/{size}", size)
        w = weights(subject, label, len(p))
        show(prediction=p, target=t, weight=w)
        yield p, t, w


@check("LOSS-033/batch-gradient", needs=needs_coupled, scope="variant")
def batch_gradient(subject: Subject, loss: Any) -> None:
    """A wrong gradient trains towards the wrong place, without any error.

    Differentiate `batch_value` again, the weights included; a row acts on the values of other rows too.
    """
    for p, t, w in _batches(subject, "batch-gradient"):
        value = loss.batch_value(p.copy(), t.copy(), w.copy())
        require(np.ndim(value) == 0 and np.isfinite(value), "batch_value is no finite number", got=value)
        gradient = loss.batch_gradient(p.copy(), t.copy(), w.copy())
        expect_shape("batch_gradient has the wrong shape", gradient, p.shape)
        require(np.isfinite(gradient).all(), "batch_gradient is not finite", got=gradient)
        for n in range(min(len(p), 4)):
            for k in range(p.shape[1]):
                unit = np.zeros_like(p)
                unit[n, k] = 1.0
                expect_slope(
                    f"batch_gradient[{n}, {k}] is not the derivative of batch_value",
                    gradient[n, k],
                    lambda s, p=p, t=t, w=w, unit=unit: np.asarray(called(loss, "batch_value", p + s * unit, t, w)),  # type: ignore[misc]
                    0.05,
                    rtol=1e-7,
                    atol=1e-10,
                )


@check("LOSS-034/weights-used", needs=needs_coupled)
def weights_used(subject: Subject, loss: Any) -> None:
    """The core passes the weights to the loss alone: weights that it ignores are ignored by the whole training.

    Multiply the term of each row by its weight, and divide by the sum of the weights that count.
    """
    *_, (p, t, w) = _batches(subject, "weights")
    for method in ("batch_value", "batch_gradient"):
        equal = np.array_equal(called(loss, method, p, t, w), called(loss, method, p, t, w[::-1]))
        require(not equal, f"{method} does not depend on the weights")


@check("LOSS-038/absent-rows", level="advisory", needs=needs_coupled)
def absent_rows(subject: Subject, loss: Any) -> None:
    """The weights are passed to the loss alone, so nothing else can leave a row out.

    Multiply every term in which a row appears by its weight, also where it appears beside other rows.
    """
    tolerance = 512 * subject.eps
    for p, t, weight in _batches(subject, "absent"):
        w = np.where(np.arange(len(weight)) % 3 == 1, 0, weight).astype(weight.dtype)
        there = w > 0
        show(prediction=p, target=t, weight=w)
        short = called(loss, "batch_value", p[there], t[there], w[there])
        message = "a row of weight 0 changes batch_value"
        expect_close(message, called(loss, "batch_value", p, t, w), short, tolerance=tolerance)
        gradient = called(loss, "batch_gradient", p, t, w)
        require(not gradient[~there].any(), "a row of weight 0 has a gradient", got=gradient[~there])


@check("LOSS-035/order-of-rows", needs=needs_coupled)
def order_of_rows(subject: Subject, loss: Any) -> None:
    """Batches are shuffled: the order of the rows must not matter.

    Sort by the targets inside the loss, and put the gradient back in the order of the rows.
    """
    tolerance = 512 * subject.eps
    for arrays in _batches(subject, "order"):
        order = subject.rng("order").permutation(len(arrays[0]))
        moved = [array[order] for array in arrays]
        for method in ("batch_value", "batch_gradient"):
            expected = called(loss, method, *arrays)
            expected = expected[order] if method == "batch_gradient" else expected
            message = f"{method} changes with the order of the rows"
            expect_close(message, called(loss, method, *moved), expected, tolerance=tolerance)


@check("LOSS-036/batch-extremes", needs=needs_coupled)
def batch_extremes(subject: Subject, loss: Any) -> None:
    """Outputs of an untrained network may be large; one infinite loss ends the training.

    Take the largest exponent out of sums of exponentials (np.logaddexp, log-sum-exp).
    """
    for size in (30.0, 710.0, 1e4):
        p, t = predictions(subject, "extremes", (9, 2)), targets(subject, "extremes", (9, 2), hard=True)
        if subject.cls.prediction_domain == "real":
            p = (p / np.abs(p).max() * size).astype(subject.dtype)
        w = weights(subject, "extremes", 9)
        show(prediction=p, target=t, weight=w)
        for method in ("batch_value", "batch_gradient"):
            result = called(loss, method, p, t, w)
            require(np.isfinite(result).all(), f"{method} is not finite", got=result)


@check("LOSS-037/batch-nan", level="strict", needs=needs_coupled)
def batch_nan(subject: Subject, loss: Any) -> None:
    """A NaN that disappears in the loss hides the error that caused it.

    Use functions that propagate NaN.
    """
    _, (p, t, w), _ = _batches(subject, "nan")
    p[:, 0] = np.nan
    show(prediction=p, target=t, weight=w)
    value = called(loss, "batch_value", p, t, w)
    require(bool(np.isnan(value)), "batch_value hides a NaN", got=value)
