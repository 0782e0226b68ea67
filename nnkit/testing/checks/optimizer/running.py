"""Gradients for an optimizer under proof, and its way through them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Schedule
from nnkit.interfaces.fields import PART_KIND
from nnkit.testing.call import Call, quiet
from nnkit.testing.points import normal
from nnkit.testing.rates import has_rate, own_rate, still_at_zero, with_rate
from nnkit.testing.subject import Subject

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


def takes_zero_rate(subject: Subject) -> str | None:
    if not has_rate(subject):
        return "neither it nor an optimizer that it holds has a learning_rate"
    if not still_at_zero(subject):
        return "it declares that it moves at rate zero"
    try:
        with_rate(subject, 0.0)
    except (ValueError, TypeError):
        return "it refuses a learning rate of zero"
    return None


def takes_schedule(subject: Subject) -> str | None:
    field = own_rate(subject.cls)
    if field is None:
        return "it has no learning_rate of its own"  # one that it holds is proven by itself, and may make fewer steps
    return None if field.metadata.get(PART_KIND) == "schedule" else "its learning_rate takes no schedule"


def needs_coordinatewise(subject: Subject) -> str | None:
    return None if subject.cls.coordinatewise else "it is not declared coordinate-wise"


@final
@attrs.frozen(kw_only=True)
class Steps(Schedule):
    """Rates by step from a list, and a note of every step asked for."""

    rates: tuple[float, ...] = (0.1,)
    asked: list[int] = attrs.field(factory=list, eq=False)

    def rate(self, step: int) -> float:
        self.asked.append(int(step))
        return self.rates[min(int(step), len(self.rates) - 1)]
