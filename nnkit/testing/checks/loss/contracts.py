"""Widths, point predictions, missing targets, coupled rows and surrogate gradients."""

from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import called, expect_shape
from nnkit.testing.checks.loss.domains import SIZES, pair, pairs, predictions, target_size, targets, weights
from nnkit.testing.derivatives import expect_slope, moved
from nnkit.testing.failure import expect_close, expect_equal, fail, require, show
from nnkit.testing.record import Inputs, Subject, applies_if, check, inputs, needs_offer, needs_trait, normal
from nnkit.testing.reference_values import Compared, compared_with, expect_values

needs_coupled = needs_trait("rows_coupled", "that its rows are coupled")


@check("LOSS-030/widths", on=Inputs(("rows", "target columns"), lambda s: [target_size(s, size) for size in SIZES]))
def widths(subject: Subject, loss: Any, rows: int, columns: int) -> None:
    """The core computes the columns of the targets from the outputs, and advises outputs from the targets.

    outputs_for(target_columns(outputs)) must be outputs; point returns (N, target_columns) finite values, or the
    prediction unchanged where there is no point prediction.
    """
    outputs, p = loss.outputs_for(columns), predictions(subject, "widths", (rows, columns))
    show(prediction=p, outputs=outputs)
    message, got = "target_columns and outputs_for are not inverse to each other", loss.target_columns(outputs)
    require(got == columns, message, got=got, expected=columns)
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


def _points(subject: Subject) -> list[dict[str, Any]]:
    return [{"prediction": p, "target": t} for p, t in pairs(subject, "surrogate")]


_gradients = Inputs(("compared",), lambda subject: compared_with(_points, examples=False).cases_of(subject) or [None])


@check("LOSS-032/surrogate-reference", needs=needs_trait("surrogate_gradient", "a surrogate gradient"), on=_gradients)
def surrogate_reference(subject: Subject, compared: Compared | None) -> None:
    """A gradient that is deliberately no derivative can only be compared with a second implementation of it.

    Define `reference` as a staticmethod of prediction, target and the hyperparameters that returns the gradient (N, K).
    """
    if compared is None:
        fail("it declares surrogate_gradient without a reference of the gradient")
    expect_values(subject, "gradient", compared)


@check("LOSS-039/unscale", needs=needs_offer("unscale"), on=pairs)
def unscale(subject: Subject, loss: Any, p: Array, t: Array) -> None:
    """With target_scaling, predict returns unscale of what was trained: a wrong one makes every prediction wrong.

    Every column is a + b * prediction, and point of the result is shift + scale * point(prediction).
    """
    columns = loss.target_columns(p.shape[1])
    shift = normal(subject, f"unscale/shift/{p.shape}", (columns,), 5.0)
    scale = np.exp(normal(subject, f"unscale/scale/{p.shape}", (columns,)))
    show(prediction=p, target=t, shift=shift, scale=scale)
    unscaled, twice, zero = (called(loss, "unscale", x, shift, scale) for x in (p, 2 * p, np.zeros_like(p)))
    expect_shape("unscale has the wrong shape", unscaled, p.shape)
    require(unscaled.dtype == p.dtype, "unscale changes the dtype", got=unscaled.dtype, expected=p.dtype)
    message = "unscale is not a + b * prediction with constants for each column"
    atol = 256 * subject.eps * (1.0 + float(np.abs(unscaled).max()))
    expect_close(message, twice - unscaled, unscaled - zero, atol=atol)
    expected = shift + scale * called(loss, "point", p)
    message = "point of the unscaled prediction is not shift + scale * point"
    expect_close(message, called(loss, "point", unscaled), expected, atol=atol)
    if subject.cls.rows_coupled or t.shape[-1:] != (columns,):
        return
    # In either unit, the same predictions are too large and too small.
    slopes = called(loss, "unscale", np.ones_like(p), shift, scale) - zero
    grad, target = called(loss, "gradient", p, t), (shift + scale * t).astype(p.dtype)
    other = called(loss, "gradient", unscaled, target) * slopes
    certain = (np.abs(grad) > 1e-3) & (np.abs(other) > 1e-3)
    message = "the loss in units of the targets pulls the unscaled prediction another way"
    expect_equal(message, np.sign(other) * certain, np.sign(grad) * certain)


@check(
    "LOSS-040/standard-deviation",
    needs=applies_if(
        lambda subject: subject.offers("standard_deviation") and subject.offers("unscale"),
        "it offers no standard_deviation, or no unscale",
    ),
    on=pairs,
)
def standard_deviation(subject: Subject, loss: Any, p: Array, t: Array) -> None:
    """With target_scaling it comes from the unscaled prediction, and is drawn in the units of the targets.

    Return one positive number for each target; for unscale(p, shift, scale) it is scale times that for p.
    """
    columns = loss.target_columns(p.shape[1])
    scale = np.exp(normal(subject, f"deviation/{p.shape}", (columns,)))
    show(prediction=p, scale=scale)
    own = called(loss, "standard_deviation", p)
    expect_shape("standard_deviation has the wrong shape", own, (len(p), columns))
    require((own > 0.0).all(), "a standard deviation is not positive", got=own)
    unscaled = called(loss, "standard_deviation", called(loss, "unscale", p, np.zeros_like(scale), scale))
    message = "the standard deviation of the unscaled prediction is not scale times its own"
    expect_close(message, unscaled, scale * own, rtol=256 * subject.eps)


# -- coupled rows ------------------------------------------------------------------------------


@inputs("prediction", "target", "weight", cases=((2, 1), (7, 2), (23, 3)))
def batches(subject: Subject, label: str, rows: int, columns: int) -> tuple[Array, Array, Array]:
    """Predictions, targets and weights of a few sizes."""
    p, t = pair(subject, f"{label}/{rows}/{columns}", (rows, columns))
    return p, t, weights(subject, label, len(p))


@check("LOSS-033/batch-gradient", needs=needs_coupled, scope="variant", on=batches)
def batch_gradient(subject: Subject, loss: Any, p: Array, t: Array, w: Array) -> None:
    """A wrong gradient trains towards the wrong place, without any error.

    Differentiate `batch_value` again, the weights included; a row acts on the values of other rows too.
    """
    value = loss.batch_value(p.copy(), t.copy(), w.copy())
    require(np.ndim(value) == 0 and np.isfinite(value), "batch_value is no finite number", got=value)
    gradient = loss.batch_gradient(p.copy(), t.copy(), w.copy())
    expect_shape("batch_gradient has the wrong shape", gradient, p.shape)
    require(np.isfinite(gradient).all(), "batch_gradient is not finite", got=gradient)
    for place in np.ndindex(min(len(p), 4), p.shape[1]):
        expect_slope(
            f"batch_gradient{list(place)} is not the derivative of batch_value",
            gradient[place],
            lambda s, place=place: np.asarray(called(loss, "batch_value", moved(p, place, s), t, w)),  # type: ignore[misc]
            0.05,
            rtol=1e-7,
            atol=1e-10,
        )


@check("LOSS-034/weights-used", needs=needs_coupled, on=attrs.evolve(batches, cases=((23, 3),)))
def weights_used(subject: Subject, loss: Any, p: Array, t: Array, w: Array) -> None:
    """The core passes the weights to the loss alone: weights that it ignores are ignored by the whole training.

    Multiply the term of each row by its weight, and divide by the sum of the weights that count.
    """
    for method in ("batch_value", "batch_gradient"):
        equal = np.array_equal(called(loss, method, p, t, w), called(loss, method, p, t, w[::-1]))
        require(not equal, f"{method} does not depend on the weights")


@check("LOSS-038/absent-rows", level="advisory", needs=needs_coupled, on=batches)
def absent_rows(subject: Subject, loss: Any, p: Array, t: Array, weight: Array) -> None:
    """The weights are passed to the loss alone, so nothing else can leave a row out.

    Multiply every term in which a row appears by its weight, also where it appears beside other rows.
    """
    w = np.where(np.arange(len(weight)) % 3 == 1, 0, weight).astype(weight.dtype)
    there = w > 0
    show(prediction=p, target=t, weight=w)
    short = called(loss, "batch_value", p[there], t[there], w[there])
    message, value = "a row of weight 0 changes batch_value", called(loss, "batch_value", p, t, w)
    expect_close(message, value, short, tolerance=512 * subject.eps)
    gradient = called(loss, "batch_gradient", p, t, w)
    require(not gradient[~there].any(), "a row of weight 0 has a gradient", got=gradient[~there])


@check("LOSS-035/order-of-rows", needs=needs_coupled, on=batches)
def order_of_rows(subject: Subject, loss: Any, p: Array, t: Array, w: Array) -> None:
    """Batches are shuffled: the order of the rows must not matter.

    Sort by the targets inside the loss, and put the gradient back in the order of the rows.
    """
    order, arrays = subject.rng("order").permutation(len(p)), (p, t, w)
    for method in ("batch_value", "batch_gradient"):
        expected = called(loss, method, *arrays)
        expected = expected[order] if method == "batch_gradient" else expected
        message, got = f"{method} changes with the order of the rows", called(loss, method, *(a[order] for a in arrays))
        expect_close(message, got, expected, tolerance=512 * subject.eps)


@check("LOSS-036/batch-extremes", needs=needs_coupled, on=Inputs(("size",), (30.0, 710.0, 1e4)))
def batch_extremes(subject: Subject, loss: Any, size: float) -> None:
    """Outputs of an untrained network may be large; one infinite loss ends the training.

    Take the largest exponent out of sums of exponentials (np.logaddexp, log-sum-exp).
    """
    p, t = predictions(subject, "extremes", (9, 2)), targets(subject, "extremes", (9, 2), hard=True)
    if subject.cls.prediction_domain == "real":
        p = (p / np.abs(p).max() * size).astype(subject.dtype)
    w = weights(subject, "extremes", 9)
    show(prediction=p, target=t, weight=w)
    for method in ("batch_value", "batch_gradient"):
        result = called(loss, method, p, t, w)
        require(np.isfinite(result).all(), f"{method} is not finite", got=result)


@check("LOSS-037/batch-nan", level="strict", needs=needs_coupled, on=attrs.evolve(batches, cases=((7, 2),)))
def batch_nan(subject: Subject, loss: Any, p: Array, t: Array, w: Array) -> None:
    """A NaN that disappears in the loss hides the error that caused it.

    Use functions that propagate NaN.
    """
    p[:, 0] = np.nan
    value = called(loss, "batch_value", p, t, w)
    require(bool(np.isnan(value)), "batch_value hides a NaN", got=value)
