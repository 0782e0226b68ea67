"""nnkit by its public names; with ``NNKIT_PLUGINS`` empty, plain numpy."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from workloads import JACOBIANS, NETWORKS, Training, repeated, weights

import nnkit


def version() -> str:
    return f"nnkit-core {nnkit.__version__}"


def _classifier(widths: tuple[int, ...]) -> nnkit.Network:
    return nnkit.Network(
        list(widths), output_activation="softmax", loss="sparse_categorical_crossentropy", optimizer="adam", seed=0
    )


def train(load: Training) -> Callable[[int], Any]:
    net, (x, y) = _classifier(load.widths), load.data()
    return lambda epochs: net.fit(x, y, epochs=epochs, batch_size=load.batch)


def train_watched(load: Training) -> Callable[[int], Any]:
    """The same with history, accuracy left out, and a progress line on a stream."""
    net, (x, y) = _classifier(load.widths), load.data()
    progress = nnkit.plugins.get("callback", "progress")(force=True, stream=io.StringIO())
    return lambda epochs: net.fit(x, y, epochs=epochs, batch_size=load.batch, callbacks=[progress])


def infer(name: str, rows: int) -> Callable[[int], Any]:
    net = nnkit.Network(list(NETWORKS[name]), output_activation="softmax", dtype="float32", seed=0)
    net.parameters = net.layout.flatten([array for pair in weights(NETWORKS[name]) for array in pair])
    x = np.random.default_rng(0).standard_normal((rows, NETWORKS[name][0]), dtype=np.float32)

    def run(times: int) -> None:
        for _ in range(times):
            net.predict(x)

    return run


def _regression(name: str, optimizer: str) -> tuple[nnkit.Network, np.ndarray, np.ndarray]:
    widths, samples = JACOBIANS[name]
    net = nnkit.Network(
        list(widths), hidden_activation="tanh", loss="half_squared_error", optimizer=optimizer, seed=0, dtype="float64"
    )
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, widths[0]))
    return net, x, np.sin(x[:, :1]) * np.ones(widths[-1]) + 0.1 * rng.standard_normal((samples, widths[-1]))


def per_sample_gradients(name: str) -> Callable[[int], Any]:
    net, x, y = _regression(name, "adam")
    return lambda times: repeated(times, lambda: net.per_sample_gradients(x, y))


def parameter_jacobian(name: str) -> Callable[[int], Any]:
    net, x, _ = _regression(name, "adam")
    return lambda times: repeated(times, lambda: net.parameter_jacobian(x))


def five_lm_steps(name: str) -> Callable[[int], Any]:
    """The first five, over and over: a longer training would end early."""
    net, x, y = _regression(name, "levenberg_marquardt")

    def first() -> object:
        net.reset()
        return net.fit(x, y, epochs=5)

    return lambda times: repeated(times, first)
