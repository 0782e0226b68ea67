"""One call of ``fit`` whose arguments are checked: what is trained on what, and the loop that does it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import TypeAlias

import attrs
import numpy as np

from nnkit import registry
from nnkit.core.adapting import adapt
from nnkit.core.batches import Batches
from nnkit.core.loop import Engine
from nnkit.core.model import Model
from nnkit.core.objective import Objective
from nnkit.core.processes import PROCESSES
from nnkit.core.sharded import ShardedData
from nnkit.core.sharded_objective import ShardedObjective
from nnkit.core.solving import Solving
from nnkit.core.state import Plan, TrainingState
from nnkit.core.view import Run
from nnkit.data.likely_mistakes import Outcome, advice_for
from nnkit.data.sparse import SparseRows
from nnkit.inference.compiled import compiled_model
from nnkit.interfaces import Callback, EpochKernel, Metric, ObjectiveLike, Solver, Source, TrainingData
from nnkit.network.archive import add_record
from nnkit.network.composition import Composition

__all__ = ["Data", "Fitting"]

Data: TypeAlias = TrainingData | Source | ShardedData
"""Training or validation data: in memory, read by windows, or in shards elsewhere."""


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
