"""The network that a person uses: it hands each call on to the rooms below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import attrs
import numpy as np
import numpy.typing as npt

from nnkit import registry
from nnkit.arrays import Array
from nnkit.core import evaluation
from nnkit.core.freezing import Freezable
from nnkit.core.lock import FitLock
from nnkit.core.model import Model
from nnkit.core.objective import Objective
from nnkit.core.processes import PROCESSES
from nnkit.core.state import TrainingState
from nnkit.data.arrays import DataLike, as_vector
from nnkit.data.column_request import ColumnsLike
from nnkit.data.describing import described
from nnkit.data.scaling import TargetScaling, with_scaling
from nnkit.data.sources import SourceLike
from nnkit.data.targets import as_data
from nnkit.data.weights import ClassWeight
from nnkit.errors import DataError
from nnkit.files.stored import Stored
from nnkit.inference.calling import answering, missing_attribute
from nnkit.inference.gradient_check import GradientReport, check_gradient
from nnkit.inference.history import History
from nnkit.inference.prediction import LivePredictions
from nnkit.inference.properties import Properties
from nnkit.interfaces import DataDescription, Layer, Optimizer, PartSpec, Solver, TaskName
from nnkit.network.archive import Archive
from nnkit.network.composition import DEFAULTS, Composition
from nnkit.preparing.call import prepared_fit
from nnkit.preparing.deciding import with_inputs
from nnkit.preparing.options import FitOptions, ValidationLike
from nnkit.preparing.recipe import RecipePlan, plan_of

__all__ = ["Network"]


class Network(Properties, Freezable[Composition], Stored):
    """A feed-forward network composed from parts by name.

    Args:
        layers: Widths with the inputs first (``[64, 32, 10]``; ``[None, 32, 10]`` takes the inputs
            from the first data), or layers and specs of layers, which the number of inputs may precede.
        hidden: Widths or layers before the output, instead of ``layers``: the first ``fit`` then chooses the inputs
            and outputs, and, unless they are given, the loss and the output activation, for the task. The task follows
            from the loss, or from targets that are texts, booleans, categories, or numbers with a fraction.
        hidden_activation: Of all widths but the last; by default ``"relu"``. A layer's name (``"prelu"``, ``"glu"``,
            ``"maxout"``) puts that layer behind a linear one that is as wide as it needs.
        output_activation: Of the last width; by default none, which is the identity.
        activations: One for each width after the inputs, instead of the two above.
        loss: By default ``"mean_squared_error"``; with ``hidden`` by the task.
        optimizer: Optimizer, solver or any object with ``update(old_params, gradient)``; by default ``"adam"``.
        initializer: Of weights; by default ``"glorot_uniform"``.
        bias_initializer: Of biases; by default ``"zeros"``.
        regularizer: Of all weights whose layer names none.
        seed: A non-negative integer; ``None`` draws one, which ``network.seed`` then returns.
        dtype: ``"float32"`` or ``"float64"``; by default that of the first data, where float32 stays
            float32 and everything else becomes float64.
        backward: ``"fast"``, or ``"jacobian"``: full Jacobians, without shortcuts and fused forms.
        task: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``; by default it follows from the loss
            and the number of outputs.
        target_scaling: ``"standardize"`` (mean 0, standard deviation 1) or ``"minmax"`` ([-1, 1]): each target column
            is scaled for the loss, as learned from the first training rows. ``predict``, metrics, Jacobians and
            intervals stay in the units of the targets; ``loss`` and ``val_loss`` are those of scaled targets.
        columns: ``"auto"`` learns from the first table what to do with each column: text becomes one-hot, missing
            numbers the median, True and False 1 and 0. A mapping declares the rules of some columns:
            ``{"zip": "onehot", "note": "drop", "age": "number(missing='mean')", "day": "date"}``.

    Raises:
        SpecError: When the layers cannot be understood, or do not fit the loss.
        UnknownNameError: When a name is not known; suggests the nearest.
        HyperparameterError: When a hyperparameter is out of its range.

    Example:
        >>> net = Network([2, 8, 1], hidden_activation="tanh", seed=0)
        >>> X = np.random.default_rng(0).normal(size=(64, 2))
        >>> history = net.fit(X, X[:, 0] * X[:, 1], epochs=50, batch_size=16)
        >>> history["loss"][-1] < history["loss"][0]
        True
    """

    @answering
    def __init__(
        self,
        layers: Sequence[int | PartSpec | None] | Layer | None = None,
        *,
        hidden: Sequence[int | PartSpec] | None = None,
        hidden_activation: PartSpec = DEFAULTS["hidden_activation"],
        output_activation: PartSpec | None = None,
        activations: Sequence[PartSpec] | None = None,
        loss: PartSpec | None = None,
        optimizer: PartSpec = DEFAULTS["optimizer"],
        initializer: PartSpec = DEFAULTS["initializer"],
        bias_initializer: PartSpec = DEFAULTS["bias_initializer"],
        regularizer: PartSpec | None = None,
        seed: int | None = None,
        dtype: npt.DTypeLike | None = None,
        backward: Literal["fast", "jacobian"] = "fast",
        task: TaskName | None = None,
        target_scaling: TargetScaling | None = None,
        columns: ColumnsLike | None = None,
    ) -> None:
        composition = Composition.of(
            layers,
            hidden=hidden,
            hidden_activation=hidden_activation,
            output_activation=output_activation,
            activations=activations,
            loss=loss,
            optimizer=optimizer,
            initializer=initializer,
            bias_initializer=bias_initializer,
            regularizer=regularizer,
            seed=seed,
            dtype=dtype,
            backward=backward,
            task=task,
            target_scaling=target_scaling,
            columns=columns,
        )
        self._start(composition)

    @classmethod
    def recipe(cls, recipe: PartSpec, X: DataLike, y: DataLike, **choices: object) -> RecipePlan[Self]:
        """What a recipe chooses for these data; ``print`` describes it, ``nnkit.fit_recipe`` trains it.

        Args:
            recipe: A name or spec: ``"tabular"``, ``"fitnet(units=5)"``.
            X: Inputs ``(N, D)``, or a table with text columns and missing values.
            y: Targets; integers need ``task``.
            choices: Replace those of the recipe: arguments of ``Network(hidden=...)`` and of ``fit``, ``members``,
                ``folds``, ``combine`` and ``preparation``.

        Raises:
            SpecError: When a choice has no place, or the recipe has none for the task.
            DataError: When the data cannot be used.

        Example:
            >>> table = {"age": [30.0, None, 52.0] * 20, "city": ["Oslo", "Rome", "Oslo"] * 20}
            >>> plan = Network.recipe("tabular", table, [1.5, 2.5, 3.5] * 20, seed=0)
            >>> plan.table.numbers, plan.table.indicators, plan.choices.members
            (2, 2, 5)
        """
        return plan_of(cls._of, recipe, X, y, choices)

    if not TYPE_CHECKING:  # a type checker reports both itself

        def __call__(self, *args: object) -> None:
            """Answer ``network(X)``: predictions are made by ``predict``."""
            raise TypeError("a network is not called: predict(X) makes predictions, trace(X) shows every layer")

        def __getattr__(self, name: str) -> None:
            """Answer names of other libraries; called for attributes that do not exist."""
            raise missing_attribute(type(self), name)

    def _start(
        self,
        composition: Composition,
        model: Model | None = None,
        state: TrainingState | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        self._composition = composition
        self._model = model
        if model is None and composition.inputs is not None:
            self._model = composition.model(composition.inputs)
        self._state = state
        self._forwards = evaluation.ForwardCache(LivePredictions())
        self._fit_lock = FitLock()
        self._composed = composition
        # Saved with the network. Any: numbers, strings, lists, mappings and arrays in any nesting.
        self.notes: dict[str, Any] = dict(notes or {})

    # -- what it is ----------------------------------------------------------------------------

    @property
    def optimizer(self) -> Optimizer | Solver:
        """The optimizer or solver; another one (a name, spec or instance) begins with a state of its own."""
        return self._composition.optimizer

    @optimizer.setter
    def optimizer(self, optimizer: PartSpec) -> None:
        self._fit_lock.check()
        composition = attrs.evolve(self._composition, optimizer=registry.create("optimizer", optimizer))
        if composition != self._composition and self._state is not None:
            self._state.drop_optimizer()
        self._composition = composition

    @property
    def model(self) -> Model:
        """The structure with every choice made; a ``DataError`` while the number of inputs is not known."""
        if self._model is None:
            raise DataError("the number of inputs is not known yet: call fit, or name it first: Network([inputs, ...])")
        return self._model

    @property
    def parameters(self) -> Array:
        """All weights and biases in one vector, those of frozen layers last: the live one."""
        return self._ready().parameters

    @parameters.setter
    def parameters(self, vector: npt.ArrayLike) -> None:
        self._fit_lock.check()
        self._ready().assign(as_vector(vector, "parameters", self.layout.size))

    @property
    def buffers(self) -> Array:
        """All arrays of layers that are not trained (their statistics) in one vector: the live one."""
        return self._ready().buffers

    def __repr__(self) -> str:
        widths = [self.inputs, *(self._model.widths if self._model else ["?"] * len(self.layers))]
        return f"Network({widths}, loss={self.loss!r}, optimizer={self.optimizer!r})"

    # -- training ------------------------------------------------------------------------------

    @answering
    def fit(
        self,
        X: DataLike | SourceLike,
        y: DataLike | None = None,
        *,
        epochs: int | None = None,
        batch_size: int | None = 32,
        validation_data: ValidationLike | None = None,
        validation_split: float = 0.0,
        metrics: PartSpec | Sequence[PartSpec] = (),
        callbacks: PartSpec | Sequence[PartSpec] = (),
        sample_weight: DataLike | None = None,
        class_weight: ClassWeight | None = None,
        sampling: str = "shuffle",
        window: int = 65_536,
        steps_per_epoch: int | None = None,
        resume: bool = False,
    ) -> History:
        """Train, from where the last call of ``fit`` ended; returns the history of every epoch.

        Args:
            X: Inputs ``(N, D)``: an array, nested lists, or a frame (pandas, polars, pyarrow). The first frame names
                ``network.features``; the columns of later ones are matched by name. Or a source, read by windows:
                ``nnkit.data.Rows``, ``nnkit.data.Stream`` (with its targets), or an array of h5py, zarr or dask. Or
                shards on other machines (``nnkit.interfaces.Shards``), for solvers.
            y: Targets ``(N, K)`` or ``(N,)``; where the task is of classes, labels (str, bool or int) or one-hot rows.
                The first labels are ``network.classes``.
            epochs: Passes over the data in this run, by default 10; of a solver, its steps.
            batch_size: Rows of a batch; ``None`` takes all. The last batch of an epoch may be smaller.
            validation_data: ``(X, y)`` or ``(X, y, sample_weight)``, evaluated after each epoch.
            validation_split: Share of the samples, drawn by the seed, that is used for validation instead.
            metrics: Names or specs, evaluated after each epoch with the parameters as they are then.
            callbacks: Names, specs or instances.
            sample_weight: ``(N,)``, non-negative, of any scale; the loss is the weighted mean.
            class_weight: ``{label: weight}``, one weight a class, or ``"balanced"``; of training samples only.
            sampling: ``"shuffle"``, ``"sequential"``, or ``"random_batch"`` (each drawn anew, without replacement).
            window: Rows of a source that are in memory at a time, at the most (fewer above 32 MiB of inputs).
                Shuffled windows of ``Rows`` are mixtures of runs of rows; all follows from the seed and the epoch.
            steps_per_epoch: Batches of an epoch of a ``Stream``, which goes on where the epoch before ended.
            resume: Go on with the last run, bit-identically, until its ``epochs`` are done; the other arguments must
                be those of that run. ``epochs`` then changes how many it has.

        Raises:
            DataError: When the data cannot be used; nothing is changed then.
            BusyError: When the network is being fitted.
            KeyboardInterrupt: After Ctrl-C, between two steps: the network is consistent.
        """
        with self._fit_lock:
            options = FitOptions(
                epochs=epochs,
                batch_size=batch_size,
                validation_data=validation_data,
                validation_split=validation_split,
                metrics=metrics,
                callbacks=callbacks,
                class_weight=class_weight,
                sampling=sampling,
                resume=resume,
            )
            network = self._composition, self._model, self._state
            samples = X, y, sample_weight
            call = PROCESSES.get().prepared(lambda: prepared_fit(network, samples, window, steps_per_epoch, options))
            # All that can be refused has been: from here on the network changes.
            self._composition, self._model, self._state = call.composition, call.model, call.state
            call.run(self.save)
        return self.history

    def reset(self) -> None:
        """Give back the network as composed; the same seed draws the same parameters."""
        self._fit_lock.check()
        self._state = None
        if self._composed.inputs is None:
            open_one = self._composed if self._composed.deferred else attrs.evolve(self._composition, inputs=None)
            self._composition, self._model = attrs.evolve(open_one, optimizer=self.optimizer), None
        elif self._model is not None:
            self._model = attrs.evolve(self._model, description=DataDescription())

    # -- derivatives ---------------------------------------------------------------------------

    def objective(
        self, X: DataLike, y: DataLike, *, sample_weight: DataLike | None = None, total_weight: float | None = None
    ) -> Objective:
        """The function of the trainable parameters that training minimizes, regularization included.

        They are the first of ``parameters``. Every optimizer package can use it: see ``Objective``.

        Args:
            X: Inputs ``(N, D)``.
            y: Targets, as for ``fit``.
            sample_weight: ``(N,)``, non-negative.
            total_weight: Of one shard of the data, the sum of all weights (or their number): shards sum to the whole.

        Raises:
            DataError: When the data cannot be used.
        """
        new = with_inputs(self._composition, self._model, self._state, X, y, empty=total_weight is not None)
        model = described(new.model, X, y) if total_weight is None else new.model
        if total_weight is None and self._composition.target_scaling is not None:
            in_units = as_data(model, new.x, y, sample_weight, scaled=False)
            model = with_scaling(model, self._composition.target_scaling, *in_units[1:])
        data = as_data(model, new.x[:], y, sample_weight, shard=total_weight is not None)
        state = new.built_state()
        if not self._fit_lock.locked:
            self._composition, self._model, self._state = new.composition, model, state
        frozen = state.parameters[model.trained.size :]
        return Objective(model, state.buffers, *data, total_weight=total_weight, frozen=frozen)

    def check_gradient(
        self, X: DataLike, y: DataLike, *, sample_weight: DataLike | None = None, seed: int = 0
    ) -> GradientReport:
        """Whether the composed gradient is right at the present parameters; if not, which part first differs.

        See ``nnkit.inference.check_gradient``; ``print(net.check_gradient(X, y))`` reports it in words.

        Raises:
            DataError: When the data cannot be used.
        """
        objective = self.objective(X, y, sample_weight=sample_weight)
        return check_gradient(objective, self.parameters[: objective.size], seed=seed)

    # -- saving --------------------------------------------------------------------------------

    # Any: JSON nests to any depth, which has no exact type.
    def to_config(self) -> dict[str, Any]:
        """The composition as JSON-able data: canonical names, hyperparameters, and the providers of the parts."""
        return self._composition.to_config()

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, overrides: Mapping[str, PartSpec] | None = None) -> Self:
        """The network of a config, freshly initialized.

        Args:
            config: From ``to_config``.
            overrides: Parts that no package registers, by their place in the config
                (``"loss"``, ``"layers[0].activation"``).

        Raises:
            MissingProviderError: Names the distribution to install.
            SpecError: When the config cannot be understood.
        """
        return cls._of(Composition.from_config(config, overrides))

    @classmethod
    def from_archive(cls, archive: Archive, step: int) -> Self:
        """The network as it was after a step: parameters and buffers; its optimizer starts anew.

        Raises:
            DataError: When the parameters of this step are not archived.
        """
        return cls._of(archive.composition, archive.model, archive.state_at(step), archive.notes)

    # -- inside --------------------------------------------------------------------------------

    _compose = Composition.from_config

    @classmethod
    def _of(cls, composition: Composition, *rest: Any) -> Self:
        network = cls.__new__(cls)
        network._start(composition, *rest)  # noqa: SLF001  # its own class
        return network

    def _before_assignment(self) -> None:
        self._fit_lock.check()
        self._ready().before_assignment()

    def _contents(self) -> tuple[Composition, Model | None, TrainingState | None, dict[str, Any]]:
        self._fit_lock.check_copying()
        return self._composition, self._model, self._state if self._model is None else self._ready(), self.notes

    def _ready(self) -> TrainingState:
        """The state; draws the parameters when they are needed for the first time."""
        if self._state is None:
            dtype = self._composition.dtype or np.dtype(np.float64)
            self._state = self._composition.initial_state(self.model, dtype)
        return self._state
