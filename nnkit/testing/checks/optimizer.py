"""Checks of optimizers."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable, Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Schedule
from nnkit.interfaces.fields import PART_KIND
from nnkit.testing.call import Call, compare, quiet
from nnkit.testing.failure import close, fail, require, same, shown
from nnkit.testing.figures import check_figures, has_figures
from nnkit.testing.points import normal
from nnkit.testing.rates import has_rate, own_rate, still_at_zero, with_rate
from nnkit.testing.record import Shelf
from nnkit.testing.subject import Subject

SHELF = Shelf()


# -- running one -----------------------------------------------------------------------------


def gradients(subject: Subject, label: str, steps: int, size: int) -> list[Array]:
    """Gradients of changing size and sign, one of them small, some entries zero."""
    rng = subject.rng(f"gradients/{label}/{steps}/{size}")
    found = []
    for step in range(steps):
        g = rng.standard_normal(size) * 10.0 ** rng.uniform(-1.5, 0.5)
        if step % 4 == 2 and size > 2:
            g[rng.integers(0, size)] = 0.0
        found.append(np.asarray(g, dtype=subject.dtype))
    return found


def trajectory(optimizer: Any, start: Array, stream: list[Array]) -> tuple[list[Array], dict[str, Any]]:
    """Copies of the parameters after each update, and the last state."""
    theta = start.copy()
    with quiet():
        state = optimizer.init(theta)
        found = []
        for g in stream:
            theta = optimizer.update(theta, g.copy(), state)
            found.append(np.array(theta))
    return found, state


def _trajectory_call(part: Any, given: Mapping[str, Array]) -> Any:
    theta = given["parameters"].copy()
    state = part.init(theta)
    found = []
    for g in given["gradients"]:
        theta = part.update(theta, g, state)
        found.append(np.array(theta))
    return {"parameters": found, "state": copy.deepcopy(dict(state))}


def calls(subject: Subject) -> list[Call]:
    """The state before the first step, one update, and a trajectory of several."""
    start = normal(subject, "calls/start", (5,))
    stream = np.stack(gradients(subject, "calls", 6, 5))
    return [
        Call("init(parameters)", lambda p, x: p.init(x["parameters"]), {"parameters": start}),
        Call(
            "update(parameters, gradient, state)",
            lambda p, x: p.update(x["parameters"], x["gradient"], p.init(x["parameters"])),
            {"parameters": start, "gradient": stream[0]},
            writes=frozenset({"parameters"}),
        ),
        Call("six updates", _trajectory_call, {"parameters": start, "gradients": stream}),
    ]


# -- what applies ----------------------------------------------------------------------------


def _takes_zero_rate(subject: Subject) -> str | None:
    if not has_rate(subject):
        return "neither it nor an optimizer that it holds has a learning_rate"
    if not still_at_zero(subject):
        return "it declares that it moves at rate zero"
    try:
        with_rate(subject, 0.0)
    except (ValueError, TypeError):
        return "it refuses a learning rate of zero"
    return None


def _takes_schedule(subject: Subject) -> str | None:
    field = own_rate(subject.cls)
    if field is None:
        return "it has no learning_rate of its own"  # one that it holds is proven by itself, and may make fewer steps
    return None if field.metadata.get(PART_KIND) == "schedule" else "its learning_rate takes no schedule"


def _coordinatewise(subject: Subject) -> str | None:
    return None if subject.cls.coordinatewise else "it is not declared coordinate-wise"


@final
@attrs.frozen(kw_only=True)
class _Steps(Schedule):
    """Rates by step from a list, and a note of every step asked for."""

    rates: tuple[float, ...] = (0.1,)
    asked: list[int] = attrs.field(factory=list, eq=False)

    def rate(self, step: int) -> float:
        self.asked.append(int(step))
        return self.rates[min(int(step), len(self.rates) - 1)]


# -- one step --------------------------------------------------------------------------------


@SHELF.check(
    "OPT-001/shape-and-type",
    why="The flat vector is viewed by every layer; another shape or dtype cuts them off.",
    fix="update returns the parameters, (P,), of the dtype they came in.",
)
def shape_and_type(subject: Subject) -> None:
    optimizer = subject.make()
    for size in (1, 2, 5, 130):
        start = normal(subject, f"shape/{size}", (size,))
        theta = start.copy()
        state = optimizer.init(theta)
        require(isinstance(state, dict), "init returns no dict", got=type(state).__name__, expected="dict")
        require(same(theta, start) is None, "init writes to the parameters", inputs={"parameters": start}, got=theta)
        for g in gradients(subject, "shape", 4, size):
            told = {"parameters": theta.copy(), "gradient": g}
            new = optimizer.update(theta, g, state)
            require(isinstance(new, np.ndarray), "update returns no array", inputs=told, got=type(new).__name__)
            require(new.shape == (size,), "update returns another shape", inputs=told, got=new.shape, expected=(size,))
            require(new.dtype == subject.dtype, "update returns another dtype", inputs=told, got=new.dtype)
            require(np.isfinite(new).all(), "update gives numbers that are not finite", inputs=told, got=new)
            theta = new


@SHELF.check(
    "OPT-002/zero-rate-is-still",
    why="Warm-ups and schedules pass through zero; nothing may move there.",
    fix="Multiply the whole step, weight decay included, by the learning rate.",
    needs=_takes_zero_rate,
)
def zero_rate_is_still(subject: Subject) -> None:
    optimizer = with_rate(subject, 0.0)
    start = normal(subject, "still", (5,))
    path, _ = trajectory(optimizer, start, gradients(subject, "still", 6, 5))
    for step, theta in enumerate(path):
        off = same(theta, start)
        if off is not None:
            fail(
                f"parameters move in step {step + 1} at a learning rate of zero",
                inputs={"parameters": start},
                got=off.got,
                expected=off.expected,
            )


# -- descent ---------------------------------------------------------------------------------


RATES = (0.1, 1.0, 1e-2, 1e-3)
PATIENCE = 16


def _quadratic(scales: Array) -> tuple[Callable[[Array], float], Callable[[Array], Array]]:
    return lambda x: float(0.5 * (scales * x * x).sum()), lambda x: scales * x


def _rosenbrock(x: Array) -> float:
    return float((1 - x[0]) ** 2 + 5 * (x[1] - x[0] ** 2) ** 2)


def _rosenbrock_gradient(x: Array) -> Array:
    inner = x[1] - x[0] ** 2
    return np.array([-2 * (1 - x[0]) - 20 * x[0] * inner, 10 * inner], dtype=x.dtype)


def _descend(
    subject: Subject, value: Any, gradient: Any, start: Array, bar: float, *, steps: int = 300
) -> tuple[dict[str, float], float]:
    """The value reached, relative to the start, with the default rate and then others until one is below ``bar``."""
    tried: dict[str, float] = {}
    first = value(start)
    for rate in (None, *(RATES if has_rate(subject) else ())):
        try:
            optimizer = subject.make() if rate is None else with_rate(subject, rate)
        except (ValueError, TypeError):
            continue
        theta = start.copy()
        with quiet():
            state = optimizer.init(theta)
            best = first
            for _ in range(steps):
                theta = optimizer.update(theta, np.asarray(gradient(theta), dtype=subject.dtype), state)
                now = value(theta)
                if not np.isfinite(now) or now > 1e12 * (1 + first):
                    break
            else:
                best = now
        tried["default" if rate is None else f"{rate:g}"] = best / first
        if best < bar * first:
            break
    return tried, min(tried.values())


@SHELF.check(
    "OPT-003/descends-on-a-bowl",
    why="A step in the wrong direction trains the network to be wrong.",
    fix="Subtract the step (parameters -= learning_rate * …); check the sign of each term.",
    scope="variant",
)
def descends_on_a_bowl(subject: Subject) -> None:
    value, gradient = _quadratic(np.array([1.0, 0.5, 2.0, 1.5]))
    start = np.array([0.9, -1.1, 0.7, -0.4])
    tried, best = _descend(subject, value, gradient, start, 0.5)
    require(
        best < 0.5,
        "300 steps on a round quadratic bowl do not halve the value with any learning rate",
        inputs={"start": start, "value reached over value at start": tried},
        got=f"{best:.4g}",
        expected="less than 0.5",
    )
    require(
        tried["default"] < 1.0,
        "the default learning rate does not descend on a round quadratic bowl",
        inputs={"start": start},
        got=f"{tried['default']:.6g} of the value at the start after 300 steps",
        expected="less than 1",
    )


@SHELF.check(
    "OPT-004/descends-in-a-narrow-valley",
    why="Real losses are badly conditioned.",
    fix="Check that no coordinate is scaled by another one's gradient, and that epsilon stands where it should.",
    scope="variant",
)
def descends_in_a_narrow_valley(subject: Subject) -> None:
    value, gradient = _quadratic(np.array([1.0, 0.01, 10.0]))
    start = np.array([0.5, 1.0, -0.3])
    tried, best = _descend(subject, value, gradient, start, 0.7)
    require(
        best < 0.7,
        "300 steps on a quadratic with condition 1000 do not lower the value by a third with any learning rate",
        inputs={"start": start, "value reached over value at start": tried},
        got=f"{best:.4g}",
        expected="less than 0.7",
    )


@SHELF.check(
    "OPT-005/descends-on-rosenbrock",
    why="Curved valleys are where momentum and scaling show their worth or their faults.",
    fix="Look at what the state does when the gradient turns.",
    scope="variant",
)
def descends_on_rosenbrock(subject: Subject) -> None:
    start = np.array([-0.6, 0.8])
    tried, best = _descend(subject, _rosenbrock, _rosenbrock_gradient, start, 0.7)
    require(
        best < 0.7,
        "300 steps on Rosenbrock's function do not lower the value by a third with any learning rate",
        inputs={"start": start, "value reached over value at start": tried},
        got=f"{best:.4g}",
        expected="less than 0.7",
    )


@SHELF.check(
    "OPT-006/permutation",
    why="The order of the parameters in the flat vector is an accident of the layers' order.",
    fix="Treat all coordinates alike; no index, no cumulative sum, no special first element.",
)
def permutation(subject: Subject) -> None:
    optimizer = subject.make()
    size = 7
    start, stream = normal(subject, "permutation", (size,)), gradients(subject, "permutation", 8, size)
    plain, _ = trajectory(optimizer, start, stream)
    for order in (subject.rng("permutation/order").permutation(size), np.arange(size)[::-1]):
        moved, _ = trajectory(optimizer, start[order], [g[order] for g in stream])
        for step, (got, expected) in enumerate(zip(moved, plain, strict=True)):
            off = close(got, expected[order], rtol=256 * subject.eps, atol=256 * subject.eps)
            if off is not None:
                fail(
                    f"permuted parameters take another way (step {step + 1})",
                    inputs={"parameters": start, "order": order},
                    got=off.got,
                    expected=off.expected,
                )


@SHELF.check(
    "OPT-007/coordinatewise",
    why="Blocked and compiled twins, and training in shards, update parts of the vector apart.",
    fix="Set `coordinatewise = False`, or let no coordinate see another (no norm, mean or maximum).",
    needs=_coordinatewise,
)
def coordinatewise(subject: Subject) -> None:
    optimizer = subject.make()
    for size, cut in ((6, 3), (7, 1), (70_003, 40_001)):
        steps = 8 if size < 100 else 2
        start, stream = normal(subject, f"halves/{size}", (size,)), gradients(subject, "halves", steps, size)
        whole, _ = trajectory(optimizer, start, stream)
        first, _ = trajectory(optimizer, start[:cut], [g[:cut] for g in stream])
        second, _ = trajectory(optimizer, start[cut:], [g[cut:] for g in stream])
        for step in range(steps):
            off = close(
                np.concatenate([first[step], second[step]]), whole[step], rtol=16 * subject.eps, atol=16 * subject.eps
            )
            if off is not None:
                fail(
                    f"two halves of {size} parameters updated apart differ from the whole (step {step + 1})",
                    inputs={"parameters": start},
                    got=off.got,
                    expected=off.expected,
                )


# -- the state -------------------------------------------------------------------------------


def through_file(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state as it comes back from a saved network: arrays through npz, numbers through JSON."""
    arrays: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    for name, value in state.items():
        require(isinstance(name, str), "a name in the state is no string", got=name, expected="a string")
        if isinstance(value, np.ndarray):
            require(value.dtype.kind in "fiub", f"state[{name!r}] is an array of objects", got=value.dtype)
            arrays[name] = value
        elif isinstance(value, np.generic):
            plain[name] = value.item()
        else:
            try:
                plain[name] = json.loads(json.dumps(value))
            except (TypeError, ValueError):
                fail(f"state[{name!r}] cannot be saved", got=shown(value), expected="an array or a plain number")
            require(
                isinstance(value, (int, float, bool, str, type(None))),
                f"state[{name!r}] is neither an array nor a number",
                got=type(value).__name__,
                expected="a flat dict of arrays and numbers",
            )
    file = io.BytesIO()
    np.savez(file, **arrays)
    file.seek(0)
    with np.load(file, allow_pickle=False) as opened:
        loaded = {name: opened[name] for name in opened.files}
    return {name: loaded[name] if name in loaded else plain[name] for name in state}


@SHELF.check(
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
    off = compare(back, dict(state))
    if off is not None:
        fail("the state that comes back from a file differs", got=off.got, expected=off.expected)


@SHELF.check(
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
        require(
            same(buffer, g) is None, "update writes to the gradient", inputs={"gradient": g}, got=buffer, expected=g
        )
        for name, value in state.items():
            kept = isinstance(value, np.ndarray) and np.shares_memory(value, buffer)
            require(not kept, f"state[{name!r}] is the gradient's own memory", inputs={"gradient": g})
        require(not np.shares_memory(theta, buffer), "the parameters are the gradient's own memory")
        buffer.fill(np.nan)
        off = close(theta, expected[step], rtol=4 * subject.eps, atol=4 * subject.eps)
        if off is not None:
            fail(
                f"a reused gradient buffer leads to other parameters (step {step + 1})",
                inputs={"parameters": start, "gradient": g},
                got=off.got,
                expected=off.expected,
            )


@SHELF.check(
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
            require(same(buffer, g) is None, "a bound step writes to the gradient", inputs=told, got=buffer)
            off = close(theta, plain, rtol=64 * subject.eps, atol=16 * subject.eps)
            if off is not None:
                fail(f"bind differs from update in step {step + 1}", inputs=told, got=off.got, expected=off.expected)
            off = compare(dict(holder), dict(plain_state), rtol=64 * subject.eps, atol=16 * subject.eps)
            if off is not None:
                fail(
                    f"bind leaves another state than update in step {step + 1}",
                    inputs=told,
                    got=off.got,
                    expected=off.expected,
                )


@SHELF.check(
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
                off = same(again, theta)
                if off is not None:
                    fail(
                        f"bound anew after {cut} steps, step {step + 1} differs from going on",
                        inputs={"parameters": start, "state": dict(state)},
                        got=off.got,
                        expected=off.expected,
                    )


@SHELF.check(
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
                off = same(theta, expected[step])
                if off is not None:
                    fail(
                        f"resumed after {cut} steps, step {step + 1} differs from going on",
                        inputs={"parameters": saved, "state": state},
                        got=off.got,
                        expected=off.expected,
                    )
        require(len(stranger) == 4, "a second run does not go through")


@SHELF.check(
    "OPT-013/schedule-honoured",
    why="A schedule that is not followed is a training with another learning rate than the one written down.",
    fix="Ask `rate_at(self.learning_rate, step)` in every step, with the number of updates made before it: 0, 1, 2, …",
    needs=_takes_schedule,
)
def schedule_honoured(subject: Subject) -> None:
    rates = (0.05, 0.02, 0.0, 0.07, 0.01, 0.03)
    start, stream = normal(subject, "schedule", (4,)), gradients(subject, "schedule", len(rates), 4)
    notes: list[int] = []
    scheduled = subject.make(learning_rate=_Steps(rates=rates, asked=notes))
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
        off = close(path[step], theta, rtol=64 * subject.eps, atol=64 * subject.eps)
        if off is not None:
            fail(
                f"with a schedule, step {step + 1} differs from the same rates given by hand",
                inputs=told,
                got=off.got,
                expected=off.expected,
            )
        if rate == 0.0 and subject.cls.zero_rate_is_still:
            off = same(path[step], before)
            require(off is None, f"parameters move in step {step + 1}, where the schedule gives 0", inputs=told)
        before = path[step]
    bound = subject.make(learning_rate=_Steps(rates=rates))
    live, buffer = start.copy(), np.empty_like(start)
    step_once = bound.bind(live, buffer, bound.init(live))
    for step, g in enumerate(stream):
        np.copyto(buffer, g)
        with quiet():
            step_once()
        off = close(live, path[step], rtol=64 * subject.eps, atol=64 * subject.eps)
        if off is not None:
            fail(f"the bound twin does not follow the schedule (step {step + 1})", got=off.got, expected=off.expected)
    constant, _ = trajectory(subject.make(learning_rate=_Steps(rates=(0.04,))), start, stream)
    plain, _ = trajectory(subject.make(learning_rate=0.04), start, stream)
    for step in range(len(stream)):
        off = close(constant[step], plain[step], rtol=16 * subject.eps, atol=16 * subject.eps)
        if off is not None:
            fail(f"a constant schedule differs from its number (step {step + 1})", got=off.got, expected=off.expected)


@SHELF.check(
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


@SHELF.check(
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


@SHELF.check(
    "OPT-016/state-matters",
    why="A moment that is never written, or written and never read, is a rule that was meant and is not there.",
    fix="Write the new value into the dict (`state['m'] = …` or in place), and use it in the step.",
    level="strict",
    scope="part",
)
def state_matters(subject: Subject) -> None:
    stale: dict[str, str] = {}
    for variant in subject.variants:
        here = attrs.evolve(subject, hyperparameters=variant)
        start, stream = normal(here, "matters", (4,)), gradients(here, "matters", 12, 4)
        _, state = trajectory(here.make(), start, stream[:6])
        first = here.make().init(start.copy())
        for name, value in state.items():
            if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
                continue
            stale.setdefault(name, "")
            still = name in first and same(value, first[name]) is None
            number = value.dtype.type
            ends = []
            for other in (value, value * number(1.5) + number(0.25), -value):  # the last for rules that read signs
                held = {**copy.deepcopy(dict(state)), name: np.array(other)}
                theta = start.copy()
                with quiet():
                    for g in stream[6:]:
                        theta = here.make().update(theta, g.copy(), held)
                ends.append(np.array(theta))
            unread = all(same(end, ends[0]) is None for end in ends[1:])
            reason = "never changes" if still else ("is never read" if unread else "")
            if not reason:
                stale[name] = "alive"
            elif stale[name] != "alive":
                stale[name] = reason
    for name, verdict in stale.items():
        require(verdict == "alive", f"state[{name!r}] {verdict}", expected="an entry that is written and read")


@SHELF.check(
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
        off = close(got, expected, atol=allowed)
        if off is not None:
            fail(
                f"float32 leaves float64 in step {step + 1}",
                inputs={"parameters": start, "gradient": stream[step]},
                got=off.got,
                expected=off.expected,
            )


@SHELF.check(
    "OPT-018/rate-scales-the-step",
    why="A learning rate that does not set the length of the step cannot be tuned or scheduled.",
    fix="Multiply the step by the learning rate once; not by its square, not after adding something to it.",
    needs=_takes_zero_rate,
)
def rate_scales_the_step(subject: Subject) -> None:
    start, stream = normal(subject, "scales", (5,)), gradients(subject, "scales", 1, 5)
    wide, double = start.astype(np.float64), [g.astype(np.float64) for g in stream]
    unit = 1e-6  # so short that implicit forms, which divide by 1 + rate * decay, are straight too
    first, _ = trajectory(with_rate(subject, unit), wide, double)
    for times in (2.0, 4.0, 1000.0):
        path, _ = trajectory(with_rate(subject, unit * times), wide, double)
        expected = (first[0] - wide) * times
        off = close(path[0] - wide, expected, rtol=1e-6 + 2e-6 * times, atol=1e-15 * times)
        if off is not None:
            fail(
                f"the first step at a rate of {unit * times:g} is not {times:g} times that at {unit:g}",
                inputs={"parameters": start, "gradient": stream[0]},
                got=off.got,
                expected=off.expected,
            )


@SHELF.check(
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
        first = next((theta for theta in path if same(theta, start) is not None), path[0])
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


@SHELF.check(
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
    off = same(saved, theta)
    if off is not None:
        fail(f"resumed after {steps} steps, it differs from going on", got=off.got, expected=off.expected)


@SHELF.check(
    "OPT-021/state-owns-its-memory",
    why="The parameters are changed in place: a state that is a view of them forgets what it was to remember.",
    fix="Copy what is kept: `state['slow'] = parameters.copy()`.",
    since="0.2",
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
                told = {"parameters": theta, "step": step}
                require(not shared, f"state[{name!r}] is the memory of the parameters", inputs=told, expected="a copy")


@SHELF.check(
    "OPT-022/nan-stays-visible",
    why="A NaN that is taken for a zero hides where the training failed, and the other parameters go on.",
    fix="Let NaN through, or leave out the whole step; no nan_to_num, no fmax.",
    level="strict",
    since="0.2",
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
    hidden = np.isfinite(theta).all() and same(theta, before) is not None
    told = {"parameters": before, "gradient": spoiled}
    require(not hidden, "a NaN in the gradient disappears, and a step is made", inputs=told, got=theta)


def _decays(subject: Subject) -> str | None:
    named = attrs.has(subject.cls) and "weight_decay" in attrs.fields_dict(subject.cls)
    return None if named else "it has no weight_decay"


@SHELF.check(
    "OPT-023/decay-shrinks",
    why="A decay with the wrong sign makes weights grow, the faster the larger they are.",
    fix="Decoupled: parameters *= 1 - rate * decay. Coupled: gradient + decay * parameters.",
    since="0.2",
    needs=_decays,
    scope="variant",
)
def decay_shrinks(subject: Subject) -> None:
    optimizer = subject.make(weight_decay=0.1)
    start = np.where(normal(subject, "decay", (5,)) < 0, -2.0, 2.0)
    path, _ = trajectory(optimizer, start, [np.zeros(5)] * 3)
    told = {"parameters": start, "gradient": "zeros", "weight_decay": 0.1}
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


@SHELF.check(
    "OPT-REF/figures",
    why="A rule may descend and still be another rule than its name says; a step-by-step oracle shows it.",
    fix="Compare each step with the source: bias correction in the first three, order of operations, epsilon.",
    needs=has_figures,
)
def figures(subject: Subject) -> None:
    points = [
        {
            "parameters": normal(subject, f"reference/{size}", (size,)),
            "gradients": np.stack(gradients(subject, "reference", steps, size)),
        }
        for size, steps in ((1, 3), (4, 40))
    ]
    check_figures(subject, "update", points, run=_run)
