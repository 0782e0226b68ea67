"""Made the files ``format-1-*.npz`` with the last nnkit that wrote format 1; it runs with that version alone.

Each file holds one network; ``format-1-expected.npz`` holds what each of them predicts for its rows ``X``, its
parameters and its buffers, and ``format-1-expected.json`` its history and its notes.
"""

import contextlib
import json
import warnings
from pathlib import Path

import numpy as np

import nnkit
from nnkit.callbacks.lambda_callback import LambdaCallback

FOLDER = Path(__file__).parent


class Interruption(KeyboardInterrupt):
    """A Ctrl-C at a chosen step."""


def interrupted():
    """Adam with dropout and batch normalization, stopped inside its third epoch."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(50, 3)).astype(np.float32)
    net = nnkit.Network(
        [3, "dropout(rate=0.2)", 6, "batch_norm", 4, 1],
        hidden_activation="tanh",
        optimizer="adam(learning_rate=0.01)",
        regularizer="l2(strength=0.001)",
        seed=11,
    )

    def stop(view):
        if view.step == 14:
            raise Interruption

    with contextlib.suppress(Interruption):
        net.fit(X, X[:, :1] - X[:, 1:2], epochs=5, batch_size=8, callbacks=[LambdaCallback(batch_end=stop)])
    return net, X


def solved():
    """Levenberg-Marquardt with callbacks that have memory, and notes with arrays."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(40, 2))
    net = nnkit.Network(["standardize", 5, 1], hidden_activation="tanh", optimizer="levenberg_marquardt", seed=12)
    net.fit(
        X,
        np.sin(X[:, 0]) * X[:, 1],
        epochs=6,
        validation_split=0.25,
        callbacks=["early_stopping(patience=3)", "checkpoint(path='unused.npz', monitor='val_loss')"],
    )
    Path("unused.npz").unlink()
    net.notes.update(scale=np.array([0.5, 2.0]), names=["a", "b"], nested={"count": np.arange(3), "rate": 0.25})
    return net, X


def classifier():
    """A classifier with early stopping, an archive in memory, metrics and validation."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 4))
    net = nnkit.Network(
        [4, 6, 3],
        output_activation="softmax",
        loss="categorical_crossentropy",
        optimizer="sgd(learning_rate=0.05, momentum=0.9)",
        seed=13,
    )
    net.fit(
        X,
        (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5),
        epochs=6,
        batch_size=16,
        validation_split=0.2,
        metrics=["accuracy"],
        callbacks=["early_stopping(patience=2)", "archiver(every=20)"],
    )
    return net, X


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


def main():
    arrays, facts = {}, {}
    for make in (interrupted, solved, classifier):
        name = make.__name__
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net, X = make()
        net.save(FOLDER / f"format-1-{name}.npz")
        arrays |= {
            f"{name}.X": X,
            f"{name}.prediction": net.predict(X),
            f"{name}.parameters": net.parameters,
            f"{name}.buffers": net.buffers,
        }
        facts[name] = {"history": net.history, "notes": plain(net.notes), "epoch": net.epoch, "step": net.step}
    np.savez(FOLDER / "format-1-expected.npz", **arrays)
    (FOLDER / "format-1-expected.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
