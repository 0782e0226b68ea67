"""The state of an optimizer: of several arrays, as those of a network; what is saved, resumed and bound."""

import copy
from typing import Any, TypeAlias

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.blocks import without_blocks
from nnkit.interfaces import Block
from nnkit.testing.call import quiet
from nnkit.testing.checks.optimizer.running import (
    advance,
    affordable_size,
    arrays_of,
    begin,
    bound,
    expect_path,
    gradients,
    reloaded,
    start_and_gradients,
    trajectory,
)
from nnkit.testing.failure import difference, expect_close, expect_equal, require, show
from nnkit.testing.record import Inputs, Subject, check, needs_offer, normal

Shapes: TypeAlias = tuple[tuple[int, ...], ...]

SHAPES = (((4, 3), (3,), (3, 1), (1,)), ((1, 1),), ((2, 5), (5, 2), (2,)), ((3,), (6, 6), (2, 3, 2)))
"""Shapes of the arrays of a few networks: biases, no biases, one unit, an array of three axes."""


def _random_shapes(subject: Subject) -> Shapes:
    """Two to five arrays of one to three axes, another choice for every seed."""
    rng = subject.rng("layout/shapes")
    return tuple(tuple(map(int, rng.integers(1, 7, rng.integers(1, 4)))) for _ in range(rng.integers(2, 6)))


LAYOUTS = Inputs(("shapes",), lambda subject: [(shapes,) for shapes in (*SHAPES, _random_shapes(subject))])
"""Those of the networks, and random ones."""


def _layout(shapes: Shapes, order: Array | None = None) -> tuple[Block, ...]:
    """Blocks of these shapes, with names by their position in ``shapes``, placed in ``order``."""
    blocks, offset = [], 0
    for index in range(len(shapes)) if order is None else order:
        size = int(np.prod(shapes[index]))
        blocks.append(
            Block(
                name=f"{index}.array",
                place=slice(offset, offset + size),
                shape=shapes[index],
                role="bias" if len(shapes[index]) == 1 else "weight",
                layer=int(index),
            )
        )
        offset += size
    return tuple(blocks)


def _run(subject: Subject, blocks: tuple[Block, ...], steps: int) -> tuple[Array, list[Array]]:
    return start_and_gradients(subject, "layout", steps, blocks[-1].place.stop)


@check("OPT-024/random-layouts", scope="variant", on=LAYOUTS)
def random_layouts(subject: Subject, optimizer: Any, shapes: Shapes) -> None:
    """A network is matrices and vectors; a rule that works on one vector alone fails on the first network.

    Take shapes from the blocks, return arrays of their shape, and save the state of each under its name.
    """
    blocks = _layout(shapes)
    start, stream = _run(subject, blocks, 7)
    path, state = trajectory(optimizer, start, stream, blocks=blocks)
    for theta in path:
        require(theta.shape == start.shape, "update returns another shape", got=theta.shape)
        require(np.isfinite(theta).all(), "update gives numbers that are not finite", got=theta)
    make_step, live = bound(optimizer, start, blocks=blocks)
    rtol, atol = 64 * subject.eps, 16 * subject.eps
    for step, (g, expected) in enumerate(zip(stream, path, strict=True), 1):
        expect_close(f"bind differs from update in step {step}", make_step(g), expected, rtol=rtol, atol=atol)
    message = "bind leaves another state than update"
    expect_close(message, without_blocks(live), without_blocks(state), rtol=rtol, atol=atol)
    _, half = trajectory(optimizer, start, stream[:3], blocks=blocks)
    rest, _ = trajectory(subject.make(), path[2], stream[3:], reloaded(half, start, blocks))
    expect_path("resumed after 3 steps, it differs from going on", rest, path[3:], after=3)


@check("OPT-025/order-of-blocks", scope="variant", on=LAYOUTS)
def order_of_blocks(subject: Subject, optimizer: Any, shapes: Shapes) -> None:
    """Frozen arrays stand last in the vector: the same arrays in another order must make the same steps.

    Find each array by `block.view(vector)`, never by an index of your own, and its state by `block.name`.
    """
    order = np.arange(len(shapes))[::-1]
    blocks, reversed_blocks = _layout(shapes), _layout(shapes, order)
    start, stream = _run(subject, blocks, 6)

    def turned(vector: Array) -> Array:
        return np.concatenate([vector[blocks[index].place] for index in order])

    path, _ = trajectory(optimizer, start, stream, blocks=blocks)
    other, _ = trajectory(optimizer, turned(start), [turned(g) for g in stream], blocks=reversed_blocks)
    message, expected = "the same arrays in another order follow another path", [turned(theta) for theta in path]
    expect_path(message, other, expected, tolerance=256 * subject.eps)


@check("OPT-026/per-parameter", scope="variant")
def per_parameter(subject: Subject, optimizer: Any) -> None:
    """Files store these arrays by the names of the network's arrays, and freezing a layer moves them.

    List only arrays (P,) of the state in `per_parameter`.
    """
    for path, value, size in _arrays(subject):
        if path.split("'")[-2] in optimizer.per_parameter:
            expect_equal(f"{path} is in per_parameter and has not one element a parameter", value.shape, (size,))


@check("OPT-027/all-per-parameter", scope="variant", level="strict")
def all_per_parameter(subject: Subject, optimizer: Any) -> None:
    """An array that is not listed cannot follow its parameters when a layer is frozen: its training begins anew.

    List every array (P,) of the state in `per_parameter`.
    """
    listed = optimizer.per_parameter
    for path, value, size in _arrays(subject):
        name = path.split("'")[-2]
        unlisted = value.shape == (size,) and name not in listed
        message = f"{path} has one element for each parameter and is not in per_parameter"
        require(not unlisted, message, got=f"per_parameter = {listed}", expected=f"per_parameter with {name!r}")


@check("OPT-028/evaluation", needs=needs_offer("evaluation"), scope="variant")
def evaluation(subject: Subject, optimizer: Any) -> None:
    """Validation, predict and files see these parameters; training goes on from the others.

    Return a vector of the shape and dtype of the parameters, and leave parameters and state as they are.
    """
    blocks = _layout(SHAPES[0])
    start, stream = _run(subject, blocks, 8)
    show(parameters=start)
    first = optimizer.evaluation(start.copy(), begin(optimizer, start.copy(), blocks))
    expect_equal("before the first update it evaluates with other parameters", first, start)
    expected, _ = trajectory(optimizer, start, stream, blocks=blocks)
    theta, state = start.copy(), begin(optimizer, start.copy(), blocks)
    for g, wanted in zip(stream, expected, strict=True):
        theta = advance(optimizer, theta, g.copy(), state)
        before, saved = theta.copy(), reloaded(state, theta, blocks)
        seen = optimizer.evaluation(theta, state)
        require(seen.shape == theta.shape, "evaluation returns another shape", got=seen.shape)
        require(seen.dtype == theta.dtype, "evaluation returns another dtype", got=seen.dtype)
        require(np.isfinite(seen).all(), "evaluation gives numbers that are not finite", got=seen)
        expect_equal("evaluation writes to the parameters", theta, before)
        expect_equal("a state from a file evaluates to others", optimizer.evaluation(theta, saved), seen)
        expect_equal("training with evaluations differs from training without", theta, wanted)


def _arrays(subject: Subject) -> list[tuple[str, Array, int]]:
    """The arrays of the state before and after three steps, each with the number of parameters."""
    blocks = _layout(SHAPES[0])
    start, stream = _run(subject, blocks, 3)
    optimizer = subject.make()
    states = begin(optimizer, start.copy(), blocks), trajectory(optimizer, start, stream, blocks=blocks)[1]
    return [(*entry, start.size) for state in states for entry in arrays_of(state)]


@check("OPT-008/state-is-plain", scope="variant")
def state_is_plain(subject: Subject) -> None:
    """The state is written to a file of arrays and JSON; nothing else survives.

    Keep a dict with string keys, arrays, plain numbers and dicts of these; no tuples, objects or deques.
    """
    start, stream = start_and_gradients(subject, "plain", 3)
    reloaded(begin(subject.make(), start.copy()), start)
    _, state = trajectory(subject.make(), start, stream)
    expect_equal("the state that comes back from a file differs", reloaded(state, start), dict(state))


@check("OPT-009/gradient-untouched")
def gradient_untouched(subject: Subject, optimizer: Any) -> None:
    """The gradient vector is the network's own buffer: reused by the next step, read by callbacks.

    Copy the gradient where its values must last (`state['g'] = gradient.copy()`); never `+=` into it.
    """
    start, stream = start_and_gradients(subject, "untouched", 6)
    expected, _ = trajectory(optimizer, start, stream)
    theta, buffer, path = start.copy(), np.empty_like(start), []
    state = begin(optimizer, theta)
    for g in stream:
        np.copyto(buffer, g)
        with quiet():
            theta = advance(optimizer, theta, buffer, state)
        expect_equal("update writes to the gradient", buffer, g, inputs={"gradient": g})
        for name, value in [*arrays_of(state), ("the result", theta)]:
            require(not np.shares_memory(value, buffer), f"{name} is the gradient's own memory", inputs={"gradient": g})
        buffer.fill(np.nan)
        path.append(theta.copy())
    message = "a reused gradient buffer leads to other parameters"
    expect_path(message, path, expected, tolerance=4 * subject.eps, inputs={"parameters": start})


_runs = Inputs(("size", "steps"), lambda s: [(1, 12), (5, 12), (affordable_size(s, 70_003), 3)])


@check("OPT-010/bind-equals-update", on=_runs)
def bind_equals_update(subject: Subject, optimizer: Any, size: int, steps: int) -> None:
    """Training runs on the bound step; it must be the same rule, step for step.

    Change parameters and state in place, read the gradient anew in each step, keep scratch out of the state.
    """
    rtol, atol = 64 * subject.eps, 16 * subject.eps
    start, stream = start_and_gradients(subject, "bind", steps, size)
    make_step, live_state = bound(optimizer, start)
    plain, plain_state = start.copy(), begin(subject.make(), start.copy())
    for step, g in enumerate(stream, 1):
        show(parameters=start, gradient=g)
        live = make_step(g)
        with quiet():
            plain = advance(subject.make(), plain, g.copy(), plain_state)
        expect_close(f"bind differs from update in step {step}", live, plain, rtol=rtol, atol=atol)
        message = f"bind leaves another state than update in step {step}"
        expect_close(message, dict(live_state), dict(plain_state), rtol=rtol, atol=atol)


@check("OPT-011/bind-resumes", on=Inputs(("cut",), (1, 2, 5)))
def bind_resumes(subject: Subject, optimizer: Any, cut: int) -> None:
    """A run is saved between two bound steps, from the state as it is there.

    Write counters and moments back to the state in every step, not to variables of the closure.
    """
    start, stream = start_and_gradients(subject, "bind-resume", 9)
    make_step, state = bound(optimizer, start)
    theta = [make_step(g) for g in stream[:cut]][-1]
    show(parameters=theta, state=without_blocks(copy.deepcopy(state)))
    resumed, _ = bound(subject.make(), theta, reloaded(state, theta))
    for step, g in enumerate(stream[cut:], cut + 1):
        expected, message = make_step(g), f"bound again after {cut} steps, step {step} differs from going on"
        expect_equal(message, resumed(g), expected)


@check("OPT-012/resume-equals-continuous", on=Inputs(("cut",), (0, 1, 2, 3, 10, 20)))
def resume_equals_continuous(subject: Subject, optimizer: Any, cut: int) -> None:
    """A run that is cut and resumed must give bit-identical parameters.

    Put everything that the next step needs into `state`: counters, moments, previous values.
    """
    start, stream = start_and_gradients(subject, "resume", 25)
    expected, _ = trajectory(optimizer, start, stream)
    path, state = trajectory(subject.make(), start, stream[:cut])
    theta = path[-1] if path else start
    saved = reloaded(state, theta)
    show(parameters=theta, state=without_blocks(saved))
    other, _ = trajectory(subject.make(), *start_and_gradients(subject, "other run", 4, 3))
    require(len(other) == 4, "a second run does not complete")
    rest, _ = trajectory(subject.make(), theta, stream[cut:], saved)
    expect_path(f"resumed after {cut} steps, it differs from going on", rest, expected[cut:], after=cut)


@check("OPT-021/state-owns-its-memory")
def state_owns_its_memory(subject: Subject, optimizer: Any) -> None:
    """The parameters are changed in place: a state that is a view of them changes with them.

    Copy what is stored: `state['slow'] = parameters.copy()`.
    """
    theta = normal(subject, "owns", (5,))
    state = begin(optimizer, theta)
    for step, g in enumerate([None, *gradients(subject, "owns", 4, 5)]):
        before = theta
        if g is not None:
            with quiet():
                theta = advance(optimizer, theta, g, state)
        for path, value in arrays_of(state):
            shared = any(np.shares_memory(value, array) for array in (theta, before))
            show(parameters=theta, after=step)
            require(not shared, f"{path} is the memory of the parameters", expected="a copy")


@check("OPT-015/state-dtype", on=Inputs(("steps",), (0, 5)))
def state_dtype(subject: Subject, optimizer: Any, steps: int) -> None:
    """A float64 moment next to float32 parameters doubles the memory of training.

    Make state arrays with np.zeros_like(parameters); keep constants Python numbers.
    """
    start, stream = start_and_gradients(subject, "dtype", 5)
    _, state = trajectory(optimizer, start, stream[:steps])
    for path, value in arrays_of(state):
        if value.dtype.kind == "f":
            message = f"{path} has another dtype than the parameters after {steps} steps"
            require(value.dtype == subject.dtype, message, got=value.dtype, expected=subject.dtype)


@check("OPT-016/state-matters", level="strict", scope="part")
def state_matters(subject: Subject) -> None:
    """A moment that is never written, or written and never read, belongs to a rule that was not implemented.

    Write the new value into the dict (`state['m'] = …` or in place), and use it in the step; name arrays that no step
    changes in `constant_state`.
    """
    for steps in (12, 140):  # entries that are rarely written (every fiftieth step) have a second chance
        faults = _faults(subject, steps)
        if not any(faults.values()):
            return
    for path, fault in faults.items():
        require(not fault, f"{path} {fault}", expected="an entry that is written and read")


def _faults(subject: Subject, steps: int) -> dict[str, str]:
    """For each array in the state: what is wrong with it in every variant, or ``""``."""
    faults: dict[str, str] = {}
    for variant in subject.variants:
        here = attrs.evolve(subject, hyperparameters=variant)
        start, stream = start_and_gradients(here, "matters", steps, 4)
        _, state = trajectory(here.make(), start, stream[: steps // 2])
        first = dict(arrays_of(begin(here.make(), start.copy())))
        for position, (path, value) in enumerate(arrays_of(state)):
            if value.dtype.kind != "f":
                continue
            number, ends = value.dtype.type, []
            for other in (value, value * number(1.5) + number(0.25), -value):  # the last for rules that read signs
                changed = copy.deepcopy(state)
                list(arrays_of(changed))[position][1][...] = other
                thetas, end = trajectory(here.make(), start, stream[steps // 2 :], changed)
                ends.append(np.stack([thetas[-1], here.make().evaluation(thetas[-1], end)]))
            declared = path.split("'")[-2] in here.make().constant_state
            constant = not declared and path in first and difference(value, first[path]) is None
            unread = all(difference(end, ends[0]) is None for end in ends[1:])
            fault = "never changes" if constant else ("is never read" if unread else "")
            faults[path] = fault if fault and faults.get(path, fault) else ""
    return faults
