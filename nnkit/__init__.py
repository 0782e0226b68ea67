"""Feed-forward neural networks from parts that anyone can swap, prove and inspect."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnkit import data, errors, functional, interfaces, plot, plugins, testing
    from nnkit.arrays import to_categorical
    from nnkit.layers.batch_norm import BatchNorm
    from nnkit.layers.dense import Dense
    from nnkit.layers.dropout import Dropout
    from nnkit.layers.layer_norm import LayerNorm
    from nnkit.layers.standardize import Standardize
    from nnkit.many.ensemble import Ensemble
    from nnkit.many.fits import fit_many
    from nnkit.network.archive import Archive
    from nnkit.network.network import Network

__all__ = [
    "Archive",
    "BatchNorm",
    "Dense",
    "Dropout",
    "Ensemble",
    "LayerNorm",
    "Network",
    "Standardize",
    "data",
    "errors",
    "fit_many",
    "functional",
    "interfaces",
    "plot",
    "plugins",
    "testing",
    "to_categorical",
]

__version__ = "0.1.0"

_HOME = {
    "Archive": "nnkit.network.archive",
    "BatchNorm": "nnkit.layers.batch_norm",
    "Dense": "nnkit.layers.dense",
    "Dropout": "nnkit.layers.dropout",
    "Ensemble": "nnkit.many.ensemble",
    "LayerNorm": "nnkit.layers.layer_norm",
    "Network": "nnkit.network.network",
    "Standardize": "nnkit.layers.standardize",
    "fit_many": "nnkit.many.fits",
    "to_categorical": "nnkit.arrays",
}

_ELSEWHERE = {
    "load load_model": "nnkit.Network.load(path)",
    "save save_model": "network.save(path)",
    "sequential mlpclassifier mlpregressor feedforwardnet fitnet patternnet": "nnkit.Network(hidden=[64, 32])",
    "train fit": "network.fit(X, y)",
    "activations losses optimizers metrics layers callbacks": "names; nnkit.plugins.names(kind) lists them",
}
"""Names in other libraries, and what to use instead."""


def __getattr__(name: str) -> Any:
    """Load a public name the first time it is asked for, so that ``import nnkit`` stays cheap."""
    if name not in __all__:
        instead = next((answer for names, answer in _ELSEWHERE.items() if name.lower() in names.split()), "")
        raise AttributeError(f"module 'nnkit' has no attribute {name!r}" + (f"; use {instead}" if instead else ""))
    if name in _HOME:
        value: Any = getattr(importlib.import_module(_HOME[name]), name)
    else:
        value = importlib.import_module(f"nnkit.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
