"""Training in batches: an optimizer makes one step a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.blocks import supply_blocks
from nnkit.core.closure import bind_closure
from nnkit.core.evaluation import behind
from nnkit.core.feeding import Portion, portions
from nnkit.core.learning_rate import learning_rate_of, with_learning_rate
from nnkit.core.loop import Loop
from nnkit.core.model import Model
from nnkit.core.order import Sampling, epoch_order
from nnkit.core.sharded import ShardedData
from nnkit.core.step import GradientStep, Vectors
from nnkit.core.trained import TRAINED, begin_state, training_vector
from nnkit.core.view import Run
from nnkit.core.workspace import Pool
from nnkit.interfaces import EpochKernel, Evaluate, ManySteps, Optimizer, rate_at
from nnkit.interfaces.stepping import steps_made

__all__ = ["Batches"]


class Batches:
    """The innermost loop (``Engine``): gathers a batch, computes a gradient, makes an update.

    Args:
        model: The structure; its parts may be compiled counterparts.
        optimizer: The optimizer of the composition.
        run: The state, the plan and the data.
        accelerate: Returns the compiled counterpart of an optimizer, or the optimizer itself.
        bind_step: Objective and gradient of a batch, as ``nnkit.core.processes.Processes.bind_step``.
        kernel: Makes many steps a call; the data are then arrays in memory.
    """

    nonfinite_hint = "; the callback 'stop_on_nonfinite' stops at the first such step"

    def __init__(
        self,
        model: Model,
        optimizer: Optimizer,
        run: Run,
        accelerate: Callable[[Optimizer], Optimizer],
        bind_step: Callable[..., GradientStep],
        kernel: EpochKernel | None = None,
    ) -> None:
        plan = run.plan
        assert not isinstance(run.data, ShardedData)  # those are for solvers
        self._run, self._model, self._data = run, model, run.data
        self._composed, self._accelerate, self._bind_step = optimizer, accelerate, bind_step
        self._kernel = kernel
        self._many: ManySteps | None = None
        self._ended = False
        self._size = model.trained.size
        self._gradient = run.gradient[: self._size]
        state = run.state
        self._optimizer = self._in_force()
        if self._written_to():
            state.before_assignment()
        if state.optimizer is None:
            state.optimizer = begin_state(self._optimizer, state.parameters[: self._size], model.trained.blocks)
        self._vector = training_vector(state.optimizer, state.parameters)
        self._trained = self._vector[: self._size]
        self._vectors = Vectors(self._vector, self._gradient, run.state.buffers)
        self._pool = Pool(plan.batch_size, run.state.parameters.dtype)
        self._steps: dict[int, GradientStep] = {}
        # Weights with mean 1, so that batches estimate the weighted mean without bias; a loss that couples rows
        # reduces them itself, so it is passed those of the user.
        self._weight = None
        # All of the data in one batch needs no gathering: its order does not matter.
        self._gathers = True
        if isinstance(run.data, tuple):
            x, _, weight = run.data
            self._gathers = plan.batch_size < plan.samples
            if weight is not None:
                self._weight = (weight if model.loss.rows_coupled else _with_mean_1(weight)).astype(x.dtype)
            if kernel is not None:
                self._pass_fixed_layers(kernel)
        self._batch: tuple[Any, Array, Array | None] | None = None
        self._bind_optimizer()

    def run(self, loop: Loop) -> None:
        """Epoch after epoch."""
        while loop.goes_on and loop.begin_epoch():
            try:
                self._run_epoch(loop)
            finally:
                self._evaluate()
            if self._run.state.batch < self._run.plan.batches:
                break
            loop.end_epoch(self._mean_loss())
        self._ended = True

    def learning_rate(self) -> float | None:
        """The learning rate of the next step."""
        rate = learning_rate_of(self._optimizer)
        state = self._run.state
        return None if rate is None else rate_at(rate, steps_made(state.optimizer or {}, state.step))

    def honour(self) -> None:
        """Bind the optimizer anew when a callback has asked for another learning rate, or for other parameters.

        At the end of the run, other parameters are those of the next run alone.
        """
        state, new = self._run.state, self._run.new_parameters
        if new is not None and self._vector is not state.parameters and not self._ended:
            np.copyto(self._vector, new)
            state.optimizer = {
                **begin_state(self._optimizer, self._trained, self._model.trained.blocks), TRAINED: self._trained,
            }  # fmt: skip
            self._bind_optimizer()
        if self._run.new_learning_rate is not None:
            self._run.state.learning_rate = self._run.new_learning_rate
            self._run.new_learning_rate = None
            self._bind_optimizer()
            self._run.learning_rate = self.learning_rate()

    def position(self) -> str:
        """Epochs, batches and steps made."""
        state, plan = self._run.state, self._run.plan
        return (
            f"{state.epoch} of {plan.last_epoch} epochs and {state.batch} of {plan.batches} batches of the next "
            f"({state.step} steps)"
        )

    def _written_to(self) -> bool:
        """Whether the parameters for evaluation are not those of the optimizer: someone has written to the array."""
        state = self._run.state
        if state.optimizer is None or TRAINED not in state.optimizer:
            return False
        supply_blocks(state.optimizer, self._model.trained.blocks)
        expected = self._optimizer.evaluation(state.optimizer[TRAINED], state.optimizer)
        return not np.array_equal(expected, state.parameters[: self._size])

    def _in_force(self) -> Optimizer:
        """The optimizer, with the learning rate that a callback has set."""
        rate = self._run.state.learning_rate
        return self._composed if rate is None else with_learning_rate(self._composed, rate)

    def _bind_optimizer(self) -> None:
        state = self._run.state
        assert state.optimizer is not None
        self._optimizer = self._in_force()
        supply_blocks(state.optimizer, self._model.trained.blocks)
        if self._optimizer.uses_closure:
            self._update = _nothing  # the bound step makes the update
            return
        if self._kernel is not None and isinstance(self._run.data, tuple):
            data = (self._inputs, self._run.data[1], self._weight)
            self._many = self._kernel.bind(
                self._optimizer, self._trained, self._gradient, state.optimizer, data, state.noise
            )
            return
        compiled = self._accelerate(self._optimizer)
        self._update = compiled.bind(self._trained, self._gradient, state.optimizer)

    def _pass_fixed_layers(self, kernel: EpochKernel) -> None:
        """Compute the kernel's inputs, with the buffers as they are."""
        assert isinstance(self._data, tuple)
        buffers = self._run.state.buffers
        self._inputs = behind(self._model, kernel.fixed, Vectors(self._vector, None, buffers), self._data[0])
        self._buffers_then = buffers.copy()

    def _evaluate(self) -> None:
        """Set the parameters to those for evaluation, where they are not those that are trained."""
        state = self._run.state
        if self._vector is not state.parameters:
            assert state.optimizer is not None
            np.copyto(state.parameters[: self._size], self._optimizer.evaluation(self._trained, state.optimizer))

    def _closure_step(self, evaluate: Evaluate, parameters: Array) -> tuple[Array, float]:
        """The step of an optimizer that evaluates the objective itself."""
        assert self._run.state.optimizer is not None
        result: tuple[Array, float] = self._optimizer.step(evaluate, parameters, self._run.state.optimizer)
        return result

    def _mean_loss(self) -> float:
        """The mean over the samples of the epoch, each batch with the parameters before its step."""
        return self._run.state.loss_sum / self._run.plan.rows

    def _step(self, rows: int) -> GradientStep:
        if rows not in self._steps:
            bound = self._bind_step(
                self._model, self._vectors, self._pool, rows, scale=1.0 / rows, rng=self._run.state.noise
            )
            if self._optimizer.uses_closure:
                vectors = attrs.evolve(self._vectors, parameters=self._trained)
                bound = bind_closure(bound, vectors, self._run.state.noise, self._closure_step)
            self._steps[rows] = bound
        return self._steps[rows]

    def _buffers(self, portion: Portion) -> tuple[Any, Array, Array | None]:
        """Arrays for the rows of a batch; the data themselves where these are one batch."""
        if not self._gathers:
            return portion.x[:], portion.target, portion.weight
        if self._batch is None:
            rows, x, target, weight = self._run.plan.batch_size, portion.x, portion.target, portion.weight
            self._batch = (
                np.empty((rows, x.shape[1]), dtype=x.dtype) if isinstance(x, np.ndarray) else x.empty(rows),
                np.empty((rows, *target.shape[1:]), dtype=target.dtype),
                None if weight is None else np.empty(rows, dtype=weight.dtype),
            )
        return self._batch

    def _run_epoch(self, loop: Loop) -> None:
        """All batches that the present epoch still has, or fewer when it is halted."""
        if self._kernel is not None:
            self._run_in_calls(loop, self._kernel.batches)
            return
        run, state, plan = self._run, self._run.state, self._run.plan
        batch = plan.batch_size
        listening = loop.listening("on_batch_end")
        guard = loop.guard
        gathers = self._gathers
        step = self._step(batch)
        update = self._update
        done, total = state.batch, state.loss_sum
        first_step = state.step - done
        try:
            for portion in portions(self._data, self._weight, plan, state.entropy, state.epoch, done):
                order, rows, weights = portion.order, portion.rows, portion.weight
                x, target, weight = self._buffers(portion)
                take_x, take_target = portion.x.take, portion.target.take
                full = len(order) - len(order) % batch
                indices = order
                for start in range((done - portion.batch) * batch, full, batch):
                    if gathers:
                        indices = order[start : start + batch]
                        take_x(indices, 0, x, "clip")
                        take_target(indices, 0, target, "clip")
                        if weights is not None:
                            weights.take(indices, 0, weight, "clip")
                    value = step(x, target, weight)
                    update()
                    total += value * batch
                    done += 1
                    if listening:
                        state.step = first_step + done
                        self._end_batch(loop, indices if rows is None else rows[indices], value, done, total)
                        update = self._update
                        if run.stopping():
                            return
                    if guard.requested:
                        return
                if full < len(order) and portion.batch + full // batch == done:
                    indices = order[full:]
                    rest = len(indices)
                    weight = None if weights is None else weights[indices]
                    x, target = x[:rest], target[:rest]
                    take_x(indices, 0, x, "clip")
                    take_target(indices, 0, target, "clip")
                    value = self._step(rest)(x, target, weight)
                    update()
                    total += value * rest
                    done += 1
                    if listening:
                        state.step = first_step + done
                        self._end_batch(loop, indices if rows is None else rows[indices], value, done, total)
        finally:
            state.step = first_step + done
            state.batch, state.loss_sum = done, total

    def _run_in_calls(self, loop: Loop, most: int) -> None:
        """As ``_run_epoch``, up to ``most`` batches a call; one where callbacks handle each batch."""
        state, plan = self._run.state, self._run.plan
        listening = loop.listening("on_batch_end")
        sampling: Sampling = plan.sampling  # type: ignore[assignment]
        if self._gathers:
            order = epoch_order(state.entropy, state.epoch, plan.samples, plan.batch_size, sampling)
        else:
            order = np.arange(plan.samples)
        rows = plan.batch_size * (1 if listening else most)
        for start in range(state.batch * plan.batch_size, plan.rows, rows):
            if self._kernel is not None and not np.array_equal(state.buffers, self._buffers_then, equal_nan=True):
                self._pass_fixed_layers(self._kernel)  # a callback has written to them
                self._bind_optimizer()
            assert self._many is not None
            indices = order[start : start + rows]
            total, value = self._many(indices, state.loss_sum)
            made = -(-len(indices) // plan.batch_size)
            state.step, state.batch, state.loss_sum = state.step + made, state.batch + made, total
            if listening:
                self._end_batch(loop, indices, value, state.batch, total)
            if loop.halted:
                return

    def _end_batch(self, loop: Loop, indices: Array, value: float, done: int, total: float) -> None:
        run = self._run
        run.state.batch, run.state.loss_sum = done, total
        run.logs = {"loss": value}
        run.batch_indices = indices
        loop.notify("on_batch_end")


def _with_mean_1(weight: Array) -> Array:
    """The weights in float64, scaled; equal weights give ones."""
    relative: Array = weight / weight.max()
    relative /= relative.mean()
    return relative


def _nothing() -> None:
    """The update of an optimizer whose bound step makes it."""
