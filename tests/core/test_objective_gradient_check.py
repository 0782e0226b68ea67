"""``check_gradient`` acquits the right and names the wrong."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np
import pytest

import nnkit
from nnkit.interfaces import Layer, Loss, Regularizer

X = np.random.default_rng(0).normal(size=(20, 3))


@pytest.mark.parametrize("hidden", ["tanh", "relu", "leaky_relu", "gelu", "softsign", "hard_sigmoid"])
@pytest.mark.parametrize(
    ("loss", "head"),
    [
        ("mean_squared_error", None),
        ("mean_absolute_error", None),
        ("categorical_crossentropy", "softmax"),
        ("huber", None),
    ],
)
def test_what_is_right_is_called_right(hidden, loss, head):
    net = nnkit.Network([3, 5, 4, 2], hidden_activation=hidden, output_activation=head, loss=loss, seed=0)
    y = np.eye(2)[(X[:, 0] > 0).astype(int)] if head else X[:, :2]
    report = net.check_gradient(X.astype(np.float32), y, sample_weight=np.linspace(0.1, 1.0, 20))
    assert report
    assert report.faults == ()
    assert report.checked + report.unsettled == net.parameters.size
    assert report.checked >= net.parameters.size // 2
    assert str(report).startswith("The gradient is right: over ")


@final
@attrs.frozen(kw_only=True)
class Scaled(Layer):
    """``y = 2 x`` with a wrong way back."""

    def forward(self, parameters, x, *, training, rng):
        return 2.0 * x, None

    def backward(self, parameters, cache, grad):
        return 1.9 * grad, {}


@final
@attrs.frozen(kw_only=True)
class Quartic(Loss):
    """``sum (p - t)^4`` with a gradient that is off."""

    def value(self, prediction, target):
        return ((prediction - target) ** 4).sum(axis=1)

    def gradient(self, prediction, target):
        return 3.0 * (prediction - target) ** 3


@final
@attrs.frozen(kw_only=True)
class Cubic(Regularizer):
    """``sum |w|^3`` with a gradient that is off."""

    def value(self, weights):
        return float((np.abs(weights) ** 3).sum())

    def gradient(self, weights):
        return 2.0 * weights * np.abs(weights)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (
            {"layers": [3, nnkit.Dense(4, "tanh"), Scaled(), nnkit.Dense(2)]},
            "layer 1 (Scaled), the gradient of its input",
        ),
        ({"layers": [3, 4, 2], "loss": Quartic()}, "Quartic.gradient"),
        ({"layers": [3, 4, 2], "regularizer": Cubic()}, "Cubic.gradient, the penalty of weight in layer 0"),
        (
            {"layers": [3, 4, 2], "output_activation": (np.sin, lambda z: 0.9 * np.cos(z))},
            "FunctionActivation.vjp, the output activation",
        ),
    ],
)
def test_the_first_fault_is_named(options, fault):
    report = nnkit.Network(**options, seed=0).check_gradient(X, X[:, :2])
    assert not report
    assert report.faults[0].startswith(fault)
    assert "WRONG" in str(report)
    assert fault in str(report)


def test_an_in_place_variant_that_differs_is_named():
    @final
    @attrs.frozen(kw_only=True)
    class Twisted(Layer):
        """The plain methods are right; what training uses is not."""

        def forward(self, parameters, x, *, training, rng):
            return x + 1.0, None

        def backward(self, parameters, cache, grad):
            return grad.copy(), {}

        def bind(self, parameters, gradients, workspace, *, inputs, training, needs_grad_x, rng):
            bound = Layer.bind(self, parameters, gradients, workspace, inputs=inputs, training=training,
                               needs_grad_x=needs_grad_x, rng=rng)  # fmt: skip
            return attrs.evolve(bound, backward=lambda grad: 0.5 * grad)

    report = nnkit.Network([3, nnkit.Dense(4, "tanh"), Twisted(), nnkit.Dense(2)], seed=0).check_gradient(X, X[:, :2])
    assert not report
    assert report.faults[0] == "layer 1 (Twisted): bind and backward differ in the gradient of its input"
