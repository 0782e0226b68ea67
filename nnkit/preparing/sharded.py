"""One call of ``fit`` on data in shards: the rows are looked at, checked and summed where they are."""

from __future__ import annotations

import attrs

from nnkit.core.freezing import check_trainable
from nnkit.core.model import Model
from nnkit.core.state import TrainingState
from nnkit.data.describing import described
from nnkit.data.planning import planned
from nnkit.data.shards import look_at, prepared_shards
from nnkit.errors import DataError, brief
from nnkit.inference.fitted import metrics_of
from nnkit.interfaces import DataDescription, Shards, Solver
from nnkit.network.composition import Composition
from nnkit.network.fitting import Fitting
from nnkit.preparing.concluding import checksum_of, concluded, validation_of
from nnkit.preparing.deciding import with_inputs
from nnkit.preparing.options import FitOptions

__all__ = ["prepare_shards"]


def prepare_shards(
    network: tuple[Composition, Model | None, TrainingState | None], shards: Shards, options: FitOptions
) -> Fitting:
    """Check a call of ``fit``; the arguments are those of ``nnkit.Network.fit``.

    Raises:
        NNKitError: When something cannot be used; nothing is changed then.
    """
    composition, model, state = network
    listeners, named = options.listeners(), metrics_of(options.metrics)
    _check_call(composition, options)
    shards.check(composition.to_config()["providers"])
    X, y = look_at(shards, DataDescription() if model is None else model.description)
    prepared = with_inputs(composition, model, state, X, y)
    dtype, model = prepared.x.dtype, described(prepared.model, X, y)
    check_trainable(model)
    model, data, sample = prepared_shards(shards, model, dtype, composition.target_scaling, options.class_weight)
    validation = None if options.validation_data is None else validation_of(model, options.validation_data, dtype)
    checksums = data.checksum, checksum_of(validation)
    plan = planned(
        0 if state is None else state.epoch,
        options.epochs,
        options.batch_size,
        options.sampling,
        data.samples,
        checksums,
    )
    prepared = attrs.evolve(prepared, model=model)
    return concluded(prepared, plan, data, sample, validation, y, named, listeners, options)


def _check_call(composition: Composition, options: FitOptions) -> None:
    """Refuse what is no sum over shards.

    Raises:
        DataError: With what to do instead.
    """
    optimizer, loss = composition.optimizer, composition.loss
    reason = ""
    if not isinstance(optimizer, Solver):
        reason = (
            f"{type(optimizer).__name__} makes a step a batch, which would wait for every worker: choose a solver "
            "such as 'lbfgs', or pass arrays or Rows"
        )
    elif loss.rows_coupled:
        reason = f"{type(loss).__name__} couples the rows of all shards: pass arrays"
    elif composition.columns is not None:
        reason = "columns= learns its rules from a whole table: pass the table itself, or inputs that are numbers"
    elif options.validation_split:
        reason = f"validation_split={brief(options.validation_split)} needs arrays: pass validation_data"
    if reason:
        raise DataError(f"the data are in shards, and {reason}")
