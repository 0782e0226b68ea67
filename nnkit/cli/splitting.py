"""Which rows train, which validate, which test."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.cli.sections import ExperimentError
from nnkit.interfaces.fields import flag, integer, real

__all__ = ["Parts", "Split"]

DEFAULT_TEST = 0.2


@attrs.frozen(kw_only=True)
class Parts:
    """Positions of the rows of each part, each in the order in which they were drawn."""

    train: IntArray
    validation: IntArray
    test: IntArray


@attrs.frozen(kw_only=True)
class Split:
    """How the rows of one file are divided.

    Args:
        test: Share of the rows kept for the values at the end, in [0, 1); 0.2 when left out.
        validation: Share of the rows watched during training, in [0, 1).
        seed: Which rows: the same seed, the same rows.
        stratify: Each class has (up to one row) the same share in every part.
    """

    test: float | None = real(None, ge=0.0, lt=1.0, optional=True)
    validation: float = real(0.0, ge=0.0, lt=1.0)
    seed: int = integer(0, ge=0)
    stratify: bool = flag(True)

    def __attrs_post_init__(self) -> None:
        test = DEFAULT_TEST if self.test is None else self.test
        if test + self.validation >= 1:
            raise ExperimentError(f"test = {test:g} and validation = {self.validation:g} leave no rows to train with")

    def parts(self, samples: int, classes: IntArray | None, *, test_elsewhere: bool = False) -> Parts:
        """Divide ``samples`` rows.

        Args:
            samples: How many there are.
            classes: Their labels; ``None`` where there are none.
            test_elsewhere: The rows to test with are in a file of their own.

        Raises:
            ExperimentError: When a part that is asked for gets no row.
        """
        order: Any = np.random.default_rng(self.seed).permutation(samples)
        if self.stratify and classes is not None:
            order = order[np.argsort(_position_within_class(classes[order]), kind="stable")]
        test_share = (0.0 if test_elsewhere else DEFAULT_TEST) if self.test is None else self.test
        tested, validated = round(test_share * samples), round(self.validation * samples)
        counts = {"test": tested, "validation": validated, "train": samples - tested - validated}
        for name, share in (("test", test_share), ("validation", self.validation), ("train", 1.0)):
            if share > 0 and counts[name] < 1:
                advice = (
                    "give the others smaller shares" if name == "train" else f"give it a larger share, or {name} = 0"
                )
                raise ExperimentError(f"the {name} part of {samples} rows would be empty; {advice}")
        test, validation, train = np.split(order, [tested, tested + validated])
        return Parts(train=train, validation=validation, test=test)


def _position_within_class(classes: IntArray) -> Array:
    """For each row, how far along it is among the rows of its class, in (0, 1).

    Sorted by it, every prefix holds the classes in their proportions.
    """
    position = np.empty(len(classes))
    for label in np.unique(classes):
        rows = np.flatnonzero(classes == label)
        position[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return position
