"""Training by a solver: each of its steps is an epoch, with the same events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.core.curvature import missing_squares, sums_squares
from nnkit.core.loop import Loop
from nnkit.core.model import Model
from nnkit.core.state import TrainingState
from nnkit.core.trained import START, STEPS
from nnkit.core.view import Run
from nnkit.errors import SpecError, TrainingWarning, warn
from nnkit.interfaces import ObjectiveLike, Solver, SolverStep

__all__ = ["Solving", "check_solver", "new_state", "solver_strengths", "weight_groups"]


class Solving:
    """A solver and the objective that it minimizes (``Engine``).

    Args:
        objective: The function; how it is made and where it is evaluated is not the solver's business.
        model: The structure.
        solver: The solver of the composition.
        run: The state, the plan and the data.
    """

    nonfinite_hint = ""

    def __init__(self, objective: ObjectiveLike, model: Model, solver: Solver, run: Run) -> None:
        self._objective, self._model, self._solver, self._run = objective, model, solver, run
        self._moved = self._done = False
        self._stateful = solver.offers("solve_from")
        if not self._stateful and run.state.epoch == run.plan.first_epoch:
            run.state.optimizer = None

    def run(self, loop: Loop) -> None:
        """Call the solver; again from the new place when a callback has moved the parameters."""
        state = self._run.state
        while loop.goes_on and loop.begin_epoch():
            self._moved = False
            before = state.epoch
            self._solve(loop)
            if not self._moved or state.epoch == before:
                break
        self._done = True

    def learning_rate(self) -> None:
        """None: a solver has no learning rate."""

    def honour(self) -> None:
        """Note that a callback has moved the parameters."""
        if self._run.new_parameters is not None:
            self._moved = True
            if not self._stateful and not self._done:
                self._run.state.optimizer = None

    def position(self) -> str:
        """Steps made."""
        return f"{self._run.state.epoch} of {self._run.plan.last_epoch} steps"

    def _solve(self, loop: Loop) -> None:
        run, state, solver = self._run, self._run.state, self._solver
        size = self._model.trained.size

        def on_step(report: SolverStep) -> bool:
            np.copyto(state.parameters[:size], report.parameters)
            if self._stateful:
                state.optimizer = dict(report.state)
            state.step += 1
            if report.reason is not None and state.epoch + 1 < run.plan.last_epoch:
                run.stop_reason = run.stop_reason or report.reason
            loop.end_epoch(report.value, report.info)
            return self._moved or not loop.goes_on or not loop.begin_epoch() or self._moved

        if state.optimizer is None:
            state.optimizer = new_state(self._model, solver, state.parameters)
        steps = run.plan.last_epoch - state.epoch
        if self._stateful:
            start = state.parameters[:size].copy()
            solver.solve_from(self._objective, start, state.optimizer, max_steps=steps, on_step=on_step)
        elif not self._repeat(loop, on_step, steps):
            warn(
                f"{type(solver).__name__} does not come to the parameters of this network when it repeats the "
                f"{state.optimizer[STEPS]} steps of the run (they were written to, or the BLAS rounds otherwise "
                "here), so it begins anew from them",
                TrainingWarning,
            )
            state.optimizer = new_state(self._model, solver, state.parameters)
            self._repeat(loop, on_step, steps)

    def _repeat(self, loop: Loop, on_step: Callable[[SolverStep], bool], steps: int) -> bool:
        """Solve from the start of the run; the steps that it has made are repeated, but not reported.

        Returns:
            False when these do not end at the present parameters; nothing is changed then.
        """
        state = self._run.state
        begun: dict[str, Any] = state.optimizer or {}
        ahead: int = begun[STEPS]
        present = state.parameters[: self._model.trained.size]
        number, same = 0, True

        def after_step(report: SolverStep) -> bool:
            nonlocal number, same
            number += 1
            if number > ahead:
                begun[STEPS] = number
                return on_step(report)
            same = number < ahead or np.array_equal(report.parameters, present)
            return not same or loop.halted

        self._solver.solve(self._objective, begun[START].copy(), max_steps=ahead + steps, on_step=after_step)
        return same and (number >= ahead or loop.halted)


def new_state(model: Model, solver: Solver, parameters: Array) -> dict[str, Any]:
    """The state of a solver before its first step; where it has none, what its steps can be repeated from."""
    theta = parameters[: model.trained.size].copy()
    if not solver.offers("solve_from"):
        return {START: theta, STEPS: 0}
    return dict(solver.begin(theta, weight_groups(model)))


def weight_groups(model: Model) -> IntArray:
    """``(P,)``: positive integers for parameters that should be small together, 0 for those that need not be.

    The weights that leave one input of the network belong together, and so do those of each later array, and the
    biases of each layer but the last, whose own follow the level of the targets.
    """
    groups = np.zeros(model.trained.size, dtype=np.int64)
    count = 0
    last = max((slot.layer for slot in model.layout.slots), default=0)
    first = min((slot.layer for slot in model.layout.slots if slot.spec.role == "weight"), default=0)
    for slot in model.trained.slots:
        hidden_bias = slot.spec.name.rpartition(".")[2] == "bias" and slot.layer < last
        if slot.spec.role != "weight" and not hidden_bias:
            continue
        # Only layers that treat each column alone stand before the first weights: its rows are still the inputs.
        rows = slot.spec.shape[0] if count == 0 and slot.layer == first and slot.spec.shape[0] == model.inputs else 1
        place = groups[slot.place].reshape(rows, -1)
        place[...] = np.arange(count + 1, count + rows + 1)[:, None]
        count += rows
    return groups


def solver_strengths(solver: Any, state: TrainingState) -> Array | None:
    """The ``l2`` strength that the solver found for each parameter in this training, ``(P,)``; ``None`` if none."""
    if not isinstance(solver, Solver) or not solver.offers("strengths") or state.optimizer is None:
        return None
    strengths: Array = solver.strengths(state.optimizer)
    return strengths


def check_solver(model: Model, solver: Solver) -> None:
    """Refuse, before training, a loss or a regularizer that the solver cannot minimize.

    Raises:
        SpecError: Names the solver, the part and what to do.
    """
    name = type(solver).__name__
    idle = sorted({type(layer).__name__ for layer in model.body if layer.stochastic or not layer.row_independent})
    if idle:
        warn(
            f"{name} sees all layers as they are in inference, where {', '.join(idle)} does nothing that belongs to "
            "training: nothing is dropped, and statistics stay as they are; leave such layers out, or train with adam",
            TrainingWarning,
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
