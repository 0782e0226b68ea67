"""Optimizers on vectors that consist of several arrays, as those of a network do."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from nnkit.arrays import Array
from nnkit.core.blocks import without_blocks
from nnkit.interfaces import Block
from nnkit.testing.checks.optimizer.running import (
    advance,
    arrays_of,
    begin,
    bound,
    expect_path,
    reloaded,
    start_and_gradients,
    trajectory,
)
from nnkit.testing.failure import expect_close, expect_equal, require, show
from nnkit.testing.record import Inputs, check, needs_offer
from nnkit.testing.subject import Subject

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
