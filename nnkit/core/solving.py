"""Training by a solver: each of its steps is an epoch, watched like any other."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.core.curvature import missing_squares, sums_squares
from nnkit.core.interrupt import InterruptGuard
from nnkit.core.model import Model
from nnkit.core.objective import Objective
from nnkit.core.state import TrainingState
from nnkit.core.step import Vectors
from nnkit.core.training import Listeners, finish_epoch, warn_of_loss
from nnkit.core.view import Run
from nnkit.errors import NNKitError, SpecError, TrainingWarning
from nnkit.interfaces import Callback, Solver, SolverStep

__all__ = ["found_strengths", "solve", "weight_groups"]

OWNER = "solver"
"""The entry of a state that says whose it is: another solver starts afresh."""


def solve(model: Model, solver: Solver, run: Run, callbacks: Sequence[Callback]) -> None:
    """Let the solver work on the whole of the data until the plan is done or somebody stops it.

    Raises:
        SpecError: When the loss or a regularizer is not for this solver.
        KeyboardInterrupt: After a Ctrl-C; the parameters are then those of the last step.
    """
    _check_fit(model, solver)
    state = run.state
    vectors = Vectors(state.parameters, run.gradient, state.buffers)
    objective = Objective(model, state.buffers, *run.data)
    moved = False

    def honour() -> None:
        nonlocal moved
        state.stopped = run.stop_reason
        if run.new_learning_rate is not None:
            raise NNKitError(f"{type(solver).__name__} has no learning_rate to be changed by a callback")
        moved = moved or run.new_parameters is not None
        run.put_in_force()

    with InterruptGuard() as guard, np.errstate(all="ignore"):
        listeners = Listeners(callbacks, run, honour)

        def begin_epoch() -> None:
            run.logs = {}
            listeners.tell("on_epoch_begin")

        def on_step(report: SolverStep) -> bool:
            np.copyto(state.parameters, report.parameters)
            if solver.offers("solve_from"):
                state.optimizer = {**report.state, OWNER: type(solver).__name__}
            state.step += 1
            finish_epoch(model, vectors, run, report.value)
            run.logs |= report.info
            finished = state.epoch >= run.plan.last_epoch
            if report.reason is not None and not finished:
                run.stop_reason = run.stop_reason or report.reason
            listeners.tell("on_epoch_end")
            ends = run.stopping() or guard.requested or finished
            if not ends:
                begin_epoch()
            return ends or moved or run.stopping()

        listeners.tell("on_train_begin")
        while state.epoch < run.plan.last_epoch and not run.stopping() and not guard.requested:
            begin_epoch()
            moved = False
            start, steps = state.parameters.copy(), run.plan.last_epoch - state.epoch
            before = state.epoch
            if solver.offers("solve_from"):
                kept = _kept_state(model, solver, run)
                solver.solve_from(objective, start, kept, max_steps=steps, on_step=on_step)
            else:
                solver.solve(objective, start, max_steps=steps, on_step=on_step)
            # Only a callback that moves the parameters makes the solver start again from there.
            if not moved or state.epoch == before:
                break
        state.stopped = run.stop_reason
        listeners.tell("on_train_end")
    warn_of_loss(run)
    if guard.requested:
        raise KeyboardInterrupt(
            f"training stopped after {state.epoch} of {run.plan.last_epoch} steps; the network is whole: "
            "fit(..., resume=True) goes on from here"
        )


def weight_groups(model: Model) -> IntArray:
    """``(P,)``: numbers from 1 on for parameters that should be small together, 0 for those that need not be.

    The weights that leave one input of the network belong together, and so do those of each later array, and the
    biases of each layer but the last, whose own follow the level of the targets.
    """
    groups = np.zeros(model.layout.size, dtype=np.int64)
    count = 0
    last = max((slot.layer for slot in model.layout.slots), default=0)
    for slot in model.layout.slots:
        hidden_bias = slot.spec.name == "bias" and slot.layer < last
        if slot.spec.role != "weight" and not hidden_bias:
            continue
        # Only layers that treat each column alone stand before the first weights: its rows are still the inputs.
        rows = slot.spec.shape[0] if count == 0 and slot.spec.shape[0] == model.inputs else 1
        place = groups[slot.place].reshape(rows, -1)
        place[...] = np.arange(count + 1, count + rows + 1)[:, None]
        count += rows
    return groups


def found_strengths(solver: Any, state: TrainingState) -> Array | None:
    """The ``l2`` strength that the solver found for each parameter in this training, ``(P,)``; ``None`` if none."""
    kept = state.optimizer
    if not isinstance(solver, Solver) or not solver.offers("strengths") or kept is None:
        return None
    return solver.strengths(kept) if kept.get(OWNER) == type(solver).__name__ else None


def _kept_state(model: Model, solver: Solver, run: Run) -> Mapping[str, Any]:
    state = run.state
    if state.optimizer is not None and state.optimizer.get(OWNER) == type(solver).__name__:
        return {name: value for name, value in state.optimizer.items() if name != OWNER}
    fresh: Mapping[str, Any] = solver.begin(state.parameters.copy(), weight_groups(model))
    return fresh


def _check_fit(model: Model, solver: Solver) -> None:
    """Refuse, before anything moves, what the solver cannot make small."""
    name = type(solver).__name__
    idle = sorted({type(layer).__name__ for layer in model.body if layer.stochastic or not layer.row_independent})
    if idle:
        warnings.warn(
            f"{name} sees all layers as they are in inference, where {', '.join(idle)} does nothing that belongs to "
            "training: nothing is dropped, and statistics stay as they are; leave such layers out, or train with adam",
            TrainingWarning,
            stacklevel=4,
        )
    if solver.finds_strength and model.penalties:
        parts = sorted({repr(part) for _, part in model.penalties})
        raise SpecError(
            f"{name} finds the strength of its penalty itself, but this network has {', '.join(parts)}; "
            "leave the regularizer out, or use another solver"
        )
    if not solver.needs_residual:
        return
    if not sums_squares(model.loss):
        lacks = f" ({missing_squares(model.loss)})" if model.loss.offers("residual") else ""
        raise SpecError(
            f"{name} needs a loss that is a sum of squares, which {type(model.loss).__name__} is not{lacks}; "
            "mean_squared_error is one, and gauss_newton takes any loss with a second derivative"
        )
    for slot, part in model.penalties:
        if not part.offers("residual"):
            raise SpecError(
                f"{name} needs penalties that are sums of squares, which {type(part).__name__} of {slot.spec.name} in "
                f"layer {slot.layer} is not; l2 is one"
            )
