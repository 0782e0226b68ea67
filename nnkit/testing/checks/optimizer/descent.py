"""One step of an optimizer, and descent."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import expect_shape, quiet
from nnkit.testing.checks.optimizer.running import (
    advance,
    begin,
    expect_path,
    gradients,
    has_rate,
    start_and_gradients,
    takes_zero_rate,
    trajectory,
    with_rate,
)
from nnkit.testing.failure import difference, expect_equal, require, show
from nnkit.testing.record import Inputs, Subject, check, needs_trait

# -- one step --------------------------------------------------------------------------------


@check("OPT-001/shape-and-type", on=Inputs(("size",), (1, 2, 5, 130)))
def shape_and_type(subject: Subject, optimizer: Any, size: int) -> None:
    """Every layer holds views of the flat vector; another shape or dtype separates them from it.

    update returns the parameters, (P,), of the dtype they came in.
    """
    start, stream = start_and_gradients(subject, "shape", 4, size)
    theta = start.copy()
    state = begin(optimizer, theta)
    require(isinstance(state, dict), "init returns no dict", got=type(state).__name__, expected="dict")
    expect_equal("init writes to the parameters", theta, start, inputs={"parameters": start})
    for g in stream:
        show(parameters=theta.copy(), gradient=g)
        theta = advance(optimizer, theta, g, state)
        require(isinstance(theta, np.ndarray), "update returns no array", got=type(theta).__name__)
        expect_shape("update returns another shape", theta, (size,))
        require(theta.dtype == subject.dtype, "update returns another dtype", got=theta.dtype)
        require(np.isfinite(theta).all(), "update gives numbers that are not finite", got=theta)


@check("OPT-002/zero-rate-is-still", needs=takes_zero_rate)
def zero_rate_is_still(subject: Subject) -> None:
    """Warm-ups and schedules pass through zero; nothing may move there.

    Multiply the complete step, weight decay included, by the learning rate.
    """
    start, stream = start_and_gradients(subject, "still", 6)
    path, _ = trajectory(with_rate(subject, 0.0), start, stream)
    expect_path("parameters move at a learning rate of zero", path, [start] * 6, inputs={"parameters": start})


@check("OPT-019/first-step-descends", on=Inputs(("trial",), range(3)))
def first_step_descends(subject: Subject, optimizer: Any, trial: int) -> None:
    """Without accumulated state the first update must be a descent step.

    Check the sign of the gradient's term, and the bias correction at step 1 (beta ** 1, not beta ** 0).
    """
    start, g = np.full(5, 1e-3, dtype=subject.dtype), gradients(subject, f"first/{trial}", 1, 5)[0]
    path, _ = trajectory(optimizer, start, [g] * 16)  # one that accumulates gradients moves later
    first = next((step for step, theta in enumerate(path) if difference(theta, start) is not None), 0)
    show(parameters=start, gradient=g)
    still = start
    if not subject.cls.zero_rate_is_still:  # what moves without a gradient, such as into a bound, is not its step
        still = trajectory(subject.make(), start, [np.zeros_like(g)] * (first + 1))[0][first]
    move = path[first].astype(np.float64) - still
    require(np.isfinite(move).all(), "the first step is not finite", got=move)
    require(float(move @ g) < 0.0, "the first step does not descend", got=move, expected="move @ gradient < 0")
    require(float(np.abs(move).max()) < 1e3, "the first step is enormous", got=move)


# -- descent ---------------------------------------------------------------------------------

Function = Callable[[Array], float]
Gradient = Callable[[Array], Array]


def _quadratic(*scales: float) -> tuple[Function, Gradient]:
    curvature = np.array(scales)
    return lambda x: float(0.5 * (curvature * x * x).sum()), lambda x: curvature * x


def _rosenbrock(x: Array) -> float:
    return float((1 - x[0]) ** 2 + 5 * (x[1] - x[0] ** 2) ** 2)


def _rosenbrock_gradient(x: Array) -> Array:
    inner = x[1] - x[0] ** 2
    return np.array([-2 * (1 - x[0]) - 20 * x[0] * inner, 10 * inner], dtype=x.dtype)


def _value_after(optimizer: Any, function: Function, gradient: Gradient, start: Array) -> float:
    """The value after 300 steps relative to that at the start; 1 where it diverges."""
    theta, first = start.copy(), function(start)
    with quiet():
        state, value = begin(optimizer, theta), first
        for _ in range(300):
            theta = advance(
                optimizer,
                theta,
                np.asarray(gradient(theta), dtype=start.dtype),
                state,
                lambda x: (function(x), np.asarray(gradient(x), dtype=start.dtype)),
            )
            value = function(theta)
            if not np.isfinite(value) or value > 1e12 * (1 + first):
                return 1.0
    return value / first


def _expect_descent(
    subject: Subject, surface: str, problem: tuple[Function, Gradient], start: Array, bar: float
) -> float:
    """Raise ``CheckFailure`` unless some rate brings the value below ``bar``; return what the default rate reached."""
    reached = {"default": _value_after(subject.make(), *problem, start)}
    for rate in (0.1, 1.0, 1e-2, 1e-3) if has_rate(subject) else ():
        if min(reached.values()) < bar:
            break
        try:
            optimizer = with_rate(subject, rate)
        except (ValueError, TypeError):
            continue  # it refuses this rate
        reached[f"{rate:g}"] = _value_after(optimizer, *problem, start)
    show(start=start, **{"value reached over value at start": reached})
    best = min(reached.values())
    message = f"300 steps on {surface} do not bring the value below {bar:g} of the first with any learning rate"
    require(best < bar, message, got=f"{best:.4g}", expected=f"less than {bar:g}")
    return reached["default"]


@check("OPT-003/descends-on-a-bowl", scope="variant")
def descends_on_a_bowl(subject: Subject) -> None:
    """A step in the wrong direction trains the network to be wrong.

    Subtract the step (parameters -= learning_rate * …); check the sign of each term.
    """
    start, surface = np.array([0.9, -1.1, 0.7, -0.4]), "a round quadratic bowl"
    default = _expect_descent(subject, surface, _quadratic(1.0, 0.5, 2.0, 1.5), start, 0.5)
    message = f"the default learning rate does not descend on {surface}"
    got = f"{default:.6g} of the value at the start after 300 steps"
    require(default < 1.0, message, inputs={"start": start}, got=got, expected="less than 1")


@check("OPT-004/descends-in-a-narrow-valley", scope="variant")
def descends_in_a_narrow_valley(subject: Subject) -> None:
    """Real losses are badly conditioned.

    Check that no coordinate is scaled by another one's gradient, and that epsilon stands where it should.
    """
    surface, problem = "a quadratic with condition 1000", _quadratic(1.0, 0.01, 10.0)
    _expect_descent(subject, surface, problem, np.array([0.5, 1.0, -0.3]), 0.7)


@check("OPT-005/descends-on-rosenbrock", scope="variant")
def descends_on_rosenbrock(subject: Subject) -> None:
    """Curved valleys are where momentum and scaling show their strengths or their faults.

    Look at what the state does when the gradient changes direction.
    """
    problem = _rosenbrock, _rosenbrock_gradient
    _expect_descent(subject, "Rosenbrock's function", problem, np.array([-0.6, 0.8]), 0.7)


# -- coordinates -----------------------------------------------------------------------------


@check("OPT-006/permutation", on=Inputs(("order",), lambda s: [s.rng("order").permutation(7), np.arange(7)[::-1]]))
def permutation(subject: Subject, optimizer: Any, order: Array) -> None:
    """The order of the parameters in the flat vector follows from the order of the layers alone.

    Treat all coordinates alike; no index, no cumulative sum, no special first element.
    """
    start, stream = start_and_gradients(subject, "permutation", 8, 7)
    plain, _ = trajectory(optimizer, start, stream)
    permuted, _ = trajectory(optimizer, start[order], [g[order] for g in stream])
    message, expected = "permuted parameters follow another path", [theta[order] for theta in plain]
    show(parameters=start, order=order)
    expect_path(message, permuted, expected, tolerance=256 * subject.eps)


_cuts = Inputs(("size", "cut", "steps"), ((6, 3, 8), (7, 1, 8), (70_003, 40_001, 2)))


@check("OPT-007/coordinatewise", needs=needs_trait("coordinatewise", "that it is coordinatewise"), on=_cuts)
def coordinatewise(subject: Subject, optimizer: Any, size: int, cut: int, steps: int) -> None:
    """Blocked and compiled counterparts, and training in shards, update parts of the vector separately.

    Set `coordinatewise = False`, or let no coordinate depend on another (no norm, mean or maximum).
    """
    start, stream = start_and_gradients(subject, "halves", steps, size)
    together, _ = trajectory(optimizer, start, stream)
    first, _ = trajectory(optimizer, start[:cut], [g[:cut] for g in stream])
    second, _ = trajectory(optimizer, start[cut:], [g[cut:] for g in stream])
    apart = [np.concatenate(halves) for halves in zip(first, second, strict=True)]
    message = "two halves of the parameters updated separately differ from all together"
    expect_path(message, apart, together, tolerance=16 * subject.eps, inputs={"parameters": start})
