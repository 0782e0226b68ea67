"""A network's structure with every choice made: layers, places in the vector, loss and penalties."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.jacobian_path import JacobianPath, is_on_jacobian_path, on_jacobian_path
from nnkit.core.layout import Layout, Slot
from nnkit.errors import ShapeError, SpecError
from nnkit.interfaces import Activation, DataDescription, Initializer, Layer, Loss, Regularizer, Task, TaskName
from nnkit.interfaces.loss import fits, misfit

__all__ = ["Model"]

LARGEST: Final = 1 << 48
"""Elements that no memory has room for."""


@attrs.frozen
class Model:
    """What a network computes, without its parameters.

    The activation of the last layer is split off as ``head``, because the loss is composed with
    it: by a fused form where the loss names one, through its Jacobian or vjp otherwise.

    Args:
        layers: All layers, as the user gave them, with every part resolved.
        body: The same, the last one without its activation.
        head: The activation of the last layer.
        loss: The loss.
        fused: Whether ``loss`` takes ``head`` in.
        inputs: Columns of the input.
        widths: Columns of the output of each layer.
        layout: Places of all arrays but the buffers, the trainable ones first.
        trained: Places of the trainable arrays alone.
        buffer_layout: Places of the arrays that are kept but not trained.
        penalties: Places of regularized trainable arrays, each with its regularizer.
        task: What is predicted, and how metrics read predictions and targets.
        description: What was learned about the data: names, labels.
    """

    layers: tuple[Layer, ...]
    body: tuple[Layer, ...]
    head: Activation | None
    loss: Loss
    fused: bool
    inputs: int
    widths: tuple[int, ...]
    layout: Layout
    trained: Layout
    buffer_layout: Layout
    penalties: tuple[tuple[Slot, Regularizer], ...]
    task: Task
    description: DataDescription = attrs.field(factory=DataDescription)

    @classmethod
    def build(
        cls,
        layers: Sequence[Layer],
        inputs: int,
        loss: Loss,
        *,
        fused: bool,
        resolve: Callable[[str, Any], Any],
        regularizer: Regularizer | None = None,
        full_jacobians: bool = False,
        task: TaskName | None = None,
        check: Callable[[Layout, Layout], None] | None = None,
    ) -> Model:
        """Decide everything that can be decided before there are data.

        Args:
            layers: With every part resolved.
            inputs: Columns of the input.
            loss: The loss.
            fused: Whether the loss' fused form belongs to the last activation.
            resolve: ``(kind, spec) -> part``, for the specs in a layer's declarations.
            regularizer: Of every array with the role ``"weight"`` that names none itself.
            full_jacobians: Go back through full Jacobians alone, without shortcuts.
            task: ``None`` where it follows from the loss and the number of outputs.
            check: Called with the places of parameters and buffers before any array is allocated; the caller
                then rehearses the model with arrays of its own.

        Raises:
            ShapeError: When a layer's output is not as it declares.
            SpecError: When a layer does not accept its inputs, two arrays of a layer have one name,
                all of them do not fit into memory, or the loss does not accept this number of outputs.
        """
        used = [on_jacobian_path(layer) for layer in layers] if full_jacobians else list(layers)
        last, head = used[-1].split()
        body = (*used[:-1], last)
        widths: list[int] = []
        trained, kept = [], []
        columns = inputs
        for index, layer in enumerate(body):
            _check_inputs(layer, index, columns)
            specs = layer.parameter_specs(columns)
            if not layer.trainable:
                specs = tuple(attrs.evolve(spec, trainable=False) for spec in specs)
            trained.append([spec for spec in specs if spec.role != "buffer"])
            kept.append([spec for spec in specs if spec.role == "buffer"])
            columns = layer.outputs(columns)
            widths.append(columns)
        _check_loss(loss, columns)
        layout, buffer_layout = Layout.of(trained), Layout.of(kept)
        for places in (layout, buffer_layout):
            if len(places.shapes) != len(places.slots):
                raise SpecError(f"a layer declares two arrays of one name; the names are {', '.join(places.shapes)}")
            if places.size > LARGEST:
                raise SpecError(f"the network has {places.size:.3g} parameters, more than fit into memory")
        if check is not None:
            check(layout, buffer_layout)
        penalties = []
        for slot in layout.trained.slots:
            chosen = slot.spec.regularizer or (regularizer if slot.spec.role == "weight" else None)
            if chosen is not None:
                penalties.append((slot, resolve("regularizer", chosen)))
        model = cls(
            layers=tuple(layers),
            body=body,
            head=head,
            loss=loss,
            fused=fused and head is not None and not full_jacobians,
            inputs=inputs,
            widths=tuple(widths),
            layout=layout,
            trained=layout.trained,
            buffer_layout=buffer_layout,
            penalties=tuple(penalties),
            task=Task.of(loss, layers[-1].split()[1], loss.target_columns(widths[-1]), task),
        )
        if check is not None:
            return model
        try:
            zeros, ones = np.zeros(layout.size), np.ones(model.buffer_layout.size)
            x = np.full((2, inputs), 0.5)
            x[:, list(body[0].index_columns(inputs))] = 0.0
            model.rehearse(zeros, ones, x)
        except MemoryError as error:
            raise SpecError(
                f"the network has {layout.size:,} parameters and layers of up to {max(widths):,} units, more than fit "
                "into memory"
            ) from error
        return model

    @property
    def outputs(self) -> int:
        """``K``, columns of the prediction."""
        return self.widths[-1]

    @property
    def target_columns(self) -> int:
        """``T``, columns of the target; for labels the number of classes."""
        return self.loss.target_columns(self.outputs)

    @property
    def full_jacobians(self) -> bool:
        """Whether the backward pass is on the full-Jacobian path."""
        return isinstance(self.head, JacobianPath) or any(map(is_on_jacobian_path, self.body))

    def unscaled(self, prediction: Array) -> Array:
        """The prediction ``(N, K)`` in the units of the targets."""
        scaling = self._scaling(prediction.dtype)
        return prediction if scaling is None else self.loss.unscale(prediction, *scaling)

    def unscaled_slope(self, dtype: np.dtype[Any]) -> Array | None:
        """What a change of each output is multiplied by in the units of the targets, ``(K,)``; ``None`` for 1."""
        scaling = self._scaling(dtype)
        if scaling is None:
            return None
        ends = np.array([[0.0], [1.0]], dtype=dtype) * np.ones(self.outputs, dtype=dtype)
        low, high = self.loss.unscale(ends, np.zeros_like(scaling[0]), scaling[1])
        slope: Array = high - low
        return slope

    def scaled_target(self, target: Array) -> Array:
        """The target ``(N, T)`` as the loss sees it."""
        scaling = self._scaling(target.dtype)
        return target if scaling is None else (target - scaling[0]) / scaling[1]

    def unscaled_target(self, target: Array) -> Array:
        """The target ``(N, T)`` that the loss sees, in its own units."""
        scaling = self._scaling(target.dtype)
        return target if scaling is None else target * scaling[1] + scaling[0]

    def _scaling(self, dtype: np.dtype[Any]) -> tuple[Array, Array] | None:
        shift, scale = self.description.shift, self.description.scale
        return None if shift is None or scale is None else (np.array(shift, dtype=dtype), np.array(scale, dtype=dtype))

    def new_parameters(
        self,
        rng: np.random.Generator,
        dtype: np.dtype[Any],
        *,
        weights: Initializer,
        biases: Initializer,
        resolve: Callable[[str, Any], Any],
    ) -> tuple[Array, Array]:
        """Freshly drawn parameters and buffers, layer by layer from one generator.

        Args:
            rng: The generator.
            dtype: The dtype of both.
            weights: For arrays with the role ``"weight"`` that name no initializer.
            biases: For all others that name none.
            resolve: ``(kind, spec) -> part``, for a layer's own initializers.
        """
        vectors = []
        for layout in (self.layout, self.buffer_layout):
            vector = np.empty(layout.size, dtype=dtype)
            # By layer, so that a frozen network draws what an unfrozen one does.
            for slot, view in sorted(
                zip(layout.slots, layout.restore(vector), strict=True), key=lambda pair: pair[0].layer
            ):
                spec = slot.spec
                own = weights if spec.role == "weight" else biases
                chosen = own if spec.initializer is None else resolve("initializer", spec.initializer)
                drawn = np.asarray(chosen.sample(spec.shape, spec.fan_in, spec.fan_out, rng, dtype))
                if drawn.shape != spec.shape:
                    raise ShapeError(
                        f"{type(chosen).__name__}.sample returned shape {drawn.shape} for {spec.name} of layer "
                        f"{slot.layer}; expected {spec.shape}"
                    )
                view[...] = drawn
            vectors.append(vector)
        return vectors[0], vectors[1]

    def rehearse(self, parameters: Array, buffers: Array, x: Array) -> Array:
        """The prediction of rows ``x``, layer by layer, so that no later step needs to check a shape.

        Raises:
            ShapeError: When a layer's output is not as it declares.
        """
        rng = np.random.default_rng(0)
        trained, kept = self.layout.by_layer(parameters), self.buffer_layout.by_layer(buffers)
        rows = len(x)
        # Only shapes are checked here: warnings of numpy are of no interest.
        with np.errstate(all="ignore"):
            for index, layer in enumerate(self.body):
                y, _ = layer.forward({**trained[index], **kept[index]}, x, training=False, rng=rng)
                if np.shape(y) != (rows, self.widths[index]):
                    raise ShapeError(
                        f"layer {index} ({type(layer).__name__}) returned shape {np.shape(y)} for {rows} rows; "
                        f"it declares {(rows, self.widths[index])}"
                    )
                x = y
            a = x if self.head is None else self.head.forward(x)
        if np.shape(a) != x.shape:
            raise ShapeError(
                f"the output activation {type(self.head).__name__} returned shape {np.shape(a)} for {x.shape}"
            )
        return np.asarray(a)


def _check_inputs(layer: Layer, index: int, columns: int) -> None:
    """Refuse a layer that does not accept this number of inputs, or indices that another layer computes.

    Raises:
        SpecError: Names the layer and the reason.
    """
    reason = layer.accepts(columns)
    if reason is None and index and layer.index_columns(columns):
        reason = "its inputs are indices, which no layer computes; it must be the first layer"
    if reason is not None:
        raise SpecError(f"layer {index} ({type(layer).__name__}) does not accept {columns} inputs: {reason}")


def _check_loss(loss: Loss, outputs: int) -> None:
    """Refuse a number of outputs that the loss does not accept, and a coupled loss without its two methods.

    Raises:
        SpecError: Names the loss and what is missing.
    """
    if not fits(loss, outputs):
        raise SpecError(misfit(loss, outputs))
    missing = [name for name in ("batch_value", "batch_gradient") if loss.rows_coupled and not loss.offers(name)]
    if missing:
        raise SpecError(f"{type(loss).__name__} declares rows_coupled, but defines no {' and no '.join(missing)}")
