"""Steps of an optimizer: accuracy, length, late ones, NaN, decay, figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.testing.call import quiet
from nnkit.testing.checks.optimizer.descent import PATIENCE
from nnkit.testing.checks.optimizer.running import gradients, takes_zero_rate, trajectory
from nnkit.testing.comparison import difference
from nnkit.testing.failure import expect_close, expect_equal, require
from nnkit.testing.points import normal
from nnkit.testing.rates import with_rate
from nnkit.testing.record import CheckList
from nnkit.testing.reference_values import expect_reference_values, needs_reference_values
from nnkit.testing.saving import through_file
from nnkit.testing.subject import Subject

CHECKS = CheckList()


@CHECKS.check(
    "OPT-017/float32-accuracy",
    why="Most training runs in float32; the rule must be the same there.",
    fix="Look for constants cut to float16, products that underflow, and differences of nearly equal numbers.",
    needs=lambda s: None if s.dtype == np.float32 else "it is about float32",
)
def float32_accuracy(subject: Subject) -> None:
    start, stream = normal(subject, "float32", (6,)), gradients(subject, "float32", 15, 6)
    single, _ = trajectory(subject.make(), start, stream)
    double, _ = trajectory(subject.make(), start.astype(np.float64), [g.astype(np.float64) for g in stream])
    for step, (got, expected) in enumerate(zip(single, double, strict=True)):
        travelled = np.abs(expected - start).max()
        allowed = subject.eps * (64 + 16 * step) * (np.abs(start) + 1.0) + 1e-4 * travelled
        expect_close(
            f"float32 leaves float64 in step {step + 1}",
            got,
            expected,
            atol=allowed,
            inputs={"parameters": start, "gradient": stream[step]},
        )


@CHECKS.check(
    "OPT-018/rate-scales-the-step",
    why="A learning rate that does not set the length of the step cannot be tuned or scheduled.",
    fix="Multiply the step by the learning rate once; not by its square, not after adding something to it.",
    needs=takes_zero_rate,
)
def rate_scales_the_step(subject: Subject) -> None:
    start, stream = normal(subject, "scales", (5,)), gradients(subject, "scales", 1, 5)
    wide, double = start.astype(np.float64), [g.astype(np.float64) for g in stream]
    unit = 1e-6  # so short that implicit forms, which divide by 1 + rate * decay, are straight too
    first, _ = trajectory(with_rate(subject, unit), wide, double)
    for times in (2.0, 4.0, 1000.0):
        path, _ = trajectory(with_rate(subject, unit * times), wide, double)
        expected = (first[0] - wide) * times
        expect_close(
            f"the first step at a rate of {unit * times:g} is not {times:g} times that at {unit:g}",
            path[0] - wide,
            expected,
            rtol=1e-6 + 2e-6 * times,
            atol=1e-15 * times,
            inputs={"parameters": start, "gradient": stream[0]},
        )


@CHECKS.check(
    "OPT-019/first-step-descends",
    why="The first step has no memory to excuse it: it must go down.",
    fix="Check the sign of the gradient's term, and the bias correction at step 1 (beta ** 1, not beta ** 0).",
)
def first_step_descends(subject: Subject) -> None:
    optimizer = subject.make()
    start = np.full(5, 1e-3, dtype=subject.dtype)
    for trial in range(3):
        g = gradients(subject, f"first/{trial}", 1, 5)[0]
        path, _ = trajectory(optimizer, start, [g] * PATIENCE)  # one that gathers gradients moves later
        first = next((theta for theta in path if difference(theta, start) is not None), path[0])
        move = first.astype(np.float64) - start
        told = {"parameters": start, "gradient": g}
        require(np.isfinite(move).all(), "the first step is not finite", inputs=told, got=move)
        require(
            float(move @ g) < 0.0,
            "the first step does not go down",
            inputs=told,
            got=move,
            expected="move @ gradient < 0",
        )
        largest = float(np.abs(move).max())
        require(largest < 1e3, "the first step is enormous", inputs=told, got=move)


@CHECKS.check(
    "OPT-020/late-steps",
    why="Counters, powers and roots go wrong late: after a thousand steps nobody looks any more.",
    fix="Check beta ** step, 1 - beta ** step and integer types at large counts.",
)
def late_steps(subject: Subject) -> None:
    size, steps = 3, 1200
    optimizer = subject.make()
    start = normal(subject, "late", (size,))
    stream = gradients(subject, "late", 8, size)
    theta, state = start.copy(), optimizer.init(start.copy())
    with quiet() as noted:
        for step in range(steps):
            theta = optimizer.update(theta, stream[step % 8], state)
        saved, kept = theta.copy(), through_file(state)
        for step in range(3):
            theta = optimizer.update(theta, stream[step], state)
            saved = subject.make().update(saved, stream[step], kept)
    require(not noted.warned, "update warns after a thousand steps", got=noted.warned)
    require(np.isfinite(theta).all(), "the parameters are not finite after a thousand steps", got=theta)
    expect_equal(f"resumed after {steps} steps, it differs from going on", saved, theta)


@CHECKS.check(
    "OPT-021/state-owns-its-memory",
    why="The parameters are changed in place: a state that is a view of them forgets what it was to remember.",
    fix="Copy what is kept: `state['slow'] = parameters.copy()`.",
)
def state_owns_its_memory(subject: Subject) -> None:
    optimizer = subject.make()
    theta = normal(subject, "owns", (5,))
    state = optimizer.init(theta)
    for step, g in enumerate([None, *gradients(subject, "owns", 4, 5)]):
        given = theta
        if g is not None:
            with quiet():
                theta = optimizer.update(theta, g, state)
        for name, value in state.items():
            if isinstance(value, np.ndarray):
                shared = np.shares_memory(value, theta) or np.shares_memory(value, given)
                told = {"parameters": theta, "after": step}
                require(not shared, f"state[{name!r}] is the memory of the parameters", inputs=told, expected="a copy")


@CHECKS.check(
    "OPT-022/nan-stays-visible",
    why="A NaN that is taken for a zero hides where the training failed, and the other parameters go on.",
    fix="Let NaN through, or leave out the whole step; no nan_to_num, no fmax.",
    level="strict",
)
def nan_stays_visible(subject: Subject) -> None:
    optimizer = subject.make()
    start, stream = normal(subject, "nan", (5,)), gradients(subject, "nan", 4, 5)
    spoiled = stream[2].copy()
    spoiled[0] = np.nan
    theta = start.copy()
    with quiet():
        state = optimizer.init(theta)
        for g in stream[:2]:
            theta = optimizer.update(theta, g.copy(), state)
        before = theta.copy()
        theta = optimizer.update(theta, spoiled, state)
    hidden = np.isfinite(theta).all() and difference(theta, before) is not None
    told = {"parameters": before, "gradient": spoiled}
    require(not hidden, "a NaN in the gradient disappears, and a step is made", inputs=told, got=theta)


def _decays(subject: Subject) -> str | None:
    named = attrs.has(subject.cls) and "weight_decay" in attrs.fields_dict(subject.cls)
    return None if named else "it has no weight_decay"


@CHECKS.check(
    "OPT-023/decay-shrinks",
    why="A decay with the wrong sign makes weights grow, the faster the larger they are.",
    fix="Decoupled: parameters *= 1 - rate * decay. Coupled: gradient + decay * parameters.",
    needs=_decays,
    scope="variant",
)
def decay_shrinks(subject: Subject) -> None:
    optimizer = subject.make(weight_decay=0.1)
    start = np.where(normal(subject, "decay", (5,)) < 0, -2.0, 2.0)
    path, _ = trajectory(optimizer, start, [np.zeros(5)] * 3)
    told = {"parameters": start, "gradient": "0 everywhere", "weight_decay": 0.1}
    shrunk = (np.abs(path[-1]) < np.abs(start)).all()
    require(shrunk, "three steps without a gradient do not shrink the parameters", inputs=told, got=path[-1])


def _run(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    if "gradients" not in inputs:
        given = dict(inputs)
        if method == "update" and not given.get("state"):
            given["state"] = part.init(given["parameters"])  # an example's empty state is that of the first step
        return getattr(part, method)(**given)
    path, _ = trajectory(part, np.asarray(inputs["parameters"]), list(inputs["gradients"]))
    return np.stack(path)


@CHECKS.check(
    "OPT-REF/figures",
    why="A rule may descend and still be another rule than its name says; a step-by-step oracle shows it.",
    fix="Compare each step with the source: bias correction in the first three, order of operations, epsilon.",
    needs=needs_reference_values,
)
def figures(subject: Subject) -> None:
    points = []
    double = subject.dtype == np.float64
    # few and many parameters; gradients as small as epsilons are; and, once, after the powers of beta have died out
    for label, size, steps, scale in (
        ("reference", 1, 3, 1.0),
        ("reference", 4, 40, 1.0),
        ("small", 4, 12, 1e-8),
        ("small", 4, 12, 1e-5),
        ("blocks", 4099, 2, 1.0),
        *((("late", 3, 300, 1.0),) if double else ()),
    ):
        stream = np.stack(gradients(subject, label, steps, size)) * subject.dtype.type(scale)
        points.append({"parameters": normal(subject, f"{label}/{size}", (size,)), "gradients": stream})
    expect_reference_values(subject, "update", points, run=_run)
