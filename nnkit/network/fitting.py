"""One call of ``fit``: everything is checked, then the network is built, then the loop runs."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import TypeAlias

import attrs
import numpy as np

from nnkit import registry
from nnkit.arrays import Array, FloatDType
from nnkit.core.adapting import adapt
from nnkit.core.batches import Batches
from nnkit.core.coupling import check_uncoupled, spread
from nnkit.core.evaluation import predict, try_metrics
from nnkit.core.freezing import check_trainable
from nnkit.core.loop import Engine
from nnkit.core.model import Model
from nnkit.core.objective import Objective
from nnkit.core.processes import PROCESSES
from nnkit.core.sharded import ShardedData
from nnkit.core.sharded_objective import ShardedObjective
from nnkit.core.solving import Solving, check_solver
from nnkit.core.state import Plan, TrainingState
from nnkit.core.state_check import check_training
from nnkit.core.step import Vectors
from nnkit.core.trained import check_evaluation
from nnkit.core.view import Run
from nnkit.data.arrays import DataLike, as_inputs, choose_dtype
from nnkit.data.columns import ColumnPlan, complete_rows
from nnkit.data.describing import described
from nnkit.data.indices import checked_indices
from nnkit.data.lazy_rows import as_rows, check_sparse
from nnkit.data.likely_mistakes import Outcome, advice_for, warn_of_data, warn_of_new
from nnkit.data.planning import check_batches, checksum, planned, resumed, warn_of_ended_schedule
from nnkit.data.reading import WindowSource
from nnkit.data.scaling import in_scale, with_scaling
from nnkit.data.shards import checked_shards
from nnkit.data.sources import as_shards, as_source
from nnkit.data.sparse import SparseRows
from nnkit.data.splitting import split_off
from nnkit.data.table import tabular
from nnkit.data.targets import as_data
from nnkit.data.weights import check_weight, with_class_weights
from nnkit.errors import DataError, brief
from nnkit.inference.compiled import compiled_model, with_kernel
from nnkit.inference.fitted import metrics_of
from nnkit.interfaces import (
    Callback,
    DataDescription,
    EpochKernel,
    Inputs,
    Metric,
    ObjectiveLike,
    Solver,
    Source,
    TrainingData,
)
from nnkit.network.archive import add_record
from nnkit.network.composition import Composition
from nnkit.network.deciding import decided, routed
from nnkit.network.options import FitOptions, ValidationLike

__all__ = [
    "Data",
    "Fitting",
    "Prepared",
    "ValidationLike",
    "checksum_of",
    "concluded",
    "metrics_of",
    "prepare",
    "validation_of",
    "with_inputs",
]

Data: TypeAlias = TrainingData | Source | ShardedData
"""Training or validation data: in memory, read by windows, or in shards elsewhere."""


@attrs.frozen
class Prepared:
    """A network whose number of inputs is known from data; nothing of the old one was changed.

    Args:
        composition: With the number of inputs.
        model: Its structure.
        state: The state of before, in the dtype of the data where training has not begun; ``None`` before the first.
        x: The inputs ``(N, D)``.
    """

    composition: Composition
    model: Model
    state: TrainingState | None
    x: Inputs

    def built_state(self) -> TrainingState:
        """The state in the dtype of the inputs; drawn from the seed where there was none."""
        state, dtype = self.state, self.x.dtype
        if state is None:
            return self.composition.initial_state(self.model, dtype)
        if state.parameters.dtype != dtype:
            state = attrs.evolve(state, parameters=state.parameters.astype(dtype), buffers=state.buffers.astype(dtype))
        return state


def with_inputs(
    composition: Composition,
    model: Model | None,
    state: TrainingState | None,
    X: DataLike,
    y: DataLike,
    *,
    rows: Array | None = None,
    empty: bool = False,
    lazy: bool = False,
) -> Prepared:
    """The network with the number of inputs of ``X`` and every choice that it leaves to ``y``, and ``X`` in its dtype.

    The dtype is that of the composition; else that of a training that has begun; else that of the data. A column plan
    that is not there yet is learned from ``rows``, by default all. With ``lazy``, inputs may be a ``RowReader``.

    Raises:
        DataError: When ``X`` cannot be used.
    """
    description = DataDescription() if model is None else model.description
    if composition.columns is not None and description.columns is None:
        columns = ColumnPlan.learn(X, composition.columns, rows=rows)
        description = attrs.evolve(description, columns=columns, features=columns.outputs)
    dtype = composition.dtype
    if dtype is None:
        begun = state is not None and state.step > 0
        dtype = state.parameters.dtype if state is not None and begun else choose_dtype(X, description)
    x: Inputs
    if lazy:
        x = as_rows(X, dtype=dtype, columns=composition.inputs, description=description)
    else:
        x = as_inputs(X, dtype=dtype, columns=composition.inputs, description=description, empty=empty)
    composition = routed(decided(composition, y) if model is None else composition, description.columns)
    if model is None:
        composition = attrs.evolve(composition, inputs=x.shape[1])
        model = composition.model(x.shape[1])
    if model.description != description:
        model = attrs.evolve(model, description=description)
    check_sparse(model, x)
    checked_indices(model, x)
    return Prepared(composition, model, state, x)


@attrs.frozen(kw_only=True)
class Fitting:
    """One call of ``fit`` of which nothing is left to refuse.

    Args:
        composition: What is trained.
        model: Its structure.
        state: Changed by ``run``.
        plan: Epochs, batches and sampling.
        data: Training data.
        sample: Some of their rows in memory, or all.
        validation: Validation data.
        metrics: By their name in the logs.
        callbacks: By their key in the run, in the order given.
        resume: Whether this call goes on with the run before.
        kernel: Makes many steps a call; ``None`` for single steps.
    """

    composition: Composition
    model: Model
    state: TrainingState
    plan: Plan
    data: Data
    sample: TrainingData
    validation: Data | None
    metrics: Mapping[str, Metric]
    callbacks: Mapping[str, Callback]
    resume: bool
    kernel: EpochKernel | None

    def run(self, save: Callable[[str | os.PathLike[str]], None]) -> None:
        """Train; ``save`` writes the network to a path.

        Raises:
            KeyboardInterrupt: After Ctrl-C, between two steps.
        """
        state, plan, optimizer = self.state, self.plan, self.composition.optimizer
        processes = PROCESSES.get()
        if self.resume:
            state.resume_run(plan)
        else:
            state.begin_run(plan)
        adapt(self.model, state, self.data)
        run = Run(
            state=state,
            plan=plan,
            first_epoch=state.epoch,
            model=self.model,
            optimizer=optimizer,
            data=self.data,
            validation=self.validation,
            metrics=self.metrics,
            gradient=np.zeros_like(state.parameters),
            advice=advice_for(optimizer),
            create=registry.create,
            save=save,
            archive=lambda record: add_record(state.archive, record, self.composition, self.model),
            stop_reason=state.stopped,
        )
        outcome = Outcome.before(self.model, run.vectors(), self.sample) if state.step == 0 else None
        compiled = self.model  # a kernel of many steps needs no compiled parts beside it
        if self.kernel is None:
            compiled = compiled_model(self.model, plain_first=isinstance(self.sample[0], SparseRows))
        engine: Engine
        if isinstance(optimizer, Solver):
            engine = Solving(self._objective(compiled), self.model, optimizer, run)
        else:
            engine = Batches(compiled, optimizer, run, registry.accelerate, processes.bind_step, self.kernel)
        processes.train(compiled, run, self.callbacks, engine)
        # A loss that is not finite after an epoch has been reported already.
        if outcome is not None and math.isfinite(run.logs.get("loss", 0.0)):
            outcome.compare(run.vectors(), run.advice)

    def _objective(self, compiled: Model) -> ObjectiveLike:
        """Where the rows are: over the shards, or in this process."""
        parameters, buffers = self.state.parameters, self.state.buffers
        if isinstance(self.data, ShardedData):
            return ShardedObjective(self.data, self.model, parameters, buffers, compiled_model)
        frozen = parameters[self.model.trained.size :]
        alone = Objective(compiled, buffers, self.sample[0][:], *self.sample[1:], frozen=frozen)
        return PROCESSES.get().objective(alone)


def prepare(
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
