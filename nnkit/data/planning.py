"""The plan of a run: made by a new call of ``fit``, compared by one that resumes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.learning_rate import learning_rate_of
from nnkit.core.model import Model
from nnkit.core.state import COUNT_LIMIT, Plan, TrainingState
from nnkit.data.arrays import positive_integer
from nnkit.data.lazy_rows import ConvertedRows
from nnkit.data.sparse import SparseRows
from nnkit.errors import DataError, TrainingWarning, brief, warn
from nnkit.interfaces import Callback, Inputs, Optimizer, Schedule, TrainingData

__all__ = ["add_to_digest", "check_batches", "checksum", "planned", "resumed", "warn_of_ended_schedule"]

EPOCHS = 10
SAMPLINGS = ("shuffle", "sequential", "random_batch")

BLOCK = 2**21
"""Bytes whose sums are taken for a checksum."""

COLUMNS = 1024
"""Words in a row of a block."""


def planned(
    epoch: int,
    epochs: int | None,
    batch_size: int | None,
    sampling: str,
    samples: int,
    checksums: tuple[str, str | None],
    window: int = 0,
) -> Plan:
    """The plan of a new run after ``epoch`` epochs; ``checksums`` are those of training and validation data."""
    if sampling not in SAMPLINGS:
        raise DataError(f"sampling is {sampling!r}; expected one of {', '.join(map(repr, SAMPLINGS))}")
    count = EPOCHS if epochs is None else positive_integer(epochs, "epochs")
    if count > COUNT_LIMIT - epoch:
        raise DataError(f"epochs is {brief(epochs)}; expected at most {COUNT_LIMIT - epoch:,}")
    rows = samples if batch_size is None else min(positive_integer(batch_size, "batch_size"), samples)
    return Plan(
        first_epoch=epoch,
        last_epoch=epoch + count,
        batch_size=rows,
        samples=samples,
        sampling=sampling,
        data=checksums[0],
        validation=checksums[1],
        window=window,
    )


def resumed(state: TrainingState | None, plan: Plan, epochs: int | None, callbacks: Mapping[str, Callback]) -> Plan:
    """The plan of the run that this call resumes, with its own number of epochs where one is passed.

    Raises:
        DataError: When there is no run, or this call would not continue it; names every difference.
    """
    run = None if state is None else state.plan
    if state is None or run is None:
        raise DataError("resume=True, but there is no run to resume; call fit without it")
    differences = []
    if plan.samples != run.samples:
        differences.append(f"{plan.samples} samples instead of {run.samples}")
    elif plan.data != run.data:
        differences.append("other training data (inputs, targets or weights)")
    if plan.validation != run.validation:
        differences.append(
            "no validation data"
            if plan.validation is None
            else "validation data where it had none"
            if run.validation is None
            else "other validation data"
        )
    differences += [
        f"{name}={getattr(plan, name)!r} instead of {getattr(run, name)!r}"
        for name in ("batch_size", "sampling", "window")
        if getattr(plan, name) != getattr(run, name) and (name != "batch_size" or plan.samples == run.samples)
    ]
    own = {key for key, callback in callbacks.items() if callback.belongs_to_run()}
    differences += [f"no {key}" for key in state.callbacks if key not in own]
    differences += [f"{key}, which it did not have" for key in sorted(own - state.callbacks.keys())]
    if epochs is not None and run.first_epoch + epochs < state.epoch:
        differences.append(f"epochs={epochs}, after {state.epoch - run.first_epoch} epochs of it")
    if differences:
        raise DataError(
            f"resume=True, but this call is not the run that it would resume: it has {'; '.join(differences)}; pass "
            "the same arguments, or call fit without resume to begin a new run"
        )
    last_epoch = run.last_epoch if epochs is None else run.first_epoch + epochs
    if state.stopped is not None and last_epoch > run.last_epoch:
        warn(
            f"the run was stopped ({state.stopped}) and stays so; fit without resume begins a new one", TrainingWarning
        )
    return attrs.evolve(run, last_epoch=last_epoch)


def check_batches(model: Model, plan: Plan) -> None:
    """Refuse batches that are too small for a layer, and warn of a last batch that is."""
    sizes = plan.batch_sizes
    for layer in model.body:
        least, name = layer.least_rows, type(layer).__name__
        if sizes[0] < least:
            raise DataError(
                f"{name} needs batches of at least {least} rows in training, and batch_size={sizes[0]} gives it fewer: "
                "it would learn nothing; use larger batches, or layer_norm"
            )
        if sizes[-1] < least:
            warn(
                f"{name} needs batches of at least {least} rows in training, and the last batch of each epoch has "
                f"{sizes[-1]}: choose a batch_size that leaves more of {plan.samples} samples",
                TrainingWarning,
            )


def warn_of_ended_schedule(optimizer: Optimizer, step: int, plan: Plan) -> None:
    """Warn where the learning rate is zero in the whole of a later run, because its schedule has ended."""
    schedule = learning_rate_of(optimizer)
    if step == 0 or not isinstance(schedule, Schedule):
        return
    steps = (plan.last_epoch - plan.first_epoch) * plan.batches
    if all(schedule.rate(step + offset) == 0.0 for offset in {0, steps // 4, steps // 2, steps - 1}):
        warn(
            f"the learning rate follows {schedule!r}, which is 0 from step {step} on: this fit will change nothing; "
            "set network.optimizer to one with another learning rate, or call network.reset() to start again",
            TrainingWarning,
        )


def checksum(data: TrainingData) -> str:
    """SHA-256 of shapes, dtypes and values of inputs, targets and weights; see ``add_to_digest``.

    Example:
        >>> x = np.zeros((2, 1))
        >>> [checksum((x, y, None)) == checksum((x, x, None)) for y in (x.copy(), x + 1.0)]
        [True, False]
    """
    digest = hashlib.sha256()
    add_to_digest(digest, data)
    return digest.hexdigest()


def add_to_digest(digest: Any, data: TrainingData) -> None:
    """Add shapes, dtypes and values of inputs, targets and weights to a digest of ``hashlib``.

    Of a large array the words of eight bytes are laid out in rows of ``COLUMNS``, and what is added are the sums of the
    rows and of the columns of each block: a quarter of the time. Other data have the same sums by intent alone.
    """
    for array in data:
        if array is None:
            digest.update(b"none")
            continue
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        for part in _parts(array):
            content = np.ascontiguousarray(part).reshape(-1).view(np.uint8)
            summed = content.size // BLOCK * BLOCK
            words = content[:summed].view(np.uint64).reshape(-1, BLOCK // COLUMNS // 8, COLUMNS)
            for block in words:
                digest.update(block.sum(axis=0))
                digest.update(block.sum(axis=1))
            digest.update(content[summed:])


def _parts(array: Inputs) -> Iterable[Array]:
    """What tells inputs apart: their numbers as they were passed, and where they stand."""
    if isinstance(array, np.ndarray):
        return (array,)
    if isinstance(array, ConvertedRows):
        return (array.values,) if array.rows is None else (array.values, array.rows)
    if isinstance(array, SparseRows):
        return array.data, array.indices, array.indptr
    raise TypeError(type(array).__name__)
