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
    from nnkit.many.recipes import fit_recipe
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
    "fit_recipe",
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
    "fit_recipe": "nnkit.many.recipes",
    "to_categorical": "nnkit.arrays",
}

_ELSEWHERE = {
    "load load_model": "nnkit.Network.load(path)",
    "save save_model": "network.save(path)",
    "sequential mlpclassifier mlpregressor feedforwardnet fitnet patternnet": "nnkit.Network(hidden=[64, 32])",
    "train fit": "network.fit(X, y)",
    "model mlp": "nnkit.Network(hidden=[64, 32])",
    "input inputlayer": "nnkit.Network([3, 64, 1]), whose first number is that of the inputs",
    "linear": "nnkit.Dense(64), or its width in the list of layers",
    "flatten": "X as it is: rows of images become rows of numbers",
    "standardscaler normalization mapstd": "nnkit.Standardize() as the first layer",
    "onehotencoder labelencoder": "nnkit.Network(hidden=[64], columns='auto') for inputs; labels of any type for y",
    "crossentropyloss": "loss='categorical_crossentropy' with output_activation='softmax'",
    "train_test_split": "network.fit(X, y, validation_split=0.2)",
    "seed set_seed manual_seed random": "nnkit.Network(..., seed=0)",
    "nn optim activations losses optimizers metrics callbacks": "the names in nnkit.plugins.names(kind)",
}
"""Names in other libraries, and what to use instead."""

_NAMED = ("activation", "loss", "optimizer", "layer", "callback", "metric", "initializer", "regularizer", "schedule")
"""The kinds whose parts are used by name."""


def _instead(name: str) -> str:
    """What to use instead of a name of another library, or of a class of parts."""
    answer = next((answer for names, answer in _ELSEWHERE.items() if name.lower() in names.split()), "")
    if answer or not name[:1].isupper():
        return answer
    registry, key = importlib.import_module("nnkit.registry"), importlib.import_module("nnkit.spelling").key
    parts = [(kind, part) for kind in _NAMED for part in registry.names(kind) if key(part) == key(name)]
    return f"the name of the {parts[0][0]}, {parts[0][1]!r}" if parts else ""


def __getattr__(name: str) -> Any:
    """Load a public name the first time it is asked for, so that ``import nnkit`` stays cheap."""
    if name not in __all__:
        instead = _instead(name)
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
