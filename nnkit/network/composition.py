"""What a network is: a frozen value, made from names, compared, and written as plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Self

import attrs
import numpy as np
import numpy.typing as npt

from nnkit import registry
from nnkit.arrays import FloatDType
from nnkit.core.layout import Layout
from nnkit.core.model import Model
from nnkit.core.state import TrainingState
from nnkit.data.choices import around, as_float_dtype, as_list, as_seed, as_width, is_width
from nnkit.data.column_request import ColumnsLike, checked_request
from nnkit.data.likely_mistakes import check_pair
from nnkit.data.scaling import TargetScaling, check_scaling
from nnkit.errors import SpecError, UnknownNameError
from nnkit.files.configs import checked_config
from nnkit.files.versions import FORMAT_VERSION
from nnkit.interfaces import Activation, Initializer, Layer, Loss, Optimizer, Part, PartSpec, Regularizer, Solver
from nnkit.interfaces.task import Task, TaskName, check_task_name

__all__ = ["DEFAULTS", "Composition"]

DEFAULTS = {
    "layer": "dense",
    "loss": "mean_squared_error",
    "optimizer": "adam",
    "initializer": "glorot_uniform",
    "bias_initializer": "zeros",
    "hidden_activation": "relu",
    "functional_activation": "sigmoid",
    "functional_loss": "half_squared_error",
    "functional_initializer": "normal(stddev=1.0)",
    "score": "accuracy",
    "regression_score": "mean_absolute_error",
    "explained": "r2",
    "confusion": "confusion_matrix",
    "saving": "checkpoint",
    "divided_inputs": "rescale",
    "standardized_inputs": "standardize",
    "robust_inputs": "robust_scale",
    "periodic_inputs": "periodic_embedding",
    "class_loss": "categorical_crossentropy",
    "binary_loss": "binary_crossentropy",
    "unit_head": "sigmoid",
    "simplex_head": "softmax",
    "log_simplex_head": "log_softmax",
    "nonnegative_head": "softplus",
    "categories": "embedding",
    "side_by_side": "concatenate",
    "unchanged": "activation",
}
"""The parts used where none is named: by a network, in the functional style, and on the command line."""

INITIAL_STREAM = 0
PARTS = ("loss", "optimizer", "initializer", "bias_initializer", "regularizer")
"""The parts besides layers, as the fields of a composition and of its config, each kind by its name."""


CHOICES = ("seed", "dtype", "backward", "task", "target_scaling", "columns", "deferred")
"""What else a composition chooses, by its name in the config."""


@attrs.frozen(kw_only=True)
class Composition:
    """The parts of a network and the choices that belong to it; training never changes one.

    Two compositions are equal when all of this is equal: they then make the same networks.

    Args:
        inputs: Columns of the input; ``None`` until the first data decide it.
        layers: The layers, every part resolved.
        loss: The loss.
        optimizer: The optimizer or solver.
        initializer: Of weights.
        bias_initializer: Of biases.
        regularizer: Of all weights whose layer names none.
        seed: The seed of every random number.
        dtype: Of parameters and predictions; ``None`` until the first data decide it.
        backward: ``"fast"``, or ``"jacobian"`` for the full-Jacobian path.
        task: ``None`` where it follows from the loss and the number of outputs.
        target_scaling: How targets are scaled for the loss; ``None`` leaves them as they are.
        deferred: The choices that the first data make, ``"outputs"``, ``"loss"`` and ``"output_activation"``; what
            stands in their place until then has no meaning.
        columns: The column plan that is asked for; ``None`` for inputs that are numbers.
    """

    inputs: int | None
    layers: tuple[Layer, ...]
    loss: Loss
    optimizer: Optimizer | Solver
    initializer: Initializer
    bias_initializer: Initializer
    regularizer: Regularizer | None
    seed: int
    dtype: FloatDType | None
    backward: Literal["fast", "jacobian"]
    task: TaskName | None
    target_scaling: TargetScaling | None
    deferred: tuple[str, ...] = ()
    columns: ColumnsLike | None = None

    @classmethod
    def of(
        cls,
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
        deferred: Sequence[str] = (),
        columns: ColumnsLike | None = None,
    ) -> Self:
        """The composition of widths, names and specs; the arguments are those of ``nnkit.Network``.

        Raises:
            SpecError: When the layers cannot be understood, or do not fit the loss.
            UnknownNameError: When a name is not known; suggests the nearest.
            HyperparameterError: When a hyperparameter is out of its range.
        """
        if backward not in {"fast", "jacobian"}:
            raise SpecError(f"backward is {backward!r}; expected 'fast' or 'jacobian'")
        if hidden is not None:
            layers = around(hidden, layers)
            deferred = ("outputs",)
            deferred += ("loss",) if loss is None else ()
            deferred += ("output_activation",) if output_activation is None and activations is None else ()
        inputs, built = _compose(
            layers,
            hidden_activation=hidden_activation,
            output_activation=output_activation,
            activations=activations,
        )
        composition = cls(
            inputs=inputs,
            layers=built,
            loss=registry.create("loss", DEFAULTS["loss"] if loss is None else loss),
            optimizer=registry.create("optimizer", optimizer),
            initializer=registry.create("initializer", initializer),
            bias_initializer=registry.create("initializer", bias_initializer),
            regularizer=None if regularizer is None else registry.create("regularizer", regularizer),
            seed=as_seed(seed),
            dtype=None if dtype is None else as_float_dtype(dtype),
            backward=backward,
            task=task,
            target_scaling=target_scaling,
            deferred=tuple(deferred),
            columns=dict(columns) if isinstance(columns, Mapping) else columns,
        )
        if columns is not None:
            checked_request(columns)
        check_task_name(task)
        check_scaling(target_scaling, None if "loss" in composition.deferred else composition.loss)
        if composition.deferred:
            return composition
        check_pair(composition.head, composition.loss, composition.outputs)
        composition.task_of(composition.outputs)  # refuses a task that does not fit
        return composition

    @property
    def parts(self) -> dict[str, Part | None]:
        """Every part by its place in the config."""
        return {f"layers[{i}]": part for i, part in enumerate(self.layers)} | {n: getattr(self, n) for n in PARTS}

    @property
    def head(self) -> Activation | None:
        """The activation of the last layer."""
        return self.layers[-1].split()[1]

    @property
    def outputs(self) -> int:
        """Columns of the last layer; with two inputs where their number is open."""
        columns = self.inputs or 2
        for layer in self.layers:
            columns = layer.outputs(columns)
        return columns

    def task_of(self, outputs: int) -> Task:
        """The task of a network with ``outputs`` columns.

        Raises:
            SpecError: When the loss or the number of outputs does not fit the task.
        """
        return Task.of(self.loss, self.head, self.loss.target_columns(outputs), self.task)

    def model(self, inputs: int, check: Callable[[Layout, Layout], None] | None = None) -> Model:
        """The structure for ``inputs`` columns, with every choice made; for ``check`` see ``Model.build``.

        Raises:
            ShapeError: When a layer's output is not as it declares.
        """
        return Model.build(
            self.layers,
            inputs,
            self.loss,
            fused=_fuses(self.loss, self.head),
            resolve=registry.create,
            regularizer=self.regularizer,
            full_jacobians=self.backward == "jacobian",
            task=self.task,
            check=check,
        )

    def initial_state(self, model: Model, dtype: FloatDType) -> TrainingState:
        """Parameters and buffers drawn from the seed, before the first step."""
        parameters, buffers = model.new_parameters(
            np.random.default_rng([self.seed, INITIAL_STREAM]),
            dtype,
            weights=self.initializer,
            biases=self.bias_initializer,
            resolve=registry.create,
        )
        return TrainingState.new(parameters, buffers, self.seed)

    def to_config(self) -> dict[str, Any]:
        """JSON-able data: canonical names, hyperparameters, and the providers of the parts; no module paths."""
        providers: dict[str, str] = {}
        config: dict[str, Any] = {
            "version": FORMAT_VERSION,
            "inputs": self.inputs,
            "layers": [registry.part_to_config(layer, providers=providers) for layer in self.layers],
        }
        for name in PARTS:
            part = getattr(self, name)
            config[name] = None if part is None else registry.part_to_config(part, providers=providers)
        config |= {"seed": self.seed, "dtype": None if self.dtype is None else self.dtype.name}
        return config | {
            "backward": self.backward,
            "task": self.task,
            "target_scaling": self.target_scaling,
            "columns": self.columns,
            "deferred": list(self.deferred),
            "providers": providers,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], overrides: Mapping[str, PartSpec] | None = None) -> Self:
        """The composition of a config; see ``nnkit.Network.from_config``.

        Raises:
            SpecError: When the config is not one of a network, or newer than this library.
            MissingProviderError: Names the distribution to install.
        """
        config = checked_config(config)
        overrides = overrides or {}
        registry.check_overrides({name: config.get(name) for name in ("layers", *PARTS)}, overrides)
        providers = config.get("providers", {})
        layers = [
            registry.part_from_config("layer", layer, providers=providers, overrides=overrides, path=f"layers[{index}]")
            for index, layer in enumerate(config["layers"])
        ]
        arguments: dict[str, Any] = {}
        for name in PARTS:
            part = config.get(name)
            if part is None and name not in overrides:
                if name != "regularizer":
                    raise SpecError(f"the config has no {name!r}")
                continue
            kind = "initializer" if name == "bias_initializer" else name
            arguments[name] = registry.part_from_config(
                kind, part or {}, providers=providers, overrides=overrides, path=name
            )
        arguments |= {name: config[name] for name in CHOICES if name in config}
        return cls.of([config.get("inputs"), *layers], **arguments)


def _compose(
    layers: object,
    *,
    hidden_activation: PartSpec,
    output_activation: PartSpec | None,
    activations: Sequence[PartSpec] | None,
) -> tuple[int | None, tuple[Layer, ...]]:
    """The number of inputs (``None`` where it is left open) and the layers.

    Args:
        layers: Either widths, inputs first (``[64, 32, 10]``, or ``[None, 32, 10]``), or layers,
            specs of layers and widths, which a single leading ``None`` or width may precede.
        hidden_activation: Of every width but the last; also the name of a layer, ``"prelu"``.
        output_activation: Of the last, where that is a width.
        activations: One for each width after the inputs, instead of the two above.

    Raises:
        SpecError: When the list cannot be understood; names the position.
    """
    items = as_list(layers)
    open_inputs = items[0] is None
    if all(is_width(item) for item in items[1:]) and (open_inputs or is_width(items[0])):
        if len(items) < 2:
            raise SpecError(f"layers is {items!r}; expected the inputs and at least one layer: [inputs, ..., outputs]")
        inputs, items = items[0], items[1:]
    elif open_inputs or is_width(items[0]):
        inputs, items = items[0], items[1:]
    else:
        inputs = None
    if inputs is not None:
        inputs = as_width(inputs, "layers[0]")
    widths = [index for index, item in enumerate(items) if is_width(item)]
    chosen = _activations(widths, len(items), hidden_activation, output_activation, activations)
    built: list[Layer] = []
    for index, item in enumerate(items):
        try:
            if is_width(item):
                built += _layers_of_width(as_width(item, f"layers[{index}]"), chosen[index])
            else:
                built.append(registry.create("layer", item))
        except (SpecError, UnknownNameError) as error:
            error.add_note(f"in layer {index}: {item!r}")
            raise
    return inputs, tuple(built)


def _fuses(loss: Loss, activation: Activation | None) -> bool:
    """Whether the loss has a fused form with this output activation."""
    if loss.fused_activation is None or activation is None or not loss.offers("fused_gradient"):
        return False
    return type(activation) is registry.get("activation", loss.fused_activation)


def _activations(
    widths: list[int], count: int, hidden: PartSpec, output: PartSpec | None, each: Sequence[PartSpec] | None
) -> dict[int, Activation | Layer | None]:
    """The activation of each width, by its position."""
    if each is not None:
        if isinstance(each, (str, bytes)) or len(each) != len(widths):
            raise SpecError(
                f"activations is {each!r}; expected one for each of the {len(widths)} widths after the inputs"
            )
        return dict(zip(widths, map(_activation, each), strict=True))
    chosen: dict[int, Activation | Layer | None] = {}
    for index in widths:
        spec = output if index == count - 1 else hidden
        chosen[index] = None if spec is None else _activation(spec)
    return chosen


def _activation(spec: PartSpec) -> Activation | Layer:
    """The activation of a spec; a layer where it is one, or where its name is that of a layer alone."""
    if isinstance(spec, Layer) or (isinstance(spec, type) and issubclass(spec, Layer)):
        layer: Layer = registry.create("layer", spec)
        return layer
    try:
        activation: Activation = registry.create("activation", spec)
    except UnknownNameError as unknown:
        try:
            layer = registry.create("layer", spec)
        except UnknownNameError:
            raise unknown from None
        return layer
    return activation


def _layers_of_width(width: int, activation: Activation | Layer | None) -> list[Layer]:
    """A layer with ``width`` outputs, or two: the second one in place of the activation, the first as wide as it needs.

    Raises:
        SpecError: When the second one cannot have this number of outputs.
    """
    units = activation.inputs_for(width) if isinstance(activation, Layer) else width
    spec = {"name": DEFAULTS["layer"], "units": units}
    if not isinstance(activation, Layer):
        return [registry.create("layer", spec | {"activation": activation})]
    reason = activation.accepts(units)
    if reason is not None or activation.outputs(units) != width:
        reason = f": {reason}" if reason else ""
        raise SpecError(f"{activation!r} as an activation cannot have {width} outputs{reason}")
    return [registry.create("layer", spec), activation]
