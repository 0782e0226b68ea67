"""Reference values of activations, computed with mpmath."""

from __future__ import annotations

from nnkit.interfaces import Example

Z = (-40.0, -1.0, 0.0, 2.0)
"""Far in one tail, on either side of 0, and 0."""


def mpmath_values(*expected: float, tolerance: float = 1e-15, **hyperparameters: object) -> Example:
    """The values of an activation at ``Z``, from mpmath 1.4.1 with 60 digits."""
    return Example(
        inputs={"z": [list(Z)]},
        expected=[list(expected)],
        source="mpmath 1.4.1, 60 digits",
        hyperparameters=hyperparameters,
        tolerance=tolerance,
    )
