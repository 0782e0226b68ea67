"""Inputs and calls for an activation under test, and which checks apply to it."""

from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import Call, called, method_call
from nnkit.testing.derivatives import Slope, column_slopes, steps_within
from nnkit.testing.record import (
    EXTREMES,
    SHAPES,
    Inputs,
    Subject,
    apart,
    applies_if,
    elementwise_points,
    inputs,
    needs_trait,
    normal,
)


def backward_methods(subject: Subject) -> dict[str, tuple[str, ...]]:
    """The methods that are passed ``z`` and ``a``, and the names of what they are passed after these."""
    methods: dict[str, tuple[str, ...]] = {"jacobian": (), "vjp": ("grad",), "jvp": ("tangent",)}
    if subject.elementwise:
        methods["derivative"] = ()
        if subject.offers("second_derivative"):
            methods["second_derivative"] = ()
    if subject.offers("vjp_derivative"):
        methods["vjp_derivative"] = ("grad", "tangent")
    return methods


def calls(subject: Subject) -> list[Call]:
    """The plain methods on one small batch."""
    z = normal(subject, "calls/z", (5, 4), 2.0)
    arrays = {"z": z, "a": called(subject.make(), "forward", z)}
    more = {name: normal(subject, f"calls/{name}", z.shape) for name in ("grad", "tangent")}
    return [method_call("forward", {"z": z})] + [
        method_call(method, {**arrays, **{name: more[name] for name in names}})
        for method, names in backward_methods(subject).items()
    ]


def derived(part: Any, method: str, z: Array, *more: Array) -> Array:
    """The result of a method that is passed ``z`` and ``a = forward(z)``."""
    return called(part, method, z, called(part, "forward", z), *more)


@inputs("z", cases=SHAPES)
def matrices(subject: Subject, label: str, rows: int, columns: int) -> Array:
    """Random ``z`` of every shape, away from kinks."""
    shape = rows, columns
    return apart(normal(subject, f"{label}/{shape}", shape, 2.0), subject.cls.kinks, 0.05).astype(subject.dtype)


many = Inputs(("z",), lambda s: [*matrices(s, "many"), extreme_rows(s), normal(s, "large", (4001, 17), 2.0)])
"""``matrices``, extremes in rows, and more elements than a block of any in-place variant (65,536) holds."""


def in_rows(points: Array, columns: int = 4) -> Array:
    """Points as rows of four; what does not fill a row is left out."""
    return points.ravel()[: points.size // columns * columns].reshape(-1, columns)


def extreme_rows(subject: Subject) -> Array:
    """Many values at once, extremes among them."""
    points = np.concatenate([EXTREMES, -EXTREMES, elementwise_points(subject, "wide").ravel()])
    return in_rows(points).astype(subject.dtype)


def jacobian_slopes(part: Any, z: Array, kinks: tuple[float, ...]) -> Slope:
    """``da[n, i] / dz[n, j]`` by differences, ``(N, D, D)``."""
    step = steps_within(z, kinks).min(initial=0.1)
    return column_slopes(lambda x: called(part, "forward", x), z, np.full(z.shape, step))


# -- which checks apply ----------------------------------------------------------------------


needs_elementwise = applies_if(lambda s: s.elementwise, "it mixes the elements of a row")
needs_mixing = applies_if(lambda s: not s.elementwise, "it is elementwise")
needs_analytic = needs_trait("analytic", "analytic")
