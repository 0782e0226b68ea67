"""What a layer declares, and its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import quiet
from nnkit.testing.checks.layer.passes import SIZES, backward, copied, forward, gathers, parameters, situations, weighed
from nnkit.testing.failure import expect_close, require
from nnkit.testing.numerics import slope
from nnkit.testing.points import normal
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


# -- declarations ----------------------------------------------------------------------------


@CHECKS.check(
    "LAY-001/declarations",
    why="The flat vector is laid out from what the layer declares, before any data come.",
    fix="parameter_specs names every array once, with its shape and fans; outputs says the columns of forward.",
)
def declarations(subject: Subject) -> None:
    layer = subject.make()
    for rows, inputs in SIZES:
        specs = layer.parameter_specs(inputs)
        names = [spec.name for spec in specs]
        require(len(set(names)) == len(names), "two parameters have one name", got=names)
        for spec in specs:
            good = all(isinstance(length, int) and length > 0 for length in spec.shape)
            require(good, f"the shape of {spec.name!r} is no shape", inputs={"inputs": inputs}, got=spec.shape)
            require(spec.fan_in > 0 and spec.fan_out > 0, f"the fans of {spec.name!r} are not positive", got=spec)
            require(spec.role in {"weight", "bias", "buffer"}, f"{spec.name!r} has no known role", got=spec.role)
        require(layer.parameter_specs(inputs) == specs, "parameter_specs changes from call to call", got=specs)
        outputs = layer.outputs(inputs)
        require(isinstance(outputs, int) and outputs > 0, "outputs is no positive number", got=outputs)
        values = parameters(subject, layer, inputs, "declarations")
        x = normal(subject, f"declarations/{rows}/{inputs}", (rows, inputs))
        for training in (False, True):
            y, cache = forward(subject, layer, values, x, training=training)
            told = {"x": x, "training": training}
            require(
                y.shape == (rows, outputs),
                "forward has another shape than declared",
                inputs=told,
                got=y.shape,
                expected=(rows, outputs),
            )
            grad_x, grads = backward(layer, values, cache, np.ones_like(y))
            require(
                grad_x.shape == x.shape, "grad_x has the wrong shape", inputs=told, got=grad_x.shape, expected=x.shape
            )
            trained = {spec.name: spec.shape for spec in specs if spec.role != "buffer"}
            require(
                set(grads) == set(trained),
                "backward gives other gradients than declared",
                inputs=told,
                got=sorted(grads),
                expected=sorted(trained),
            )
            for name, value in trained.items():
                require(
                    grads[name].shape == value,
                    f"the gradient of {name!r} has the wrong shape",
                    inputs=told,
                    got=grads[name].shape,
                    expected=value,
                )


# -- gradients -------------------------------------------------------------------------------


@CHECKS.check(
    "LAY-002/gradient-of-input",
    why="It is what every layer below learns from.",
    fix="Differentiate forward in x: grad_x = grad @ (dy/dx); through the batch's own statistics in training, too.",
    scope="variant",
)
def gradient_of_input(subject: Subject) -> None:
    for layer, values, x, grad, training in situations(subject, "gradient-x"):
        if training and gathers(subject, layer, values, x):
            continue
        _, cache = forward(subject, layer, values, x, training=training)
        got, _ = backward(layer, values, cache, grad)
        for n, j in _places(x.shape):

            def along(
                t: float,
                n: int = n,
                j: int = j,
                x: Array = x,
                training: bool = training,
                values: Any = values,
                grad: Array = grad,
                layer: Any = layer,
            ) -> Array:
                moved = x.copy()
                moved[n, j] += t
                return weighed(subject, layer, copied(values), moved, grad, training=training)

            with quiet():
                found = slope(along, 0.05, levels=8)
            expect_close(
                "grad_x is not the derivative of forward",
                got[n, j],
                found.value,
                atol=found.allowed(1e-7) + 1e-9,
                inputs={"x": x, "grad": grad, "training": training, "element": [n, j], **values},
            )


def _places(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Some places of an array, the corners among them."""
    every = list(np.ndindex(*shape))
    if len(every) <= 8:
        return every
    return [every[i] for i in sorted({0, 1, len(every) - 1, len(every) // 2, len(every) // 3, len(every) // 5})]


@CHECKS.check(
    "LAY-003/gradient-of-parameters",
    why="It is what the layer itself learns from.",
    fix="Sum over the rows (no mean), and check which factor of forward each parameter touches.",
    scope="variant",
)
def gradient_of_parameters(subject: Subject) -> None:
    for layer, values, x, grad, training in situations(subject, "gradient-p"):
        if training and gathers(subject, layer, values, x):
            continue
        _, cache = forward(subject, layer, values, x, training=training)
        _, grads = backward(layer, values, cache, grad)
        for name, got in grads.items():
            for place in _places(got.shape):

                def along(
                    t: float,
                    name: str = name,
                    place: Any = place,
                    x: Array = x,
                    training: bool = training,
                    values: Any = values,
                    grad: Array = grad,
                    layer: Any = layer,
                ) -> Array:
                    moved = copied(values)
                    moved[name][place] += t
                    return weighed(subject, layer, moved, x.copy(), grad, training=training)

                with quiet():
                    found = slope(along, 0.05, levels=8)
                expect_close(
                    f"the gradient of {name!r} is not the derivative of forward",
                    got[place],
                    found.value,
                    atol=found.allowed(1e-7) + 1e-9,
                    inputs={"x": x, "grad": grad, "training": training, f"element of {name}": list(place), **values},
                )


@CHECKS.check(
    "LAY-004/backward-is-linear",
    why="Gradients of several losses are added before they are sent back.",
    fix="Do not scale, clip or threshold the gradient on its way.",
)
def backward_is_linear(subject: Subject) -> None:
    tolerance = 4096 * subject.eps
    for layer, values, x, grad, training in situations(subject, "linear"):
        other = normal(subject, f"linear/other/{x.shape}", grad.shape, 30.0)
        _, cache = forward(subject, layer, values, x, training=training)
        one, two = backward(layer, values, cache, grad), backward(layer, values, cache, other)
        both = backward(layer, values, cache, grad + other)
        told = {"x": x, "grad": grad, "other": other, "training": training}
        scale = 1.0 + float(np.abs(two[0]).max()) + float(np.abs(one[0]).max())
        expect_close(
            "backward of a sum is not the sum of backwards (grad_x)",
            both[0],
            one[0] + two[0],
            rtol=tolerance,
            atol=tolerance * scale,
            inputs=told,
        )
        for name in one[1]:
            size = 1.0 + float(np.abs(two[1][name]).max())
            expect_close(
                f"backward of a sum is not the sum of backwards ({name})",
                both[1][name],
                one[1][name] + two[1][name],
                rtol=tolerance,
                atol=4 * tolerance * size,
                inputs=told,
            )
        zero = backward(layer, values, cache, np.zeros_like(grad))
        require(
            not zero[0].any() and not any(v.any() for v in zero[1].values()),
            "a zero gradient does not give zero",
            inputs=told,
        )
