"""Gradients and tangents of a layer, its rows and caches, training and inference, noise, NaN and float32."""

import itertools

import attrs
import numpy as np

from nnkit.errors import NotOfferedError
from nnkit.testing.call import quiet, silent
from nnkit.testing.checks.layer.passes import Situation, copied, inferences, situation, situations
from nnkit.testing.derivatives import expect_slope, moved
from nnkit.testing.failure import difference, expect_close, expect_equal, require, show
from nnkit.testing.record import Subject, applies_if, check, needs_float32, needs_offer, normal


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


_needs_noise = applies_if(lambda subject: subject.trait("stochastic"), "it does not declare noise")


@check("LAY-005/rows-apart", on=situations)
def rows_apart(subject: Subject, one: Situation) -> None:
    """A prediction must not depend on which other rows are predicted with it.

    Set `row_independent = False` for statistics of the batch in training; in inference there are none.
    """
    coupled = one.layer.stochastic or not one.layer.row_independent
    if one.training and (coupled or one.gathers()):
        return
    tolerance, y, other = 128 * subject.eps, one.y, one.x.copy()
    message = "a row alone gives another output than among others"
    alone = np.concatenate([one.rows(slice(n, n + 1)).y for n in range(len(one.x))])
    expect_close(message, alone, y, tolerance=tolerance)
    other[-1] *= -17.0
    changed, message = one.evolve(x=other).y, "changing the last row changes other rows"
    expect_close(message, changed[:-1], y[:-1], tolerance=tolerance)


@check("LAY-006/caches-apart", on=situations)
def caches_apart(subject: Subject, one: Situation) -> None:
    """Several forward passes may lie between a forward pass and its backward pass.

    Put into the cache all that backward needs; store nothing in the layer, and copy what may be overwritten.
    """
    expected = one.gradients()
    _, cache = one.forward()
    one.evolve(x=one.x[::-1] * 2 + 1, training=not one.training).forward()
    one.rows(slice(0, 1)).forward()
    for layer in (one.layer, subject.make(), one.layer):
        message = "backward depends on what was forwarded after its own forward"
        expect_equal(message, one.evolve(layer=layer).backward(cache), expected)


@check("LAY-007/modes", on=inferences)
def modes(subject: Subject, one: Situation) -> None:
    """Prediction must be repeatable, draw no random numbers, and be of the layer that was trained.

    Draw only in training, and only from rng; declare `stochastic` when you do. Apply masks and scales in both modes.
    """
    outputs, values = {}, copied(one.values)
    for name, training in (("inference", False), ("training", True)):
        if training and one.layer.stochastic:
            continue
        rng = one.rng
        before = rng.bit_generator.state
        drawn = outputs[name] = one.pass_on(copied(one.values), training=training, rng=rng)
        require(rng.bit_generator.state == before, f"{name} draws random numbers, not declared")
        without = one.pass_on(copied(one.values), training=training, rng=None)
        expect_equal(f"{name} depends on the generator, not declared", without, drawn)
    one.pass_on(values, training=False, rng=None)
    expect_equal("inference writes to the parameters or buffers", values, one.values)
    one.pass_on(values, training=True, rng=one.rng)
    if len(outputs) == 2 and one.layer.row_independent and difference(values, one.values) is None:
        message = "training gives another output than inference, without noise or statistics"
        expect_close(message, outputs["training"], outputs["inference"], tolerance=64 * subject.eps)
    for name in one.trained:
        expect_equal(f"a training pass writes to {name!r}, which is no buffer", values[name], one.values[name])


@check("LAY-008/draws", needs=_needs_noise)
def draws(subject: Subject) -> None:
    """Noise must be new in every pass, the same for the same generator, and leave the mean alone.

    Draw from rng once for each element; divide by the rate of those that stay; use the same draws in backward.
    """
    one = situation(subject, "draws", 50, 40, training=True)
    one = one.evolve(x=np.abs(one.x) + subject.dtype.type(0.5))
    show(x=one.x)
    rng, passes = one.rng, 60
    expect_equal("equal generators give different noise", one.y, one.y)
    plain = one.evolve(training=False).y.astype(np.float64)
    noise = [one.pass_on(copied(one.values), training=True, rng=rng).astype(np.float64) - plain for _ in range(passes)]
    for first, second in itertools.pairwise(noise):
        same = difference(first, second) is None and difference(second, np.zeros_like(plain), atol=1e-4) is not None
        require(not same, "two passes of one generator have the same noise")
    means = [float(each.mean()) for each in noise]  # passes are drawn apart, the rows of one need not be
    allowed = 6.0 * float(np.std(means, ddof=1)) / np.sqrt(passes) + 1e-6 * float(np.abs(plain).mean())
    require(
        abs(np.mean(means)) <= allowed,
        "the mean over the noise is not the output of inference",
        got=float(np.mean(means)),
        expected=f"0; allowed is {allowed:.3g}",
    )
    if not one.values:  # noise of the weights is one for all rows, that of the rows is not
        alike = one.evolve(x=np.repeat(one.x[:1], 50, axis=0))
        noisy = difference(alike.y, alike.evolve(training=False).y, atol=1e-4) is not None
        require(not noisy or (alike.y != alike.y[:1]).any(), "all rows of a batch have the same noise")
    touched = np.abs(noise[-1]) > 1e-4
    if touched.mean() > 0.1:
        even = all(touched.any(axis=axis).mean() > 0.8 for axis in (0, 1))
        require(even, "the noise leaves entire rows or columns unchanged")


@check("LAY-014/float32-accuracy", needs=needs_float32, on=situations)
def float32_accuracy(subject: Subject, one: Situation) -> None:
    """Most training runs in float32; a formula that cancels there is right on paper only.

    Subtract means before squaring; look for constants cut to float16.
    """
    if one.training and (one.layer.stochastic or len(one.x) == 1):
        return
    values = {name: array.astype(np.float64) for name, array in one.values.items()}
    wide = one.evolve(values=values, x=one.x.astype(np.float64), grad=one.grad.astype(np.float64))
    grad_x, wide_x, scale = one.gradients()["grad_x"], wide.gradients()["grad_x"], 1.0 + float(np.abs(one.x).max())
    expect_close("forward in float32 is not close to float64", one.y, wide.y, rtol=1e-4, atol=1e-4 * scale)
    message, scale = "backward in float32 is not close to float64", 1.0 + float(np.abs(wide_x).max())
    expect_close(message, grad_x, wide_x, rtol=1e-3, atol=1e-3 * scale)


@check("LAY-015/nan-stays-visible", level="strict", on=inferences)
def nan_stays_visible(subject: Subject, one: Situation) -> None:
    """A NaN that disappears in a layer hides the error that caused it.

    Use functions that propagate NaN; no nan_to_num, no fmax.
    """
    if len(one.x) < 2 or not one.real[0]:
        return
    clean, x = one.y, one.x.copy()
    x[1, 0] = np.nan
    show(x=x)
    with silent("for NaN forward"):
        y = one.layer.forward(copied(one.values), x.copy(), training=False, rng=None)[0]
    require(np.isnan(y[1]).any(), "forward hides a NaN", got=y[1])
    message, others = "a NaN in one row changes other rows in inference", np.arange(len(x)) != 1
    expect_close(message, y[others], clean[others], tolerance=64 * subject.eps)
