"""What one operator of an ONNX file, with its attributes and arrays, is in a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from nnkit.arrays import Array
from nnkit_export.assembly import Assembly
from nnkit_export.errors import NetworkImportError

__all__ = ["ACTIVATIONS", "AFFINE", "SPECIAL"]

ACTIVATIONS: Final = {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Mish": "mish",
    "Exp": "exponential",
    "Identity": "identity",
}
"""Operators without attributes that matter."""

SELU: Final = {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}
"""The defaults of the standard, which are those of the paper in float32."""


def _number(attributes: Mapping[str, Any], name: str, default: float) -> float:
    """An attribute, which is a float32, as the shortest decimal number that is the same one."""
    return float(str(np.float32(attributes.get(name, default))))


def _expect(where: str, attributes: Mapping[str, Any], name: str, default: Any, *allowed: Any) -> None:
    value = attributes.get(name, default)
    if value not in allowed and not any(isinstance(a, float) and abs(value - a) < 1e-6 * abs(a) for a in allowed):
        raise NetworkImportError(
            f"operator {where} has {name}={value!r}; nnkit has {' or '.join(map(repr, allowed))} only"
        )


def _gemm(assembly: Assembly, where: str, attributes: Mapping[str, Any], others: list[Any]) -> None:
    _expect(where, attributes, "transA", 0, 0)
    weight = others[0].T if attributes.get("transB", 0) else others[0]
    alpha, beta = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
    bias = np.ravel(others[1]) * np.ones(weight.shape[-1], weight.dtype) if len(others) > 1 else None
    scaled = bias if bias is None or beta == 1.0 else (bias * beta).astype(bias.dtype)
    assembly.dense(where, weight if alpha == 1.0 else (weight * alpha).astype(weight.dtype), scaled)


def _matmul(assembly: Assembly, where: str, attributes: Mapping[str, Any], others: list[Any]) -> None:
    assembly.dense(where, others[0])


def _batch_norm(assembly: Assembly, where: str, attributes: Mapping[str, Any], others: list[Any]) -> None:
    _expect(where, attributes, "training_mode", 0, 0)
    arrays = dict(zip(("scale", "shift", "running_mean", "running_variance"), others, strict=True))
    momentum = round(1.0 - _number(attributes, "momentum", 0.9), 7)
    assembly.layer(where, "batch_norm", arrays, epsilon=_number(attributes, "epsilon", 1e-5), momentum=momentum)


def _layer_norm(assembly: Assembly, where: str, attributes: Mapping[str, Any], others: list[Any]) -> None:
    _expect(where, attributes, "axis", -1, -1, 1)
    shift = others[1] if len(others) > 1 else np.zeros_like(others[0])
    arrays = {"scale": others[0], "shift": shift}
    assembly.layer(where, "layer_norm", arrays, epsilon=_number(attributes, "epsilon", 1e-5))


def _prelu(assembly: Assembly, where: str, attributes: Mapping[str, Any], others: list[Any]) -> None:
    slope = np.ravel(others[0])
    columns = assembly.columns or slope.size
    assembly.layer(where, "prelu", {"slope": np.repeat(slope, columns) if slope.size == 1 else slope})


def _dropout(assembly: Assembly, where: str, attributes: Mapping[str, Any], others: list[Any]) -> None:
    if len(others) > 1 and np.any(others[1]):
        raise NetworkImportError(f"operator {where} has training_mode=True; export the model for inference")
    rate = float(str(np.float32(np.ravel(others[0])[0]))) if others else _number(attributes, "ratio", 0.5)
    assembly.layer(where, "dropout", {}, rate=rate)


def _reshape(assembly: Assembly, where: str, attributes: Mapping[str, Any], others: list[Any]) -> None:
    shape = np.ravel(others[0]).tolist()
    if len(shape) != 2 or shape[1] not in {-1, assembly.columns} or shape[0] not in {-1, 0}:
        raise NetworkImportError(f"operator {where} makes the shape {shape}; rows stay rows in nnkit")


def _cast(assembly: Assembly, where: str, attributes: Mapping[str, Any], others: list[Any]) -> None:
    _expect(where, attributes, "to", None, 1, 11)  # float32 and float64


def _flatten(assembly: Assembly, where: str, attributes: Mapping[str, Any], others: list[Any]) -> None:
    _expect(where, attributes, "axis", 1, 1)


def _softmax(assembly: Assembly, where: str, attributes: Mapping[str, Any], others: list[Any]) -> None:
    _expect(where, attributes, "axis", -1, -1, 1)
    assembly.activation(where, "softmax")


def _log_softmax(assembly: Assembly, where: str, attributes: Mapping[str, Any], others: list[Any]) -> None:
    _expect(where, attributes, "axis", -1, -1, 1)
    assembly.activation(where, "log_softmax")


def _leaky_relu(assembly: Assembly, where: str, attributes: Mapping[str, Any], others: list[Any]) -> None:
    assembly.activation(where, "leaky_relu", negative_slope=_number(attributes, "alpha", 0.01))


def _elu(assembly: Assembly, where: str, attributes: Mapping[str, Any], others: list[Any]) -> None:
    assembly.activation(where, "elu", alpha=_number(attributes, "alpha", 1.0))


def _selu(assembly: Assembly, where: str, attributes: Mapping[str, Any], others: list[Any]) -> None:
    for name, value in SELU.items():
        _expect(where, attributes, name, value, value)
    assembly.activation(where, "selu")


def _gelu(assembly: Assembly, where: str, attributes: Mapping[str, Any], others: list[Any]) -> None:
    _expect(where, attributes, "approximate", b"none", b"none", b"tanh")
    tanh = attributes.get("approximate") == b"tanh"
    assembly.activation(where, "gelu", **({"approximate": True} if tanh else {}))


def _hard_sigmoid(assembly: Assembly, where: str, attributes: Mapping[str, Any], others: list[Any]) -> None:
    _expect(where, attributes, "alpha", 0.2, 1 / 6)
    _expect(where, attributes, "beta", 0.5, 0.5)
    assembly.activation(where, "hard_sigmoid")


SPECIAL: Final[dict[str, Callable[[Assembly, str, Mapping[str, Any], list[Any]], None]]] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "PRelu": _prelu,
    "Dropout": _dropout,
    "Cast": _cast,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Softmax": _softmax,
    "LogSoftmax": _log_softmax,
    "LeakyRelu": _leaky_relu,
    "Elu": _elu,
    "Selu": _selu,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
}
"""Operators with attributes or arrays."""

AFFINE: Final[dict[str, Callable[[Array], tuple[Any, Any]]]] = {
    "Add": lambda c: (1.0, c),
    "Sub": lambda c: (1.0, -c),
    "Mul": lambda c: (c, 0.0),
    "Div": lambda c: (1.0 / c, 0.0),
}
"""Factor and offset of the operators whose second operand is a constant."""
