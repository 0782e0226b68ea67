"""What metrics of the size of errors share."""

from __future__ import annotations

import math

import attrs

from nnkit.interfaces import Example, MeanMetric


@attrs.frozen(kw_only=True)
class ErrorMetric(MeanMetric):
    """The weighted mean of an error that is 0 at best; missing targets are left out."""

    missing_targets = True
    bounds = (0.0, math.inf)
    higher_is_better = False


def weighted_example(expected: float, source: str) -> Example:
    """Two rows of two columns, with errors 1, 2 and 0, 1; the second row counts three times."""
    return Example(
        inputs={"prediction": [[1.0, 2.0], [0.0, 0.0]], "target": [[2.0, 4.0], [0.0, 1.0]], "weight": [1.0, 3.0]},
        expected=expected,
        source=source,
    )
