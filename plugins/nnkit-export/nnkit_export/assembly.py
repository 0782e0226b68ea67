"""A network of another library, layer by layer, as one of nnkit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

import nnkit
from nnkit.arrays import Array
from nnkit.core.layout import Layout
from nnkit.core.state import TrainingState
from nnkit.data.scaling import TargetScaling
from nnkit.interfaces import Activation, DataDescription, PartSpec
from nnkit.network.composition import DEFAULTS, Composition
from nnkit.plugins import create
from nnkit_export.errors import NetworkImportError

__all__ = ["Assembly", "built", "default_loss", "numbers"]

FLOATS = {2: np.float32, 4: np.float32, 8: np.float64}
"""The dtype of a network by the bytes of its source's numbers."""


def numbers(where: str, name: str, values: Any, shape: Sequence[int | None]) -> Array:
    """Values as an array of numbers with this shape, where ``None`` stands for any length.

    Args:
        where: The layer, for messages.
        name: The array, for messages.
        values: Anything that numpy reads.
        shape: The expected shape.

    Raises:
        NetworkImportError: When they are no finite real numbers, or have another shape.
    """
    array = np.asarray(values)
    fits = array.ndim == len(shape) and all(n in {m, None} for m, n in zip(array.shape, shape, strict=True))
    if array.dtype.kind not in "fiu" or not fits:
        expected = tuple("any" if n is None else n for n in shape)
        raise NetworkImportError(
            f"{where}: {name} has dtype {array.dtype} and shape {array.shape}; expected numbers of shape {expected}"
        )
    if 0 in array.shape:
        raise NetworkImportError(f"{where}: {name} has shape {array.shape}, and so no elements")
    if not np.isfinite(array).all():
        raise NetworkImportError(f"{where}: {name} has NaN or infinite values; train the network again")
    return array


class Assembly:
    """Collects the layers of a source in their order, and builds the network.

    Args:
        inputs: Columns of the input; ``None`` while the first layer with weights has not told them.

    Example:
        >>> assembly = Assembly()
        >>> assembly.dense("layer 0", np.array([[1.0], [2.0]]), np.array([0.5]))
        >>> assembly.activation("layer 1", "tanh")
        >>> assembly.network().predict([[0.0, 0.0]]).round(4)
        array([[0.4621]])
    """

    def __init__(self, inputs: int | None = None) -> None:
        self.inputs = inputs
        self.columns = inputs
        self._layers: list[dict[str, Any]] = []
        self._arrays: dict[str, Array] = {}
        self._affine: tuple[Any, Any] = (1.0, 0.0)

    def dense(self, where: str, weight: Any, bias: Any = None) -> None:
        """Add ``y = x @ weight + bias``.

        Args:
            where: What the source calls the layer, for messages.
            weight: ``(inputs, outputs)``.
            bias: ``(outputs,)`` or ``None``.
        """
        weight = numbers(where, "the weight", weight, (self.columns, None))
        columns = weight.shape[1]
        arrays = {"weight": weight}
        if bias is not None:
            arrays["bias"] = numbers(where, "the bias", bias, (columns,))
        self.layer(where, "dense", arrays, columns=weight.shape[0], units=columns, use_bias=bias is not None)
        self.columns = columns

    def add_bias(self, where: str, values: Any) -> bool:
        """Add a constant to the dense layer before it, if that has neither bias nor activation."""
        before: dict[str, Any] = self._layers[-1] if self._layers else {"name": ""}
        if before["name"] != "dense" or before["use_bias"] or "activation" in before:
            return False
        bias = numbers(
            where, "the bias", np.ravel(values) * np.ones(self.columns or 1, np.asarray(values).dtype), (self.columns,)
        )
        self._arrays[f"{len(self._layers) - 1}.bias"] = bias
        before["use_bias"] = True
        return True

    def activation(self, where: str, name: str, **hyperparameters: Any) -> None:
        """Add an activation, to the dense layer before it where there is one."""
        if name == "identity":
            return
        self._flush()
        spec: Any = {"name": name, **hyperparameters} if hyperparameters else name
        if self._layers and self._layers[-1]["name"] == "dense" and "activation" not in self._layers[-1]:
            self._layers[-1]["activation"] = spec
        else:
            self.layer(where, "activation", {}, activation=spec)

    def layer(
        self,
        where: str,
        name: str,
        arrays: Mapping[str, Any],
        *,
        columns: int | None = None,
        **hyperparameters: Any,
    ) -> None:
        """Add a layer of nnkit with its arrays, each ``(columns,)`` unless it is a dense layer's.

        Args:
            where: What the source calls the layer, for messages.
            name: The name of the layer in nnkit.
            arrays: Its parameters and buffers by name.
            columns: The inputs of this layer, if the source states them.
            hyperparameters: Of the layer.
        """
        self._flush()
        if self.columns is None:
            self.columns = columns
            if arrays and columns is None:
                self.columns = len(np.atleast_1d(next(iter(arrays.values()))))
            self.inputs = self.columns
        index = len(self._layers)
        for key, values in arrays.items():
            shape = (self.columns,) if name != "dense" and key != "count" else np.shape(values)
            self._arrays[f"{index}.{key}"] = numbers(where, key, values, shape)
        self._layers.append({"name": name, **hyperparameters})

    def affine(self, where: str, scale: Any, offset: Any) -> None:
        """Add ``y = scale * x + offset`` by column: into a dense layer before it, else as a layer of its own."""
        if self.columns is None:
            self.columns = self.inputs = max(np.size(scale), np.size(offset))
        scale, offset = (
            numbers(where, name, np.full(self.columns, 1.0) * np.ravel(values), (self.columns,))
            for name, values in (("the factor", scale), ("the offset", offset))
        )
        index = len(self._layers) - 1
        if index >= 0 and self._layers[-1]["name"] == "dense" and "activation" not in self._layers[-1]:
            weight, bias = self._arrays[f"{index}.weight"], self._arrays.get(f"{index}.bias", np.zeros(self.columns))
            self._arrays[f"{index}.weight"] = (weight * scale).astype(weight.dtype)
            self._arrays[f"{index}.bias"] = (bias * scale + offset).astype(weight.dtype)
            self._layers[-1]["use_bias"] = True
        else:
            self._affine = (self._affine[0] * scale, self._affine[1] * scale + offset)

    def _flush(self) -> None:
        """Add the scaling that ``affine`` has collected."""
        (scale, offset), self._affine = self._affine, (1.0, 0.0)
        if np.all(scale == 1.0) and np.all(offset == 0.0):
            return
        if (scale == scale[0]).all() and (offset == offset[0]).all():
            self.layer("a scaling", "rescale", {}, scale=float(scale[0]), offset=float(offset[0]))
        elif (scale > 0.0).all():
            self.standardize("a scaling", -offset / scale, 1.0 / scale)
        else:
            raise NetworkImportError(f"columns are multiplied by numbers that are not positive: {scale[:5]}")

    def standardize(self, where: str, mean: Any, stddev: Any) -> None:
        """Add ``y = (x - mean) / stddev``, which later training does not learn again."""
        mean, stddev = (np.asarray(values, dtype=np.float64) for values in (mean, stddev))
        if not (stddev > 10.0 * np.finfo(np.float64).eps * np.abs(mean)).all():
            raise NetworkImportError(f"{where} divides columns by 0, or by less than the rounding of their mean")
        self.layer(where, "standardize", {"mean": mean, "stddev": stddev, "count": np.ones(1)})

    def network(
        self,
        *,
        loss: PartSpec | None = None,
        dtype: Any = None,
        description: DataDescription | None = None,
        target_scaling: TargetScaling | None = None,
    ) -> nnkit.Network:
        """The network; weights in float16 or float32 make it one in float32.

        Args:
            loss: For later training; by default the one that fits the output activation.
            dtype: By default that of the source.
            description: What is known of the data.
            target_scaling: How the targets are scaled, where the description has their shift and scale.

        Raises:
            NetworkImportError: When there is no layer, or the layers do not fit each other.
        """
        self._flush()
        if not self._layers or self.inputs is None:
            raise NetworkImportError("there is no layer with weights; expected at least one dense layer")
        if dtype is None:
            weights = [array.dtype.itemsize for array in self._arrays.values() if array.ndim == 2]
            dtype = FLOATS.get(max(weights, default=8), np.float64)
        layers = [create("layer", layer) for layer in self._layers]
        if loss is None:
            loss = default_loss(None if target_scaling else layers[-1].split()[1])
        composition = Composition.of(
            [self.inputs, *layers], loss=loss, dtype=dtype, seed=0, target_scaling=target_scaling
        )
        return built(composition, self._arrays, description)


def built(
    composition: Composition, arrays: Mapping[str, Array], description: DataDescription | None = None
) -> nnkit.Network:
    """The network of a composition with these arrays; no array is drawn, and layers have learned their statistics.

    Args:
        composition: With known inputs; its dtype, if it has none, is that of the arrays.
        arrays: Parameters and buffers, by the names of ``network.arrays``.
        description: What is known of the data.

    Raises:
        NetworkImportError: When a name or a shape is not the composition's; lists both.
    """

    def check(*layouts: Layout) -> None:
        expected = {name: shape for layout in layouts for name, shape in layout.shapes.items()}
        shapes = {name: array.shape for name, array in arrays.items()}
        if expected != shapes:
            listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items() if expected.get(name) != shape)
            missing = ", ".join(f"{name} {shape}" for name, shape in expected.items() if shapes.get(name) != shape)
            raise NetworkImportError(f"the arrays do not fit: got {listed or 'no other'}; expected {missing or 'none'}")

    assert composition.inputs is not None
    model = composition.model(composition.inputs, check)
    dtype = np.result_type(*arrays.values()) if composition.dtype is None else composition.dtype
    parameters, buffers = (
        _vector([arrays[name] for name in layout.shapes], dtype) for layout in (model.layout, model.buffer_layout)
    )
    state = TrainingState.new(parameters, buffers, composition.seed)
    state.adapted = True
    if description is not None:
        model = attrs.evolve(model, description=description)
    return nnkit.Network._of(composition, model, state)  # noqa: SLF001  # as loading a file does


def _vector(arrays: list[Array], dtype: Any) -> Array:
    with np.errstate(over="ignore"):
        vector = np.concatenate([array.ravel() for array in arrays] or [np.empty(0)]).astype(dtype)
    if not np.isfinite(vector).all():
        raise NetworkImportError(f"the arrays have NaN, infinity or numbers too large for {dtype}")
    return vector


def default_loss(head: Activation | None) -> str:
    """The loss that expects what an output activation returns.

    Example:
        >>> default_loss(create("activation", "softmax"))
        'categorical_crossentropy'
    """
    if head is not None and head.simplex:
        return DEFAULTS["class_loss"]
    if head is not None and head.log_simplex:
        return "nll"
    return DEFAULTS["binary_loss" if type(head) is type(create("activation", DEFAULTS["unit_head"])) else "loss"]
