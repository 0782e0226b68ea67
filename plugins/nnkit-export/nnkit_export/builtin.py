"""Formulas for nnkit's own parts that look at values or reorder axes, and so cannot be traced as they stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from nnkit.activations.function import FunctionActivation, RowFunctionActivation
from nnkit.activations.log_softmax import LogSoftmax
from nnkit.activations.softmax import Softmax
from nnkit.interfaces import Part
from nnkit.layers.embedding import Embedding
from nnkit.layers.group_norm import GroupNorm
from nnkit.layers.layer_norm import LayerNorm
from nnkit.layers.periodic_embedding import PeriodicEmbedding
from nnkit_export.functions import lookup

__all__ = ["formula"]


def formula(part: Part, inputs: Mapping[str, Any]) -> Any:
    """The output of a part that is listed here; ``None`` for all others."""
    own = FORMULAS.get(type(part))
    return None if own is None else own(part, **inputs)


def shifted(z: Any) -> Any:
    """Each row less its largest entry; a row of infinities is taken to its limit, one with a NaN is all NaN."""
    peak = z.max(axis=1, keepdims=True)
    return np.where(np.isnan(peak), peak, np.where(z == peak, 0.0, z - peak))


def _softmax(part: Any, z: Any) -> Any:
    shares = np.exp(shifted(z))
    return shares / shares.sum(axis=1, keepdims=True)


def _log_softmax(part: Any, z: Any) -> Any:
    below = shifted(z)
    best = below.argmax(axis=1, keepdims=True)
    others = np.where(np.arange(z.shape[1]) == best, 0.0, np.exp(below))
    return below - np.log1p(others.sum(axis=1, keepdims=True))


def _layer_norm(part: Any, parameters: Mapping[str, Any], x: Any) -> Any:
    # Every row is divided by its largest magnitude first, so that no square overflows.
    return normalized(x, part.epsilon) * parameters["scale"] + parameters["shift"]


def _group_norm(part: Any, parameters: Mapping[str, Any], x: Any) -> Any:
    apart = x.reshape(len(x), part.groups, x.shape[1] // part.groups)
    return normalized(apart, part.epsilon).reshape(x.shape) * parameters["scale"] + parameters["shift"]


def normalized(x: Any, epsilon: float) -> Any:
    """``(x - mean) / sqrt(variance + epsilon)`` along the last axis."""
    scale = np.maximum(np.abs(x).max(axis=-1, keepdims=True), 1.0)
    small = x / scale
    centered = small - small.mean(axis=-1, keepdims=True)
    variance = np.square(centered).mean(axis=-1, keepdims=True)
    return centered / np.sqrt(variance + epsilon / scale / scale)


def _embedding(part: Any, parameters: Mapping[str, Any], x: Any) -> Any:
    weight = parameters["weight"]
    if part.other:
        weight = np.concatenate([weight, weight.mean(axis=0, keepdims=True)])
    return lookup(weight, x).reshape(len(x), -1)


def _periodic_embedding(part: Any, parameters: Mapping[str, Any], x: Any) -> Any:
    waves = np.cos(x[:, :, None] * (2.0 * np.pi * parameters["frequency"]).astype(x.dtype) + parameters["phase"])
    weight = parameters["weight"].reshape(part.frequencies, -1, part.dimensions).transpose(2, 1, 0)
    own = np.stack([np.vecdot(waves, one) for one in weight], axis=2) + parameters["bias"]
    return np.concatenate([own.reshape(len(x), -1), x], axis=1)


def _function(part: Any, z: Any) -> Any:
    return part.function(z.copy()).astype(z.dtype)


FORMULAS: Final[dict[type[Part], Callable[..., Any]]] = {
    Softmax: _softmax,
    LogSoftmax: _log_softmax,
    LayerNorm: _layer_norm,
    GroupNorm: _group_norm,
    Embedding: _embedding,
    PeriodicEmbedding: _periodic_embedding,
    FunctionActivation: _function,
    RowFunctionActivation: _function,
}
