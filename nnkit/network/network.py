"""The network that a person uses: composed from names, trained, asked, saved."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nnkit import registry
from nnkit.arrays import Array, to_labels
from nnkit.core import evaluation
from nnkit.core.adapting import adapt
from nnkit.core.layout import Layout
from nnkit.core.model import Model
from nnkit.core.objective import Objective
from nnkit.core.solving import found_strengths, solve
from nnkit.core.state import TrainingState
from nnkit.core.step import Vectors
from nnkit.core.trace import LayerTrace
from nnkit.core.training import train
from nnkit.core.view import Run
from nnkit.data.arrays import as_inputs, choose_dtype
from nnkit.data.likely_mistakes import Outcome, mend_of, warn_of_data
from nnkit.errors import DataError, ShapeError, SpecError
from nnkit.files.storage import read_tree, write_tree
from nnkit.interfaces import Initializer, Layer, Loss, Optimizer, Regularizer, Solver
from nnkit.network import inspection
from nnkit.network.archive import Archive
from nnkit.network.compose import compose, fuses
from nnkit.network.config import network_from_config, network_to_config
from nnkit.network.gradient_check import GradientReport, check_gradient
from nnkit.network.pairs import check_pair
from nnkit.network.request import callbacks_of, checked, metrics_of, planned, resumed, split_off, validation_of
from nnkit.network.summary import summary
from nnkit.network.twins import accelerated
from nnkit.registry.builtins import DEFAULTS

__all__ = ["Network"]

INITIAL_STREAM = 0


class Network:
    """A feed-forward network composed from parts by name.

    Args:
        layers: Widths with the inputs first (``[64, 32, 10]``; ``[None, 32, 10]`` takes the inputs
            from the first data), or layers and specs of layers, which the number of inputs may precede.
        hidden_activation: Of all widths but the last; by default ``"relu"``.
        output_activation: Of the last width; by default none, which is the identity.
        activations: One for each width after the inputs, instead of the two above.
        loss: By default ``"mean_squared_error"``.
        optimizer: An optimizer, a solver, or any object with ``update(old_params, gradient)``;
            by default ``"adam"``.
        initializer: Of weights; by default ``"glorot_uniform"``.
        bias_initializer: Of biases; by default ``"zeros"``.
        regularizer: Of all weights whose layer names none.
        seed: A whole number from 0 on; ``None`` draws one, which ``network.seed`` then tells.
        dtype: ``"float32"`` or ``"float64"``; by default that of the first data, where float32 stays
            float32 and everything else becomes float64.
        backward: ``"fast"``, or ``"jacobian"`` for the honest path: every output activation through
            its stacked Jacobians, no part's shortcut and no fused form.

    Raises:
        SpecError: When the layers cannot be understood, or do not fit the loss.
        UnknownNameError: When a name is not known; says which is nearest.
        HyperparameterError: When a hyperparameter is out of its range.

    Example:
        >>> net = Network([2, 8, 1], hidden_activation="tanh", seed=0)
        >>> X = np.random.default_rng(0).normal(size=(64, 2))
        >>> history = net.fit(X, X[:, 0] * X[:, 1], epochs=50, batch_size=16)
        >>> history["loss"][-1] < history["loss"][0]
        True
    """

    def __init__(
        self,
        layers: Any,
        *,
        hidden_activation: Any = DEFAULTS["hidden_activation"],
        output_activation: Any = None,
        activations: Sequence[Any] | None = None,
        loss: Any = DEFAULTS["loss"],
        optimizer: Any = DEFAULTS["optimizer"],
        initializer: Any = DEFAULTS["initializer"],
        bias_initializer: Any = DEFAULTS["bias_initializer"],
        regularizer: Any = None,
        seed: int | None = None,
        dtype: npt.DTypeLike | None = None,
        backward: str = "fast",
    ) -> None:
        if backward not in {"fast", "jacobian"}:
            raise SpecError(f"backward is {backward!r}; expected 'fast' or 'jacobian'")
        self._inputs, self._layers = compose(
            layers,
            hidden_activation=hidden_activation,
            output_activation=output_activation,
            activations=activations,
        )
        self.loss: Loss = registry.create("loss", loss)
        self._optimizer: Optimizer | Solver = registry.create("optimizer", optimizer)
        self.initializer: Initializer = registry.create("initializer", initializer)
        self.bias_initializer: Initializer = registry.create("initializer", bias_initializer)
        self.regularizer: Regularizer | None = None
        if regularizer is not None:
            self.regularizer = registry.create("regularizer", regularizer)
        self._seed = _entropy(seed)
        self.fixed_dtype = None if dtype is None else _float_dtype(dtype)
        self.backward = backward
        self.notes: dict[str, Any] = {}
        """What goes with the network and is saved with it: numbers, strings, lists, mappings, arrays."""
        self._model: Model | None = None
        self._state: TrainingState | None = None
        self._forwards = evaluation.ForwardCache()
        self._check_output()
        if self._inputs is not None:
            self._build(self._inputs)

    # -- what it is ----------------------------------------------------------------------------

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, every part resolved."""
        return tuple(self._layers)

    @property
    def optimizer(self) -> Optimizer | Solver:
        """What training follows; another one (a name, spec or instance) begins with a state of its own."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Any) -> None:
        chosen: Optimizer | Solver = registry.create("optimizer", optimizer)
        if chosen != self._optimizer and self._state is not None:
            self._state.optimizer = None
        self._optimizer = chosen

    @property
    def seed(self) -> int:
        """What every random number of this network comes from."""
        return self._seed

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of parameters and predictions."""
        return self._ready().parameters.dtype

    @property
    def inputs(self) -> int | None:
        """Columns of the input; ``None`` while nothing says it."""
        return self._inputs

    @property
    def outputs(self) -> int:
        """Columns of the prediction."""
        return self.model.outputs

    @property
    def model(self) -> Model:
        """The structure with every choice made."""
        if self._model is None:
            raise DataError("the number of inputs is not known yet: call fit, or name it first: Network([inputs, ...])")
        return self._model

    @property
    def layout(self) -> Layout:
        """Where each array stands in ``parameters``: ``flatten(arrays)`` and ``restore(vector)``."""
        return self.model.layout

    @property
    def parameters(self) -> Array:
        """All weights and biases in one vector ``(P,)``: the live one."""
        return self._ready().parameters

    @parameters.setter
    def parameters(self, vector: npt.ArrayLike) -> None:
        given = np.asarray(vector)
        if given.shape != (self.layout.size,):
            raise ShapeError(f"parameters has shape {given.shape}; expected ({self.layout.size},)")
        if given.dtype.kind not in "iuf" or not np.isfinite(given).all():
            raise DataError(f"parameters holds values that are not finite numbers (dtype {given.dtype})")
        np.copyto(self._ready().parameters, given, casting="unsafe")

    @property
    def buffers(self) -> Array:
        """All arrays that are kept but not trained (statistics of layers) in one vector: the live one."""
        return self._ready().buffers

    @property
    def weights(self) -> list[Array]:
        """The weight arrays, layer by layer: views of ``parameters``."""
        return self._arrays("weight")

    @property
    def biases(self) -> list[Array]:
        """The bias arrays, layer by layer: views of ``parameters``."""
        return self._arrays("bias")

    @property
    def history(self) -> dict[str, list[Any]]:
        """The figures of every epoch so far: ``epoch``, ``loss``, ``val_loss``, metrics."""
        name = registry.get("callback", DEFAULTS["callback"]).__name__
        kept = {} if self._state is None else self._state.callbacks.get(name, {})
        return {key: list(values) for key, values in kept.items()}

    @property
    def archive(self) -> Archive:
        """What the callback ``archiver`` has kept, by step and layer.

        Raises:
            DataError: When no archiver has listened to a training of this network.
        """
        if not self.archived:
            raise DataError("nothing is archived: pass an archiver to fit: callbacks=['archiver(every=10)']")
        return Archive.of(self, self._archived())

    @property
    def archived(self) -> bool:
        """Whether an archiver has listened to a training of this network."""
        return bool(self._archived())

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

        ``bayesian_regularization`` finds them; the penalty is then ``0.5 * strengths @ parameters**2``.
        """
        return None if self._state is None else found_strengths(self.optimizer, self._state)

    @property
    def stop_reason(self) -> str | None:
        """Why the last call of ``fit`` ended before its last epoch, in words; ``None`` when it did not."""
        return None if self._state is None else self._state.stopped

    def summary(self) -> str:
        """Layers, outputs, numbers of parameters and the other parts, as text."""
        lines = [("loss", repr(self.loss)), ("optimizer", repr(self.optimizer)), ("seed", str(self._seed))]
        if self.regularizer is not None:
            lines.append(("regularizer", repr(self.regularizer)))
        return summary(self._layers, self._model, lines)

    def __repr__(self) -> str:
        widths = [self._inputs, *(self._model.widths if self._model else ["?"] * len(self._layers))]
        return f"Network({widths}, loss={self.loss!r}, optimizer={self.optimizer!r})"

    # -- training ------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int = 10,
        batch_size: int | None = 32,
        validation_data: tuple[Any, ...] | None = None,
        validation_split: float = 0.0,
        metrics: Any = (),
        callbacks: Any = (),
        sample_weight: Any = None,
        class_weight: Any = None,
        sampling: str = "shuffle",
        resume: bool = False,
    ) -> dict[str, list[Any]]:
        """Train, from where the last call of ``fit`` ended; returns the figures of every epoch.

        Args:
            X: Inputs ``(N, D)``: an array, nested lists, or a DataFrame.
            y: Targets ``(N, K)`` or ``(N,)``; class labels or one-hot rows where the loss is of classes.
            epochs: Further passes over the data; of a solver, its steps.
            batch_size: Rows of a batch; ``None`` takes all. The last batch of an epoch may be smaller.
            validation_data: ``(X, y)`` or ``(X, y, sample_weight)``, judged after each epoch.
            validation_split: Share of the samples, drawn by the seed, that is kept for validation.
            metrics: Names or specs, judged after each epoch with the parameters as they are then.
            callbacks: Names, specs or instances.
            sample_weight: ``(N,)``, from 0 on; the loss is the weighted mean.
            class_weight: ``{label: weight}``, one weight a class, or ``"balanced"``.
            sampling: ``"shuffle"``, ``"sequential"``, or ``"random_batch"`` (each batch drawn afresh,
                without replacement).
            resume: Finish what an interrupted call set out to do, with its epochs, batches and
                sampling; does nothing when it was finished.

        Raises:
            DataError: When the data cannot be used; nothing is changed then.
            KeyboardInterrupt: After Ctrl-C, between two steps: the network is whole.
        """
        listening = callbacks_of(callbacks)
        judged = metrics_of(metrics)
        dtype = self._dtype_for(X)
        x = as_inputs(X, dtype=dtype, columns=self._inputs)
        model = self._model or self._new_model(x.shape[1])
        data = checked(model, x, y, sample_weight, class_weight=class_weight)
        validation = None
        if validation_data is not None:
            validation = validation_of(model, validation_data, dtype)
        elif validation_split:
            data, validation = split_off(data, validation_split, self._seed)
        before = self._state.plan if self._state is not None else None
        if resume:
            plan = resumed(before, len(data[0]))
        else:
            plan = planned(self.epoch, epochs, batch_size, sampling, len(data[0]))
        warn_of_data(model, data, judged, stacklevel=2)
        # All that can be refused has been: from here on the network changes.
        self._build(x.shape[1], dtype)
        state = self._ready()
        if state.plan is None or not state.plan.same_order(plan):
            state.batch, state.loss_sum = 0, 0.0
        if not resume:
            state.stopped = None
        state.plan = plan
        adapt(model, state, *data)
        run = Run(
            state=state,
            plan=plan,
            first_epoch=state.epoch,
            network=self,
            data=data,
            validation=validation,
            metrics=judged,
            gradient=np.zeros_like(state.parameters),
            mend=mend_of(self.optimizer),
        )
        run.stop_reason = state.stopped
        outcome = Outcome.before(model, self._vectors(), data) if state.step == 0 else None
        model = accelerated(model)
        if isinstance(self.optimizer, Solver):
            solve(model, self.optimizer, run, listening)
        else:
            train(model, self.optimizer, run, listening, self._adopt, registry.accelerate)
        # A loss that is not finite after an epoch has been told of already.
        if outcome is not None and np.isfinite(run.logs.get("loss", 0.0)):
            outcome.compare(self._vectors(), run.mend, stacklevel=2)
        return self.history

    def reset(self) -> None:
        """Start again: the same seed draws the same parameters; history and counters are gone."""
        if self._model is not None:
            dtype = None if self._state is None else self._state.parameters.dtype
            self._state = None
            self._build(self._model.inputs, dtype)

    # -- asking --------------------------------------------------------------------------------

    def predict(self, X: Any, *, labels: bool = False) -> Array:
        """The prediction ``(N, K)`` of each row, or with ``labels`` its class ``(N,)``.

        Raises:
            DataError: When ``X`` cannot be used.
        """
        state = self._ready()
        x = as_inputs(X, dtype=state.parameters.dtype, columns=self._inputs)
        prediction = evaluation.predict(self.model, self._vectors(), x, self._forwards)
        return self._labels(prediction) if labels else prediction

    def score(self, X: Any, y: Any, *, accuracy: bool = False, sample_weight: Any = None) -> float:
        """The loss over the data (penalties included), or with ``accuracy`` the share of right classes."""
        name = DEFAULTS["score"]
        found = self.evaluate(X, y, metrics=[name] if accuracy else [], sample_weight=sample_weight)
        return float(found[name if accuracy else "loss"])

    def evaluate(self, X: Any, y: Any, *, metrics: Any = (), sample_weight: Any = None) -> dict[str, Any]:
        """``loss`` and each metric over the data, in inference.

        Raises:
            DataError: When the data cannot be used.
        """
        judged = metrics_of(metrics)
        state = self._ready()
        dtype = state.parameters.dtype
        x = as_inputs(X, dtype=dtype, columns=self._inputs)
        x, target, weight = checked(self.model, x, y, sample_weight)
        return evaluation.evaluate(self.model, self._vectors(), x, target, weight, judged)

    def objective(self, X: Any, y: Any, sample_weight: Any = None, *, total_weight: float | None = None) -> Objective:
        """The function of the parameters that training makes small, regularization included.

        Every optimizer package can drive it: see ``Objective``.

        Args:
            X: Inputs ``(N, D)``.
            y: Targets, as for ``fit``.
            sample_weight: ``(N,)``, from 0 on.
            total_weight: Where these are one shard of the data, the sum of the weights of all (their number, without
                weights): the objectives of the shards then sum to that of the whole.

        Raises:
            DataError: When the data cannot be used.
        """
        dtype = self._dtype_for(X)
        x = as_inputs(X, dtype=dtype, columns=self._inputs)
        model = self._model or self._new_model(x.shape[1])
        data = checked(model, x, y, sample_weight)
        self._build(x.shape[1], dtype)
        return Objective(self.model, self._ready().buffers, *data, total_weight=total_weight)

    # -- looking inside ------------------------------------------------------------------------

    def jacobian(self, X: Any) -> Array:
        """``J[n, k, d] = d prediction[n, k] / dX[n, d]``, ``(N, K, D_in)``: what each input does to each output.

        Raises:
            DataError: When ``X`` cannot be used.
            NotOfferedError: When a layer cannot keep the rows apart; says why.
        """
        return inspection.input_jacobian(self, X)

    def parameter_jacobian(self, X: Any) -> Array:
        """``J[n, k, p] = d prediction[n, k] / d parameters[p]``, ``(N, K, P)``, exact.

        Raises:
            DataError: When ``X`` cannot be used.
            NotOfferedError: When a layer cannot keep the rows apart; says why.
        """
        return inspection.parameter_jacobian(self, X)

    def per_sample_gradients(self, X: Any, y: Any) -> Array:
        """``G[n, p] = d loss[n] / d parameters[p]``, ``(N, P)``: of each sample's own loss, without penalties.

        Their mean over the samples is the gradient of the loss.

        Raises:
            DataError: When the data cannot be used.
            NotOfferedError: When a layer cannot keep the rows apart; says why.
        """
        return inspection.per_sample_gradients(self, X, y)

    def check_gradient(self, X: Any, y: Any, sample_weight: Any = None, *, seed: int = 0) -> GradientReport:
        """Whether the whole composed gradient is right at the present parameters; if not, which part first differs.

        In float64, in inference, against extrapolated differences of the loss along 200 parameters at most (drawn
        by ``seed``), then each part by itself. ``print(net.check_gradient(X, y))`` says it in words. Parts with kinks
        are judged away from them.

        Raises:
            DataError: When the data cannot be used.
        """
        return check_gradient(self, X, y, sample_weight, seed)

    def trace(self, X: Any, y: Any = None, *, sample_weight: Any = None) -> list[LayerTrace]:
        """What each layer takes and computes, in inference; with targets, also every gradient on the way back.

        The last ``activation`` is the prediction, to the bit.

        Args:
            X: Inputs ``(N, D)``.
            y: Targets, as for ``fit``.
            sample_weight: ``(N,)``, from 0 on.

        Raises:
            DataError: When the data cannot be used.

        Example:
            >>> hidden, output = Network([2, 3, 1], seed=0).trace([[1.0, -1.0]], [[0.5]])
            >>> hidden.preactivation.shape, output.gradients["weight"].shape
            ((1, 3), (3, 1))
        """
        return inspection.layer_traces(self, X, y, sample_weight)

    # -- keeping -------------------------------------------------------------------------------

    def to_config(self) -> dict[str, Any]:
        """The composition as JSON-able data: canonical names, hyperparameters, and who provides them."""
        return network_to_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, overrides: Mapping[str, Any] | None = None) -> Network:
        """The network of a config, freshly initialized.

        Args:
            config: From ``to_config``.
            overrides: Stand-ins for parts that no package registers, by their place in the config
                (``"loss"``, ``"layers[0].activation"``).

        Raises:
            MissingProviderError: Names the distribution to install.
            SpecError: When the config cannot be understood.
        """
        return cls(**network_from_config(config, overrides or {}))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one ``.npz``: config, parameters, optimizer and random state, history.

        The old file stays whole until the new one is.

        Raises:
            FileSaveError: When it cannot be written.
        """
        tree = {"config": self.to_config(), "inputs": self._inputs, "state": self._ready().to_tree()}
        tree["notes"] = self.notes
        write_tree(path, tree, what="network")

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, overrides: Mapping[str, Any] | None = None) -> Network:
        """The network of a file; training goes on from it to the bit.

        Args:
            path: From ``save``.
            overrides: See ``from_config``.

        Raises:
            FileFormatError: When the file is damaged, foreign or newer; nothing in it is executed.
            MissingProviderError: Names the distribution to install.
        """
        tree = read_tree(path, what="network")
        network = cls.from_config(tree["config"], overrides=overrides)
        network._take_state(tree["inputs"], TrainingState.from_tree(tree["state"]))  # noqa: SLF001  # its own class
        network.notes = dict(tree.get("notes", {}))
        return network

    # -- inside --------------------------------------------------------------------------------

    def _check_output(self) -> None:
        columns = self._inputs or 2  # where nothing says it: any width that is not one
        for layer in self._layers:
            columns = layer.outputs(columns)
        check_pair(self._layers[-1].split()[1], self.loss, columns)

    def _new_model(self, inputs: int) -> Model:
        head = self._layers[-1].split()[1]
        return Model.build(
            self._layers,
            inputs,
            self.loss,
            fused=fuses(self.loss, head),
            resolve=registry.create,
            regularizer=self.regularizer,
            honest=self.backward == "jacobian",
        )

    def _build(self, inputs: int, dtype: np.dtype[Any] | None = None) -> None:
        """Fix the number of inputs, and draw the parameters once the dtype can be known."""
        if self._model is None:
            self._model = self._new_model(inputs)
            self._inputs = inputs
        if dtype is None:
            return
        if self._state is None:
            rng = np.random.default_rng([self._seed, INITIAL_STREAM])
            parameters, buffers = self._model.new_parameters(
                rng, dtype, weights=self.initializer, biases=self.bias_initializer, resolve=registry.create
            )
            self._state = TrainingState.new(parameters, buffers, self._seed)
        elif self._state.parameters.dtype != dtype:
            self._state.parameters = self._state.parameters.astype(dtype)
            self._state.buffers = self._state.buffers.astype(dtype)

    def _take_state(self, inputs: int, state: TrainingState) -> None:
        self._build(inputs)
        if state.parameters.shape != (self.layout.size,) or state.buffers.shape != (self.model.buffer_layout.size,):
            raise SpecError(
                f"the file holds {state.parameters.size} parameters and its parts make a network of "
                f"{self.layout.size}: a plugin has changed; its version stands in the config's 'providers'"
            )
        self._state = state

    def _ready(self) -> TrainingState:
        """The state; draws the parameters when nothing has done so yet."""
        if self._state is None:
            self._build(self.model.inputs, self.fixed_dtype or np.dtype(np.float64))
        assert self._state is not None
        return self._state

    def _dtype_for(self, X: Any) -> np.dtype[Any]:
        """The given dtype; else that of a training that has begun; else that of the data."""
        if self.fixed_dtype is not None:
            return self.fixed_dtype
        if self._state is not None and self._state.step > 0:
            return self._state.parameters.dtype
        return choose_dtype(X)

    def _vectors(self) -> Vectors:
        state = self._ready()
        return Vectors(state.parameters, None, state.buffers)

    def _arrays(self, role: str) -> list[Array]:
        views = self.layout.restore(self.parameters)
        return [view for slot, view in zip(self.layout.slots, views, strict=True) if slot.spec.role == role]

    def _archived(self) -> dict[str, Any]:
        name = registry.get("callback", DEFAULTS["archive"]).__name__
        return {} if self._state is None else self._state.callbacks.get(name, {})

    def _adopt(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer

    def _labels(self, prediction: Array) -> Array:
        if self.loss.target_domain == "sign" and prediction.shape[1] == 1:
            return np.where(prediction[:, 0] > 0, 1, -1)
        return to_labels(prediction)


def _entropy(seed: Any) -> int:
    if seed is None:
        drawn = np.random.SeedSequence().entropy
        assert isinstance(drawn, int)
        return drawn
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise SpecError(f"seed is {seed!r}; expected a whole number from 0 on, or None")
    return int(seed)


def _float_dtype(dtype: Any) -> np.dtype[Any]:
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError as error:
        raise SpecError(f"dtype is {dtype!r}; expected 'float32' or 'float64'") from error
    if found not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise SpecError(f"dtype is {dtype!r}; expected 'float32' or 'float64'")
    return found
