"""Trained networks from scikit-learn's MLP to nnkit, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import check_is_fitted

from nnkit import Network, plugins
from nnkit.arrays import Array
from nnkit.data.arrays import DataLike
from nnkit.data.frames import NamedColumns
from nnkit.data.labels import Labels
from nnkit.errors import DataError
from nnkit.interfaces import Activation, Part
from nnkit_sklearn.mapping import ACTIVATIONS, OUTPUTS, network_of

__all__ = ["from_sklearn", "to_sklearn"]

IDLE = {"dropout", "gaussian_noise"}
"""Layers that do nothing in a prediction."""

ROWS = 200
"""The rows of a batch where ``batch_size`` is ``"auto"``."""


def from_sklearn(mlp: Any) -> Network:
    """The network of a fitted ``MLPClassifier`` or ``MLPRegressor`` of scikit-learn, with the same predictions.

    Labels and names of columns come along; so do loss, penalty and optimizer, whose state starts anew.

    Args:
        mlp: The estimator.

    Raises:
        TypeError: For anything else.
        NotFittedError: Before ``fit``.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> mlp = neural_network.MLPClassifier((8,), solver="lbfgs", max_iter=500, random_state=0).fit(X, y)
        >>> bool(np.allclose(from_sklearn(mlp).predict(X), mlp.predict_proba(X), atol=1e-12))
        True
    """
    if not hasattr(mlp, "hidden_layer_sizes") or not hasattr(mlp, "nesterovs_momentum"):
        raise TypeError(
            f"from_sklearn was passed {type(mlp).__name__}; expected a fitted MLPClassifier or MLPRegressor"
        )
    check_is_fitted(mlp)
    widths = [mlp.coefs_[0].shape[0], *(weights.shape[1] for weights in mlp.coefs_)]
    rows = ROWS if isinstance(mlp.batch_size, str) else mlp.batch_size
    network = network_of(
        mlp,
        widths,
        mlp.out_activation_,
        weight=min(rows, mlp.t_ // max(mlp.n_iter_, 1) or rows),
        seed=mlp.random_state if isinstance(mlp.random_state, int) else 0,
        dtype=mlp.coefs_[0].dtype,
    )
    for layer, (weights, bias) in enumerate(zip(mlp.coefs_, mlp.intercepts_, strict=True)):
        network.arrays[f"{layer}.weight"] = weights
        network.arrays[f"{layer}.bias"] = bias
    _describe(network, mlp, widths)
    return network


def _describe(network: Network, mlp: Any, widths: list[int]) -> None:
    """Let the network learn the names of the columns and the labels, which an objective does without training."""
    classes = getattr(mlp, "classes_", None)
    labelled = classes is not None and len(classes) == max(widths[-1], 2)
    several = network.task == "multilabel"
    rows = len(classes) if classes is not None and labelled and not several else 1
    y: DataLike = np.zeros((rows, widths[-1]))
    if classes is not None and labelled and not several:
        y = Labels(tuple(classes.tolist()), np.arange(rows))
    X: Array = np.zeros((rows, widths[0]), dtype=mlp.coefs_[0].dtype)
    names = getattr(mlp, "feature_names_in_", None)
    network.objective(X if names is None else NamedColumns(X, names.tolist()), y)


def to_sklearn(network: Network) -> Any:
    """An ``MLPClassifier`` or ``MLPRegressor`` of scikit-learn with the same predictions as ``network``.

    The network has dense layers only, with one of the activations that scikit-learn has; layers that do nothing in a
    prediction (dropout) are left out, and ``target_scaling`` becomes part of the last layer.

    Args:
        network: Trained, or with its initial parameters.

    Raises:
        DataError: When scikit-learn has no such network; names the part.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(50, 3))
        >>> net = Network([3, 8, 1], hidden_activation="tanh", seed=0)
        >>> history = net.fit(X, X[:, 0] * X[:, 1], epochs=3)
        >>> bool(np.allclose(to_sklearn(net).predict(X), net.predict(X)[:, 0], atol=1e-12))
        True
    """
    weights, biases, activations = _dense_layers(network)
    if len({repr(activation) for activation in activations[:-1]}) > 1:
        raise DataError(f"the hidden layers have the activations {activations[:-1]}; scikit-learn has one for all")
    hidden = _name(activations[0] if len(activations) > 1 else None, ACTIVATIONS, "hidden activation")
    output = _name(activations[-1], OUTPUTS, "output activation")
    shift, scale = network.model.description.shift, network.model.description.scale
    if shift is not None and scale is not None:
        if output != "identity":
            raise DataError(f"target_scaling after {activations[-1]!r} has no counterpart in scikit-learn")
        weights[-1] = weights[-1] * np.array(scale)
        biases[-1] = biases[-1] * np.array(scale) + np.array(shift)
    classifies = network.task in {"binary", "multiclass", "multilabel"}
    if output not in (
        {"softmax" if network.task == "multiclass" else "logistic"} if classifies else {"identity", "exp"}
    ):
        raise DataError(
            f"scikit-learn has no MLP for the task {network.task} with the output activation {activations[-1]!r}; "
            "it has softmax for several classes, sigmoid for two and for labels, and none or exponential for numbers"
        )
    estimator = neural_network.MLPClassifier if classifies else neural_network.MLPRegressor
    if output == "exp" and "loss" not in estimator().get_params():
        raise DataError("exponential outputs belong to the loss 'poisson', which scikit-learn's MLP has from 1.7")
    mlp = estimator(
        hidden_layer_sizes=tuple(len(bias) for bias in biases[:-1]),
        activation=hidden,
        alpha=0.0,
        random_state=network.seed,
        **({"loss": "poisson"} if output == "exp" else {}),
    )
    _set_attributes(mlp, network, weights, biases, output)
    return mlp


def _dense_layers(network: Network) -> tuple[list[Array], list[Array], list[Activation | None]]:
    """Weights, biases and activations of the dense layers, with a standing activation in its place.

    Raises:
        DataError: For another layer.
    """
    weights: list[Array] = []
    biases: list[Array] = []
    activations: list[Activation | None] = []
    dense, standing = plugins.get("layer", "dense"), plugins.get("layer", "activation")
    idle = tuple(plugins.get("layer", name) for name in IDLE)
    for index, layer in enumerate(network.layers):
        if isinstance(layer, idle):
            continue
        if isinstance(layer, dense):
            weights.append(network.arrays[f"{index}.weight"].copy())
            name = f"{index}.bias"
            biases.append(network.arrays[name].copy() if name in network.arrays else np.zeros_like(weights[-1][0]))
            activations.append(layer.split()[1])
        elif isinstance(layer, standing) and activations and activations[-1] is None:
            activations[-1] = layer.split()[1]
        else:
            raise DataError(f"layer {index}, {layer!r}, has no counterpart in scikit-learn's MLP: it has dense layers")
    return weights, biases, activations


def _name(activation: Part | None, names: dict[str, Any], what: str) -> str:
    """scikit-learn's name of an activation.

    Raises:
        DataError: When it has none.
    """
    for name, spec in names.items():
        if activation == (None if spec is None else plugins.create("activation", spec)):
            return name
    if activation is None or activation == plugins.create("activation", "identity"):
        return "identity"
    raise DataError(f"the {what} is {activation!r}; scikit-learn has {', '.join(names)}")


def _set_attributes(mlp: Any, network: Network, weights: list[Array], biases: list[Array], output: str) -> None:
    mlp.coefs_, mlp.intercepts_ = weights, biases
    mlp.n_layers_, mlp.n_outputs_, mlp.out_activation_ = len(weights) + 1, len(biases[-1]), output
    mlp.n_features_in_ = len(weights[0])
    if network.features is not None:
        mlp.feature_names_in_ = np.array(network.features, dtype=object)
    losses = network.history.get("loss", [])
    mlp.loss_curve_ = list(losses)
    mlp.loss_ = losses[-1] if losses else np.inf
    mlp.best_loss_ = min(losses, default=np.inf)
    mlp.validation_scores_ = mlp.best_validation_score_ = None
    mlp.n_iter_, mlp.t_ = network.epoch, 0
    mlp._no_improvement_count = 0  # noqa: SLF001  # a later partial_fit counts with it
    if network.task in {"binary", "multiclass", "multilabel"}:
        classes = network.classes or range(network.model.task.classes)
        labels = np.eye(mlp.n_outputs_, dtype=int) if network.task == "multilabel" else np.array(list(classes))
        mlp._label_binarizer = LabelBinarizer().fit(labels)  # noqa: SLF001  # predict needs it
        mlp.classes_ = mlp._label_binarizer.classes_  # noqa: SLF001
