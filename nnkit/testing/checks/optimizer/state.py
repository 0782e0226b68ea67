"""The state of an optimizer: what is saved, resumed, bound and scheduled."""

from __future__ import annotations

import copy
from typing import Any

import attrs
import numpy as np

from nnkit.testing.call import quiet
from nnkit.testing.checks.optimizer.running import Steps, gradients, takes_schedule, trajectory
from nnkit.testing.comparison import difference
from nnkit.testing.failure import expect_close, expect_equal, require
from nnkit.testing.points import normal
from nnkit.testing.record import CheckList
from nnkit.testing.saving import through_file
from nnkit.testing.subject import Subject

CHECKS = CheckList()


# -- the state -------------------------------------------------------------------------------


@CHECKS.check(
    "OPT-008/state-is-plain",
    why="The state is written to a file of arrays and JSON; nothing else survives.",
    fix="Keep a flat dict with string keys, arrays and plain numbers; no tuples, objects, deques or nested dicts.",
    scope="variant",
)
def state_is_plain(subject: Subject) -> None:
    optimizer = subject.make()
    start = normal(subject, "plain", (5,))
    through_file(optimizer.init(start.copy()))
    _, state = trajectory(optimizer, start, gradients(subject, "plain", 3, 5))
    back = through_file(state)
    expect_equal("the state that comes back from a file differs", back, dict(state))


@CHECKS.check(
    "OPT-009/gradient-untouched",
    why="The gradient vector is the network's own buffer: reused by the next step, read by callbacks.",
    fix="Copy the gradient where its values must last (`state['g'] = gradient.copy()`); never `+=` into it.",
)
def gradient_untouched(subject: Subject) -> None:
    optimizer = subject.make()
    start, stream = normal(subject, "untouched", (5,)), gradients(subject, "untouched", 6, 5)
    expected, _ = trajectory(optimizer, start, stream)
    theta, buffer = start.copy(), np.empty_like(start)
    state = optimizer.init(theta)
    for step, g in enumerate(stream):
        np.copyto(buffer, g)
        with quiet():
            theta = optimizer.update(theta, buffer, state)
        expect_equal("update writes to the gradient", buffer, g, inputs={"gradient": g})
        for name, value in state.items():
            kept = isinstance(value, np.ndarray) and np.shares_memory(value, buffer)
            require(not kept, f"state[{name!r}] is the gradient's own memory", inputs={"gradient": g})
        require(not np.shares_memory(theta, buffer), "the parameters are the gradient's own memory")
        buffer.fill(np.nan)
        expect_close(
            f"a reused gradient buffer leads to other parameters (step {step + 1})",
            theta,
            expected[step],
            tolerance=4 * subject.eps,
            inputs={"parameters": start, "gradient": g},
        )


@CHECKS.check(
    "OPT-010/bind-equals-update",
    why="Training runs on the in-place twin; it must be the same rule, step for step.",
    fix="Change parameters and state in place, read the gradient anew in each step, keep scratch out of the state.",
)
def bind_equals_update(subject: Subject) -> None:
    for size in (1, 5, 70_003):
        steps = 12 if size < 100 else 3
        start, stream = normal(subject, f"bind/{size}", (size,)), gradients(subject, "bind", steps, size)
        optimizer = subject.make()
        theta, buffer = start.copy(), np.full_like(start, np.nan)
        state = optimizer.init(theta)
        holder = state
        step_once = optimizer.bind(theta, buffer, state)
        plain = start.copy()
        plain_state = subject.make().init(plain)
        for step, g in enumerate(stream):
            np.copyto(buffer, g)
            with quiet() as noted:
                step_once()
                plain = subject.make().update(plain, g.copy(), plain_state)
            told = {"parameters": start, "gradient": g}
            require(not noted.warned, "a bound step warns", inputs=told, got=noted.warned)
            expect_equal("a bound step writes to the gradient", buffer, g, inputs=told)
            expect_close(
                f"bind differs from update in step {step + 1}",
                theta,
                plain,
                rtol=64 * subject.eps,
                atol=16 * subject.eps,
                inputs=told,
            )
            expect_close(
                f"bind leaves another state than update in step {step + 1}",
                dict(holder),
                dict(plain_state),
                rtol=64 * subject.eps,
                atol=16 * subject.eps,
                inputs=told,
            )


@CHECKS.check(
    "OPT-011/bind-resumes",
    why="A run is saved between two steps of the bound twin, from the state as it stands there.",
    fix="Write counters and moments back to the state in every step, not to variables of the closure.",
)
def bind_resumes(subject: Subject) -> None:
    size, steps = 5, 9
    start, stream = normal(subject, "bind-resume", (size,)), gradients(subject, "bind-resume", steps, size)
    for cut in (1, 2, 5):
        optimizer = subject.make()
        theta, buffer = start.copy(), np.empty_like(start)
        state = optimizer.init(theta)
        step_once = optimizer.bind(theta, buffer, state)
        resumed: Any = None
        again, again_buffer = theta, buffer
        for step, g in enumerate(stream):
            if step == cut:
                again, again_buffer = theta.copy(), np.empty_like(start)
                resumed = subject.make().bind(again, again_buffer, through_file(state))
            np.copyto(buffer, g)
            with quiet():
                step_once()
                if resumed is not None:
                    np.copyto(again_buffer, g)
                    resumed()
            if resumed is not None:
                expect_equal(
                    f"bound anew after {cut} steps, step {step + 1} differs from going on",
                    again,
                    theta,
                    inputs={"parameters": start, "state": dict(state)},
                )


@CHECKS.check(
    "OPT-012/resume-equals-continuous",
    why="A run that is cut and resumed must give the same parameters, to the bit.",
    fix="Put everything that the next step needs into `state`: counters, moments, previous values.",
)
def resume_equals_continuous(subject: Subject) -> None:
    steps = 25
    start, stream = normal(subject, "resume", (5,)), gradients(subject, "resume", steps, 5)
    expected, _ = trajectory(subject.make(), start, stream)
    for cut in (0, 1, 2, 3, 10, 20):
        optimizer = subject.make()
        theta = start.copy()
        with quiet():
            state = optimizer.init(theta)
            for g in stream[:cut]:
                theta = optimizer.update(theta, g.copy(), state)
            saved, state = theta.copy(), through_file(state)
            stranger, _ = trajectory(subject.make(), normal(subject, "stranger", (3,)), gradients(subject, "s", 4, 3))
            optimizer, theta = subject.make(), saved
            for step, g in enumerate(stream[cut:], cut):
                theta = optimizer.update(theta, g.copy(), state)
                expect_equal(
                    f"resumed after {cut} steps, step {step + 1} differs from going on",
                    theta,
                    expected[step],
                    inputs={"parameters": saved, "state": state},
                )
        require(len(stranger) == 4, "a second run does not go through")


@CHECKS.check(
    "OPT-013/schedule-honoured",
    why="A schedule that is not followed is a training with another learning rate than the one written down.",
    fix="Ask `rate_at(self.learning_rate, step)` in every step, with the number of updates made before it: 0, 1, 2, …; "
    "where old velocity moves on at a rate of 0, as in Keras' momentum, set `zero_rate_is_still = False`.",
    needs=takes_schedule,
)
def schedule_honoured(subject: Subject) -> None:
    rates = (0.05, 0.02, 0.0, 0.07, 0.01, 0.03)
    start, stream = normal(subject, "schedule", (4,)), gradients(subject, "schedule", len(rates), 4)
    notes: list[int] = []
    scheduled = subject.make(learning_rate=Steps(rates=rates, asked=notes))
    path, _ = trajectory(scheduled, start, stream)
    require(
        sorted(set(notes)) == list(range(len(rates))),
        "the schedule is asked for other steps than 0, 1, 2, …",
        got=sorted(set(notes)),
        expected=list(range(len(rates))),
    )
    theta = start.copy()
    state = subject.make(learning_rate=rates[0]).init(theta)
    before = start
    for step, (rate, g) in enumerate(zip(rates, stream, strict=True)):
        by_hand = subject.make(learning_rate=rate)
        with quiet():
            theta = by_hand.update(theta, g.copy(), state)
        told = {"parameters": start, "rates": rates}
        expect_close(
            f"with a schedule, step {step + 1} differs from the same rates given by hand",
            path[step],
            theta,
            tolerance=64 * subject.eps,
            inputs=told,
        )
        if rate == 0.0 and subject.cls.zero_rate_is_still:
            expect_equal(
                f"parameters move in step {step + 1}, where the schedule gives 0", path[step], before, inputs=told
            )
        before = path[step]
    bound = subject.make(learning_rate=Steps(rates=rates))
    live, buffer = start.copy(), np.empty_like(start)
    step_once = bound.bind(live, buffer, bound.init(live))
    for step, g in enumerate(stream):
        np.copyto(buffer, g)
        with quiet():
            step_once()
        expect_close(
            f"the bound twin does not follow the schedule (step {step + 1})",
            live,
            path[step],
            tolerance=64 * subject.eps,
        )
    constant, _ = trajectory(subject.make(learning_rate=Steps(rates=(0.04,))), start, stream)
    plain, _ = trajectory(subject.make(learning_rate=0.04), start, stream)
    for step in range(len(stream)):
        expect_close(
            f"a constant schedule differs from its number (step {step + 1})",
            constant[step],
            plain[step],
            tolerance=16 * subject.eps,
        )


@CHECKS.check(
    "OPT-014/odd-gradients",
    why="Dead units send gradients of zero, saturated ones tiny and diverging ones huge numbers.",
    fix="Guard every division (epsilon outside or inside the root), and check 0 / 0 in the first step.",
)
def odd_gradients(subject: Subject) -> None:
    optimizer = subject.make()
    start = normal(subject, "odd", (4,))
    tiny, huge = (1e-30, 1e10) if subject.dtype == np.float32 else (1e-200, 1e100)
    for label, g in (
        ("zero", np.zeros(4)),
        ("half zero", np.array([0.0, 1.0, 0.0, -1.0])),
        ("tiny", np.full(4, tiny)),
        ("huge", np.array([huge, -huge, 1.0, 0.0])),
        ("negative zero", np.full(4, -0.0)),
    ):
        theta = start.copy()
        state = optimizer.init(theta)
        stream = [g.astype(subject.dtype)] * 4
        if label == "zero":
            stream = [*stream, *gradients(subject, "odd", 2, 4), *stream]
        told = {"parameters": start, "gradient": g}
        for each in stream:
            with quiet() as noted:
                theta = optimizer.update(theta, each.copy(), state)
            require(not noted.warned, f"update warns for a {label} gradient", inputs=told, got=noted.warned)
            require(not np.isnan(theta).any(), f"a {label} gradient gives NaN", inputs=told, got=theta)
            if label != "huge":
                require(np.isfinite(theta).all(), f"a {label} gradient gives infinity", inputs=told, got=theta)


@CHECKS.check(
    "OPT-015/state-dtype",
    why="A float64 moment next to float32 parameters doubles the memory of training.",
    fix="Make state arrays with np.zeros_like(parameters); keep constants Python numbers.",
)
def state_dtype(subject: Subject) -> None:
    optimizer = subject.make()
    start = normal(subject, "dtype", (5,))
    for moment, state in (
        ("at the start", optimizer.init(start.copy())),
        ("after five steps", trajectory(optimizer, start, gradients(subject, "dtype", 5, 5))[1]),
    ):
        for name, value in state.items():
            if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                require(
                    value.dtype == subject.dtype,
                    f"state[{name!r}] has another dtype than the parameters {moment}",
                    got=value.dtype,
                    expected=subject.dtype,
                )


@CHECKS.check(
    "OPT-016/state-matters",
    why="A moment that is never written, or written and never read, is a rule that was meant and is not there.",
    fix="Write the new value into the dict (`state['m'] = …` or in place), and use it in the step.",
    level="strict",
    scope="part",
)
def state_matters(subject: Subject) -> None:
    for steps in (12, 140):  # rarely written ones (every fiftieth step) have a second chance
        stale = _stale(subject, steps)
        if all(verdict == "alive" for verdict in stale.values()):
            return
    for name, verdict in stale.items():
        require(verdict == "alive", f"state[{name!r}] {verdict}", expected="an entry that is written and read")


def _stale(subject: Subject, steps: int) -> dict[str, str]:
    """Of each array in the state: what is wrong with it, or ``alive``."""
    stale: dict[str, str] = {}
    for variant in subject.variants:
        here = attrs.evolve(subject, hyperparameters=variant)
        start, stream = normal(here, "matters", (4,)), gradients(here, "matters", steps, 4)
        _, state = trajectory(here.make(), start, stream[: steps // 2])
        first = here.make().init(start.copy())
        for name, value in state.items():
            if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
                continue
            stale.setdefault(name, "")
            still = name in first and difference(value, first[name]) is None
            number = value.dtype.type
            ends = []
            for other in (value, value * number(1.5) + number(0.25), -value):  # the last for rules that read signs
                held = {**copy.deepcopy(dict(state)), name: np.array(other)}
                theta = start.copy()
                with quiet():
                    for g in stream[steps // 2 :]:
                        theta = here.make().update(theta, g.copy(), held)
                ends.append(np.array(theta))
            unread = all(difference(end, ends[0]) is None for end in ends[1:])
            reason = "never changes" if still else ("is never read" if unread else "")
            if not reason:
                stale[name] = "alive"
            elif stale[name] != "alive":
                stale[name] = reason
    return stale
