"""What every way of preparing a call of ``fit`` ends with: validation data, and the last checks."""

from __future__ import annotations

from collections.abc import Mapping

from nnkit.arrays import FloatDType
from nnkit.core.coupling import check_uncoupled, spread
from nnkit.core.evaluation import predict, try_metrics
from nnkit.core.model import Model
from nnkit.core.solving import check_solver
from nnkit.core.state import Plan
from nnkit.core.state_check import check_training
from nnkit.core.step import Vectors
from nnkit.core.trained import check_evaluation
from nnkit.data.arrays import DataLike
from nnkit.data.columns import complete_rows
from nnkit.data.indices import checked_indices
from nnkit.data.lazy_rows import as_rows, check_sparse
from nnkit.data.likely_mistakes import warn_of_data, warn_of_new
from nnkit.data.planning import check_batches, checksum, resumed, warn_of_ended_schedule
from nnkit.data.reading import WindowSource
from nnkit.data.shards import checked_shards
from nnkit.data.sources import as_shards, as_source
from nnkit.data.targets import as_data
from nnkit.errors import DataError
from nnkit.inference.compiled import with_kernel
from nnkit.interfaces import Callback, Metric, Solver, TrainingData
from nnkit.network.fitting import Data, Fitting
from nnkit.preparing.deciding import Prepared
from nnkit.preparing.options import FitOptions, ValidationLike

__all__ = ["checksum_of", "concluded", "validation_of"]


def concluded(
    prepared: Prepared,
    plan: Plan,
    data: Data,
    sample: TrainingData,
    validation: Data | None,
    y: DataLike,
    metrics: Mapping[str, Metric],
    callbacks: Mapping[str, Callback],
    options: FitOptions,
) -> Fitting:
    """The last checks, which judge a sample of the data where these are read by windows.

    Args:
        prepared: The network, with everything that it learned from the data.
        plan: Of a new run.
        data: Training data.
        sample: Some of their rows in memory, or all.
        validation: Validation data.
        y: Targets of the sample as they were passed.
        metrics: By their name in the logs.
        callbacks: By their key in the run.
        options: The arguments of ``fit``.

    Raises:
        NNKitError: When something does not fit.
    """
    composition, model, state = prepared.composition, prepared.model, prepared.state
    optimizer = composition.optimizer
    if options.resume:
        plan = resumed(state, plan, options.epochs, callbacks)
    if isinstance(optimizer, Solver):
        check_solver(model, optimizer)
    else:
        check_evaluation(model, optimizer)
        check_batches(model, plan)
        if not options.resume and state is not None:
            warn_of_ended_schedule(optimizer, state.step, plan)
    plan, kernel = with_kernel(plan, model, optimizer, data, resume=options.resume)
    state = prepared.built_state()
    check_training(model, optimizer, state)
    vectors = Vectors(state.parameters, None, state.buffers)
    if state.step == 0 and kernel is None:  # a kernel of many steps computes the loss of each row itself
        rows = spread(len(sample[0]))
        check_uncoupled(model.loss, predict(model, vectors, sample[0][rows]), sample[1][rows])
    if metrics:
        try_metrics(model, vectors, *sample, metrics)
    warn_of_data(model, sample)
    if state.step == 0:
        warn_of_new(model, vectors, sample, y, task_given=composition.task is not None)
    return Fitting(
        composition=composition,
        model=model,
        state=state,
        plan=plan,
        data=data,
        sample=sample,
        validation=validation,
        metrics=metrics,
        callbacks=callbacks,
        resume=options.resume,
        kernel=kernel,
    )


def validation_of(model: Model, data: ValidationLike, dtype: FloatDType) -> Data:
    """Validation data as the loss sees them; those of a source are read once, which checks them.

    Raises:
        DataError: When they cannot be used.
    """
    parts = tuple(data) if isinstance(data, (tuple, list)) else (data,)
    if (shards := as_shards(*parts[:3])) is not None:
        return checked_shards(shards, model, dtype)
    name = "validation_data[0]" if len(parts) > 1 else "validation_data"
    if len(parts) <= 3 and (source := as_source(*parts)) is not None:
        return WindowSource.checked(source, model, dtype, name)
    if len(parts) not in {2, 3}:
        raise DataError("validation_data must be (X, y), (X, y, sample_weight), Rows, a Stream or shards")
    description = model.description
    X, *rest = complete_rows(description.columns, *parts, name=name)
    x = as_rows(X, name=name, dtype=dtype, columns=model.inputs, description=description)
    check_sparse(model, x, name)
    checked_indices(model, x, name)
    return as_data(model, x, *rest, name="validation_data[1]", weight_name="validation_data[2]")


def checksum_of(validation: Data | None) -> str | None:
    """The checksum of validation data, if there are any."""
    if validation is None:
        return None
    return checksum(validation) if isinstance(validation, tuple) else validation.checksum
