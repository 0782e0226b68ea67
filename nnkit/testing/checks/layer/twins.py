"""The twins of a layer: gradients by row, and the bound pass."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import NNKitError
from nnkit.testing.call import quiet
from nnkit.testing.checks.layer.passes import backward, copied, forward, generator_of, situations
from nnkit.testing.failure import expect_close, expect_equal, require
from nnkit.testing.points import normal
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


# -- optional methods ------------------------------------------------------------------------


def needs_offer(method: str) -> Any:
    def needs(subject: Subject) -> str | None:
        return None if subject.offers(method) else f"it offers no {method}"

    return needs


@CHECKS.check(
    "LAY-009/backward-rows",
    why="Per-sample Jacobians, and all that second-order training makes of them, go through it.",
    fix="Keep rows and outputs apart: (N, K, D_in) and (N, K, *shape), no sum over rows.",
    needs=needs_offer("backward_rows"),
)
def backward_rows(subject: Subject) -> None:
    tolerance = 128 * subject.eps
    for layer, values, x, _, training in situations(subject, "by-row"):
        _, cache = forward(subject, layer, values, x, training=training)
        rows, outputs = len(x), layer.outputs(x.shape[1])
        for count in (1, 3):
            grads = normal(subject, f"by-row/grads/{x.shape}/{count}", (rows, count, outputs))
            try:
                with quiet():
                    grad_x, by_name = layer.backward_rows(copied(values), cache, grads.copy())
            except NNKitError:
                require(training and not subject.cls.row_independent, "backward_rows is offered and refused")
                continue
            told = {"x": x, "grads": grads, "training": training}
            require(
                grad_x.shape == (rows, count, x.shape[1]),
                "backward_rows has the wrong shape",
                inputs=told,
                got=grad_x.shape,
            )
            for n in range(rows):
                for k in range(count):
                    only = np.zeros((rows, outputs), dtype=subject.dtype)
                    only[n] = grads[n, k]
                    expected_x, expected = backward(layer, values, cache, only)
                    expect_close(
                        f"backward_rows[{n}, {k}] is not backward of that row alone",
                        grad_x[n, k],
                        expected_x[n],
                        tolerance=tolerance,
                        inputs=told,
                    )
                    require(
                        set(by_name) == set(expected),
                        "backward_rows names other parameters",
                        inputs=told,
                        got=sorted(by_name),
                    )
                    for name, value in expected.items():
                        expect_close(
                            f"backward_rows of {name!r} at [{n}, {k}] is not that row's gradient",
                            by_name[name][n, k],
                            value,
                            rtol=tolerance,
                            atol=4 * tolerance,
                            inputs=told,
                        )


@attrs.define
class Workspace:
    """The kit's own workspace: arrays full of NaN, and one scratch that is spoiled between calls."""

    rows: int
    dtype: np.dtype[Any]
    arrays: dict[str, Array] = attrs.field(factory=dict)
    shared: dict[int, Array] = attrs.field(factory=dict)

    def take(self, name: str, columns: int) -> Array:
        if name not in self.arrays:
            self.arrays[name] = np.full((self.rows, columns), np.nan, dtype=self.dtype)
        return self.arrays[name]

    def scratch(self, columns: int) -> Array:
        if columns not in self.shared:
            self.shared[columns] = np.full((self.rows, columns), np.nan, dtype=self.dtype)
        return self.shared[columns]

    def spoil(self) -> None:
        for array in self.shared.values():
            array.fill(np.nan)


@CHECKS.check(
    "LAY-010/bind-equals-plain",
    why="Training runs on the bound twin; it must be the same layer.",
    fix="Fill every element of the gradients, read x and grad anew in each call, and expect rubbish in all scratch.",
)
def bind_equals_plain(subject: Subject) -> None:
    tolerance = 256 * subject.eps
    for layer, start, x, _, training in situations(subject, "bind"):
        inputs = x.shape[1]
        plain, live = copied(start), copied(start)
        names = [spec.name for spec in layer.parameter_specs(inputs) if spec.role != "buffer"]
        gradients = {name: np.full_like(live[name], np.nan) for name in names}
        workspace = Workspace(len(x), subject.dtype)
        plain_rng, live_rng = generator_of(subject), generator_of(subject)
        bound = layer.bind(
            live, gradients, workspace, inputs=inputs, training=training, needs_grad_x=True, rng=live_rng
        )
        for batch in range(3):
            seen = normal(subject, f"bind/x/{x.shape}/{batch}", x.shape, 1.3)
            grad = normal(subject, f"bind/grad/{x.shape}/{batch}", (len(x), layer.outputs(inputs)))
            told = {"x": seen, "grad": grad, "training": training, "batch": batch}
            given = seen.copy()
            with quiet() as noted:
                y = bound.forward(given)
                got_y = np.array(y)
                workspace.spoil()
                got_x = bound.backward(grad.copy())
                got_x = None if got_x is None else np.array(got_x)
                workspace.spoil()
                expected_y, cache = layer.forward(plain, seen.copy(), training=training, rng=plain_rng)
                expected_x, expected = layer.backward(plain, cache, grad.copy())
            require(not noted.warned, "the bound layer warns", inputs=told, got=noted.warned)
            expect_equal("the bound forward writes to x", given, seen, inputs=told)
            expect_close("the bound forward differs", got_y, expected_y, tolerance=tolerance, inputs=told)
            require(got_x is not None, "the bound backward returns no grad_x although it is needed", inputs=told)
            expect_close("the bound backward gives another grad_x", got_x, expected_x, tolerance=tolerance, inputs=told)
            for name in names:
                scale = 1.0 + float(np.abs(expected[name]).max())
                expect_close(
                    f"the bound backward gives another gradient of {name!r}",
                    gradients[name],
                    expected[name],
                    rtol=tolerance,
                    atol=tolerance * scale,
                    inputs=told,
                )
            expect_close(
                "the bound pass leaves other parameters or buffers", live, plain, tolerance=tolerance, inputs=told
            )
            for name in names:  # a step of training changes them in place
                for values in (plain, live):
                    values[name] += subject.dtype.type(0.125)


@CHECKS.check(
    "LAY-011/bind-forms",
    why="The first layer needs no grad_x, and prediction no backward at all.",
    fix="Leave out what needs_grad_x and gradients=None say is not wanted; the rest must stay the same.",
)
def bind_forms(subject: Subject) -> None:
    tolerance = 256 * subject.eps
    for layer, start, x, grad, training in situations(subject, "forms"):
        inputs = x.shape[1]
        names = [spec.name for spec in layer.parameter_specs(inputs) if spec.role != "buffer"]
        told = {"x": x, "training": training}
        expected_y, cache = forward(subject, layer, start, x, training=training)
        _, expected = backward(layer, start, cache, grad)
        live, gradients = copied(start), {name: np.full_like(start[name], np.nan) for name in names}
        bound = layer.bind(
            live,
            gradients,
            Workspace(len(x), subject.dtype),
            inputs=inputs,
            training=training,
            needs_grad_x=False,
            rng=generator_of(subject),
        )
        with quiet():
            y = np.array(bound.forward(x.copy()))
            bound.backward(grad.copy())
        expect_close("without needs_grad_x the bound forward differs", y, expected_y, tolerance=tolerance, inputs=told)
        for name in names:
            scale = 1.0 + float(np.abs(expected[name]).max())
            expect_close(
                f"without needs_grad_x the gradient of {name!r} differs",
                gradients[name],
                expected[name],
                rtol=tolerance,
                atol=tolerance * scale,
                inputs=told,
            )
        if training:
            continue
        bound = layer.bind(
            copied(start),
            None,
            Workspace(len(x), subject.dtype),
            inputs=inputs,
            training=False,
            needs_grad_x=False,
            rng=None,
        )
        with quiet():
            y = np.array(bound.forward(x.copy()))
        expect_close("bound for inference alone, forward differs", y, expected_y, tolerance=tolerance, inputs=told)
