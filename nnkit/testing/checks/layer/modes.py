"""Rows and caches of a layer, training and inference, draws."""

from __future__ import annotations

import numpy as np

from nnkit.testing.call import quiet
from nnkit.testing.checks.layer.passes import (
    backward,
    buffered,
    copied,
    forward,
    gathers,
    generator_of,
    parameters,
    situations,
)
from nnkit.testing.comparison import difference
from nnkit.testing.failure import expect_close, expect_equal, fail, require
from nnkit.testing.points import normal
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


@CHECKS.check(
    "LAY-005/rows-apart",
    why="A prediction must not depend on which other rows are predicted with it.",
    fix="Set `row_independent = False` for statistics of the batch in training; in inference there are none.",
)
def rows_apart(subject: Subject) -> None:
    tolerance = 128 * subject.eps
    for layer, values, x, _, training in situations(subject, "rows"):
        if training and (
            not subject.cls.row_independent or subject.cls.stochastic or gathers(subject, layer, values, x)
        ):
            continue
        whole = forward(subject, layer, values, x, training=training)[0]
        for n in range(len(x)):
            alone = forward(subject, layer, values, x[n : n + 1], training=training)[0]
            expect_close(
                "a row alone gives another output than among others",
                alone[0],
                whole[n],
                tolerance=tolerance,
                inputs={"x": x, "row": n, "training": training},
            )
        other = x.copy()
        other[-1] *= -17.0
        changed = forward(subject, layer, values, other, training=training)[0]
        expect_close(
            "changing the last row changes other rows",
            changed[:-1],
            whole[:-1],
            tolerance=tolerance,
            inputs={"x": x, "training": training},
        )


@CHECKS.check(
    "LAY-006/caches-apart",
    why="Several forward passes may lie between a forward pass and its backward pass.",
    fix="Put into the cache all that backward needs; remember nothing in the layer, and copy what may be overwritten.",
)
def caches_apart(subject: Subject) -> None:
    for layer, values, x, grad, training in situations(subject, "caches"):
        _, cache = forward(subject, layer, values, x, training=training)
        expected = backward(layer, values, cache, grad)
        _, cache = forward(subject, layer, values, x, training=training)
        forward(subject, layer, values, x[::-1] * 2 + 1, training=not training)
        forward(subject, layer, values, x[:1], training=training)
        off = difference(backward(layer, values, cache, grad), expected)
        if off is None:
            off = difference(backward(subject.make(), values, cache, grad), expected)
        if off is None:
            off = difference(backward(layer, values, cache, grad), expected)
        if off is not None:
            told = {"x": x, "grad": grad, "training": training}
            fail(
                "backward depends on what was forwarded after its own forward",
                inputs=told,
                got=off.got,
                expected=off.expected,
            )


# -- modes -----------------------------------------------------------------------------------


@CHECKS.check(
    "LAY-007/modes",
    why="Prediction must be repeatable, and cost no random numbers.",
    fix="Draw only in training, and only from rng; declare `stochastic` when you do.",
)
def modes(subject: Subject) -> None:
    for layer, values, x, _, _ in situations(subject, "modes"):
        rng = generator_of(subject)
        before = rng.bit_generator.state
        with quiet():
            one = layer.forward(copied(values), x.copy(), training=False, rng=rng)[0]
            two = layer.forward(copied(values), x.copy(), training=False, rng=None)[0]
        require(rng.bit_generator.state == before, "inference draws random numbers", inputs={"x": x})
        expect_equal("inference depends on the generator", two, one, inputs={"x": x})
        if not subject.cls.stochastic:
            rng = generator_of(subject)
            with quiet():
                three = layer.forward(copied(values), x.copy(), training=True, rng=rng)[0]
                four = layer.forward(copied(values), x.copy(), training=True, rng=None)[0]
            require(
                rng.bit_generator.state == before,
                "training draws random numbers though not stochastic",
                inputs={"x": x},
            )
            expect_equal("training depends on the generator though not stochastic", three, four, inputs={"x": x})
        held = copied(values)
        with quiet():
            layer.forward(held, x.copy(), training=False, rng=None)
        expect_equal("inference writes to the parameters or buffers", held, dict(values), inputs={"x": x})
        with quiet():
            layer.forward(held, x.copy(), training=True, rng=generator_of(subject))
        for name in set(held) - buffered(layer, x.shape[1]):
            expect_equal(
                f"a training pass writes to {name!r}, which is no buffer", held[name], values[name], inputs={"x": x}
            )


def _stochastic(subject: Subject) -> str | None:
    return None if subject.cls.stochastic else "it is not stochastic"


@CHECKS.check(
    "LAY-008/draws",
    why="Noise must be new in every pass, the same for the same generator, and leave the mean alone.",
    fix="Draw from rng once for each element; divide by the share that is kept; use the same draws on the way back.",
    needs=_stochastic,
)
def draws(subject: Subject) -> None:
    layer = subject.make()
    values = parameters(subject, layer, 40, "draws")
    x = np.abs(normal(subject, "draws/x", (50, 40))) + subject.dtype.type(0.5)
    one, two = (forward(subject, layer, values, x, training=True)[0] for _ in range(2))
    expect_equal("equal generators give different noise", two, one, inputs={"x": x})
    rng = generator_of(subject)
    plain = forward(subject, layer, values, x, training=False)[0].astype(np.float64)
    with quiet():
        passes, sums = 60, []
        first = None
        for _ in range(passes):
            y = layer.forward(copied(values), x.copy(), training=True, rng=rng)[0].astype(np.float64)
            if first is not None and difference(y, plain, atol=1e-4) is not None:
                require(
                    difference(y, first) is not None, "two passes of one generator have the same noise", inputs={"x": x}
                )
            first = y
            sums.append(float((y - plain).mean()))
    overall = float(np.mean(sums))  # passes are drawn apart, the rows of one need not be
    allowed = 6.0 * float(np.std(sums, ddof=1)) / np.sqrt(passes) + 1e-6 * float(np.abs(plain).mean())
    require(
        abs(overall) <= allowed,
        "the mean over the noise is not the output of inference",
        inputs={"x": x},
        got=overall,
        expected=f"0; allowed is {allowed:.3g}",
    )
    if not layer.parameter_specs(40):  # noise of the weights is one for all rows, that of the rows is not
        alike = np.repeat(x[:1], 50, axis=0)
        y = forward(subject, layer, values, alike, training=True)[0]
        noisy = difference(y, forward(subject, layer, values, alike, training=False)[0], atol=1e-4) is not None
        require(not noisy or (y != y[:1]).any(), "all rows of a batch have the same noise", inputs={"x": alike})
    touched = np.abs((plain if first is None else first) - plain) > 1e-4
    if touched.mean() > 0.1:
        even = (touched.any(axis=0).mean() > 0.8) and (touched.any(axis=1).mean() > 0.8)
        require(even, "the noise leaves whole rows or columns alone", inputs={"x": x})
