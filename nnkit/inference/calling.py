"""Names of arguments and methods in other libraries, answered with those of this one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from nnkit import registry
from nnkit.errors import ArgumentError
from nnkit.spelling import key

__all__ = ["answering", "missing_attribute"]

P = ParamSpec("P")
R = TypeVar("R")

RATE = "the learning rate belongs to the optimizer: nnkit.Network(..., optimizer='adam(learning_rate=0.01)')"
STOPPING = "pass fit(..., validation_split=0.2, callbacks=['early_stopping'])"

ARGUMENTS: Mapping[str, str] = {
    **dict.fromkeys(("lr", "learning_rate", "learning_rate_init", "eta", "eta0"), RATE),
    "hidden_layer_sizes": "pass nnkit.Network(hidden=[64, 32])",
    "units": "pass nnkit.Network(hidden=[64, 32])",
    "activation": "pass hidden_activation= for the hidden layers, output_activation= for the last",
    "transfer_fcn": "pass hidden_activation= for the hidden layers, output_activation= for the last",
    "verbose": "pass fit(..., callbacks=['progress'])",
    **dict.fromkeys(("batch", "batch_size", "mini_batch_size"), "pass fit(..., batch_size=32)"),
    **dict.fromkeys(("max_iter", "n_epochs", "nb_epoch", "num_epochs", "epochs", "epoch"), "pass fit(..., epochs=100)"),
    **dict.fromkeys(("early_stopping", "patience", "n_iter_no_change"), STOPPING),
    "shuffle": "pass sampling='shuffle', 'sequential' or 'random_batch'",
    "metrics": "pass fit(..., metrics=[...])",
    "callbacks": "pass fit(..., callbacks=[...])",
    "class_weight": "pass fit(..., class_weight=...)",
    **dict.fromkeys(("random_state", "random_seed"), "pass nnkit.Network(..., seed=0)"),
    **dict.fromkeys(
        ("alpha", "l2_penalty", "weight_decay"), "pass nnkit.Network(..., regularizer='l2(strength=1e-4)')"
    ),
    **dict.fromkeys(("momentum", "nesterovs_momentum"), "pass nnkit.Network(..., optimizer='sgd(momentum=0.9)')"),
    **dict.fromkeys(("kernel_initializer", "weights_init"), "pass nnkit.Network(..., initializer='he_normal')"),
    "use_bias": "put 'dense(units=64, use_bias=False)' among the layers",
    **dict.fromkeys(("validation_fraction", "val_split"), "pass fit(..., validation_split=0.2)"),
    **dict.fromkeys(("eval_set", "val_data", "validation_set"), "pass fit(..., validation_data=(X, y))"),
    **dict.fromkeys(("warm_start", "initial_epoch"), "fit goes on from the present parameters; reset() begins anew"),
    "tol": STOPPING,
    **dict.fromkeys(("device", "n_jobs", "use_gpu"), "nnkit computes on the CPU, with the threads of numpy's BLAS"),
    "dropout": "put 'dropout(rate=0.2)' among the layers: nnkit.Network(hidden=[64, 'dropout(rate=0.2)', 32])",
    **dict.fromkeys(("input_dim", "input_shape", "n_inputs"), "put it first in layers: nnkit.Network([3, 64, 1])"),
    "solver": "pass nnkit.Network(..., optimizer='adam')",
    **dict.fromkeys(("criterion", "loss_fn", "loss_function"), "pass nnkit.Network(..., loss='mean_squared_error')"),
    "train_fcn": "pass nnkit.Network(..., optimizer='levenberg_marquardt')",
    "threshold": "compare predict(X) with it",
    "weights": "pass sample_weight=",
    "sample_weights": "pass sample_weight=",
    "return_proba": "predict returns probabilities unless labels=True",
}
"""What to write instead, by the name of an argument elsewhere."""

ATTRIBUTES: Mapping[str, str] = {
    **dict.fromkeys(("predict_proba", "forward", "sim", "transform", "decision_function"), "predict(X)"),
    **dict.fromkeys(("predict_classes", "predict_labels"), "predict(X, labels=True)"),
    **dict.fromkeys(
        ("partial_fit", "train_on_batch", "adapt"), "fit(X, y, epochs=1), which goes on from the present parameters"
    ),
    **dict.fromkeys(("train", "trainlm", "learn", "fit_generator"), "fit(X, y)"),
    "compile": "nnkit.Network(..., loss=..., optimizer=...), and fit(..., metrics=[...])",
    "add": "nnkit.Network([...]), which lists all layers",
    **dict.fromkeys(("coefs_", "intercepts_", "get_weights", "state_dict", "set_weights", "load_state_dict"), "arrays"),
    **dict.fromkeys(("IW", "LW", "b", "trainable_weights"), "weights, biases and arrays"),
    **dict.fromkeys(("to", "cuda", "cpu"), "no devices; it computes on the CPU"),
    **dict.fromkeys(("eval", "zero_grad"), "predict(X) for inference, fit(X, y) for training"),
    **dict.fromkeys(("view", "plot_model"), "summary()"),
    "classes_": "classes",
    "feature_names_in_": "features",
    "n_features_in_": "inputs",
    "n_iter_": "epoch",
    **dict.fromkeys(("loss_", "loss_curve_", "losses"), "history['loss']"),
    **dict.fromkeys(("get_params", "get_config"), "to_config()"),
    "count_params": "parameters.size",
    **dict.fromkeys(("save_weights", "save_model"), "save(path)"),
    **dict.fromkeys(("load_weights", "load_model"), "nnkit.Network.load(path)"),
    **dict.fromkeys(("init", "reinit", "reset_parameters"), "reset()"),
    "perform": "evaluate(X, y)",
}
"""The counterpart of an attribute or method elsewhere."""


def answering(function: Callable[P, R]) -> Callable[P, R]:
    """Answer an argument that the method does not have with what to write instead."""
    parameters = inspect.signature(function).parameters
    owner, _, method = function.__qualname__.partition(".")
    name = owner if method == "__init__" else method
    positional = sum(p.kind is not p.KEYWORD_ONLY for p in parameters.values())

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        unknown = next((word for word in kwargs if word not in parameters), None) if kwargs else None
        if unknown is not None:
            raise ArgumentError(f"{name} has no argument {unknown!r}{_advice(unknown, [*parameters][1:])}")
        if len(args) > positional:
            widths = ", ".join(str(arg) for arg in args[1:])
            numbers = all(isinstance(arg, int) for arg in args[1:])
            instead = (
                f"nnkit.{name}([{widths}])" if numbers else f"name the others: {', '.join([*parameters][positional:])}"
            )
            raise ArgumentError(
                f"{name} was passed {len(args) - 1} arguments without a name, and accepts {positional - 1}: "
                + (f"list the widths, {instead}" if numbers and method == "__init__" else instead)
            )
        return function(*args, **kwargs)

    return call


def missing_attribute(owner: type, name: str) -> AttributeError:
    """The error of an attribute that a network does not have, with its counterpart."""
    known = {key(word): answer for word, answer in ATTRIBUTES.items()}
    answer = known.get(key(name), "")
    if not answer:
        public = [word for word in dir(owner) if not word.startswith("_")]
        answer = " or ".join(registry.suggest(name, public, about="attribute"))
    hint = f"; it has {answer}" if answer else ""
    return AttributeError(f"{owner.__name__} has no attribute {name!r}{hint}", name=name)


def _advice(word: str, names: list[str]) -> str:
    answer = {key(foreign): text for foreign, text in ARGUMENTS.items()}.get(key(word), "")
    close = registry.suggest(word, names, about="argument")
    if answer and not any(key(name) == key(word) for name in names):
        return f": {answer}"
    if close:
        return f"; did you mean {' or '.join(map(repr, close))}?"
    return f"; its arguments are {', '.join(names)}"
