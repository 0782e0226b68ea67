"""Gradients for an optimizer under test, and its path through them."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.blocks import supply_blocks, without_blocks
from nnkit.interfaces import Block, Evaluate, Optimizer, Schedule, one_block
from nnkit.interfaces.fields import PART_KIND
from nnkit.testing.call import Call, affordable, quiet, silent
from nnkit.testing.failure import expect_close, expect_equal, leaves, show
from nnkit.testing.record import Subject, normal, resolve_parts
from nnkit.testing.saving import through_file

# -- the learning rate -------------------------------------------------------------------------


def own_rate(cls: type) -> Any:
    """The field ``learning_rate`` of ``cls`` itself, or ``None``."""
    fields = attrs.fields(cls) if attrs.has(cls) else ()
    return next((field for field in fields if field.name == "learning_rate"), None)


def _inner(optimizer: Any) -> dict[str, Any]:
    """The optimizers in the part fields of ``optimizer``, by the name of the argument."""
    fields = attrs.fields(type(optimizer)) if attrs.has(type(optimizer)) else ()
    part_fields = [field for field in fields if field.init and field.metadata.get(PART_KIND) == "optimizer"]
    parts = {field.alias: getattr(optimizer, field.name) for field in part_fields}
    return {name: part for name, part in parts.items() if isinstance(part, Optimizer)}


def _rated(optimizer: Any) -> list[Any]:
    """The optimizers whose field ``learning_rate`` decides the length of the step."""
    if own_rate(type(optimizer)) is not None:
        return [optimizer]
    return [rated for inner in _inner(optimizer).values() for rated in _rated(inner)]


def has_rate(subject: Subject) -> bool:
    """Whether there is a learning rate to choose."""
    return bool(_rated(subject.make()))


def still_at_zero(subject: Subject) -> bool:
    """Whether the optimizer, and all optimizers in its fields, declare that they stay where they are at a rate of 0."""
    optimizer = subject.make()
    return all(one.zero_rate_is_still for one in (optimizer, *_rated(optimizer)))


def with_rate(subject: Subject, learning_rate: Any) -> Any:
    """A new optimizer that makes its steps at ``learning_rate``, whether the rate is its own or that of an inner one.

    Raises:
        ValueError: When the optimizer refuses such a rate (or ``TypeError``).
    """
    return _with_rate(subject.make(), learning_rate)


def _with_rate(optimizer: Any, learning_rate: Any) -> Any:
    if own_rate(type(optimizer)) is not None:
        return resolve_parts(attrs.evolve(optimizer, learning_rate=learning_rate))
    inner = {name: _with_rate(part, learning_rate) for name, part in _inner(optimizer).items()}
    return attrs.evolve(optimizer, **inner) if inner else optimizer


# -- running one -----------------------------------------------------------------------------


def gradients(subject: Subject, label: str, steps: int, size: int) -> list[Array]:
    """Gradients of changing size and sign, one of them small, some entries zero."""
    rng = subject.rng(f"gradients/{label}/{steps}/{size}")
    stream = []
    for step in range(steps):
        g = rng.standard_normal(size) * 10.0 ** rng.uniform(-1.5, 0.5)
        if step % 4 == 2 and size > 2:
            g[rng.integers(0, size)] = 0.0
        stream.append(np.asarray(g, dtype=subject.dtype))
    return stream


def start_and_gradients(subject: Subject, label: str, steps: int, size: int = 5) -> tuple[Array, list[Array]]:
    """Parameters, one of them 0 as a pruned weight is, and a stream of gradients."""
    start = normal(subject, f"{label}/{size}", (size,))
    start[2:3] = 0.0
    return start, gradients(subject, label, steps, size)


def begin(optimizer: Any, theta: Array, blocks: Sequence[Block] | None = None) -> dict[str, Any]:
    """The state before the first update; without ``blocks`` all parameters are one block."""
    state: dict[str, Any] = optimizer.init(theta, one_block(theta) if blocks is None else blocks)
    return state


def advance(optimizer: Any, theta: Array, g: Array, state: dict[str, Any], evaluate: Evaluate | None = None) -> Array:
    """The parameters after one step with the gradient ``g``.

    Where the optimizer evaluates the objective itself, it is that of ``evaluate``, or the quadratic that has this
    gradient at ``theta`` and the identity as its second derivative.
    """
    if not optimizer.uses_closure:
        updated: Array = optimizer.update(theta, g, state)
        return updated
    before = theta.copy()

    def quadratic(x: Array) -> tuple[float, Array]:
        away = x - before
        return float(np.vdot(g, before) + np.vdot(g + away / 2, away)), g + away

    new, value = optimizer.step(evaluate or quadratic, theta, state)
    expect_equal("step writes to the parameters", theta, before, inputs={"parameters": before})
    first = float(np.vdot(g, before)) if evaluate is None else evaluate(before)[0]
    expect_close("step returns another value than that at the parameters", value, first, rtol=1e-6, atol=1e-12)
    return np.array(new)


def reloaded(state: Mapping[str, Any], theta: Array, blocks: Sequence[Block] | None = None) -> dict[str, Any]:
    """The state as it comes back from a saved network, with the blocks supplied."""
    back = through_file(without_blocks(state), nested=True)
    supply_blocks(back, one_block(theta) if blocks is None else blocks)
    return back


def arrays_of(state: Mapping[str, Any]) -> Iterator[tuple[str, Array]]:
    """The arrays in a state, nested mappings included, each with its path: ``"state['velocity']"``."""
    for path, value in leaves(without_blocks(state), "state"):
        if isinstance(value, np.ndarray):
            yield path, value


def trajectory(
    optimizer: Any,
    start: Array,
    stream: Sequence[Array],
    state: Any = None,
    blocks: Sequence[Block] | None = None,
) -> tuple[list[Array], dict[str, Any]]:
    """Copies of the parameters after each update, and the last state; from ``state`` where that is passed."""
    theta, path = start.copy(), []
    with quiet():
        state = begin(optimizer, theta, blocks) if state is None else state
        for g in stream:
            theta = advance(optimizer, theta, g.copy(), state)
            path.append(np.array(theta))
    return path, state


def bound(
    optimizer: Any, start: Array, state: Any = None, blocks: Sequence[Block] | None = None
) -> tuple[Callable[[Array], Array], dict[str, Any]]:
    """A function that makes a bound step with a gradient and returns a copy of the parameters; and the live state."""
    theta, buffer = start.copy(), np.full_like(start, np.nan)
    state = begin(optimizer, theta, blocks) if state is None else state
    if optimizer.uses_closure:

        def step() -> None:
            np.copyto(theta, advance(optimizer, theta, buffer, state))

    else:
        step = optimizer.bind(theta, buffer, state)

    def make_step(g: Array) -> Array:
        show(parameters=start, gradient=g)
        np.copyto(buffer, g)
        with silent("a bound step"):
            step()
        expect_equal("a bound step writes to the gradient", buffer, g)
        return theta.copy()

    return make_step, state


def affordable_size(subject: Subject, size: int) -> int:
    """``size`` parameters, or fewer where two steps with them need too much time or memory."""
    return affordable(size, lambda few: trajectory(subject.make(), *start_and_gradients(subject, "cost", 2, few)))


def expect_path(
    message: str,
    got: Sequence[Array],
    expected: Sequence[Array],
    *,
    tolerance: float = 0.0,
    after: int = 0,
    inputs: Mapping[str, Any] | None = None,
) -> None:
    """Raise ``CheckFailure`` unless both paths agree; ``after`` steps that come before them are counted."""
    for step, (theta, other) in enumerate(zip(got, expected, strict=True), after + 1):
        expect_close(f"{message} (step {step})", theta, other, tolerance=tolerance, inputs=inputs)


def _updates(part: Any, arrays: Mapping[str, Array], blocks: Sequence[Block] | None = None) -> Any:
    theta, path = arrays["parameters"].copy(), []
    state = begin(part, theta, blocks)
    for g in arrays["gradients"]:
        theta = advance(part, theta, g, state)
        path.append(np.array(theta))
    return {"parameters": path, "state": copy.deepcopy(dict(state))}


LAYER = (
    Block(name="0.weight", place=slice(0, 6), shape=(3, 2), role="weight", layer=0),
    Block(name="0.bias", place=slice(6, 8), shape=(2,), role="bias", layer=0),
)


def calls(subject: Subject) -> list[Call]:
    """The state before the first step, one update, and several, of one array and of a layer's two."""
    start, stream = start_and_gradients(subject, "calls", 6)
    layer, layer_stream = start_and_gradients(subject, "calls of a layer", 6, 8)
    return [
        Call("init(parameters, blocks)", lambda p, x: begin(p, x["parameters"]), {"parameters": start}),
        Call(
            "update(parameters, gradient, state)",
            lambda p, x: advance(p, x["parameters"], x["gradient"], begin(p, x["parameters"])),
            {"parameters": start, "gradient": stream[0]},
            writes=frozenset({"parameters"}),
        ),
        Call("six updates", _updates, {"parameters": start, "gradients": np.stack(stream)}),
        Call(
            "six updates of a weight and a bias",
            lambda p, x: _updates(p, x, LAYER),
            {"parameters": layer, "gradients": np.stack(layer_stream)},
        ),
    ]


# -- which checks apply ----------------------------------------------------------------------


def takes_zero_rate(subject: Subject) -> str | None:
    """A check for optimizers that must not move at a learning rate of zero."""
    if not has_rate(subject):
        return "neither it nor an optimizer in its fields has a learning_rate"
    if not still_at_zero(subject):
        return "it declares that it moves at rate zero"
    try:
        with_rate(subject, 0.0)
    except (ValueError, TypeError):
        return "it refuses a learning rate of zero"
    return None


def takes_schedule(subject: Subject) -> str | None:
    """A check for optimizers whose learning rate may be a schedule."""
    field = own_rate(subject.cls)
    if field is None:
        return "it has no learning_rate of its own"  # one in its fields is checked by itself, and may make fewer steps
    return None if field.metadata.get(PART_KIND) == "schedule" else "its learning_rate accepts no schedule"


@final
@attrs.frozen(kw_only=True)
class Steps(Schedule):
    """Rates by step from a list, and a record of every step asked for."""

    rates: tuple[float, ...] = (0.1,)
    asked: list[int] = attrs.field(factory=list, eq=False)

    def rate(self, step: int) -> float:
        self.asked.append(int(step))
        return self.rates[min(int(step), len(self.rates) - 1)]
