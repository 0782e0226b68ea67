"""Windows of a source as the loss sees them: converted and checked when they are read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array, FloatDType
from nnkit.core.chunks import WINDOW, pieces
from nnkit.core.model import Model
from nnkit.data.arrays import as_weights
from nnkit.data.blocks import Blocks, blocks_of, rows_within
from nnkit.data.indices import checked_indices
from nnkit.data.lazy_rows import as_rows, check_sparse
from nnkit.data.planning import add_to_digest
from nnkit.data.sources import Rows, Stream
from nnkit.data.targets import as_data
from nnkit.data.weights import ClassWeight, class_weights, moderate
from nnkit.errors import DataError, ShapeError
from nnkit.interfaces import Inputs, TrainingData

__all__ = ["SAMPLE", "Survey", "WindowSource", "counted", "input_windows"]


SAMPLE = 64
"""Rows by which the inputs of a source are judged before they are read."""


def counted(blocks: Blocks) -> int:
    """The rows of one pass."""
    start = 0
    while rows := blocks.read(start, start + WINDOW)[0].shape[0]:
        start += rows
        if rows < WINDOW or not blocks.more():
            break
    return start


@attrs.frozen(eq=False, kw_only=True)
class WindowSource:
    """A source with everything decided (``nnkit.interfaces.Source``).

    Args:
        blocks: The rows as they are stored.
        model: The structure, with what it knows about its data.
        dtype: Of training.
        samples: Rows of one epoch.
        window: Rows of a window.
        cycle: Whether an epoch goes on where the one before ended.
        scaled: Whether targets are scaled as the loss sees them.
        name: The name of the inputs in messages.
        weight_unit: What the weights of samples are divided by.
        class_weights: The weight of each class, ``(C,)``.
        weight_scale: See ``Source``.
        checksum: See ``Source``.
    """

    blocks: Blocks
    model: Model
    dtype: FloatDType
    samples: int
    window: int
    cycle: bool = False
    scaled: bool = True
    name: str = "X"
    weight_unit: float = 1.0
    class_weights: Array | None = None
    weight_scale: tuple[float, float] | None = None
    checksum: str = ""

    @classmethod
    def checked(cls, source: Rows | Stream, model: Model, dtype: FloatDType, name: str = "X") -> WindowSource:
        """Data to evaluate: rows are counted where that is unknown, and everything is read once, which checks it.

        Raises:
            DataError: When they cannot be used.
        """
        blocks = blocks_of(source, name, model.description)
        samples = source.X.shape[0] if isinstance(source, Rows) else source.samples or counted(blocks)
        if not samples:
            raise DataError(f"{name} is empty; expected at least one sample")
        window = min(WINDOW, rows_within(blocks.read(0, min(samples, SAMPLE))[0], dtype))
        blocks.ahead = window
        made = cls(blocks=blocks, model=model, dtype=dtype, samples=samples, window=window, name=name)
        survey = Survey.of(made)
        return attrs.evolve(survey.weighed(made, None), checksum=survey.checksum)

    @property
    def columns(self) -> int:
        """``D``."""
        return self.model.inputs

    @property
    def seekable(self) -> bool:
        """Whether windows may be read in any order at no cost."""
        return self.blocks.seekable

    def apart(self) -> WindowSource:
        """The same data with a position of its own."""
        return attrs.evolve(self, blocks=self.blocks.apart())

    def read(self, epoch: int, start: int, stop: int) -> TrainingData:
        """The rows ``start`` to ``stop`` of an epoch, converted and checked."""
        before = epoch * self.samples if self.cycle else 0
        X, y, weight = self.blocks.read(before + start, before + stop)
        if y is None:
            raise DataError(f"{self.name} comes without targets; pass y")
        if X.shape[0] != stop - start:
            raise DataError(
                f"{self.name} ended after {start + X.shape[0]} rows of an epoch; it had {self.samples} rows, or "
                "declares them as samples"
            )
        x = checked_inputs(X, self.model, self.dtype, self.name, start, stop)
        try:
            of = "" if self.name == "X" else f" of {self.name}"
            names = {"name": f"y{of}", "weight_name": f"sample_weight{of}"}
            data = as_data(self.model, x, y, weight, scaled=self.scaled, shard=True, **names)
        except (DataError, ShapeError) as error:
            raise in_window(error, start, stop) from error
        if stop == self.samples and self.blocks.more():
            raise DataError(
                f"{self.name} has more than {self.samples} rows, which it had before or declares as samples"
            )
        return x, data[1], self._weighed(data[1], data[2])

    def _weighed(self, target: Array, weight: Array | None) -> Array | None:
        if weight is not None:
            weight = weight / self.weight_unit
        if self.class_weights is None:
            return weight
        each: Array = self.class_weights[self.model.task.target(target)]
        return each if weight is None else each * weight


@attrs.define(kw_only=True)
class Survey:
    """One pass over an epoch of a source.

    Args:
        checksum: Of all rows.
        weight: Weights of all samples, ``(N,)``; ``None`` without any.
        targets: Targets in their own units, where they were asked for.
        codes: Classes, where they were asked for.
    """

    checksum: str
    weight: Array | None
    targets: Array | None
    codes: Array | None

    @classmethod
    def of(cls, source: WindowSource, *, targets: bool = False, codes: bool = False) -> Survey:
        """Read every window once, which checks it.

        Raises:
            DataError: For the first window that cannot be used.
        """
        digest = hashlib.sha256()
        weights: list[Array | None] = []
        units: list[Array] = []
        classes: list[Array] = []
        for rows in pieces(source.samples, source.window):
            data = source.read(0, rows.start, rows.stop)
            add_to_digest(digest, data)
            weights.append(data[2])
            if targets:
                units.append(data[1])
            if codes:
                classes.append(source.model.task.target(data[1]))
        weight = None if weights[0] is None else np.concatenate([part for part in weights if part is not None])
        return cls(
            checksum=digest.hexdigest(),
            weight=None if weight is None else as_weights(weight, samples=source.samples),
            targets=np.concatenate(units) if targets else None,
            codes=np.concatenate(classes) if codes else None,
        )

    def weighed(self, source: WindowSource, class_weight: ClassWeight | None) -> WindowSource:
        """The source with weights of samples and classes, as ``fit`` uses them.

        Raises:
            DataError: When no sample has a weight above 0.
        """
        weight, each, unit = self.weight, None, 1.0
        if weight is not None:
            moderated = moderate(weight)
            unit = 1.0 if moderated is weight else float(weight.max())
            weight = moderated
        if class_weight is not None:
            assert self.codes is not None
            each = class_weights(class_weight, source.model, self.codes, weight)
            weight = each[self.codes] if weight is None else each[self.codes] * weight
            if not weight.max() > 0:
                raise DataError("class_weight and sample_weight leave no training sample with a weight above 0")
        scale = None
        if weight is not None:
            largest = float(weight.max())
            scale = largest, float((weight / largest).mean())
        return attrs.evolve(source, weight_unit=unit, class_weights=each, weight_scale=scale)


def input_windows(source: Rows | Stream, model: Model, dtype: FloatDType) -> Iterator[Inputs]:
    """The inputs of a source, a window after another; targets that come with them are left alone."""
    blocks = blocks_of(source if isinstance(source, Stream) else Rows(source.X), "X", model.description)
    total = source.X.shape[0] if isinstance(source, Rows) else None
    if total == 0:
        raise DataError("X is empty; expected at least one sample")
    start, rows = 0, SAMPLE
    while total is None or start < total:
        block = blocks.read(start, start + rows if total is None else min(start + rows, total))
        if not start and rows == SAMPLE and (wider := min(WINDOW, rows_within(block[0], dtype))) > rows:
            rows = wider
            continue
        stop = start + block[0].shape[0]
        yield checked_inputs(block[0], model, dtype, "X", start, stop)
        if total is None and not blocks.more():
            return
        start = stop


def checked_inputs(X: Any, model: Model, dtype: FloatDType, name: str, start: int, stop: int) -> Inputs:
    """Some rows, converted and checked.

    Raises:
        DataError: Names the window, from whose first row positions are counted.
    """
    try:
        x = as_rows(X, name=name, dtype=dtype, columns=model.inputs, description=model.description)
        check_sparse(model, x, name)
        checked_indices(model, x, name)
    except (DataError, ShapeError) as error:
        raise in_window(error, start, stop) from error
    return x


def in_window(error: DataError | ShapeError, start: int, stop: int) -> DataError | ShapeError:
    """The error with the rows of the window where it is."""
    return type(error)(
        f"in the window of rows {start} to {stop - 1}, counted from 0 (other rows from its first): {error}"
    )
