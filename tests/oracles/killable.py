"""A training that may be killed at any moment and started again: a program of its own, run by ``test_resume_kill``.

Usage::

    python killable.py CONFIGURATION FOLDER

Goes on from ``FOLDER/checkpoint.npz`` where there is one, says ``training`` on standard output when
the first step is near, and leaves ``FOLDER/result.npz`` when all is done.
"""

import sys
from pathlib import Path

import numpy as np

import nnkit

SAMPLES, VALIDATION = 150, 50


def data(classes):
    """Inputs of unequal scale and labels that a small network learns in part."""
    rng = np.random.default_rng(8)
    X = rng.normal([3.0, -20.0, 0.0, 0.5], [1.0, 30.0, 1e-3, 1.0], size=(SAMPLES + VALIDATION, 4))
    score = X[:, 0] - 3.0 + (X[:, 1] + 20.0) / 30.0 * X[:, 3]
    y = np.digitize(score, np.linspace(-1.0, 1.0, classes - 1))
    return (X[:SAMPLES], y[:SAMPLES]), (X[SAMPLES:], y[SAMPLES:])


def checkpoint(folder, **settings):
    return {"name": "checkpoint", "path": str(folder / "checkpoint.npz"), **settings}


def dropout_and_shuffling(folder):
    layers = [nnkit.Standardize(), nnkit.Dense(24, "relu"), nnkit.Dropout(0.3), nnkit.Dense(3, "softmax")]
    net = nnkit.Network(layers, loss="categorical_crossentropy", optimizer="adam", seed=1)
    return net, {"epochs": 12, "batch_size": 16, "callbacks": [checkpoint(folder, unit="step", every=1)]}


def schedule_and_momentum(folder):
    layers = [nnkit.Standardize(), nnkit.Dense(16, "tanh"), nnkit.Dense(3, "log_softmax")]
    optimizer = {
        "name": "sgd",
        "momentum": 0.9,
        "nesterov": True,
        "learning_rate": {"name": "cosine", "learning_rate": 0.1, "steps": 120},
    }
    net = nnkit.Network(layers, loss="nll", optimizer=optimizer, regularizer="l2(strength=0.01)", seed=2)
    settings = {"epochs": 12, "batch_size": 13, "sampling": "random_batch", "class_weight": "balanced"}
    return net, {**settings, "callbacks": [checkpoint(folder, unit="step", every=3)]}


def early_stopping_and_plateau(folder):
    layers = [nnkit.Standardize(), nnkit.Dense(48, "relu"), nnkit.Dense(3, "softmax")]
    net = nnkit.Network(layers, loss="categorical_crossentropy", optimizer="nadam(learning_rate=0.02)", seed=3)
    listening = [
        checkpoint(folder),
        "early_stopping(patience=6)",
        "reduce_on_plateau(patience=2, factor=0.5)",
        {"name": "csv_log", "path": str(folder / "log.csv")},
    ]
    return net, {"epochs": 60, "batch_size": 32, "callbacks": listening, "metrics": ["accuracy", "f1"]}


def batch_norm_and_streaming(folder):
    layers = [
        nnkit.Standardize(streaming=True),
        nnkit.Dense(16),
        nnkit.BatchNorm(),
        "activation(activation='gelu')",
        nnkit.Dense(12, "tanh"),
        nnkit.LayerNorm(),
        nnkit.Dropout(0.1),
        nnkit.Dense(3, "softmax"),
    ]
    net = nnkit.Network(layers, loss="sparse_categorical_crossentropy", optimizer="amsgrad", seed=4, dtype="float32")
    return net, {"epochs": 10, "batch_size": 20, "callbacks": [checkpoint(folder, unit="step", every=2)]}


def history_and_archive(folder):
    net = nnkit.Network([4, 8, 3], output_activation="softmax", loss="categorical_crossentropy", seed=5)
    listening = [
        checkpoint(folder, unit="step", every=4),
        "history(steps=2)",
        "archiver(every=5, parameters=1)",
        {"name": "archiver", "gradient": 3, "cost": 2, "path": str(folder / "archive")},
        "stop_on_nonfinite",
    ]
    weight = np.linspace(0.5, 2.0, SAMPLES)
    settings = {"epochs": 8, "batch_size": 25, "sample_weight": weight, "metrics": ["accuracy"]}
    return net, {**settings, "callbacks": listening}


def numbers(optimizer, **network):
    """A regression on the labels, which solvers can do too."""

    def make(folder):
        net = nnkit.Network(
            [nnkit.Standardize(), nnkit.Dense(6, "tanh"), nnkit.Dense(1)], optimizer=optimizer, **network
        )
        return net, {"epochs": 12, "callbacks": [checkpoint(folder), "early_stopping(patience=5)"]}

    return make


def classes(optimizer, *between, network=None, callbacks=(), **settings):
    """A classifier with an optimizer, and layers before its last one."""

    def make(folder):
        layers = [nnkit.Standardize(), nnkit.Dense(16, "relu"), *between, nnkit.Dense(3, "softmax")]
        net = nnkit.Network(layers, loss="categorical_crossentropy", optimizer=optimizer, seed=6, **(network or {}))
        listening = [checkpoint(folder, unit="step", every=2), *callbacks]
        return net, {"epochs": 8, "batch_size": 20, "callbacks": listening, **settings}

    return make


def wrapped(inner):
    return {"name": "clip_by_norm", "max_norm": 0.1, "optimizer": {"name": "clip_by_value", "optimizer": inner}}


def scheduled(name, schedule):
    return {"name": name, "learning_rate": schedule}


PLATEAU = "reduce_on_plateau(monitor='loss', patience=1, min_delta=0.05)"

FEW = {
    make.__name__: make
    for make in (
        dropout_and_shuffling,
        schedule_and_momentum,
        early_stopping_and_plateau,
        batch_norm_and_streaming,
        history_and_archive,
    )
}
CONFIGURATIONS = FEW | {
    "levenberg_marquardt": numbers("levenberg_marquardt", seed=7),
    "bayesian_regularization": numbers("bayesian_regularization", seed=7),
    "gauss_newton": numbers("gauss_newton", seed=7, dtype="float32"),
    "clipped twice": classes(wrapped("adam"), "dropout(rate=0.2)", callbacks=[PLATEAU]),
    "one cycle": classes(scheduled("adamw", "one_cycle(steps=60)"), sampling="sequential"),
    "warm-up": classes(scheduled("nadam", "linear_warmup(steps=10)"), "layer_norm"),
    "restarts": classes(scheduled("sgd", "cosine(steps=9, restarts=True)"), "batch_norm"),
    "rmsprop": classes("rmsprop(momentum=0.5)", sampling="random_batch"),
    "adagrad": classes("adagrad", "dropout(rate=0.5)", "batch_norm"),
    "adadelta": classes("adadelta", network={"dtype": "float32"}),
    "lion": classes("lion", "layer_norm", class_weight="balanced"),
    "radam": classes("radam", callbacks=["stop_on_nonfinite", "history(steps=1)"]),
    "adan": classes("adan", callbacks=["early_stopping(patience=2, min_delta=0.1)"]),
    "jacobians": classes("adam", network={"backward": "jacobian"}, metrics=["accuracy"]),
    "compiled": classes("adam", nnkit.Dense(300, "relu"), network={"dtype": "float32"}, epochs=4),
}


def run(name, folder):
    net, settings = CONFIGURATIONS[name](folder)
    training, validation = data(3)
    saved = folder / "checkpoint.npz"
    resume = saved.exists()
    if resume:
        net = nnkit.Network.load(saved)
    print("training", flush=True)
    net.fit(*training, validation_data=validation, resume=resume, **settings)
    net.save(folder / "result.npz")


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]))
