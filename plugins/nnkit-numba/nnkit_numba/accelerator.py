"""The hook: which part has a compiled twin."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

from nnkit.errors import PluginWarning
from nnkit.plugins import hookimpl

TWINS = {
    "nnkit.losses.categorical_crossentropy:CategoricalCrossentropy": "crossentropy:categorical_twin",
    "nnkit.losses.sparse_categorical_crossentropy:SparseCategoricalCrossentropy": "sparse_crossentropy:sparse_twin",
    "nnkit.layers.dense:Dense": "dense:dense_twin",
    "nnkit.optimizers.adam:Adam": "adam:adam_twin",
    "nnkit.optimizers.adamw:AdamW": "adamw:adamw_twin",
    "nnkit.optimizers.rmsprop:RMSprop": "rmsprop:rmsprop_twin",
    "nnkit.optimizers.sgd:SGD": "sgd:sgd_twin",
}
"""By the plain class, the function that makes its twin: in a module of its own, imported when first asked for."""

_makers: dict[str, Callable[[Any], Any] | None] = {}


@hookimpl
def nnkit_accelerate(component: Any) -> Any:
    """The compiled twin of ``component``, or ``None`` where there is none."""
    cls = type(component)
    maker = _maker(f"{cls.__module__}:{cls.__qualname__}")
    return None if maker is None else maker(component)


def _maker(name: str) -> Callable[[Any], Any] | None:
    if name not in TWINS:
        return None
    if name not in _makers:
        module, _, function = TWINS[name].partition(":")
        try:
            _makers[name] = getattr(importlib.import_module(f"nnkit_numba.{module}"), function)
        except Exception as error:  # noqa: BLE001  # a numba that cannot be imported can raise anything
            _makers.update(dict.fromkeys(TWINS))
            warnings.warn(
                f"nnkit-numba stands aside, since numba cannot be used: {type(error).__name__}: {error}",
                PluginWarning,
                stacklevel=2,
            )
    return _makers[name]
