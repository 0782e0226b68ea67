"""One call of ``fit`` on arrays and tables: everything is checked before a step."""

from __future__ import annotations

import attrs
import numpy as np

from nnkit.core.freezing import check_trainable
from nnkit.core.model import Model
from nnkit.core.state import TrainingState
from nnkit.data.arrays import DataLike
from nnkit.data.columns import ColumnPlan, complete_rows
from nnkit.data.describing import described
from nnkit.data.planning import checksum, planned
from nnkit.data.scaling import in_scale, with_scaling
from nnkit.data.splitting import split_off
from nnkit.data.table import tabular
from nnkit.data.targets import as_data
from nnkit.data.weights import check_weight, with_class_weights
from nnkit.errors import DataError, brief
from nnkit.inference.fitted import metrics_of
from nnkit.interfaces import Solver
from nnkit.network.composition import Composition
from nnkit.network.fitting import Data, Fitting
from nnkit.preparing.concluding import checksum_of, concluded, validation_of
from nnkit.preparing.deciding import with_inputs
from nnkit.preparing.options import FitOptions

__all__ = ["prepare_arrays"]


def prepare_arrays(
    network: tuple[Composition, Model | None, TrainingState | None],
    samples: tuple[DataLike, DataLike, DataLike | None],
    options: FitOptions,
) -> Fitting:
    """Check everything that a call of ``fit`` asks for; the arguments are those of ``nnkit.Network.fit``.

    Raises:
        NNKitError: When something cannot be used; nothing is changed then.
    """
    (composition, model, state), (X, y, sample_weight) = network, samples
    listeners, named = options.listeners(), metrics_of(options.metrics)
    validation_data, validation_split = options.validation_data, options.validation_split
    if composition.columns is not None:
        X = tabular(X)  # read once, however often it is asked
        learned = None if model is None else model.description.columns
        columns = learned or ColumnPlan.learn(X, composition.columns)
        X, y, sample_weight = complete_rows(columns, X, y, sample_weight)
    lazy = not isinstance(composition.optimizer, Solver)  # a solver evaluates all rows at once
    prepared = with_inputs(composition, model, state, X, y, lazy=lazy)
    method = composition.target_scaling
    scaled = method is None
    data = as_data(described(prepared.model, X, y), prepared.x, y, sample_weight, scaled=scaled)
    if validation_split and validation_data is None and composition.columns is not None:
        places = np.arange(len(data[0]))[:, None]
        training, _ = split_off((places, *data[1:]), validation_split, prepared.composition.loss, composition.seed)
        prepared = with_inputs(composition, model, state, X, y, rows=training[0][:].reshape(-1), lazy=lazy)
    composition, model, x = prepared.composition, described(prepared.model, X, y), prepared.x
    check_trainable(model)
    data = (x, *data[1:])
    validation: Data | None = None
    if validation_data is not None and validation_split:
        raise DataError(
            f"fit was passed validation_data and validation_split={brief(validation_split)}; pass one of the two"
        )
    if validation_split:
        data, validation = split_off(data, validation_split, model.loss, composition.seed)
        check_weight(data[2], "training")
        check_weight(validation[2], "validation")
    if method is not None:
        model = with_scaling(model, method, *data[1:])
        data = in_scale(model, data, x.dtype)
        if isinstance(validation, tuple):
            validation = in_scale(model, validation, x.dtype)
    if validation_data is not None:
        validation = validation_of(model, validation_data, x.dtype)
    if options.class_weight is not None:
        data = (data[0], data[1], with_class_weights(options.class_weight, model, data[1], data[2]))
    epoch = 0 if state is None else state.epoch
    checksums = checksum(data), checksum_of(validation)
    plan = planned(epoch, options.epochs, options.batch_size, options.sampling, len(data[0]), checksums)
    prepared = attrs.evolve(prepared, composition=composition, model=model)
    return concluded(prepared, plan, data, data, validation, y, named, listeners, options)
