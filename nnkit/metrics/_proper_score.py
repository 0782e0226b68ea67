"""What proper scoring rules of probabilities share."""

from __future__ import annotations

import attrs

from nnkit.interfaces import MeanMetric
from nnkit.interfaces.task import CLASSIFICATION


@attrs.frozen(kw_only=True)
class ProperScore(MeanMetric):
    """The weighted mean of a score that is smallest, in expectation, at the true probabilities of the classes."""

    tasks = CLASSIFICATION
    needs_probabilities = True
    higher_is_better = False
