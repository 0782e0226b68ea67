"""Networks saved by Keras, read without Keras: ``.keras`` (zip with JSON and HDF5) and ``.h5``."""

from __future__ import annotations

import importlib.util
import os
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs
import numpy as np

import nnkit
from nnkit.arrays import Array
from nnkit.errors import FileFormatError, MissingExtraError, brief
from nnkit.interfaces import PartSpec
from nnkit_export.assembly import Assembly
from nnkit_export.errors import NetworkImportError
from nnkit_export.hdf5 import read_hdf5
from nnkit_export.reading import as_mapping, checked_file, parsed_json, reading

__all__ = ["from_keras"]

ACTIVATIONS: Final[dict[str, Any]] = {
    **{
        name: name for name in ("relu", "sigmoid", "tanh", "elu", "selu", "softplus", "softsign", "mish", "exponential")
    },
    **{name: name for name in ("gelu", "silu", "hard_sigmoid", "softmax", "log_softmax")},
    "linear": "identity",
    "swish": "silu",
    "leaky_relu": ("leaky_relu", {"negative_slope": 0.2}),
}
"""The activation of each of Keras' names, with hyperparameters where the defaults differ."""

VARIABLES: Final = {
    "Dense": ("kernel", "bias"),
    "BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "LayerNormalization": ("gamma", "beta"),
    "GroupNormalization": ("gamma", "beta"),
    "PReLU": ("alpha",),
    "Normalization": ("mean", "variance", "count"),
}
"""The arrays of each class in the order in which ``.keras`` numbers them."""

SWITCHES: Final = {"bias": "use_bias", "gamma": "scale", "beta": "center"}
"""The option without which an array does not exist."""

CONFIG_LIMIT: Final = 1 << 26
"""Bytes of JSON in one file."""

GROWTH: Final = 8
"""Weights do not compress: a member that is more times larger than its compressed form is refused."""

DEPTH: Final = 16
"""Models inside of models."""

Weights: TypeAlias = Callable[["_Layer"], Mapping[str, Any]]
"""The arrays of a layer by Keras' names."""

Adder: TypeAlias = Callable[[Assembly, "_Layer", Mapping[str, Any]], None]
"""Adds a layer and its arrays to a network."""


@attrs.frozen
class _Layer:
    """A layer as the config describes it.

    Args:
        kind: The name of its class.
        config: Its options.
        path: Where a ``.keras`` file has its arrays.
        parent: The name of the layer of the outermost model that contains it.
    """

    kind: str
    config: Mapping[str, Any]
    path: str
    parent: str

    @property
    def name(self) -> str:
        """Its name, which is unique in a model."""
        return str(self.config.get("name"))

    @property
    def where(self) -> str:
        """Its name in messages."""
        return f"layer {self.name!r}: {self.kind}"

    @property
    def variables(self) -> tuple[str, ...]:
        """The arrays that it has."""
        return tuple(
            name
            for name in VARIABLES.get(self.kind, ())
            if name not in SWITCHES or self.config.get(SWITCHES[name], True)
        )

    def expect(self, option: str, *allowed: Any) -> Any:
        """The value of an option, which must be one of these; the first one where it is missing."""
        value = self.config.get(option, allowed[0])
        if value not in allowed:
            shown = " or ".join(map(repr, allowed))
            raise NetworkImportError(f"{self.where} has {option}={brief(value)}; nnkit has {shown} only")
        return value

    def number(self, option: str) -> float:
        """The value of an option that is a number."""
        value = self.config.get(option)
        if type(value) not in {int, float}:
            raise NetworkImportError(f"{self.where} has {option}={brief(value)}; expected a number")
        return float(value)  # type: ignore[arg-type]


def from_keras(path: str | os.PathLike[str], *, loss: PartSpec | None = None) -> nnkit.Network:
    """The network in a file of Keras 2 or 3, ``.keras`` or ``.h5``; predictions are equal. Keras is not needed.

    The layers must follow each other: Dense, activations, BatchNormalization, LayerNormalization, GroupNormalization,
    PReLU, Dropout, GaussianNoise, Normalization, Rescaling, and models of these. Optimizer, loss and regularizers are
    not read.

    Args:
        path: The file.
        loss: For later training; by default the one that fits the output activation.

    Raises:
        NetworkImportError: Names the layer or option that has no equal here.
        FileFormatError: When the file is damaged or something else.
        MissingExtraError: Without h5py.
    """
    file = checked_file(path, ".keras", ".h5", ".hdf5")
    if importlib.util.find_spec("h5py") is None:
        raise MissingExtraError("from_keras needs h5py: pip install 'nnkit-export[keras]'")
    with reading(file, "a Keras file"):
        if file.suffix.lower() == ".keras":
            config, content = _unzipped(file)
            return _network(config, _numbered(read_hdf5(content)[0]), loss)
        arrays, attributes = read_hdf5(file.read_bytes())
        text = attributes.get(":model_config")
        if not isinstance(text, str):
            raise FileFormatError("it has no model_config, only weights; save the model with model.save(path)")
        return _network(parsed_json(text), _named(arrays, attributes), loss)


# -- files ---------------------------------------------------------------------------------------------


def _unzipped(file: Path) -> tuple[dict[str, Any], bytes]:
    """The config and the HDF5 file in a ``.keras`` archive."""
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: info for info in archive.infolist()}
        missing = {"config.json", "model.weights.h5"} - members.keys()
        if missing:
            raise FileFormatError(f"the archive has no {' and no '.join(sorted(missing))}")
        size = file.stat().st_size
        config, weights = members["config.json"], members["model.weights.h5"]
        if config.file_size > CONFIG_LIMIT or weights.file_size > GROWTH * max(weights.compress_size, 1024):
            raise FileFormatError(f"damaged: its members claim {weights.file_size:,} bytes in a file of {size:,}")
        # No more is read than the directory declares.
        with archive.open(config) as first, archive.open(weights) as second:
            return parsed_json(first.read(config.file_size)), second.read(weights.file_size)


def _taken(arrays: Mapping[str, Array], layer: _Layer, path: str) -> Array:
    if path not in arrays:
        raise FileFormatError(f"damaged: {layer.where}: there is no {path}")
    return arrays[path]


def _numbered(arrays: Mapping[str, Array]) -> Weights:
    """The arrays of a layer in a ``.keras`` file, where they have numbers."""

    def weights(layer: _Layer) -> Mapping[str, Any]:
        names = enumerate(layer.variables)
        return {name: _taken(arrays, layer, f"{layer.path}/vars/{index}") for index, name in names}

    return weights


def _named(arrays: Mapping[str, Array], attributes: Mapping[str, Any]) -> Weights:
    """The arrays of a layer in a ``.h5`` file, where they have names such as ``dense/kernel:0``."""

    def weights(layer: _Layer) -> Mapping[str, Any]:
        group = f"model_weights/{layer.parent}"
        places: dict[str, str] = {}
        for text in attributes.get(f"{group}:weight_names", ()):
            owner, _, name = text.removesuffix(":0").rpartition("/")
            if owner.rpartition("/")[2] == layer.name:
                places[name] = f"{group}/{text}"
        return {name: _taken(arrays, layer, places.get(name, name)) for name in layer.variables}

    return weights


# -- layers --------------------------------------------------------------------------------------------


def _network(config: Mapping[str, Any], weights: Weights, loss: PartSpec | None) -> nnkit.Network:
    assembly = Assembly()
    for layer in _flat(config, "layers", "", 0):
        adder = LAYERS.get(layer.kind)
        if adder is None:
            raise NetworkImportError(f"{layer.where} has no equal in nnkit; there are {', '.join(sorted(LAYERS))}")
        adder(assembly, layer, weights(layer))
    return assembly.network(loss=loss)


def _flat(model: Mapping[str, Any], path: str, parent: str, depth: int) -> list[_Layer]:
    """The layers of a model one after the other, those of models inside of it included."""
    kind, config = model.get("class_name"), as_mapping(model.get("config"), "the config of the model")
    if kind not in {"Sequential", "Functional", "Model"}:
        raise NetworkImportError(f"the model is a {brief(kind)}; expected Sequential or Functional")
    if depth > DEPTH:
        raise FileFormatError(f"damaged: more than {DEPTH} models inside each other")
    entries = config.get("layers")
    if not isinstance(entries, list):
        raise FileFormatError("damaged: the model has no list of layers")
    entries = [as_mapping(entry, "a layer") for entry in entries]
    if kind != "Sequential":
        _check_chain(entries)
    layers: list[_Layer] = []
    counts: Counter[str] = Counter()
    for entry in entries:
        own, options = str(entry.get("class_name")), as_mapping(entry.get("config"), "the config of a layer")
        stem = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])", "_", own).lower()
        name = f"{stem}_{counts[stem]}" if counts[stem] else stem
        if own != "InputLayer" or kind != "Sequential":
            counts[stem] += 1
        outermost = parent or str(options.get("name"))
        if own in {"Sequential", "Functional", "Model"}:
            layers += _flat(entry, f"{path}/{name}/layers", outermost, depth + 1)
        else:
            layers.append(_Layer(own, options, f"{path}/{name}", outermost))
    return layers


def _check_chain(entries: list[dict[str, Any]]) -> None:
    """Refuse a functional model that is more than one layer after the other."""
    before = None
    for entry in entries:
        name, history = entry.get("name"), _history(entry.get("inbound_nodes"))
        if history != ([] if before is None else [before]):
            raise NetworkImportError(
                f"layer {name!r} has the inputs {history}; expected [{before!r}]: only chains of layers are read"
            )
        before = name


def _history(nodes: Any) -> list[str]:
    """The names of the layers that a layer is applied to, in the form of Keras 3 or 2."""
    if isinstance(nodes, dict):
        config = nodes.get("config")
        if nodes.get("class_name") == "__keras_tensor__" and isinstance(config, dict):
            return [str(config.get("keras_history", [None])[0])]
        return [name for value in nodes.values() for name in _history(value)]
    if isinstance(nodes, list):
        if len(nodes) >= 3 and isinstance(nodes[0], str) and isinstance(nodes[1], int):  # Keras 2: [name, node, tensor]
            return [nodes[0]]
        return [name for value in nodes for name in _history(value)]
    return []


def _activate(assembly: Assembly, layer: _Layer, name: Any) -> None:
    if isinstance(name, dict):  # Keras 3 writes some activations as objects
        name = as_mapping(name, "an activation").get("config")
    target = ACTIVATIONS.get(name) if isinstance(name, str) else None
    if target is None:
        known = ", ".join(sorted(ACTIVATIONS))
        raise NetworkImportError(f"{layer.where} has the activation {brief(name)}; nnkit has {known}")
    name, options = (target, {}) if isinstance(target, str) else target
    assembly.activation(layer.where, name, **options)


def _input(assembly: Assembly, layer: _Layer, arrays: Mapping[str, Any]) -> None:
    shape = layer.config.get("batch_shape", layer.config.get("batch_input_shape"))
    if not isinstance(shape, list) or len(shape) != 2 or type(shape[1]) is not int or shape[1] < 1:
        raise NetworkImportError(f"{layer.where} has the shape {str(shape)[:60]}; expected rows of numbers: (None, D)")
    if assembly.inputs is None:
        assembly.inputs = assembly.columns = shape[1]


def _dense(assembly: Assembly, layer: _Layer, arrays: Mapping[str, Any]) -> None:
    if layer.config.get("lora_rank") or layer.config.get("quantization_config"):
        raise NetworkImportError(f"{layer.where} has LoRA or quantized weights; nnkit has plain weights only")
    assembly.dense(layer.where, arrays["kernel"], arrays.get("bias"))
    _activate(assembly, layer, layer.config.get("activation", "linear"))


def _normalized(assembly: Assembly, layer: _Layer, arrays: Mapping[str, Any], name: str, **options: Any) -> None:
    if layer.config.get("axis", -1) not in (-1, [-1], 1, [1]):
        raise NetworkImportError(f"{layer.where} has axis={brief(layer.config.get('axis'))}; nnkit has -1 only")
    filled = dict(zip(("scale", "shift"), (np.ones(1, np.float32), np.zeros(1, np.float32)), strict=True))
    columns = assembly.columns or max((len(array) for array in arrays.values()), default=1)
    named = {"gamma": "scale", "beta": "shift", "moving_mean": "running_mean", "moving_variance": "running_variance"}
    full = {key: np.repeat(value, columns) for key, value in filled.items()}
    full |= {named[key]: value for key, value in arrays.items()}
    assembly.layer(layer.where, name, full, columns=columns, epsilon=layer.number("epsilon"), **options)


def _batch_norm(assembly: Assembly, layer: _Layer, arrays: Mapping[str, Any]) -> None:
    layer.expect("renorm", False)
    _normalized(assembly, layer, arrays, "batch_norm", momentum=round(1.0 - layer.number("momentum"), 12))


def _layer_norm(assembly: Assembly, layer: _Layer, arrays: Mapping[str, Any]) -> None:
    layer.expect("rms_scaling", False)
    _normalized(assembly, layer, arrays, "layer_norm")


def _group_norm(assembly: Assembly, layer: _Layer, arrays: Mapping[str, Any]) -> None:
    groups = int(layer.number("groups"))
    _normalized(assembly, layer, arrays, "group_norm", groups=groups if groups > 0 else (assembly.columns or 1))


def _standardize(assembly: Assembly, layer: _Layer, arrays: Mapping[str, Any]) -> None:
    layer.expect("invert", False)
    if layer.config.get("mean") is not None:
        arrays = {"mean": layer.config["mean"], "variance": layer.config.get("variance")}
    mean, variance = (np.ravel(np.asarray(arrays[name], dtype=np.float64)) for name in ("mean", "variance"))
    columns = assembly.columns or len(mean)
    if not np.isfinite(variance).all() or not (variance > 1e-14).all():
        raise NetworkImportError(f"{layer.where} has columns that were constant, which Keras divides by 1e-7")
    full = np.ones(columns)
    assembly.standardize(layer.where, full * mean, full * np.sqrt(variance))


def _relu(assembly: Assembly, layer: _Layer, arrays: Mapping[str, Any]) -> None:
    layer.expect("max_value", None)
    layer.expect("threshold", 0.0)
    slope = layer.config.get("negative_slope") or 0.0
    if slope:
        assembly.activation(layer.where, "leaky_relu", negative_slope=slope)
    else:
        assembly.activation(layer.where, "relu")


def _leaky_relu(assembly: Assembly, layer: _Layer, arrays: Mapping[str, Any]) -> None:
    option = "negative_slope" if "negative_slope" in layer.config else "alpha"
    assembly.activation(layer.where, "leaky_relu", negative_slope=layer.number(option))


def _softmax(assembly: Assembly, layer: _Layer, arrays: Mapping[str, Any]) -> None:
    layer.expect("axis", -1, 1, [-1], [1])
    assembly.activation(layer.where, "softmax")


def _activation(assembly: Assembly, layer: _Layer, arrays: Mapping[str, Any]) -> None:
    _activate(assembly, layer, layer.config.get("activation"))


def _elu(assembly: Assembly, layer: _Layer, arrays: Mapping[str, Any]) -> None:
    assembly.activation(layer.where, "elu", alpha=layer.number("alpha"))


def _prelu(assembly: Assembly, layer: _Layer, arrays: Mapping[str, Any]) -> None:
    assembly.layer(layer.where, "prelu", {"slope": arrays["alpha"]})


def _flatten(assembly: Assembly, layer: _Layer, arrays: Mapping[str, Any]) -> None:
    """Nothing: rows of numbers are flat already."""


def _with_numbers(name: str, *options: str) -> Adder:
    """What adds a layer without arrays, whose hyperparameters are called alike."""

    def add(assembly: Assembly, layer: _Layer, arrays: Mapping[str, Any]) -> None:
        hyperparameters: dict[str, Any] = {option: layer.number(option) for option in options}
        assembly.layer(layer.where, name, {}, **hyperparameters)

    return add


LAYERS: Final[dict[str, Adder]] = {
    "InputLayer": _input,
    "Flatten": _flatten,
    "Dense": _dense,
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "Softmax": _softmax,
    "PReLU": _prelu,
    "Dropout": _with_numbers("dropout", "rate"),
    "GaussianNoise": _with_numbers("gaussian_noise", "stddev"),
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "GroupNormalization": _group_norm,
    "Normalization": _standardize,
    "Rescaling": _with_numbers("rescale", "scale", "offset"),
}
"""What adds each class of Keras to the network."""
