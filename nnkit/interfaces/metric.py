"""Metrics: values computed from predictions and targets, accumulated batch by batch."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, TypeAlias

from nnkit.arrays import Array
from nnkit.interfaces.part import Part

__all__ = ["Metric", "MetricValue"]

MetricValue: TypeAlias = float | Array
"""A number for most metrics, an array for some (a confusion matrix)."""


class Metric(Part):
    """A value of ``prediction`` against ``target``; streaming over batches equals one pass.

    Targets have the form that the loss uses: ``(N, K)`` rows, or ``(N,)`` integers; a metric of classes
    accepts both forms (``nnkit.arrays.to_labels`` reads either).

    Attributes:
        bounds: Closed interval that holds every result.
        higher_is_better: True, False, or ``None`` where neither.
        classes: The metric is about class labels.
        scalar: ``result`` is one number (a confusion matrix is not).
    """

    __slots__ = ()

    kind = "metric"
    bounds: ClassVar[tuple[float, float]] = (float("-inf"), float("inf"))
    higher_is_better: ClassVar[bool | None] = None
    classes: ClassVar[bool] = False
    scalar: ClassVar[bool] = True

    @abstractmethod
    def start(self) -> dict[str, Any]:
        """The state before any sample: numbers and arrays by name."""

    @abstractmethod
    def add(self, state: dict[str, Any], prediction: Array, target: Array, weight: Array) -> None:
        """Add a batch to the state, in place; ``weight`` is ``(N,)``, integer weights act as repetitions."""

    @abstractmethod
    def result(self, state: dict[str, Any]) -> Any:
        """The value for all samples added so far; defined (never an exception) for every state."""

    def merge(self, state: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        """The state of both sets of samples together, new; by default the sum, entry by entry."""
        return {name: state[name] + other[name] for name in state}
