"""One step of an optimizer, and descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import quiet
from nnkit.testing.checks.optimizer.running import gradients, needs_coordinatewise, takes_zero_rate, trajectory
from nnkit.testing.failure import expect_close, expect_equal, require
from nnkit.testing.points import normal
from nnkit.testing.rates import has_rate, with_rate
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


# -- one step --------------------------------------------------------------------------------


@CHECKS.check(
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
        expect_equal("init writes to the parameters", theta, start, inputs={"parameters": start})
        for g in gradients(subject, "shape", 4, size):
            told = {"parameters": theta.copy(), "gradient": g}
            new = optimizer.update(theta, g, state)
            require(isinstance(new, np.ndarray), "update returns no array", inputs=told, got=type(new).__name__)
            require(new.shape == (size,), "update returns another shape", inputs=told, got=new.shape, expected=(size,))
            require(new.dtype == subject.dtype, "update returns another dtype", inputs=told, got=new.dtype)
            require(np.isfinite(new).all(), "update gives numbers that are not finite", inputs=told, got=new)
            theta = new


@CHECKS.check(
    "OPT-002/zero-rate-is-still",
    why="Warm-ups and schedules pass through zero; nothing may move there.",
    fix="Multiply the whole step, weight decay included, by the learning rate.",
    needs=takes_zero_rate,
)
def zero_rate_is_still(subject: Subject) -> None:
    optimizer = with_rate(subject, 0.0)
    start = normal(subject, "still", (5,))
    path, _ = trajectory(optimizer, start, gradients(subject, "still", 6, 5))
    for step, theta in enumerate(path):
        expect_equal(
            f"parameters move in step {step + 1} at a learning rate of zero", theta, start, inputs={"parameters": start}
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


@CHECKS.check(
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


@CHECKS.check(
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


@CHECKS.check(
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


@CHECKS.check(
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
            expect_close(
                f"permuted parameters take another way (step {step + 1})",
                got,
                expected[order],
                tolerance=256 * subject.eps,
                inputs={"parameters": start, "order": order},
            )


@CHECKS.check(
    "OPT-007/coordinatewise",
    why="Blocked and compiled twins, and training in shards, update parts of the vector apart.",
    fix="Set `coordinatewise = False`, or let no coordinate see another (no norm, mean or maximum).",
    needs=needs_coordinatewise,
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
            expect_close(
                f"two halves of {size} parameters updated apart differ from the whole (step {step + 1})",
                np.concatenate([first[step], second[step]]),
                whole[step],
                tolerance=16 * subject.eps,
                inputs={"parameters": start},
            )
