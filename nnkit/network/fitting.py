"""One call of ``fit``: everything is checked, then the network is built, then the loop runs."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np

from nnkit import registry
from nnkit.arrays import Array, FloatDType
from nnkit.core.adapting import adapt
from nnkit.core.batches import Batches
from nnkit.core.coupling import check_uncoupled, spread
from nnkit.core.evaluation import predict
from nnkit.core.loop import Engine, train
from nnkit.core.model import Model
from nnkit.core.solving import Solving, check_solver
from nnkit.core.state import Plan, TrainingState
from nnkit.core.state_check import check_training
from nnkit.core.step import Vectors
from nnkit.core.view import Run
from nnkit.data.arrays import DataLike, as_inputs, choose_dtype, positive_integer
from nnkit.data.class_weights import ClassWeight, with_class_weights
from nnkit.data.likely_mistakes import Outcome, advice_for, warn_of_data
from nnkit.data.targets import as_data
from nnkit.errors import DataError
from nnkit.inference.fitted import metrics_of
from nnkit.interfaces import Callback, Metric, MetricValue, PartSpec, Solver, TrainingData
from nnkit.network.archive import add_record
from nnkit.network.composition import DEFAULTS, Composition

__all__ = [
    "Fitting",
    "Prepared",
    "ValidationLike",
    "compiled_model",
    "history_of",
    "metrics_of",
    "prepare",
    "recorder",
    "with_inputs",
]

ValidationLike: TypeAlias = tuple[DataLike, DataLike] | tuple[DataLike, DataLike, DataLike]
"""``(X, y)`` or ``(X, y, sample_weight)``."""

SPLIT_STREAM = 3
SAMPLINGS = ("shuffle", "sequential", "random_batch")


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
    x: Array

    def built_state(self) -> TrainingState:
        """The state in the dtype of the inputs; drawn from the seed where there was none."""
        state, dtype = self.state, self.x.dtype
        if state is None:
            return self.composition.initial_state(self.model, dtype)
        if state.parameters.dtype != dtype:
            state = attrs.evolve(state, parameters=state.parameters.astype(dtype), buffers=state.buffers.astype(dtype))
        return state


def with_inputs(composition: Composition, model: Model | None, state: TrainingState | None, X: DataLike) -> Prepared:
    """The network with the number of inputs of ``X``, and ``X`` in its dtype.

    The dtype is that of the composition; else that of a training that has begun; else that of the data.

    Raises:
        DataError: When ``X`` cannot be used.
    """
    dtype = composition.dtype
    if dtype is None:
        dtype = state.parameters.dtype if state is not None and state.step > 0 else choose_dtype(X)
    x = as_inputs(X, dtype=dtype, columns=composition.inputs)
    if model is None:
        composition = attrs.evolve(composition, inputs=x.shape[1])
        model = composition.model(x.shape[1])
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
        validation: Validation data.
        metrics: By their name in the logs.
        callbacks: In the order given.
        resume: Whether this call goes on with the run before.
    """

    composition: Composition
    model: Model
    state: TrainingState
    plan: Plan
    data: TrainingData
    validation: TrainingData | None
    metrics: Mapping[str, Metric]
    callbacks: Sequence[Callback]
    resume: bool

    def run(self, save: Callable[[str | os.PathLike[str]], None]) -> None:
        """Train; ``save`` writes the network to a path.

        Raises:
            KeyboardInterrupt: After Ctrl-C, between two steps.
        """
        state, plan, optimizer = self.state, self.plan, self.composition.optimizer
        if state.plan is None or not state.plan.same_order(plan):
            state.batch, state.loss_sum = 0, 0.0
        if not self.resume:
            state.stopped = state.learning_rate = None
        state.plan = plan
        adapt(self.model, state, *self.data)
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
        outcome = Outcome.before(self.model, run.vectors(), self.data) if state.step == 0 else None
        compiled = compiled_model(self.model)
        engine: Engine
        if isinstance(optimizer, Solver):
            engine = Solving(compiled, optimizer, run)
        else:
            engine = Batches(compiled, optimizer, run, registry.accelerate)
        train(compiled, run, self.callbacks, engine)
        # A loss that is not finite after an epoch has been reported already.
        if outcome is not None and math.isfinite(run.logs.get("loss", 0.0)):
            outcome.compare(run.vectors(), run.advice)


def prepare(
    composition: Composition,
    model: Model | None,
    state: TrainingState | None,
    X: DataLike,
    y: DataLike,
    *,
    epochs: int,
    batch_size: int | None,
    validation_data: ValidationLike | None,
    validation_split: float,
    metrics: PartSpec | Sequence[PartSpec],
    callbacks: PartSpec | Sequence[PartSpec],
    sample_weight: DataLike | None,
    class_weight: ClassWeight | None,
    sampling: str,
    resume: bool,
) -> Fitting:
    """Check everything that a call of ``fit`` asks for; the arguments are those of ``nnkit.Network.fit``.

    Raises:
        NNKitError: When something cannot be used; nothing is changed then.
    """
    listeners = _callbacks_of(callbacks)
    named = metrics_of(metrics)
    prepared = with_inputs(composition, model, state, X)
    composition, model, x = prepared.composition, prepared.model, prepared.x
    data = as_data(model, x, y, sample_weight)
    if class_weight is not None:
        weight = with_class_weights(class_weight, data[1], data[2], model.target_columns, x.dtype)
        data = (data[0], data[1], weight)
    validation = None
    if validation_data is not None:
        validation = _validation_of(model, validation_data, x.dtype)
    elif validation_split:
        data, validation = _split_off(data, validation_split, composition.seed)
    if resume:
        plan = _resumed(None if state is None else state.plan, len(data[0]))
    else:
        plan = _planned(0 if state is None else state.epoch, epochs, batch_size, sampling, len(data[0]))
    if isinstance(composition.optimizer, Solver):
        check_solver(model, composition.optimizer)
    state = prepared.built_state()
    check_training(model, composition.optimizer, state)
    if state.step == 0:
        rows = spread(len(data[0]))
        vectors = Vectors(state.parameters, None, state.buffers)
        check_uncoupled(model.loss, predict(model, vectors, data[0][rows]), data[1][rows])
    warn_of_data(model, data, named)
    return Fitting(
        composition=composition,
        model=model,
        state=state,
        plan=plan,
        data=data,
        validation=validation,
        metrics=named,
        callbacks=listeners,
        resume=resume,
    )


def history_of(state: TrainingState) -> dict[str, list[MetricValue]]:
    """The values of every epoch so far, from the callback that records them."""
    return {key: list(values) for key, values in state.callbacks.get(recorder(), {}).items()}


def recorder() -> str:
    """The name of the callback whose memory is the history."""
    return registry.get("callback", DEFAULTS["callback"]).__name__


def compiled_model(model: Model) -> Model:
    """The same structure with every compiled counterpart that plugins offer; not on the full-Jacobian path."""
    if model.full_jacobians:
        return model
    return attrs.evolve(
        model,
        body=tuple(registry.accelerate(layer) for layer in model.body),
        head=None if model.head is None else registry.accelerate(model.head),
        loss=registry.accelerate(model.loss),
    )


def _validation_of(model: Model, data: ValidationLike, dtype: FloatDType) -> TrainingData:
    if not isinstance(data, (tuple, list)) or len(data) not in {2, 3}:
        raise DataError("validation_data must be (X, y) or (X, y, sample_weight)")
    x = as_inputs(data[0], name="validation_data[0]", dtype=dtype, columns=model.inputs)
    return as_data(model, x, *data[1:], name="validation_data[1]")


def _split_off(data: TrainingData, share: float, seed: int) -> tuple[TrainingData, TrainingData]:
    """Training and validation data: a share of the samples, drawn by the seed, goes to the second."""
    x, target, weight = data
    count = round(len(x) * share) if isinstance(share, (int, float)) and 0 < share < 1 else 0
    if not 0 < count < len(x):
        raise DataError(
            f"validation_split is {share!r}; expected a share above 0 and below 1 that leaves samples on both "
            f"sides of {len(x)}"
        )
    order = np.random.default_rng([seed, SPLIT_STREAM]).permutation(len(x))
    parts = [(x[i], target[i], None if weight is None else weight[i]) for i in (order[count:], order[:count])]
    return parts[0], parts[1]


def _planned(epoch: int, epochs: int, batch_size: int | None, sampling: str, samples: int) -> Plan:
    """The plan of a new run after ``epoch`` epochs."""
    if sampling not in SAMPLINGS:
        raise DataError(f"sampling is {sampling!r}; expected one of {', '.join(map(repr, SAMPLINGS))}")
    count = positive_integer(epochs, "epochs")
    rows = samples if batch_size is None else min(positive_integer(batch_size, "batch_size"), samples)
    return Plan(last_epoch=epoch + count, batch_size=rows, samples=samples, sampling=sampling)


def _resumed(plan: Plan | None, samples: int) -> Plan:
    """The plan of the run that was interrupted, when these are its data."""
    if plan is None:
        raise DataError("resume=True, but no training was begun; call fit without it")
    if plan.samples != samples:
        raise DataError(
            f"resume=True with {samples} samples; the interrupted training had {plan.samples}: pass the same data"
        )
    return plan


def _callbacks_of(callbacks: PartSpec | Sequence[PartSpec]) -> list[Callback]:
    """The callbacks, with one that records the history in front where there is none."""
    many: list[PartSpec] = [callbacks] if isinstance(callbacks, (str, Mapping, Callback)) else list(callbacks)  # type: ignore[arg-type]
    built: list[Callback] = [registry.create("callback", spec) for spec in many]
    recorder = registry.get("callback", DEFAULTS["callback"])
    if not any(isinstance(callback, recorder) for callback in built):
        built.insert(0, registry.create("callback", DEFAULTS["callback"]))
    return built
