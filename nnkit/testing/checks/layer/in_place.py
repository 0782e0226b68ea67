"""The bound pass of a layer, its gradients by row, and large sizes."""

import itertools
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import NNKitError
from nnkit.testing.call import expect_shape, quiet, silent
from nnkit.testing.checks.layer.passes import SIZES, Situation, copied, inferences, situation, situations, valid
from nnkit.testing.failure import expect_close, expect_equal, require, show
from nnkit.testing.record import Subject, check, inputs, needs_offer, normal


@attrs.define
class Workspace:
    """Arrays full of NaN; scratch is filled with NaN again between calls, and what is taken between batches."""

    rows: int
    dtype: np.dtype[Any]
    arrays: dict[str, Array] = attrs.field(factory=dict)
    shared: dict[int, Array] = attrs.field(factory=dict)

    def take(self, name: str, columns: int) -> Array:
        return self.arrays.setdefault(name, np.full((self.rows, columns), np.nan, dtype=self.dtype))

    def scratch(self, columns: int) -> Array:
        return self.shared.setdefault(columns, np.full((self.rows, columns), np.nan, dtype=self.dtype))

    def spoil(self, *, taken: bool = False) -> None:
        for array in (*self.shared.values(), *(self.arrays.values() if taken else ())):
            array.fill(np.nan)


def bind(
    one: Situation,
    values: dict[str, Array],
    gradients: dict[str, Array] | None,
    workspace: Workspace | None = None,
    *,
    training: bool,
    needs_grad_x: bool = False,
) -> Any:
    """The layer bound to these arrays; to a generator only where it is bound to gradients."""
    return one.layer.bind(
        values,
        gradients,
        workspace or Workspace(len(one.x), one.subject.dtype),
        inputs=one.x.shape[1],
        training=training,
        needs_grad_x=needs_grad_x,
        rng=None if gradients is None else one.rng,
    )


# -- gradients by row ------------------------------------------------------------------------


@inputs("one", "count", cases=list(itertools.product(SIZES, (False, True), (1, 3))))
def by_row(subject: Subject, label: str, size: tuple[int, int], training: bool, count: int) -> tuple[Situation, int]:
    """Several sizes, and how many gradients there are for each row."""
    return situation(subject, label, *size, training=training), count


@check("LAY-009/backward-rows", needs=needs_offer("backward_rows"), on=by_row)
def backward_rows(subject: Subject, one: Situation, count: int) -> None:
    """Per-sample Jacobians, and all that second-order training makes of them, are computed by it.

    Keep rows and outputs apart: (N, K, D_in) and (N, K, *shape), no sum over rows.
    """
    tolerance, rows = 128 * subject.eps, len(one.x)
    grads = normal(subject, f"by-row/grads/{one.x.shape}/{count}", (rows, count, one.grad.shape[1]))
    _, cache = one.forward()
    try:
        with quiet():
            grad_x, by_name = one.layer.backward_rows(copied(one.values), cache, grads.copy())
    except NNKitError:
        return require(one.training and not one.layer.row_independent, "backward_rows is offered and refused")
    show(x=one.x, grads=grads, training=one.training)
    expect_shape("backward_rows has the wrong shape", grad_x, (rows, count, one.x.shape[1]))
    for n, k in np.ndindex(rows, count):
        only = np.zeros_like(one.grad)
        only[n] = grads[n, k]
        expected = one.evolve(grad=only).backward(cache)
        message, expected_x = f"backward_rows[{n}, {k}] is not backward of that row alone", expected.pop("grad_x")[n]
        expect_close(message, grad_x[n, k], expected_x, tolerance=tolerance)
        expect_equal("backward_rows names other parameters", sorted(by_name), sorted(expected))
        for name, gradient in expected.items():
            message = f"backward_rows of {name!r} at [{n}, {k}] is not that row's gradient"
            expect_close(message, by_name[name][n, k], gradient, rtol=tolerance, atol=4 * tolerance)
    return None


@check("LAY-017/backward-rows-into", needs=needs_offer("backward_rows"), on=inferences)
def backward_rows_into(subject: Subject, one: Situation) -> None:
    """Jacobians of complete networks are written by the in-place variant.

    Write each (N, K, *shape) to out[name], whatever it held; return grad_x only where it is needed.
    """
    _, cache = one.forward()
    grads = normal(subject, f"rows-into/{one.x.shape}", (len(one.x), 2, one.grad.shape[1]))
    show(x=one.x, grads=grads)
    with quiet():
        expected_x, expected = one.layer.backward_rows(copied(one.values), cache, grads.copy())
    for order, needed in (("C", True), ("C", False), ("F", True), ("F", False)):
        out = {name: np.array(np.full_like(array, np.nan), order=order) for name, array in expected.items()}  # type: ignore[call-overload]
        with quiet():
            arguments = copied(one.values), cache, grads.copy(), out
            got_x = one.layer.backward_rows_into(*arguments, needs_grad_x=needed)
        message = "backward_rows_into returns or writes other gradients"
        got = {**out, "grad_x": got_x if needed else expected_x}
        expect_close(message, got, {**expected, "grad_x": expected_x}, tolerance=128 * subject.eps)


# -- the bound pass --------------------------------------------------------------------------


def _expect_gradients(how: str, got: dict[str, Array], expected: dict[str, Array], subject: Subject) -> None:
    """Compare the gradients of a bound pass with those of the plain one."""
    for name, gradient in got.items():
        scale = 1.0 if name == "grad_x" else 1.0 + float(np.abs(expected[name]).max())
        message, tolerance = f"{how} gives another gradient of {name!r}", 256 * subject.eps * scale
        expect_close(message, gradient, expected[name], tolerance=tolerance)


@check("LAY-010/bind-equals-plain", on=situations)
def bind_equals_plain(subject: Subject, one: Situation) -> None:
    """Training runs on the bound pass; it must be the same layer.

    Fill every element of the gradients, read x and grad anew in each call, and rely on no content of scratch, nor of
    what is taken once the batch is over: a short last batch uses the same memory.
    """
    tolerance, plain_rng = 256 * subject.eps, one.rng
    plain, live = copied(one.values), copied(one.values)
    gradients = {name: np.full_like(live[name], np.nan) for name in one.trained}
    workspace = Workspace(len(one.x), subject.dtype)
    bound = bind(one, live, gradients, workspace, training=one.training, needs_grad_x=True)
    for batch in range(3):  # the parameters change in between
        x = valid(one.layer, normal(subject, f"bind/x/{one.x.shape}/{batch}", one.x.shape, 1.3))
        grad = normal(subject, f"bind/grad/{one.x.shape}/{batch}", one.grad.shape)
        now, x_passed = one.evolve(x=x, grad=grad), x.copy()
        show(now.shown, batch=batch)
        workspace.spoil(taken=True)
        with silent("the bound layer"):
            y = np.array(bound.forward(x_passed))
            workspace.spoil()
            grad_x = bound.backward(grad.copy())
            got = {} if grad_x is None else {"grad_x": np.array(grad_x)}
            workspace.spoil()
            expected_y, cache = one.layer.forward(plain, x.copy(), training=one.training, rng=plain_rng)
            expected_x, expected = one.layer.backward(plain, cache, grad.copy())
        expect_equal("the bound forward writes to x", x_passed, x)
        expect_close("the bound forward differs", y, expected_y, tolerance=tolerance)
        require(got, "the bound backward returns no grad_x although it is needed")
        _expect_gradients("the bound backward", {**got, **gradients}, {"grad_x": expected_x, **expected}, subject)
        expect_close("the bound pass leaves other parameters or buffers", live, plain, tolerance=tolerance)
        for name in one.trained:  # a step of training changes them in place
            for values in (plain, live):
                values[name] += subject.dtype.type(0.125)


@check("LAY-011/bind-forms", on=situations)
def bind_forms(subject: Subject, one: Situation) -> None:
    """The first layer needs no grad_x, and prediction no backward at all.

    Leave out what needs_grad_x=False and gradients=None make unnecessary; the rest must stay the same.
    """
    y, gradients = one.y, {name: np.full_like(one.values[name], np.nan) for name in one.trained}
    bound = bind(one, copied(one.values), gradients, training=one.training)
    forms = {"without needs_grad_x": bound}
    if not one.training:
        forms["bound for inference alone,"] = bind(one, copied(one.values), None, training=False)
    for how, form in forms.items():
        with quiet():
            bound_y = np.array(form.forward(one.x.copy()))
        expect_close(f"{how} the bound forward differs", bound_y, y, tolerance=256 * subject.eps)
    with quiet():
        bound.backward(one.grad.copy())
    _expect_gradients("without needs_grad_x the bound backward", gradients, one.gradients(), subject)


# -- sizes -------------------------------------------------------------------------------------


@check("LAY-020/large", scope="variant")
def large(subject: Subject) -> None:
    """Blocks, chunks and thresholds begin at sizes that small tests do not reach; networks do.

    Look at what is left over behind the last complete block, and at every condition on a size.
    """
    if subject.trait("row_independent"):
        _expect_parts(situation(subject, "large/tall", 1501, 3))
    one = situation(subject, "large/wide", 4, 61)
    for name, gradient in one.gradients().items():
        direction = normal(subject, f"large/way/{name}", gradient.shape)
        message = f"with 61 inputs the gradient of {name!r} is not the derivative along a direction"
        one.expect_gradient(message, name, gradient, direction / np.abs(direction).max(), 2e-4, {})


def _expect_parts(one: Situation) -> None:
    """Compare the passes over many rows, the bound one too, with those over parts of the rows."""
    bound = bind(one, copied(one.values), None, training=False)
    with quiet():
        bound_y = np.array(bound.forward(one.x.copy()))
    together = {"forward": one.y, "the bound forward": bound_y, **one.gradients()}
    parts = [one.rows(rows) for rows in (slice(0, 4), slice(4, 600), slice(600, None))]
    apart = [{"forward": part.y, "the bound forward": part.y, **part.gradients()} for part in parts]
    for name, got in together.items():
        values = [part[name] for part in apart]
        expected = sum(values) if name in one.trained else np.concatenate(values)
        message, atol = (
            f"{name} of 1501 rows is not that of its parts",
            1e-9 * (1.0 + float(np.abs(got).max(initial=0))),
        )
        expect_close(message, got, expected, rtol=1e-9, atol=atol, inputs={"rows": 1501, "parts": [4, 596, 901]})
