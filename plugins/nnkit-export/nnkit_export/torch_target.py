"""Networks of nnkit as ``torch.nn.Sequential``."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

import nnkit
from nnkit.arrays import Array
from nnkit.errors import MissingExtraError
from nnkit.interfaces import Activation
from nnkit.registry import name_of
from nnkit_export.errors import ExportError
from nnkit_export.torch_source import ACTIVATIONS, STATE

__all__ = ["to_torch"]

MODULES: Final = {name: (module, fields) for module, (name, fields, _) in ACTIVATIONS.items() if name != "identity"}
"""The module of each activation, and its arguments by field."""


def to_torch(network: nnkit.Network) -> Any:
    """A ``torch.nn.Sequential`` in evaluation mode with the predictions of the network, and with its dtype.

    Fixed scalings (``rescale``, ``standardize``, the units of the targets) become part of the next or last Linear.

    Args:
        network: With known inputs.

    Raises:
        ExportError: Names the layer or activation that PyTorch has no module for.
        MissingExtraError: Without PyTorch.
    """
    try:
        torch: Any = importlib.import_module("torch")
    except ImportError as error:
        raise MissingExtraError("to_torch needs PyTorch: pip install torch") from error
    modules: list[Any] = []
    scale: Any = 1.0
    offset: Any = 0.0
    arrays: dict[int, dict[str, Array]] = {index: {} for index in range(len(network.layers))}
    for full, array in network.arrays.items():
        place, _, key = full.partition(".")
        arrays[int(place)][key] = array
    kind = {4: torch.float32, 8: torch.float64}[network.dtype.itemsize]
    columns = network.model.inputs
    for index, layer in enumerate(network.layers):
        name, own = _name(layer), arrays[index]
        where = f"layer {index} ({name})"
        if name in {"rescale", "standardize"}:
            factor, shift = _affine(layer, own)
            scale, offset = scale * factor, offset * factor + shift
            continue
        if name == "dense":
            weight = own["weight"].astype(np.float64)
            bias = own.get("bias", np.zeros(weight.shape[1])) + np.broadcast_to(offset, columns) @ weight
            weight = np.broadcast_to(scale, columns)[:, None] * weight
            modules.append(_linear(torch, weight, bias, kind, use_bias="bias" in own or bool(np.any(offset))))
            modules += _activation(torch, where, layer.split()[1])
            scale, offset = 1.0, 0.0
        else:
            if np.any(scale != 1.0) or np.any(offset != 0.0):
                raise ExportError(f"{where} follows a fixed scaling, which only a dense layer can contain in PyTorch")
            modules += _module(torch, where, name, layer, own, columns)
        columns = network.model.widths[index]
    modules = [module.to(kind) for module in modules]
    if np.any(scale != 1.0) or np.any(offset != 0.0):
        raise ExportError("the last layers are a fixed scaling, which only a dense layer can contain in PyTorch")
    description = network.model.description
    if description.shift is not None and description.scale is not None:
        _unscale(torch, modules, np.array(description.scale), np.array(description.shift))
    return torch.nn.Sequential(*modules).eval()


def _name(part: Any) -> str:
    return str(name_of(part)).rpartition("/")[2]


def _affine(layer: Any, arrays: Mapping[str, Array]) -> tuple[Any, Any]:
    """The factor and the offset of a fixed scaling."""
    if not arrays:
        return layer.scale, layer.offset
    with np.errstate(all="ignore"):
        one_away = (arrays["mean"] + arrays["stddev"])[None]
        constant = layer.forward(arrays, one_away, training=False, rng=None)[0][0] == 0.0
        factor = np.where(constant, 0.0, 1.0 / arrays["stddev"].astype(np.float64))
    return factor, -arrays["mean"].astype(np.float64) * factor


def _linear(torch: Any, weight: Array, bias: Array, kind: Any, *, use_bias: bool) -> Any:
    module = torch.nn.Linear(*weight.shape, bias=bool(use_bias), dtype=kind)
    values = {"weight": torch.tensor(weight.T.copy(), dtype=kind)}
    if use_bias:
        values["bias"] = torch.tensor(bias, dtype=kind)
    module.load_state_dict(values)
    return module


def _activation(torch: Any, where: str, activation: Activation | None) -> list[Any]:
    name = "identity" if activation is None else _name(activation)
    if activation is None or name == "identity":
        return []
    if name == "gelu":
        return [torch.nn.GELU(approximate="tanh" if activation.approximate else "none")]  # type: ignore[attr-defined]
    if name not in MODULES:
        raise ExportError(
            f"{where}: PyTorch has no module for {name}; there are {', '.join(sorted([*MODULES, 'gelu']))}"
        )
    module, fields = MODULES[name]
    arguments = {theirs: getattr(activation, ours) for ours, theirs in fields.items()}
    if "softmax" in name:
        arguments["dim"] = -1
    if name == "softplus":
        arguments["threshold"] = 40  # above it, x is log(1 + exp(x)) in float64
    return [getattr(torch.nn, module)(**arguments)]


def _module(torch: Any, where: str, name: str, layer: Any, arrays: Mapping[str, Array], columns: int) -> list[Any]:
    """The modules of a layer that is neither dense nor a fixed scaling."""
    makers: dict[str, Any] = {
        "dropout": lambda: torch.nn.Dropout(layer.rate),
        "glu": lambda: torch.nn.GLU(dim=-1),
        "batch_norm": lambda: torch.nn.BatchNorm1d(columns, eps=layer.epsilon, momentum=layer.momentum),
        "layer_norm": lambda: torch.nn.LayerNorm(columns, eps=layer.epsilon),
        "group_norm": lambda: torch.nn.GroupNorm(layer.groups, columns, eps=layer.epsilon),
        "prelu": lambda: torch.nn.PReLU(columns),
    }
    if name == "activation":
        return _activation(torch, where, layer.activation)
    if name not in makers:
        raise ExportError(
            f"{where}: no module of PyTorch; there are dense, activation, rescale, standardize, {', '.join(makers)}"
        )
    module = makers[name]()
    for theirs, ours in STATE.get(name, {}).items():
        getattr(module, theirs).data = torch.tensor(arrays[ours])
    return [module]


def _unscale(torch: Any, modules: list[Any], scale: Array, shift: Array) -> None:
    """Put the units of the targets into the last module."""
    if not modules or not isinstance(modules[-1], torch.nn.Linear) or modules[-1].out_features != len(scale):
        raise ExportError("the targets are scaled behind an output activation, which has no module in PyTorch")
    last = modules[-1]
    weight, bias = last.weight.detach().double().numpy().T * scale, shift.copy()
    if last.bias is not None:
        bias += last.bias.detach().double().numpy() * scale
    modules[-1] = _linear(torch, weight, bias, last.weight.dtype, use_bias=True)
