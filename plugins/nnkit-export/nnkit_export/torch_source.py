"""Networks of PyTorch: a ``Sequential``, or the arrays of one for layers that are stated."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs
import numpy as np

import nnkit
from nnkit.arrays import Array
from nnkit.interfaces import PartSpec
from nnkit.network.composition import Composition
from nnkit.plugins import create
from nnkit.registry import name_of
from nnkit_export.assembly import Assembly, built, default_loss, numbers
from nnkit_export.errors import NetworkImportError
from nnkit_export.reading import checked_file, reading
from nnkit_export.safe_tensors import read_safetensors

__all__ = ["from_torch"]

ACTIVATIONS: Final[dict[str, tuple[str, dict[str, str], dict[str, Any]]]] = {
    "Identity": ("identity", {}, {}),
    "ReLU": ("relu", {}, {}),
    "LeakyReLU": ("leaky_relu", {"negative_slope": "negative_slope"}, {}),
    "ELU": ("elu", {"alpha": "alpha"}, {}),
    "SELU": ("selu", {}, {}),
    "Sigmoid": ("sigmoid", {}, {}),
    "Tanh": ("tanh", {}, {}),
    "SiLU": ("silu", {}, {}),
    "Mish": ("mish", {}, {}),
    "Softsign": ("softsign", {}, {}),
    "Softplus": ("softplus", {}, {"beta": (1, 1.0)}),
    "Hardsigmoid": ("hard_sigmoid", {}, {}),
    "Softmax": ("softmax", {}, {"dim": (1, -1)}),
    "LogSoftmax": ("log_softmax", {}, {"dim": (1, -1)}),
}
"""The activation of each module, its hyperparameters by attribute, and the attributes that must have certain values."""

STATE: Final = {
    "batch_norm": {
        "weight": "scale",
        "bias": "shift",
        "running_mean": "running_mean",
        "running_var": "running_variance",
    },
    "layer_norm": {"weight": "scale", "bias": "shift"},
    "group_norm": {"weight": "scale", "bias": "shift"},
    "prelu": {"weight": "slope"},
}
"""PyTorch's names of the arrays of a layer, with those of nnkit."""


def from_torch(
    source: Any,
    layers: Sequence[int | PartSpec] | None = None,
    *,
    names: Sequence[str] | None = None,
    loss: PartSpec | None = None,
    **composition: Any,
) -> nnkit.Network:
    """The network of a ``torch.nn.Sequential``, or of a state dict with stated layers; predictions are equal.

    A ``Sequential`` may contain Linear, BatchNorm1d, LayerNorm, GroupNorm, PReLU, Dropout, Flatten, activations and
    other Sequentials. Optimizer and loss are not part of it. PyTorch itself is needed only to make it: not for a
    ``.safetensors`` file, nor for a state dict of numpy arrays.

    Args:
        source: The module; or a state dict; or the path of a ``.safetensors`` file with one.
        layers: For a state dict, as for ``nnkit.Network``: ``[64, 32, 10]``, or layers.
        names: For a state dict, the names of the modules with arrays in the order of ``layers``: ``["fc1", "fc2"]``.
            By default their order, if they are numbered.
        loss: For later training; by default the one that fits the output activation.
        composition: Further arguments of ``nnkit.Network`` for a state dict: ``hidden_activation="tanh"``.

    Raises:
        NetworkImportError: Names the module that has no equal here, or the arrays that do not fit the layers.
        FileFormatError: When the file is damaged, or a pickle.

    Example:
        >>> state = {"0.weight": np.ones((1, 2)), "0.bias": np.zeros(1)}
        >>> from_torch(state, [2, 1]).predict([[3.0, 4.0]])
        array([[7.]])
    """
    if isinstance(source, (str, os.PathLike)):
        file = checked_file(source, ".safetensors")
        with reading(file, "a safetensors file"):
            state: Any = read_safetensors(file)[0]
            return _from_state(state, layers, names, loss, composition, ordered=False)
    if isinstance(source, Mapping):
        return _from_state(source, layers, names, loss, composition, ordered=True)
    if layers is not None or names is not None or composition:
        raise NetworkImportError("a module states its layers itself; leave layers, names and further arguments out")
    assembly = Assembly()
    _add(assembly, "the model", source)
    return assembly.network(loss=loss)


# -- modules -------------------------------------------------------------------------------------------


def _add(assembly: Assembly, where: str, module: Any) -> None:
    """Add a module and all modules within it."""
    kind = type(module).__name__
    if not type(module).__module__.startswith("torch.nn.modules."):
        raise NetworkImportError(
            f"{where} is a {kind}, whose forward pass is code; pass a torch.nn.Sequential, or a state_dict() and layers"
        )
    if kind == "Sequential":
        for name, inner in module.named_children():
            _add(assembly, f"module {name}" if where == "the model" else f"{where}.{name}", inner)
        return
    where = f"{where}: {kind}"
    if kind in ACTIVATIONS:
        name, fields, required = ACTIVATIONS[kind]
        for attribute, allowed in required.items():
            _expect(where, module, attribute, *allowed)
        assembly.activation(where, name, **{ours: float(getattr(module, theirs)) for ours, theirs in fields.items()})
    elif kind in MODULES:
        MODULES[kind](assembly, where, module)
    else:
        raise NetworkImportError(
            f"{where} has no equal in nnkit; there are {', '.join(sorted([*ACTIVATIONS, *MODULES, 'Sequential']))}"
        )


def _expect(where: str, module: Any, attribute: str, *allowed: Any) -> None:
    value = getattr(module, attribute, allowed[0])
    if value not in allowed:
        raise NetworkImportError(f"{where} has {attribute}={value!r}; nnkit has {' or '.join(map(repr, allowed))} only")


def _numpy(tensor: Any) -> Array | None:
    """A tensor as an array; bfloat16, which numpy lacks, as float32."""
    if tensor is None or isinstance(tensor, np.ndarray):
        return tensor
    if not hasattr(tensor, "detach"):
        return np.asarray(tensor)
    tensor = tensor.detach().cpu()
    return np.asarray((tensor.float() if "bfloat16" in str(tensor.dtype) else tensor).numpy())


def _linear(assembly: Assembly, where: str, module: Any) -> None:
    weight = _numpy(module.weight)
    assert weight is not None
    assembly.dense(where, weight.T, _numpy(module.bias))


def _gelu(assembly: Assembly, where: str, module: Any) -> None:
    _expect(where, module, "approximate", "none", "tanh")
    assembly.activation(where, "gelu", **({"approximate": True} if module.approximate == "tanh" else {}))


def _dropout(assembly: Assembly, where: str, module: Any) -> None:
    assembly.layer(where, "dropout", {}, rate=float(module.p))


def _flatten(assembly: Assembly, where: str, module: Any) -> None:
    _expect(where, module, "start_dim", 1)  # rows of numbers are flat already
    _expect(where, module, "end_dim", -1)


def _normalization(assembly: Assembly, where: str, module: Any, name: str, columns: int, **fields: Any) -> None:
    arrays = {ours: _numpy(getattr(module, theirs)) for theirs, ours in STATE[name].items()}
    empty = {"scale": np.ones(columns, np.float32), "shift": np.zeros(columns, np.float32)}
    filled = {key: empty[key] if array is None else array for key, array in arrays.items()}
    assembly.layer(where, name, filled, columns=columns, epsilon=float(module.eps), **fields)


def _batch_norm(assembly: Assembly, where: str, module: Any) -> None:
    _expect(where, module, "track_running_stats", True)
    if module.momentum is None:
        raise NetworkImportError(f"{where} has momentum=None, a cumulative average; nnkit has a number in [0, 1] only")
    _normalization(assembly, where, module, "batch_norm", module.num_features, momentum=float(module.momentum))


def _layer_norm(assembly: Assembly, where: str, module: Any) -> None:
    if len(module.normalized_shape) != 1:
        raise NetworkImportError(
            f"{where} has normalized_shape={module.normalized_shape}; nnkit normalizes columns only"
        )
    _normalization(assembly, where, module, "layer_norm", module.normalized_shape[0])


def _group_norm(assembly: Assembly, where: str, module: Any) -> None:
    _normalization(assembly, where, module, "group_norm", module.num_channels, groups=int(module.num_groups))


def _prelu(assembly: Assembly, where: str, module: Any) -> None:
    slope = _numpy(module.weight)
    assert slope is not None
    assembly.layer(where, "prelu", {"slope": _slopes(slope, assembly.columns)})


def _slopes(slope: Array, columns: int | None) -> Array:
    """A slope for each column, also where one is shared by all."""
    return np.repeat(slope, columns) if slope.shape == (1,) and columns is not None else slope


def _glu(assembly: Assembly, where: str, module: Any) -> None:
    _expect(where, module, "dim", -1, 1)
    if assembly.columns is None or assembly.columns % 2:
        raise NetworkImportError(f"{where} halves its columns; it needs an even number of them")
    assembly.layer(where, "glu", {})
    assembly.columns //= 2


MODULES: Final[dict[str, Callable[[Assembly, str, Any], None]]] = {
    "Linear": _linear,
    "GELU": _gelu,
    "Dropout": _dropout,
    "Flatten": _flatten,
    "BatchNorm1d": _batch_norm,
    "LayerNorm": _layer_norm,
    "GroupNorm": _group_norm,
    "PReLU": _prelu,
    "GLU": _glu,
}


# -- state dicts ---------------------------------------------------------------------------------------


def _from_state(
    state: Mapping[str, Any],
    layers: Sequence[int | PartSpec] | None,
    names: Sequence[str] | None,
    loss: PartSpec | None,
    options: dict[str, Any],
    *,
    ordered: bool,
) -> nnkit.Network:
    if layers is None:
        raise NetworkImportError("a state dict has arrays, but no layers; state them: from_torch(state, [64, 32, 10])")
    modules: dict[str, dict[str, Array]] = {}
    for key, tensor in state.items():
        module, _, name = str(key).rpartition(".")
        if name != "num_batches_tracked":
            array = _numpy(tensor)
            assert array is not None
            modules.setdefault(module, {})[name] = array
    order = _order(list(modules), names, ordered=ordered)
    weights = [array.dtype.itemsize for arrays in modules.values() for array in arrays.values()]
    dtype = options.pop("dtype", np.float64 if max(weights, default=8) == 8 else np.float32)
    composition = Composition.of(layers, loss=loss, dtype=dtype, seed=0, **options)
    if loss is None:
        composition = attrs.evolve(composition, loss=create("loss", default_loss(composition.head)))
    return built(composition, _matched(composition, modules, order))


def _order(modules: list[str], names: Sequence[str] | None, *, ordered: bool) -> list[str]:
    """The names of the modules in the order of their layers."""
    if names is not None:
        if sorted(names) != sorted(modules):
            raise NetworkImportError(f"names is {list(names)}; expected an order of {sorted(modules)}")
        return list(names)
    if ordered:
        return modules
    if len({re.sub(r"\d+", "#", name) for name in modules}) > 1:
        raise NetworkImportError(
            f"the file does not state the order of its modules; pass names={sorted(modules)} in theirs"
        )
    return sorted(modules, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])


def _matched(
    composition: Composition, modules: Mapping[str, Mapping[str, Array]], order: Sequence[str]
) -> dict[str, Array]:
    """The arrays of the modules by the names of nnkit: each layer with parameters has the next module."""
    arrays: dict[str, Array] = {}
    columns, rest = composition.inputs, list(order)
    if columns is None:
        raise NetworkImportError(f"layers is {list(composition.layers)}; begin it with the number of inputs")
    for index, layer in enumerate(composition.layers):
        expected = {spec.name: spec.shape for spec in layer.parameter_specs(columns)}
        columns = layer.outputs(columns)
        if not expected:
            continue
        kind = str(name_of(layer)).rpartition("/")[2]
        where = f"layer {index} ({kind})"
        if kind not in {"dense", *STATE}:
            raise NetworkImportError(f"{where} has no equal in PyTorch; there are dense, {', '.join(STATE)}")
        if not rest:
            raise NetworkImportError(f"{where} has no module left in the state dict, which has {list(order)}")
        module = rest.pop(0)
        theirs = STATE.get(kind, {"weight": "weight", "bias": "bias"})
        present = {theirs.get(name, name): array for name, array in modules[module].items()}
        if present.keys() != expected.keys():
            raise NetworkImportError(
                f"{where} needs {sorted(expected)}; module {module!r} has {sorted(modules[module])}; check the order"
            )
        for name, shape in expected.items():
            array = present[name].T if kind == "dense" else present[name]
            array = _slopes(array, shape[0]) if kind == "prelu" else array
            arrays[f"{index}.{name}"] = numbers(f"{where}, module {module!r}", name, array, shape)
    if rest:
        raise NetworkImportError(f"the layers leave the modules {rest} of the state dict unused; check layers")
    return arrays
