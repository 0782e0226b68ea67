"""Messages to users: why a solver stopped, what does not fit, and what a full-batch method does not do."""

from __future__ import annotations

import os
import signal

import attrs
import numpy as np
import pytest

import nnkit
from nnkit.interfaces import Callback, Layer, Loss, ParameterSpec

SOLVERS = ("levenberg_marquardt", "gauss_newton", "bayesian_regularization")


def problem(samples=50):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, (samples, 2))
    return X, np.sin(3.0 * X[:, 0]) * X[:, 1] + rng.normal(0.0, 0.1, samples)


def network(name, **options):
    return nnkit.Network([2, 4, 1], optimizer=name, seed=0, **({"hidden_activation": "tanh"} | options))


@pytest.mark.parametrize("name", SOLVERS)
def test_the_network_tells_why_training_ended(name, tmp_path):
    X, _ = problem()
    net = network(name)
    assert net.stop_reason is None
    net.fit(X, net.predict(X)[:, 0], epochs=30)
    assert "the residuals are zero" in net.stop_reason
    net.save(tmp_path / "net.npz")
    assert net.stop_reason == nnkit.Network.load(tmp_path / "net.npz").stop_reason
    net.fit(*problem(), epochs=1)
    assert net.stop_reason is None


@attrs.frozen(kw_only=True)
class Interrupt(Callback):
    """Ctrl-C after an epoch."""

    epoch: int = 3

    def belongs_to_run(self):
        return False

    def on_epoch_end(self, view):
        if view.epoch == self.epoch:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("name", SOLVERS)
def test_ctrl_c_between_two_steps_and_on_from_there(name, tmp_path):
    X, y = problem()
    whole, net = network(name), network(name)
    whole.fit(X, y, epochs=9)
    with pytest.raises(KeyboardInterrupt, match=r"after 3 of 9 steps.*resume=True"):
        net.fit(X, y, epochs=9, callbacks=[Interrupt()])
    assert net.epoch == 3
    assert net.history["loss"][-1] == whole.history["loss"][2]
    net.save(tmp_path / "net.npz")
    again = nnkit.Network.load(tmp_path / "net.npz")
    again.fit(X, y, epochs=9, resume=True)
    assert np.array_equal(whole.parameters, again.parameters)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("layer", ["dropout(rate=0.5)", "batch_norm"])
def test_layers_that_only_work_in_training_are_reported(name, layer):
    X, y = problem()
    net = nnkit.Network([2, nnkit.Dense(4, "tanh"), layer, nnkit.Dense(1)], optimizer=name, seed=0)
    with pytest.warns(nnkit.errors.TrainingWarning, match="sees all layers as they are in inference") as caught:
        net.fit(X, y, epochs=2)
    assert [__file__] == [warning.filename for warning in caught]


@pytest.mark.parametrize("loss", ["mean_absolute_error", "quantile", "hinge"])
def test_a_loss_without_curvature_is_still_gone_down(loss):
    """Its Gauss-Newton matrix is zero where its gradient is not: no reason to call that a minimum."""
    X, y = problem()
    net = network("gauss_newton", loss=loss)
    history = net.fit(X, np.sign(y) if loss == "hinge" else y, epochs=40)
    assert history["slope"][0] == np.inf
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert all(np.diff(history["loss"]) <= 0.0)


@attrs.frozen(kw_only=True)
class Relative(Loss):
    """Half the squared error in parts of ``1 + |target|``: a loss of a newcomer, its Jacobian forgotten."""

    def value(self, prediction, target):
        return 0.5 * (self.residual(prediction, target) ** 2).sum(axis=1)

    def gradient(self, prediction, target):
        return self.residual(prediction, target) / (1.0 + abs(target))

    def residual(self, prediction, target):
        return (prediction - target) / (1.0 + abs(target))


@attrs.frozen(kw_only=True)
class RelativeWhole(Relative):
    """The same with it."""

    def residual_jacobian(self, prediction, target):
        return np.eye(prediction.shape[1]) / (1.0 + abs(target))[:, :, None]


@attrs.frozen(kw_only=True)
class RelativeCurved(Relative):
    """The same with a curvature instead."""

    def curvature(self, prediction, target):
        return np.eye(prediction.shape[1]) / (1.0 + abs(target))[:, :, None] ** 2


def test_residuals_without_their_jacobian_are_refused():
    X, y = problem()
    for name in ("levenberg_marquardt", "bayesian_regularization"):
        net = network(name, loss=Relative())
        with pytest.raises(nnkit.errors.SpecError, match="Relative offers residual but no residual_jacobian"):
            net.fit(X, y)
        assert net.epoch == 0
    with pytest.raises(nnkit.errors.NotOfferedError, match="no residual_jacobian.*and no curvature"):
        network("gauss_newton", loss=Relative()).fit(X, y)


def test_a_third_partys_loss_is_solved_by_either_of_its_two_forms():
    X, y = problem()
    ends = []
    for name, loss in (
        ("levenberg_marquardt", RelativeWhole()),
        ("gauss_newton", RelativeWhole()),
        ("gauss_newton", RelativeCurved()),
    ):
        net = network(name, loss=loss, regularizer="l2(strength=0.01)")
        net.fit(X, y, epochs=300)
        ends.append(net.history["loss"][-1])
    assert ends == pytest.approx([ends[0]] * 3, rel=1e-8)


@attrs.frozen(kw_only=True)
class Shift(Layer):
    """``y = sin(x) + shift``, of two methods."""

    def parameter_specs(self, inputs):
        return (ParameterSpec(name="shift", shape=(inputs,), fan_in=1, fan_out=1, role="bias"),)

    def forward(self, parameters, x, *, training, rng):
        return np.sin(x) + parameters["shift"], x

    def backward(self, parameters, cache, grad):
        return grad * np.cos(cache), {"shift": grad.sum(axis=0)}


@pytest.mark.parametrize("name", SOLVERS)
def test_a_third_partys_layer_of_two_methods(name):
    X, y = problem()
    net = nnkit.Network([2, nnkit.Dense(5, "tanh"), Shift(), nnkit.Dense(1)], optimizer=name, seed=0)
    assert net.fit(X, y, epochs=40)["loss"][-1] < 0.03


@pytest.mark.parametrize("name", SOLVERS)
def test_samples_of_no_weight_are_no_samples(name):
    X, y = problem()
    weight = np.where(np.arange(50) < 20, 0.0, 1.0)
    some, whole = network(name), network(name)
    some.fit(X[20:], y[20:], epochs=12)
    whole.fit(X, y, epochs=12, sample_weight=weight)
    assert np.allclose(some.parameters, whole.parameters, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", SOLVERS)
def test_a_batch_size_changes_nothing(name):
    X, y = problem()
    one, other = network(name), network(name)
    one.fit(X, y, epochs=3, batch_size=7)
    other.fit(X, y, epochs=3, batch_size=None)
    assert np.array_equal(one.parameters, other.parameters)
