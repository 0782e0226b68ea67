"""One call of ``fit`` on data that are read by windows: everything is checked, as far as it can be, before a step."""

from __future__ import annotations

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.chunks import WINDOW
from nnkit.core.freezing import check_trainable
from nnkit.core.model import Model
from nnkit.core.state import TrainingState
from nnkit.data.arrays import DataLike, positive_integer
from nnkit.data.blocks import Block, Blocks, StreamBlocks, blocks_of, rows_within
from nnkit.data.describing import described
from nnkit.data.planning import checksum, planned
from nnkit.data.reading import SAMPLE, Survey, WindowSource, counted
from nnkit.data.scaling import with_scaling
from nnkit.data.sources import Rows, Stream
from nnkit.data.weights import check_weighable
from nnkit.errors import DataError, brief
from nnkit.inference.fitted import metrics_of
from nnkit.interfaces import DataDescription, Solver
from nnkit.network.composition import Composition
from nnkit.network.fitting import Fitting
from nnkit.preparing.concluding import checksum_of, concluded, validation_of
from nnkit.preparing.deciding import Prepared, with_inputs
from nnkit.preparing.options import FitOptions

__all__ = ["prepare_source"]

LOOKED_AT = 1024
"""About as many rows of the first window are looked at for likely mistakes."""


def prepare_source(
    network: tuple[Composition, Model | None, TrainingState | None],
    source: Rows | Stream,
    options: FitOptions,
    window: int,
    steps_per_epoch: int | None,
) -> Fitting:
    """Check a call of ``fit``; the arguments are those of ``nnkit.Network.fit``.

    Rows are read once for that. A stream is read only where it must be known from end to end: to count its samples,
    and for weights, for labels that its first rows do not show, and for the scale of targets.

    Raises:
        NNKitError: When something cannot be used; nothing is changed then.
    """
    composition, model, state = network
    listeners, named = options.listeners(), metrics_of(options.metrics)
    _check_call(composition, options)
    batch = positive_integer(options.batch_size, "batch_size")
    most = positive_integer(window, "window")
    steps = None if steps_per_epoch is None else positive_integer(steps_per_epoch, "steps_per_epoch")
    description = DataDescription() if model is None else model.description
    blocks = blocks_of(source, "X", description, cycle=steps is not None)
    samples = source.X.shape[0] if isinstance(source, Rows) else source.samples or 0
    samples = samples if steps is None else steps * batch
    batch = min(batch, samples or batch)
    first = blocks.read(0, min(samples or SAMPLE, SAMPLE))
    if not first[0].shape[0]:
        raise DataError(f"X is empty (shape {tuple(first[0].shape)}); expected at least one sample")
    if first[1] is None:
        raise DataError("fit was passed inputs without targets; pass y")
    if not samples:
        samples = counted(blocks.apart())
        batch = min(batch, samples)
    prepared, y = _learned(network, source, blocks, first, samples)
    model, dtype = prepared.model, prepared.x.dtype
    if isinstance(blocks, StreamBlocks) and model.description.features is None:
        model = attrs.evolve(model, description=attrs.evolve(model.description, features=blocks.description.features))
    check_trainable(model)
    rows = max(min(most, rows_within(first[0], dtype), samples) // batch, 1) * batch
    blocks.ahead = rows
    method = composition.target_scaling
    data = WindowSource(
        blocks=blocks,
        model=model,
        dtype=dtype,
        samples=samples,
        window=rows,
        cycle=steps is not None,
        scaled=method is None or model.description.shift is not None,
    )
    class_weight, validation_data = options.class_weight, options.validation_data
    weighed = class_weight is not None
    if isinstance(source, Rows) or first[2] is not None or weighed or not data.scaled:
        if weighed:
            check_weighable(model, data.read(0, 0, min(rows, samples))[1])
        survey = Survey.of(data, targets=not data.scaled, codes=weighed)
        if survey.targets is not None:
            model = with_scaling(model, method, survey.targets, survey.weight)
            data = attrs.evolve(data, model=model, scaled=True)
        data = attrs.evolve(survey.weighed(data, class_weight), checksum=survey.checksum)
    sample = data.apart().read(0, 0, min(rows, samples))
    if not data.checksum:
        data = attrs.evolve(data, checksum=checksum(sample))
    validation = None if validation_data is None else validation_of(model, validation_data, dtype)
    checksums = data.checksum, checksum_of(validation)
    plan = planned(
        0 if state is None else state.epoch, options.epochs, batch, options.sampling, samples, checksums, rows
    )
    few = np.arange(0, len(sample[0]), max(1, len(sample[0]) // LOOKED_AT))
    small = sample[0][few], sample[1][few], None if sample[2] is None else sample[2][few]
    prepared = attrs.evolve(prepared, model=model)
    return concluded(prepared, plan, data, small, validation, y, named, listeners, options)


def _check_call(composition: Composition, options: FitOptions) -> None:
    """Refuse what needs all rows at once.

    Raises:
        DataError: With what to do instead.
    """
    reason = ""
    if isinstance(composition.optimizer, Solver):
        name = type(composition.optimizer).__name__
        reason = f"{name} evaluates all rows in every step: pass arrays or shards, or choose 'adam'"
    elif composition.loss.rows_coupled:
        reason = f"{type(composition.loss).__name__} couples rows, and validation needs them together: pass arrays"
    elif composition.columns is not None:
        reason = "columns= learns its rules from a whole table: pass the table itself, or inputs that are numbers"
    elif options.batch_size is None:
        reason = "batch_size=None makes one batch of all rows: state a number"
    elif options.validation_split:
        reason = f"validation_split={brief(options.validation_split)} needs arrays: pass validation_data"
    elif options.sampling == "random_batch":
        reason = "sampling='random_batch' draws from all rows: choose 'shuffle' or 'sequential'"
    if reason:
        raise DataError(f"the data are read by windows, and {reason}")


def _learned(
    network: tuple[Composition, Model | None, TrainingState | None],
    source: Rows | Stream,
    blocks: Blocks,
    first: Block,
    samples: int,
) -> tuple[Prepared, DataLike]:
    """The network with what it learns from its data, and the targets that showed it.

    Raises:
        DataError: When inputs or targets do not fit.
    """
    X, y, _ = first
    if isinstance(source, Rows):
        return _described(network, X, source.y if _one_column(y) else y)
    if not network[0].deferred:
        try:
            return _described(network, X, y)
        except DataError:
            # The first rows may not show all labels.
            if not _one_column(y):
                raise
    return _described(network, X, _all_targets(blocks.apart(), samples))


def _described(
    network: tuple[Composition, Model | None, TrainingState | None], X: DataLike, y: DataLike
) -> tuple[Prepared, DataLike]:
    prepared = with_inputs(*network, X, y, lazy=True)
    return attrs.evolve(prepared, model=described(prepared.model, X, y)), y


def _one_column(y: Array) -> bool:
    return len(y.shape) == 1 or y.shape[1] == 1


def _all_targets(blocks: Blocks, samples: int) -> Array:
    parts: list[Array] = []
    while (start := sum(map(len, parts))) < samples:
        parts.append(blocks.read(start, min(start + WINDOW, samples))[1])
    return np.concatenate(parts)
