"""A published value of scikit-learn that precision, recall and F1 share."""

from __future__ import annotations

import numpy as np

from nnkit.interfaces import Example


def sklearn_example(expected: float) -> Example:
    """The example with ``average='macro'`` in scikit-learn's documentation of each of these metrics."""
    return Example(
        inputs={"prediction": np.eye(3)[[0, 2, 1, 0, 0, 1]], "target": [0, 1, 2, 0, 1, 2], "weight": [1.0] * 6},
        expected=expected,
        source="scikit-learn, documentation of the function of this name, average='macro'",
    )
