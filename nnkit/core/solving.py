"""Training by a solver: each of its steps is an epoch, watched like any other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnkit.core.interrupt import InterruptGuard
from nnkit.core.model import Model
from nnkit.core.objective import Objective
from nnkit.core.step import Vectors
from nnkit.core.training import Listeners, finish_epoch, where_stopped
from nnkit.core.view import Run
from nnkit.interfaces import Callback, Solver, SolverStep

__all__ = ["solve"]


def solve(model: Model, solver: Solver, run: Run, callbacks: Sequence[Callback]) -> None:
    """Let the solver work on the whole of the data until the plan is done or somebody stops it.

    Raises:
        KeyboardInterrupt: After a Ctrl-C; the parameters are then those of the last step.
    """
    state = run.state
    vectors = Vectors(state.parameters, run.gradient, state.buffers)
    objective = Objective(model, state.buffers, *run.data)

    def honour() -> None:
        state.stopped = run.stop_reason
        if run.new_parameters is not None:
            np.copyto(state.parameters, run.new_parameters)
            run.new_parameters = None

    with InterruptGuard() as guard, np.errstate(all="ignore"):
        listeners = Listeners(callbacks, run, honour)

        def on_step(report: SolverStep) -> bool:
            np.copyto(state.parameters, report.parameters)
            state.step += 1
            finish_epoch(model, vectors, run, report.value)
            run.logs |= report.info
            listeners.tell("on_epoch_end")
            if report.reason is not None:
                run.stop_reason = run.stop_reason or report.reason
            return run.stopping() or guard.requested

        listeners.tell("on_train_begin")
        left = run.plan.last_epoch - state.epoch
        if left > 0 and not run.stopping():
            solver.solve(objective, state.parameters.copy(), max_steps=left, on_step=on_step)
        state.stopped = run.stop_reason
        listeners.tell("on_train_end")
    if guard.requested:
        raise KeyboardInterrupt(where_stopped(run))
