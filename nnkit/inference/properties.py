"""What a network is and what its training has recorded, as properties."""

from __future__ import annotations

from nnkit.arrays import Array
from nnkit.core.model import Model
from nnkit.core.solving import solver_strengths
from nnkit.core.state import TrainingState
from nnkit.inference.fitted import Fitted
from nnkit.inference.history import History
from nnkit.inference.summary import described, summary
from nnkit.interfaces import Label, Layer, Loss, TaskName
from nnkit.interfaces.description import TablePlan
from nnkit.network.archive import Archive
from nnkit.network.composition import Composition

__all__ = ["Properties"]


class Properties(Fitted):
    """The composition, the description of the data and the record of the training; ``nnkit.Network`` has them."""

    _composition: Composition
    _model: Model | None
    _state: TrainingState | None
    notes: dict[str, object]

    @property
    def composition(self) -> Composition:
        """The parts and choices, a frozen value; equal compositions make equal networks."""
        return self._composition

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, every part resolved."""
        return self._composition.layers

    @property
    def loss(self) -> Loss:
        """The loss."""
        return self._composition.loss

    @property
    def task(self) -> TaskName | None:
        """``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``; ``None`` for a loss without a task."""
        if self._composition.deferred:
            return self._composition.task
        return self._composition.task_of(self._composition.outputs if self._model is None else self.outputs).name

    @property
    def features(self) -> tuple[str, ...] | None:
        """The names of the input columns, learned from the first frame; ``None`` where the data had none."""
        return None if self._model is None else self._model.description.features

    @property
    def columns(self) -> TablePlan | None:
        """What makes the inputs from the columns of a table, learned by the first ``fit``; else ``None``."""
        return None if self._model is None else self._model.description.columns

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """The label of each class, in the order of the outputs, learned by the first ``fit``; else ``None``.

        For the task multilabel the names of the target columns, where they came as a frame.
        """
        return None if self._model is None else self._model.description.classes

    @property
    def seed(self) -> int:
        """The seed of every random number of this network."""
        return self._composition.seed

    @property
    def inputs(self) -> int | None:
        """Columns of the input; ``None`` while they are unknown."""
        return self._composition.inputs

    @property
    def history(self) -> History:
        """``epoch``, ``loss``, ``val_loss`` and metrics of every epoch so far: a dict that notebooks show as curves."""
        values = {} if self._state is None else {name: list(values) for name, values in self._state.history.items()}
        scaled = self._model is not None and self._model.description.shift is not None
        return History(values, stochastic=any(layer.stochastic for layer in self.layers), scaled=scaled)

    @property
    def archive(self) -> Archive:
        """The archive that the callback ``archiver`` has filled, by step and layer.

        Raises:
            DataError: When no archiver was among the callbacks of a training of this network.
        """
        archive = {} if self._state is None else self._state.archive
        return Archive.of(self._composition, self.model, archive, self.notes)

    @property
    def archived(self) -> bool:
        """Whether there is an archive."""
        return self._state is not None and bool(self._state.archive)

    @property
    def epoch(self) -> int:
        """Epochs of training so far."""
        return 0 if self._state is None else self._state.epoch

    @property
    def step(self) -> int:
        """Updates of the parameters so far."""
        return 0 if self._state is None else self._state.step

    @property
    def strengths(self) -> Array | None:
        """The ``l2`` strength that the solver found for each parameter, ``(P,)``; ``None`` when it looked for none.

        ``bayesian_regularization`` finds them; the penalty is then ``0.5 * strengths @ parameters[:P]**2``.
        """
        return None if self._state is None else solver_strengths(self._composition.optimizer, self._state)

    @property
    def stop_reason(self) -> str | None:
        """Why the last call of ``fit`` ended before its last epoch, in words; ``None`` when it did not."""
        return None if self._state is None else self._state.stopped

    def summary(self) -> str:
        """Layers, outputs, numbers of parameters and the other parts, as text."""
        return summary(self._composition, self._model)

    def _repr_html_(self) -> str:
        """Layers, parts, their providers and the state of the training, as a table."""
        training = [("training", f"{self.epoch:,} epochs, {self.step:,} steps")]
        if self.stop_reason is not None:
            training.append(("stopped", self.stop_reason))
        if self._state is not None:
            training += [(f"last {name}", value) for name, value in self.history.last().items()]
        return described(self._composition, self._model, training)
