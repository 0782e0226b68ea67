"""Steps of an optimizer: rates and schedules, unusual gradients, float32, decay, and reference values."""

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.interfaces import BlockOptimizer, one_block
from nnkit.testing.call import quiet, silent
from nnkit.testing.checks.optimizer.running import (
    Steps,
    advance,
    affordable_size,
    begin,
    bound,
    expect_path,
    gradients,
    reloaded,
    start_and_gradients,
    takes_schedule,
    takes_zero_rate,
    trajectory,
    with_rate,
)
from nnkit.testing.failure import difference, expect_close, expect_equal, require, show
from nnkit.testing.record import Inputs, Subject, applies_if, check, needs_float32, normal
from nnkit.testing.reference_values import Compared, compared_with, expect_values, needs_reference_values

# -- rates -----------------------------------------------------------------------------------


@check("OPT-013/schedule-honoured", needs=takes_schedule)
def schedule_honoured(subject: Subject) -> None:
    """A schedule that is not followed is a training with another learning rate than the one written down.

    Ask `rate_at(self.learning_rate, step)` in every step, with the number of updates made before it: 0, 1, 2, …; where
    old velocity moves on at a rate of 0, as in Keras' momentum, set `zero_rate_is_still = False`.
    """
    rates, tolerance = (0.05, 0.02, 0.0, 0.07, 0.01, 0.03), 64 * subject.eps
    start, stream = start_and_gradients(subject, "schedule", len(rates), 4)
    show(parameters=start, rates=rates)
    asked = list[int]()
    path, _ = trajectory(subject.make(learning_rate=Steps(rates=rates, asked=asked)), start, stream)
    expected = list(range(len(rates)))
    expect_equal("the schedule is asked for other steps than 0, 1, 2, …", sorted(set(asked)), expected)

    theta, by_hand = start.copy(), []
    state = begin(subject.make(learning_rate=rates[0]), theta)
    for rate, g in zip(rates, stream, strict=True):
        with quiet():
            theta = advance(subject.make(learning_rate=rate), theta, g.copy(), state)
        by_hand.append(theta.copy())
    message = "a schedule gives other steps than the same rates passed one by one"
    expect_path(message, path, by_hand, tolerance=tolerance)
    if subject.cls.zero_rate_is_still:
        expect_equal("parameters move in step 3, where the schedule gives 0", path[2], path[1])

    make_step, _ = bound(subject.make(learning_rate=Steps(rates=rates)), start)
    message = "the bound step does not follow the schedule"
    expect_path(message, [make_step(g) for g in stream], path, tolerance=tolerance)
    constant, plain = (
        trajectory(subject.make(learning_rate=rate), start, stream)[0] for rate in (Steps(rates=(0.04,)), 0.04)
    )
    expect_path("a constant schedule differs from its number", constant, plain, tolerance=16 * subject.eps)


@check("OPT-018/rate-scales-the-step", needs=takes_zero_rate, on=Inputs(("times",), (2.0, 4.0, 1000.0)))
def rate_scales_the_step(subject: Subject, times: float) -> None:
    """A learning rate that does not set the length of the step cannot be tuned or scheduled.

    Multiply the step by the learning rate once; not by its square, not after adding something to it.
    """
    start, stream = start_and_gradients(subject, "scales", 1)
    wide, double = start.astype(np.float64), [stream[0].astype(np.float64)]
    unit = 1e-6  # so short that implicit forms, which divide by 1 + rate * decay, are linear too
    first, step = (trajectory(with_rate(subject, rate), wide, double)[0][0] - wide for rate in (unit, unit * times))
    message = f"the first step at a rate of {unit * times:g} is not {times:g} times that at {unit:g}"
    show(parameters=start, gradient=stream[0])
    rtol, atol = 1e-6 + 2e-6 * times, 1e-15 * times
    expect_close(message, step, first * times, rtol=rtol, atol=atol)


# -- unusual gradients and long runs ---------------------------------------------------------


def _odd(subject: Subject) -> list[tuple[str, tuple[float, ...]]]:
    tiny, huge = (1e-30, 1e10) if subject.dtype == np.float32 else (1e-200, 1e100)
    return [
        ("zero", (0.0, 0.0, 0.0, 0.0)),
        ("half zero", (0.0, 1.0, 0.0, -1.0)),
        ("tiny", (tiny, tiny, tiny, tiny)),
        ("huge", (huge, -huge, 1.0, 0.0)),
        ("negative zero", (-0.0, -0.0, -0.0, -0.0)),
    ]


@check("OPT-014/odd-gradients", on=Inputs(("gradient", "values"), _odd))
def odd_gradients(subject: Subject, optimizer: Any, label: str, values: tuple[float, ...]) -> None:
    """Dead units send gradients of zero, saturated ones tiny and diverging ones huge numbers.

    Guard every division (epsilon outside or inside the root), and check 0 / 0 in the first step.
    """
    start, stream = normal(subject, "odd", (4,)), [np.array(values, dtype=subject.dtype)] * 4
    show(parameters=start, gradient=stream[0])
    theta = start.copy()
    state = begin(optimizer, theta)
    for g in [*stream, *gradients(subject, "odd", 2, 4), *stream] if label == "zero" else stream:
        with silent(f"update for a {label} gradient"):
            theta = advance(optimizer, theta, g.copy(), state)
        require(not np.isnan(theta).any(), f"a {label} gradient gives NaN", got=theta)
        finite = label == "huge" or np.isfinite(theta).all()
        require(finite, f"a {label} gradient gives infinity", got=theta)


@check("OPT-017/float32-accuracy", needs=needs_float32)
def float32_accuracy(subject: Subject) -> None:
    """Most training runs in float32; the rule must be the same there.

    Look for constants cut to float16, products that underflow, and differences of nearly equal numbers.
    """
    start, stream = start_and_gradients(subject, "float32", 15, 6)
    single, _ = trajectory(subject.make(), start, stream)
    double, _ = trajectory(subject.make(), start.astype(np.float64), [g.astype(np.float64) for g in stream])
    for step, (got, expected) in enumerate(zip(single, double, strict=True)):
        atol = subject.eps * (64 + 16 * step) * (np.abs(start) + 1.0) + 1e-4 * np.abs(expected - start).max()
        show(parameters=start, gradient=stream[step])
        message = f"float32 leaves float64 in step {step + 1}"
        expect_close(message, got, expected, atol=atol)


@check("OPT-020/late-steps")
def late_steps(subject: Subject, optimizer: Any) -> None:
    """Counters, powers and roots go wrong late, after a thousand steps, where few tests look.

    Check beta ** step, 1 - beta ** step and integer types at large counts.
    """
    steps = 1200
    theta, stream = start_and_gradients(subject, "late", 8, 3)
    state = begin(optimizer, theta)
    with silent("update after a thousand steps"):
        # The pull towards 0 bounds the distance from the start, which some rules estimate.
        for step in range(steps):
            theta = advance(optimizer, theta, stream[step % 8] + np.tanh(theta), state)
        saved, saved_state = theta.copy(), reloaded(state, theta)
        for g in stream[:3]:
            theta = advance(optimizer, theta, g + np.tanh(theta), state)
            saved = advance(subject.make(), saved, g + np.tanh(saved), saved_state)
    require(np.isfinite(theta).all(), "the parameters are not finite after a thousand steps", got=theta)
    expect_equal(f"resumed after {steps} steps, it differs from going on", saved, theta)


@check("OPT-022/nan-stays-visible", level="strict")
def nan_stays_visible(subject: Subject) -> None:
    """A NaN that is treated as zero hides where the training failed, and the other parameters go on.

    Let NaN through, or leave out the entire step; no nan_to_num, no fmax.
    """
    start, stream = start_and_gradients(subject, "nan", 3)
    stream[2][0] = np.nan
    path, _ = trajectory(subject.make(), start, stream)
    hidden = np.isfinite(path[2]).all() and difference(path[2], path[1]) is not None
    show(parameters=path[1], gradient=stream[2])
    require(not hidden, "a NaN in the gradient disappears, and a step is made", got=path[2])


_needs_decay = applies_if(
    lambda s: attrs.has(s.cls) and "weight_decay" in attrs.fields_dict(s.cls), "it has no weight_decay"
)


@check("OPT-023/decay-shrinks", needs=_needs_decay, scope="variant")
def decay_shrinks(subject: Subject) -> None:
    """A decay with the wrong sign makes weights grow, the faster the larger they are.

    Decoupled: parameters *= 1 - rate * decay. Coupled: gradient + decay * parameters.
    """
    start = np.where(normal(subject, "decay", (5,)) < 0, -2.0, 2.0)
    path, _ = trajectory(subject.make(weight_decay=0.1), start, [np.zeros(5)] * 3)
    show(parameters=start, gradient="0 everywhere", weight_decay=0.1)
    message = "three steps without a gradient do not shrink the parameters"
    require((np.abs(path[-1]) < np.abs(start)).all(), message, got=path[-1])


# -- reference values ------------------------------------------------------------------------


def _run(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    if "gradients" in inputs:
        array, stream = np.asarray(inputs["parameters"]), [g.ravel() for g in inputs["gradients"]]
        blocks = [attrs.evolve(one_block(array)[0], shape=array.shape)]
        return np.stack(trajectory(part, array.ravel(), stream, blocks=blocks)[0]).reshape(-1, *array.shape)
    arguments = dict(inputs)
    if method == "update" and not arguments.get("state"):
        arguments["state"] = begin(part, arguments["parameters"])  # an example's empty state is that of the first step
    return getattr(part, method)(**arguments)


def _points(subject: Subject) -> list[dict[str, Any]]:
    points = []
    # few and many parameters; gradients as small as epsilons are; and, once, after the powers of beta have vanished
    for label, size, steps, scale in (
        ("reference", 1, 3, 1.0),
        ("reference", 4, 40, 1.0),
        ("small", 4, 12, 1e-8),
        ("small", 4, 12, 1e-5),
        ("blocks", affordable_size(subject, 4099), 2, 1.0),
        *((("late", 3, 300, 1.0),) if subject.dtype == np.float64 else ()),
    ):
        start, stream = start_and_gradients(subject, label, steps, size)
        points.append({"parameters": start, "gradients": np.stack(stream) * subject.dtype.type(scale)})
    if issubclass(subject.cls, BlockOptimizer):  # whose reference is of one array, of any shape
        for shape, steps in (((4, 3), 12), ((2, 5), 12), ((3, 3), 40)):
            start, stream = start_and_gradients(subject, "matrix", steps, shape[0] * shape[1])
            points.append({"parameters": start.reshape(shape), "gradients": np.stack(stream).reshape(-1, *shape)})
    return points


@check("OPT-REF/reference-values", needs=needs_reference_values, on=compared_with(_points))
def reference_values(subject: Subject, compared: Compared) -> None:
    """A rule may descend and still be another rule than its name says; a reference shows it step by step.

    Compare each step with the source: bias correction in the first three, order of operations, epsilon.
    """
    expect_values(subject, "update", compared, run=_run)
