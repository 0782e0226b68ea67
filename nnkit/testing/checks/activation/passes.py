"""Passes through an activation under proof, and slopes of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import Call, quiet
from nnkit.testing.numerics import Slope, slope
from nnkit.testing.points import SHAPES, apart, normal
from nnkit.testing.subject import Subject

WRONG_SLOPE = "A wrong derivative trains towards the wrong place, without any error."


def calls(subject: Subject) -> list[Call]:
    """The plain methods on one small batch."""
    part = subject.make()
    z = normal(subject, "calls/z", (5, 4), 2.0)
    with quiet():
        a = np.array(part.forward(z.copy()))
    grad, tangent = normal(subject, "calls/grad", z.shape), normal(subject, "calls/tangent", z.shape)
    every = frozenset
    found = [
        Call("forward(z)", lambda p, x: p.forward(x["z"]), {"z": z}, rows=every({"z"})),
        Call("jacobian(z, a)", lambda p, x: p.jacobian(x["z"], x["a"]), {"z": z, "a": a}, rows=every({"z", "a"})),
        Call(
            "vjp(z, a, grad)",
            lambda p, x: p.vjp(x["z"], x["a"], x["grad"]),
            {"z": z, "a": a, "grad": grad},
            rows=every({"z", "a", "grad"}),
        ),
        Call(
            "jvp(z, a, tangent)",
            lambda p, x: p.jvp(x["z"], x["a"], x["tangent"]),
            {"z": z, "a": a, "tangent": tangent},
            rows=every({"z", "a", "tangent"}),
        ),
    ]
    if subject.elementwise:
        found.append(
            Call(
                "derivative(z, a)", lambda p, x: p.derivative(x["z"], x["a"]), {"z": z, "a": a}, rows=every({"z", "a"})
            )
        )
        if part.offers("second_derivative"):
            found.append(
                Call(
                    "second_derivative(z, a)",
                    lambda p, x: p.second_derivative(x["z"], x["a"]),
                    {"z": z, "a": a},
                    rows=every({"z", "a"}),
                )
            )
    if part.offers("vjp_derivative"):
        found.append(
            Call(
                "vjp_derivative(z, a, grad, tangent)",
                lambda p, x: p.vjp_derivative(x["z"], x["a"], x["grad"], x["tangent"]),
                {"z": z, "a": a, "grad": grad, "tangent": tangent},
                rows=every({"z", "a", "grad", "tangent"}),
            )
        )
    return found


# -- what applies ----------------------------------------------------------------------------


def needs_elementwise(subject: Subject) -> str | None:
    return None if subject.elementwise else "it mixes the elements of a row"


def needs_mixing(subject: Subject) -> str | None:
    return "it is elementwise" if subject.elementwise else None


def needs_trait(trait: str, words: str) -> Any:
    def needs(subject: Subject) -> str | None:
        return None if getattr(subject.cls, trait) else f"it does not declare {words}"

    return needs


def needs_offer(method: str) -> Any:
    def needs(subject: Subject) -> str | None:
        return None if subject.offers(method) else f"it offers no {method}"

    return needs


def needs_analytic(subject: Subject) -> str | None:
    return needs_elementwise(subject) or needs_trait("analytic", "analytic")(subject)


def needs_second(subject: Subject) -> str | None:
    return needs_elementwise(subject) or needs_offer("second_derivative")(subject)


# -- helpers ---------------------------------------------------------------------------------


def forwarded(part: Any, z: Array) -> Array:
    with quiet():
        return np.array(part.forward(z.copy()))


def called(part: Any, name: str, z: Array, a: Array, *more: Array) -> Array:
    with quiet():
        return np.array(getattr(part, name)(z.copy(), a.copy(), *(array.copy() for array in more)))


def steps_of(z: Array, kinks: tuple[float, ...]) -> Array:
    """How far each point may be moved: a tenth, and never across a kink."""
    step = np.full(z.shape, 0.1)
    for kink in kinks:
        step = np.minimum(step, 0.5 * np.abs(z - kink))
    return step


def slopes_of(function: Any, z: Array, kinks: tuple[float, ...], steps: Array | None = None) -> Slope:
    """The derivative of an elementwise function at each point, and its error."""
    step = steps_of(z, kinks) if steps is None else steps
    found = slope(lambda t: function(z + t * step), 1.0)
    with np.errstate(all="ignore"):
        return Slope(found.value / step, found.error / step)


def matrices(subject: Subject, label: str) -> list[Array]:
    return [
        apart(normal(subject, f"{label}/{shape}", shape, 2.0), subject.cls.kinks, 0.05).astype(subject.dtype)
        for shape in SHAPES
    ]


def jacobian_slopes(part: Any, z: Array, kinks: tuple[float, ...]) -> Slope:
    """``da[n, i] / dz[n, j]`` by stencil, ``(N, D, D)``."""
    columns = []
    for j in range(z.shape[1]):
        direction = np.zeros_like(z)
        direction[:, j] = 1.0
        step = float(steps_of(z, kinks).min(initial=0.1))
        found = slope(lambda t, d=direction, s=step: forwarded(part, z + (t * s) * d), 1.0)  # type: ignore[misc]
        columns.append(Slope(found.value / step, found.error / step))
    return Slope(np.stack([c.value for c in columns], axis=2), np.stack([c.error for c in columns], axis=2))
