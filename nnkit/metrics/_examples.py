"""Published values of scikit-learn that several metrics share."""

from __future__ import annotations

import numpy as np

from nnkit.interfaces import Example


def macro_example(expected: float) -> Example:
    """The example with ``average='macro'`` in scikit-learn's documentation of precision, recall and F1."""
    return Example(
        inputs={
            "prediction": np.eye(3)[[0, 2, 1, 0, 0, 1]],
            "target": np.array([0, 1, 2, 0, 1, 2]),
            "weight": [1.0] * 6,
        },
        expected=expected,
        source="scikit-learn, documentation of the function of this name, average='macro'",
    )


def regression_example(expected: float, name: str, *, tolerance: float = 1e-12) -> Example:
    """The example with one column in scikit-learn's documentation of the regression metric ``name``."""
    return Example(
        inputs={
            "prediction": [[2.5], [0.0], [2.0], [8.0]],
            "target": [[3.0], [-0.5], [2.0], [7.0]],
            "weight": [1.0] * 4,
        },
        expected=expected,
        source=f"scikit-learn, documentation of {name}",
        tolerance=tolerance,
    )
