"""The family of trainings whose steps are made many a call, and how one is bound."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from nnkit import interfaces
from nnkit.activations.sigmoid import Sigmoid
from nnkit.activations.softmax import Softmax
from nnkit.arrays import Array, IntArray
from nnkit.core.model import Model
from nnkit.core.state import Plan
from nnkit.interfaces import BLOCKS, Loss, ManySteps, Optimizer, Schedule, State, TrainingData
from nnkit.interfaces.decay import stretches
from nnkit.interfaces.stepping import rates
from nnkit.layers._containers import Container
from nnkit.layers.activation import ActivationLayer
from nnkit.layers.dense import Dense
from nnkit.layers.dropout import Dropout
from nnkit.layers.rescale import Rescale
from nnkit.layers.robust_scale import RobustScale
from nnkit.layers.standardize import Standardize
from nnkit.losses.binary_crossentropy import BinaryCrossentropy
from nnkit.losses.categorical_crossentropy import CategoricalCrossentropy
from nnkit.losses.half_squared_error import HalfSquaredError
from nnkit.losses.mean_squared_error import MeanSquaredError
from nnkit.losses.sparse_categorical_crossentropy import SparseCategoricalCrossentropy
from nnkit.losses.squared_error import SquaredError
from nnkit.optimizers.adam import Adam
from nnkit.optimizers.adamw import AdamW
from nnkit.optimizers.rmsprop import RMSprop
from nnkit.optimizers.sgd import SGD
from nnkit_numba import epoch_kernel as words
from nnkit_numba import feature_major
from nnkit_numba.compiling import compiled
from nnkit_numba.dense import CompiledDense
from nnkit_numba.elementwise import NONE
from nnkit_numba.epoch_kernel import LAYER_WORDS, many_steps
from nnkit_numba.panels import aligned
from nnkit_numba.same_fields import UnsupportedFieldError, as_fields_of
from nnkit_numba.shared_dense import KINDS
from nnkit_numba.tiles import WIDTH

__all__ = ["Epoch", "epoch_of"]

NAME = "nnkit-numba: many steps a call, 1"
"""The number changes with the bits that a training comes to."""

LARGEST_PRODUCT = 4 * 65_536
"""Multiplications of a layer up to which one thread is faster than a team."""

MOST_PARAMETERS = 32_768
"""Parameters up to which it updates them faster."""

ROW = 128
"""Multiplications that take as long as all else of a row: gathering it from a large array, loss, optimizer."""

LARGEST_COPY = 1 << 28
"""Bytes that the outputs of fixed layers may take beside the data."""

WORK = 1 << 24
"""Multiplications and draws of a call: some milliseconds."""


@attrs.frozen
class LossForm:
    """How a loss is computed.

    Args:
        number: In compiled code.
        head: The activation that it takes in; ``None`` where any of ``KINDS`` precedes it.
        factor: Of the squares or the sigmoids, of the number of outputs.
        plain: Values of its fields that are compiled.
    """

    number: int
    head: type | None = None
    factor: Callable[[int], float] = lambda _: 1.0
    plain: Mapping[str, Any] = {}


@attrs.frozen
class OptimizerForm:
    """How an optimizer makes its updates.

    Args:
        number: In compiled code, from the optimizer; ``None`` where this form of it is not compiled.
        fields: Those that are read besides the learning rate, in the order of the kernel's constants.
        vectors: The vectors of its state.
        decays: Whether it has weight decay.
    """

    number: Callable[[Any], int | None]
    fields: tuple[str, ...]
    vectors: tuple[str, ...]
    decays: bool = False


MOMENTS = ("gradient_sum", "square_sum")
LOSSES: Mapping[type[Loss], LossForm] = {
    SparseCategoricalCrossentropy: LossForm(feature_major.SOFTMAX_LABELS, Softmax),
    CategoricalCrossentropy: LossForm(feature_major.SOFTMAX_TARGETS, Softmax, plain={"label_smoothing": 0.0}),
    BinaryCrossentropy: LossForm(
        feature_major.SIGMOID_TARGETS, Sigmoid, lambda outputs: 1.0 / outputs,
        {"label_smoothing": 0.0, "pos_weight": 1.0},
    ),
    MeanSquaredError: LossForm(feature_major.SQUARES, factor=lambda outputs: 2.0 / outputs),
    SquaredError: LossForm(feature_major.SQUARES, factor=lambda _: 2.0),
    HalfSquaredError: LossForm(feature_major.SQUARES),
}  # fmt: skip
OPTIMIZERS: Mapping[type[Optimizer], OptimizerForm] = {
    Adam: OptimizerForm(lambda _: words.ADAM, ("beta1", "beta2", "epsilon"), MOMENTS),
    AdamW: OptimizerForm(lambda _: words.ADAM, ("beta1", "beta2", "epsilon", "weight_decay"), MOMENTS, decays=True),
    SGD: OptimizerForm(
        lambda sgd: words.MOMENTUM if sgd.momentum else words.SGD, ("weight_decay", "momentum", "nesterov"),
        ("velocity",), decays=True,
    ),
    RMSprop: OptimizerForm(
        lambda rmsprop: None if rmsprop.centered or rmsprop.momentum else words.RMSPROP, ("rho", "epsilon"),
        ("square_sum",),
    ),
}  # fmt: skip
FIXED: tuple[type[interfaces.Layer], ...] = (Standardize, RobustScale, Rescale)
"""The family: dense layers with the activations of ``KINDS``, dropout between them, these, and fixed layers before."""


def epoch_of(model: Model, optimizer: Optimizer, plan: Plan, dtype: np.dtype[Any]) -> Epoch | None:
    """What makes the steps of a training, where it belongs to the family and is small."""
    form, loss = OPTIMIZERS.get(type(optimizer)), LOSSES.get(type(model.loss))
    fixed = sum(1 for _ in itertools.takewhile(_is_fixed, model.body))
    layers = _layers(model, fixed, loss)
    if form is None or loss is None or layers is None or form.number(optimizer) is None:
        return None
    if not _supported(model.loss, loss.plain) or not {"learning_rate", *form.fields} <= _fields(optimizer):
        return None
    if isinstance(getattr(optimizer, "weight_decay", None), Schedule):
        return None
    idle = {"momentum", "centered"} if type(optimizer) is RMSprop else set()
    if _fields(optimizer) - {"learning_rate", "decays", *form.fields, *idle}:
        return None  # of a later version
    all_trained = model.trained.size == model.layout.size and all(s.layer < fixed for s in model.buffer_layout.slots)
    if fixed and plan.samples * layers[0].inputs * dtype.itemsize > LARGEST_COPY:
        return None
    if not all_trained or model.penalties or plan.window or model.trained.size > MOST_PARAMETERS:
        return None
    width = WIDTH // dtype.itemsize
    stride = -(-plan.batch_size // width) * width
    if max(stride * layer.inputs * layer.units for layer in layers) > LARGEST_PRODUCT:
        return None
    run = _compiled(dtype.char)
    return None if run is None else Epoch(fixed, tuple(layers), loss, form, plan.batch_size, stride, dtype, run)


@attrs.frozen
class Layer:
    """A dense layer of the family.

    Args:
        inputs: Columns that it reads.
        units: Columns that it computes.
        kind: Its activation.
        use_bias: Whether it has one.
        rate: Of the dropout before it.
    """

    inputs: int
    units: int
    kind: int
    use_bias: bool
    rate: float


def _fields(part: Any) -> set[str]:
    return {field.name for field in attrs.fields(type(part))}


def _supported(part: Any, plain: Mapping[str, Any]) -> bool:
    """Whether the fields are those that are known, with the values that are compiled."""
    return _fields(part) == set(plain) and all(getattr(part, name) == value for name, value in plain.items())


def _is_fixed(layer: interfaces.Layer) -> bool:
    """Whether a row has the same output in every epoch."""
    if isinstance(layer, Container):
        return all(map(_is_fixed, layer.children.values()))
    if isinstance(layer, ActivationLayer):
        return type(layer.activation) in KINDS
    return type(layer) in FIXED and not getattr(layer, "streaming", False)  # that one follows the batches


def _layers(model: Model, fixed: int, loss: LossForm | None) -> list[Layer] | None:
    """The layers behind the fixed ones; ``None`` where one does not belong to the family, or not before this loss."""
    layers: list[Layer] = []
    rate, columns = None, (model.inputs, *model.widths)[fixed]
    for layer, width in zip(model.body[fixed:], model.widths[fixed:], strict=True):
        if type(layer) is Dropout and rate is None and _supported(layer, {"rate": layer.rate, "trainable": True}):
            rate = layer.rate
        elif type(layer) is Dense and type(layer.activation) in KINDS:
            try:
                as_fields_of(CompiledDense, layer)
            except UnsupportedFieldError:
                return None
            layers.append(Layer(columns, width, KINDS[type(layer.activation)], layer.use_bias, rate or 0.0))
            rate = None
        else:
            return None
        columns = width
    if not layers or rate is not None or loss is None:
        return None
    if loss.head is not None:
        return layers if type(model.head) is loss.head and model.fused and layers[-1].kind == NONE else None
    kind = KINDS.get(type(model.head))
    return None if kind is None else [*layers[:-1], attrs.evolve(layers[-1], kind=kind or layers[-1].kind)]


@attrs.frozen(eq=False)
class Epoch:
    """``nnkit.interfaces.EpochKernel`` for one composition and plan.

    Args:
        fixed: Leading layers that are applied to the data once.
        layers: Those behind them, in their order.
        loss: Its form.
        optimizer: Its form.
        batch: Rows of a batch.
        stride: The same, filled up to two vectors.
        dtype: Of all numbers.
        run: The compiled function.
    """

    fixed: int
    layers: tuple[Layer, ...]
    loss: LossForm
    optimizer: OptimizerForm
    batch: int
    stride: int
    dtype: np.dtype[Any]
    run: Callable[..., tuple[float, float]]

    @property
    def name(self) -> str:
        """The name that a run records."""
        return NAME

    @property
    def batches(self) -> int:
        """The most batches of a call."""
        work = 3 * self.stride * (ROW + sum(layer.inputs * layer.units for layer in self.layers))
        return max(1, WORK // (work + 16 * self._draws * self.batch))

    @property
    def _draws(self) -> int:
        """Numbers that dropout draws for a row."""
        return sum(layer.inputs for layer in self.layers if layer.rate)

    def bind(
        self,
        optimizer: Optimizer,
        parameters: Array,
        gradient: Array,
        state: State,
        data: TrainingData,
        noise: np.random.Generator,
    ) -> ManySteps:
        """See ``nnkit.interfaces.EpochKernel``."""
        form, dtype, batch, draws = self.optimizer, self.dtype, self.batch, self._draws
        part: Any = optimizer
        vectors = [self._checked(vector, vector.shape) for vector in (parameters, gradient)]
        states = [state[name] for name in form.vectors if state.get(name) is not None]
        vectors += [self._checked(vector, parameters.shape) for vector in states]
        vectors += [np.empty(0, dtype)] * (4 - len(vectors))
        layers, dropouts, buffers = self._plan(parameters, gradient)
        constants = np.zeros(4)
        constants[: len(form.fields)] = [getattr(part, name) for name in form.fields]
        decay = form.decays and part.weight_decay
        cut = np.array([
            (place.start, place.stop, not decays)
            for place, decays in stretches(parameters.size, state.get(BLOCKS, ()), part.decays if decay else "all")
        ])  # fmt: skip
        number, one = form.number(part), dtype.type(1)
        factor = dtype.type(self.loss.factor(self.layers[-1].units))
        scratch, numbers = aligned((4, self.stride), dtype), np.zeros((2, 5), dtype)
        most = self.batches
        drawn = np.empty(most * batch * draws, dtype)
        rate_of, changes = rates(part.learning_rate), isinstance(part.learning_rate, Schedule)
        rate = np.empty(most if changes else 1)
        arrays, run = self._data(data), self.run

        def many(order: IntArray, total: float, _alive: Any = buffers) -> tuple[float, float]:
            made, done = -(-order.size // batch), state["step"]
            if draws:
                noise.random(out=drawn[: order.size * draws], dtype=dtype.type)
            for step in range(made if changes else 1):
                rate[step] = rate_of(done + step)
            result = run(
                layers, dropouts, self.loss.number, factor, number, constants, cut, tuple(vectors), arrays, drawn,
                order, rate, done, total, scratch, numbers, batch, one,
            )  # fmt: skip
            state["step"] = done + made
            return result

        return many

    def _checked(self, array: Array, shape: tuple[int, ...]) -> Array:
        """The array itself, when compiled code can use it."""
        if array.dtype != self.dtype or array.shape != shape or not array.flags.c_contiguous:
            raise ValueError(f"an array {array.shape} {array.dtype} where {shape} {self.dtype} in one piece is needed")
        return array

    def _data(self, data: TrainingData) -> tuple[Array, Array, Array, Array]:
        """Inputs, labels, targets and weights; empty where there are none."""
        x, target, weight = data
        dtype, none = self.dtype, np.empty(0, self.dtype)
        rows, outputs = len(x), self.layers[-1].units
        x = self._checked(np.ascontiguousarray(x), (rows, self.layers[0].inputs))
        weight = none if weight is None else self._checked(np.ascontiguousarray(weight), (rows,))
        if self.loss.number == feature_major.SOFTMAX_LABELS:
            return x, np.ascontiguousarray(target, np.int64).reshape(rows), np.empty((0, 0), dtype), weight
        return x, np.empty(0, np.int64), self._checked(np.ascontiguousarray(target), (rows, outputs)), weight

    def _plan(self, parameters: Array, gradient: Array) -> tuple[Array, Array, list[Array]]:
        """The words of each layer, threshold and scale of its dropout, and the buffers that the words are about."""
        plan, dropouts = np.zeros((len(self.layers), LAYER_WORDS), np.int64), np.ones((len(self.layers), 2), self.dtype)
        buffers = [parameters, gradient]
        place, size = 0, self.dtype.itemsize

        def buffer(units: int) -> int:
            buffers.append(aligned((units, self.stride), self.dtype))
            return int(buffers[-1].ctypes.data)

        below = buffer(self.layers[0].inputs)
        for row, layer in zip(plan, self.layers, strict=True):
            row[[words.INPUTS, words.UNITS, words.KIND]] = layer.inputs, layer.units, layer.kind
            weights = layer.inputs * layer.units
            for own, bias, vector in (
                (words.WEIGHT, words.BIAS, parameters),
                (words.WEIGHT_GRAD, words.BIAS_GRAD, gradient),
            ):
                row[own] = vector.ctypes.data + size * place
                row[bias] = row[own] + size * weights if layer.use_bias else 0
            place += weights + layer.units * layer.use_bias
            row[[words.BELOW, words.X]] = below
            if layer.rate:
                row[words.X], row[words.FACTORS] = buffer(layer.inputs), buffer(layer.inputs)
            row[[words.A, words.GRAD, words.TURNED]] = [buffer(layer.units) for _ in range(3)]
            below = row[words.A]
        for own, layer in zip(dropouts, self.layers, strict=True):
            own[:] = 1.0 - layer.rate, 1.0 / (1.0 - layer.rate)
        return plan, dropouts, buffers


@functools.cache
def _compiled(char: str) -> Callable[..., tuple[float, float]] | None:
    """The kernel for a dtype; ``None``, with one warning, when it cannot be compiled."""
    dtype = np.dtype(char)
    one, vector, matrix, places = dtype.type(1), np.empty(0, dtype), np.empty((0, 0), dtype), np.empty(0, np.int64)
    return compiled(
        many_steps, np.empty((0, 0), np.int64), matrix, 0, one, 0, np.empty(0), np.empty((0, 0), np.int64),
        (vector,) * 4, (matrix, places, matrix, vector), vector, places, np.empty(0), 0, 0.0, matrix, matrix, 0, one,
    )  # fmt: skip
