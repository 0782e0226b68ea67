"""Whole trainings against PyTorch: 200 steps with minibatches, momentum, L2 and weights, to 1e-9."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest

import nnkit
from nnkit.interfaces import Callback

DATA = Path(__file__).parents[1] / "oracles" / "data" / "torch_training.npz"
CASES = {
    "classes": {"activations": ["tanh", "relu", "softmax"], "optimizer": "sgd(learning_rate=0.1, momentum=0.9)"},
    "nesterov": {
        "activations": ["softplus", "tanh", "log_softmax"],
        "optimizer": "sgd(learning_rate=0.05, momentum=0.8, nesterov=True)",
    },
    "regression": {"activations": ["silu", "sigmoid", None], "optimizer": "sgd(learning_rate=0.05, momentum=0.9)"},
}
LOSSES = {"classes": "sparse_categorical_crossentropy", "nesterov": "nll", "regression": "mean_squared_error"}


@attrs.frozen(kw_only=True)
class Keep(Callback):
    """Keeps the loss and the parameters of every step, and ends after the last that was recorded."""

    steps: int
    losses: list = attrs.field(factory=list, eq=False)
    trajectory: list = attrs.field(factory=list, eq=False)

    def on_batch_end(self, view):
        self.losses.append(view.logs["loss"])
        self.trajectory.append(view.parameters.copy())
        if view.step == self.steps:
            view.stop("as many as were recorded")


@pytest.mark.ledger("S0.29", "S0.33", "S0.52", "S2.12", "S3.1", "S3.4", "S3.17", "S3.20", "S3.26")
@pytest.mark.parametrize("backward", ["fast", "jacobian"])
@pytest.mark.parametrize("case", CASES)
def test_a_training_is_that_of_pytorch(case, backward):
    with np.load(DATA) as file:
        recorded = {key.partition(".")[2]: value for key, value in file.items() if key.startswith(f"{case}.")}
    settings = dict(CASES[case])
    activations = [a or "identity" for a in settings.pop("activations")]
    net = nnkit.Network(
        [5, 9, 7, 3],
        activations=activations,
        loss=LOSSES[case],
        regularizer="l2(strength=0.02)",
        backward=backward,
        **settings,
    )
    net.parameters = recorded["start"]
    keep = Keep(steps=len(recorded["losses"]))
    net.fit(
        recorded["X"],
        nnkit.to_categorical(recorded["y"]) if case == "nesterov" else recorded["y"],
        epochs=40,
        batch_size=16,
        sampling="sequential",
        sample_weight=recorded["weight"],
        callbacks=[keep],
    )
    assert 200 == len(keep.losses)
    np.testing.assert_allclose(keep.losses, recorded["losses"], rtol=1e-9)
    for expected, actual in zip(recorded["trajectory"], keep.trajectory[9::10], strict=True):
        assert np.linalg.norm(actual - expected) < 1e-9 * np.linalg.norm(expected)
        np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-10)
