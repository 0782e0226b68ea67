"""Where parts are tried: fixed grids, and arrays from a seeded generator."""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.record import Inputs
from nnkit.testing.subject import Subject

GRID: Array = np.concatenate(
    [
        np.linspace(-6.0, 6.0, 49) + 0.0137,
        [-0.5, -1.0, -2.0, -3.0, 0.0, 0.5, 1.0, 2.0, 3.0, 6.0, -6.0],
        [-20.3, -11.7, -8.4, 8.4, 11.7, 20.3, 1e-3, -1e-3, 1e-5, -1e-5, 0.02, -0.02],
    ]
)
"""Moderate numbers, round ones among them."""

EXTREMES: Array = np.array([30.0, 40.0, 60.0, 88.5, 104.0, 300.0, 500.0, 710.0, 750.0, 1e3, 3e3, 1e4])
"""Numbers where exponentials of either dtype overflow, and far beyond; tried with both signs."""

declared_kinks = Inputs(("kink",), lambda subject: subject.cls.kinks)

SHAPES = ((1, 1), (1, 3), (2, 1), (3, 2), (2, 3), (4, 4), (7, 5), (3, 17), (67, 2))
"""``(N, D)``: single rows, single columns, more rows than columns and the reverse."""


def normal(subject: Subject, label: str, shape: tuple[int, ...], scale: float = 1.0) -> Array:
    """Normal numbers of the subject's dtype, the same for the same seed and label."""
    return np.asarray(scale * subject.rng(label).standard_normal(shape), dtype=subject.dtype)


def simplex(subject: Subject, label: str, shape: tuple[int, ...], floor: float = 0.02) -> Array:
    """Rows that are probabilities, none smaller than ``floor`` (over the number of columns)."""
    raw = np.exp(subject.rng(label).standard_normal(shape))
    rows = raw / raw.sum(axis=-1, keepdims=True) if raw.size else raw
    columns = max(shape[-1], 1)
    return np.asarray(rows * (1.0 - floor) + floor / columns, dtype=subject.dtype)


def apart(points: Array, kinks: tuple[float, ...], distance: float) -> Array:
    """``points`` moved to lie at least ``distance`` away from every kink, on the side where they were."""
    moved = points.copy()
    for kink in kinks:
        near = np.abs(moved - kink) < distance
        side = np.where(moved >= kink, 1.0, -1.0)
        moved = np.where(near, kink + side * distance, moved)
    return moved


def elementwise_points(subject: Subject, label: str) -> Array:
    """One long column of moderate points, ``(M, 1)``: the grid, the neighbourhood of kinks, random ones."""
    kinks = getattr(subject.cls, "kinks", ())
    near = [kink + side * distance for kink in kinks for side in (-1.0, 1.0) for distance in (1e-3, 0.01, 0.1)]
    random = subject.rng(label).normal(0.0, 3.0, 40)
    return np.concatenate([GRID, near, random])[:, None]
