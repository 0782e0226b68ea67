"""The hook: which part has a compiled counterpart."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import nnkit
from nnkit.errors import PluginWarning
from nnkit.interfaces import Elementwise
from nnkit.plugins import hookimpl
from nnkit_numba.same_fields import UnsupportedFieldError

ELEMENTWISE = "nnkit.interfaces:Elementwise"
"""Every activation that treats each element alone."""

COUNTERPARTS = {
    "nnkit.losses.categorical_crossentropy:CategoricalCrossentropy": "crossentropy:compiled_categorical",
    "nnkit.losses.sparse_categorical_crossentropy:SparseCategoricalCrossentropy": "sparse_crossentropy:compiled_sparse",
    "nnkit.layers.dense:Dense": "dense:compiled_dense",
    "nnkit.layers.periodic_embedding:PeriodicEmbedding": "periodic_embedding:compiled_periodic_embedding",
    "nnkit.layers.activation:ActivationLayer": "traced_activation:traced_layer",
    ELEMENTWISE: "traced_activation:traced",
    "nnkit.optimizers.adam:Adam": "adam:compiled_adam",
    "nnkit.optimizers.adamw:AdamW": "adamw:compiled_adamw",
    "nnkit.optimizers.rmsprop:RMSprop": "rmsprop:compiled_rmsprop",
    "nnkit.optimizers.sgd:SGD": "sgd:compiled_sgd",
}
"""The function that makes the compiled counterpart, by plain class; its module is imported when first needed."""

_makers: dict[str, Callable[[Any], Any] | None] = {}
_outdated: set[type] = set()


@hookimpl
def nnkit_accelerate(part: Any) -> Any:
    """The compiled counterpart of ``part``, or ``None`` where there is none."""
    cls = type(part)
    maker = _maker(ELEMENTWISE if isinstance(part, Elementwise) else f"{cls.__module__}:{cls.__qualname__}")
    if maker is None:
        return None
    try:
        counterpart = maker(part)
    except UnsupportedFieldError as error:
        if cls not in _outdated:
            _outdated.add(cls)
            warnings.warn(
                f"nnkit-numba does not support {error} of {cls.__name__}, so {cls.__name__} is not accelerated; install"
                f" an nnkit-numba made for nnkit-core {nnkit.__version__}",
                PluginWarning,
                stacklevel=2,
            )
        return None
    if counterpart is not None:
        type(counterpart).__name__ = cls.__name__  # errors name the class that the user wrote
    return counterpart


@hookimpl
def nnkit_accelerate_epoch(model: Any, optimizer: Any, plan: Any, dtype: Any) -> Any:
    """What makes many steps a call, where all parts belong to a closed family and the network is small."""
    if nnkit_accelerate(optimizer) is None:  # nor does numba have to be imported to find out
        return None
    return importlib.import_module("nnkit_numba.epoch").epoch_of(model, optimizer, plan, dtype)


def _maker(name: str) -> Callable[[Any], Any] | None:
    if name not in COUNTERPARTS:
        return None
    if name not in _makers:
        module, _, function = COUNTERPARTS[name].partition(":")
        try:
            _makers[name] = getattr(importlib.import_module(f"nnkit_numba.{module}"), function)
        except Exception as error:  # noqa: BLE001  # a numba that cannot be imported can raise anything
            _makers.update(dict.fromkeys(COUNTERPARTS))
            warnings.warn(
                f"nnkit-numba stands aside, since numba cannot be used: {type(error).__name__}: {error}",
                PluginWarning,
                stacklevel=2,
            )
    return _makers[name]
