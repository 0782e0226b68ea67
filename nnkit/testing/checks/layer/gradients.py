"""The gradients and tangents of a layer."""

from __future__ import annotations

import attrs
import numpy as np

from nnkit.errors import NotOfferedError
from nnkit.testing.call import quiet
from nnkit.testing.checks.layer.passes import Situation, copied, inferences, situations
from nnkit.testing.derivatives import expect_slope, moved
from nnkit.testing.failure import expect_close, require, show
from nnkit.testing.points import normal
from nnkit.testing.record import check, needs_offer
from nnkit.testing.subject import Subject


def _expect_gradients(one: Situation, *, of_parameters: bool) -> None:
    """Compare some elements of the gradients with differences, the corners among them."""
    if one.training and one.gathers():
        return
    for name, gradient in one.gradients().items():
        what = f"the gradient of {name!r}" if of_parameters else name
        for place in _places(gradient.shape) if of_parameters == (name != "grad_x") else ():
            direction = moved(np.zeros(gradient.shape), place, 1.0)
            message, shown = f"{what} is not the derivative of forward", {"element": list(place), **one.values}
            one.expect_gradient(message, name, gradient, direction, 0.05, shown)


def _places(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Some places of an array, the corners among them."""
    places = list(np.ndindex(*shape))
    count = len(places)
    chosen = range(count) if count <= 8 else sorted({0, 1, count - 1, count // 2, count // 3, count // 5})
    return [places[i] for i in chosen]


@check("LAY-002/gradient-of-input", scope="variant", on=situations)
def gradient_of_input(subject: Subject, one: Situation) -> None:
    """Every layer below learns from it.

    Differentiate forward in x: grad_x = grad @ (dy/dx); through the batch's own statistics in training, too.
    """
    _expect_gradients(one, of_parameters=False)


@check("LAY-003/gradient-of-parameters", scope="variant", on=situations)
def gradient_of_parameters(subject: Subject, one: Situation) -> None:
    """The layer itself learns from it.

    Sum over the rows (no mean), and check which factor of forward each parameter touches.
    """
    _expect_gradients(one, of_parameters=True)


@check("LAY-004/backward-is-linear", on=situations)
def backward_is_linear(subject: Subject, one: Situation) -> None:
    """Gradients of several losses are added before they are sent back.

    Do not scale, clip or threshold the gradient on its way.
    """
    tolerance, other = 4096 * subject.eps, normal(subject, f"linear/other/{one.x.shape}", one.grad.shape, 30.0)
    cache = one.forward()[1]
    first, second, both, zero = (
        one.evolve(grad=grad).backward(cache) for grad in (one.grad, other, one.grad + other, np.zeros_like(other))
    )
    show(one.shown, other=other)
    for name, gradient in both.items():
        size = 1.0 + float(np.abs(second[name]).max())
        atol = tolerance * (size + float(np.abs(first[name]).max()) if name == "grad_x" else 4 * size)
        message = f"backward of a sum is not the sum of backwards ({name})"
        expect_close(message, gradient, first[name] + second[name], rtol=tolerance, atol=atol)
        require(not zero[name].any(), f"a zero gradient does not give zero ({name})")


@check("LAY-018/tangents", needs=needs_offer("forward_tangent"), scope="variant", on=inferences)
def tangents(subject: Subject, one: Situation) -> None:
    """Hessian-vector products are exact only if the tangents are.

    Differentiate forward, and both results of backward, along the directions; grad moves along grad_tangent.
    """
    directions = {
        name: normal(one.subject, f"tangents/{name}/{one.x.shape}", one.values[name].shape) for name in one.trained
    }
    x_tangent = (normal(one.subject, f"tangents/x/{one.x.shape}", one.x.shape) * one.real).astype(one.x.dtype)
    grad_tangent = normal(one.subject, f"tangents/g/{one.x.shape}", one.grad.shape)

    def at(t: float) -> Situation:
        values = {name: a + t * directions[name] if name in directions else a for name, a in one.values.items()}
        return attrs.evolve(one, values=values, x=one.x + t * x_tangent, grad=one.grad + t * grad_tangent)

    cache = one.forward()[1]
    try:
        with quiet():
            y_tangent, stored = one.layer.forward_tangent(copied(one.values), cache, directions, x_tangent.copy())
            got_x, gradients = one.layer.backward_tangent(
                copied(one.values), cache, directions, stored, one.grad.copy(), grad_tangent.copy()
            )
    except NotOfferedError:
        return
    show(one.shown, one.values, x_tangent=x_tangent)
    for of, name, got in (
        ("forward", "forward_tangent", y_tangent),
        ("grad_x", "backward_tangent of grad_x", got_x),
        *((name, f"backward_tangent of {name!r}", gradient) for name, gradient in gradients.items()),
    ):
        expect_slope(
            f"{name} is not the derivative of {'forward' if of == 'forward' else 'backward'}",
            got,
            lambda t, of=of: at(t).y if of == "forward" else at(t).gradients()[of],  # type: ignore[misc]
            0.02,
            levels=8,
            rtol=1e-6,
            atol=1e-8,
        )
