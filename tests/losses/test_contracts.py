"""What the interface of losses promises: widths, point predictions, missing targets, coupled rows, surrogates."""

import attrs
import numpy as np
import pytest

import nnkit
from nnkit.errors import DataError, NotOfferedError, ShapeError, SpecError
from nnkit.interfaces import Loss

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X[:, 0] * 2 + RNG.normal(size=40)


@attrs.frozen(kw_only=True)
class TwoForEach(Loss):
    """Squared error of the first of two outputs for each target; the second is pulled to 0."""

    minimum_at_target = False
    additive = False

    def target_columns(self, outputs):
        return outputs // 2

    def outputs_for(self, target_columns):
        return 2 * target_columns

    def point(self, prediction):
        return prediction[:, ::2]

    def value(self, prediction, target):
        return ((prediction[:, ::2] - target) ** 2).sum(axis=1) + (prediction[:, 1::2] ** 2).sum(axis=1)

    def gradient(self, prediction, target):
        gradient = 2.0 * prediction
        gradient[:, ::2] -= 2.0 * target
        return gradient


@attrs.frozen(kw_only=True)
class Spread(Loss):
    """The weighted mean of squares of each row's distance from its neighbour in the order of the targets."""

    rows_coupled = True

    def batch_value(self, prediction, target, weight):
        gaps, shares = self._gaps(prediction, target, weight)
        return float((shares * gaps**2).sum())

    def batch_gradient(self, prediction, target, weight):
        order = np.argsort(target[:, 0], kind="stable")
        gaps, shares = self._gaps(prediction, target, weight)
        gradient = np.zeros_like(prediction)
        gradient[order[1:], 0] += 2 * shares * gaps
        gradient[order[:-1], 0] -= 2 * shares * gaps
        return gradient

    def _gaps(self, prediction, target, weight):
        order = np.argsort(target[:, 0], kind="stable")
        p, t, w = prediction[order, 0], target[order, 0], weight[order]
        return np.diff(p) - np.diff(t), w[1:] / weight.sum()


@attrs.frozen(kw_only=True)
class Centred(Loss):
    """Squared error after the mean over the batch is taken out: it couples rows and does not say so."""

    def value(self, prediction, target):
        return ((prediction - prediction.mean(axis=0) - target) ** 2).sum(axis=1)

    def gradient(self, prediction, target):
        return 2 * (prediction - prediction.mean(axis=0) - target)


@attrs.frozen(kw_only=True)
class Masked(Loss):
    """Squared error that leaves out missing targets."""

    missing_targets = True

    def value(self, prediction, target):
        return np.where(np.isnan(target), 0.0, (prediction - target) ** 2).sum(axis=1)

    def gradient(self, prediction, target):
        return np.where(np.isnan(target), 0.0, 2 * (prediction - target))


# -- widths --------------------------------------------------------------------------------------


def test_targets_have_the_columns_that_the_loss_names():
    net = nnkit.Network([3, 4, 4], loss=TwoForEach(), seed=0)
    both = np.column_stack([Y, -Y])
    net.fit(X, both, epochs=2)
    assert net.predict(X).shape == (40, 4)
    np.testing.assert_array_equal(net.predict(X, point=True), net.predict(X)[:, ::2])


def test_a_number_of_outputs_that_the_loss_does_not_accept_is_refused_when_the_network_is_built():
    with pytest.raises(SpecError, match="TwoForEach does not accept 3 outputs; accepted numbers of outputs: 2, 4, 6"):
        nnkit.Network([3, 4, 3], loss=TwoForEach())


def test_targets_of_another_width_are_refused_with_the_outputs_that_they_need():
    net = nnkit.Network([3, 4, 4], loss=TwoForEach(), seed=0)
    with pytest.raises(ShapeError, match="y has 3 columns .* a network for these targets has 6 outputs"):
        net.fit(X, np.ones((40, 3)))


@pytest.mark.parametrize(("outputs", "columns"), [(2, 2), (4, 1), (3, 1)])
def test_shapes_that_do_not_belong_together_are_refused_before_the_loss_sees_them(outputs, columns):
    with pytest.raises(ShapeError, match="TwoForEach"):
        TwoForEach().value(np.ones((5, outputs)), np.ones((5, columns)))


def test_metrics_judge_the_point_prediction():
    net = nnkit.Network([3, 4, 2], loss=TwoForEach(), seed=0)
    history = net.fit(X, Y, epochs=3, metrics=["mean_squared_error"], validation_data=(X, Y))
    expected = np.mean((net.predict(X)[:, 0] - Y) ** 2)
    np.testing.assert_allclose(net.evaluate(X, Y, metrics="mean_squared_error")["mean_squared_error"], expected)
    np.testing.assert_allclose(history["val_mean_squared_error"][-1], expected)


# -- missing targets -----------------------------------------------------------------------------


def test_missing_targets_reach_the_loss_and_do_not_count_for_metrics():
    y = np.where(np.arange(40) % 3 == 0, np.nan, Y)
    net = nnkit.Network([3, 8, 1], loss=Masked(), seed=0)
    history = net.fit(X, y, epochs=20, metrics=["mean_squared_error"])
    assert np.isfinite(history["loss"]).all()
    present = ~np.isnan(y)
    expected = np.mean((net.predict(X)[present, 0] - y[present]) ** 2)
    np.testing.assert_allclose(history["mean_squared_error"][-1], expected)


@pytest.mark.parametrize(("loss", "bad"), [("mean_squared_error", np.nan), (Masked(), np.inf)])
def test_other_losses_refuse_nan_and_all_refuse_infinity(loss, bad):
    with pytest.raises(DataError, match="expected finite numbers"):
        nnkit.Network([3, 1], loss=loss, seed=0).fit(X, np.where(np.arange(40) == 5, bad, Y))


# -- coupled rows --------------------------------------------------------------------------------

WEIGHT = RNG.uniform(0.5, 2.0, 40)


def test_the_objective_of_a_coupled_loss_is_its_batch_value():
    net = nnkit.Network([3, 4, 1], hidden_activation="tanh", loss=Spread(), regularizer="l2(strength=0.01)", seed=0)
    objective = net.objective(X, Y, sample_weight=WEIGHT)
    penalty = 0.5 * 0.01 * sum(np.sum(w**2) for w in net.weights)
    expected = Spread().batch_value(net.predict(X), Y[:, None], WEIGHT) + penalty
    np.testing.assert_allclose(objective.value(net.parameters), expected, rtol=1e-13)
    value, gradient = objective.value_and_gradient(net.parameters)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    report = net.check_gradient(X, Y, sample_weight=WEIGHT)
    assert report.right, str(report)
    v = RNG.normal(size=gradient.size)
    ahead, behind = (objective.gradient(net.parameters + s * 1e-5 * v) for s in (1, -1))
    np.testing.assert_allclose(objective.hvp(net.parameters, v), (ahead - behind) / 2e-5, rtol=1e-4, atol=1e-6)


def test_a_trace_of_a_coupled_loss_has_its_gradient():
    net = nnkit.Network([3, 4, 1], loss=Spread(), seed=0)
    gradient = net.objective(X, Y, sample_weight=WEIGHT).gradient(net.parameters)
    traced = net.trace(X, Y, sample_weight=WEIGHT)
    flat = net.layout.flatten([layer.gradients[name] for layer in traced for name in ("weight", "bias")])
    np.testing.assert_allclose(flat, gradient, rtol=1e-12, atol=1e-14)


def test_training_evaluation_and_validation_use_whole_batches_and_the_weights_of_the_user():
    net = nnkit.Network([3, 4, 1], loss=Spread(), optimizer="sgd(learning_rate=0.0)", seed=0)
    before = Spread().batch_value(net.predict(X), Y[:, None], WEIGHT)
    data = (X, Y, WEIGHT)
    history = net.fit(X, Y, epochs=1, batch_size=None, sample_weight=WEIGHT, validation_data=data)
    np.testing.assert_allclose([history["loss"][0], history["val_loss"][0]], before, rtol=1e-12)
    many = np.tile(X, (100, 1)), np.tile(Y, 100) + np.arange(4000)
    expected = Spread().batch_value(net.predict(many[0]), many[1][:, None], np.ones(4000))
    np.testing.assert_allclose(net.evaluate(*many)["loss"], expected, rtol=1e-12)


def test_batches_of_a_coupled_loss_are_those_of_the_plan():
    net = nnkit.Network([3, 4, 1], loss=Spread(), optimizer="sgd(learning_rate=0.0)", seed=0)
    history = net.fit(X, Y, epochs=1, batch_size=16, sampling="sequential", sample_weight=WEIGHT)
    pieces = [slice(0, 16), slice(16, 32), slice(32, 40)]
    values = [Spread().batch_value(net.predict(X[p]), Y[p, None], WEIGHT[p]) for p in pieces]
    np.testing.assert_allclose(history["loss"][0], np.average(values, weights=[16, 16, 8]), rtol=1e-12)


def test_what_needs_a_loss_of_each_sample_refuses_a_coupled_one():
    net = nnkit.Network([3, 4, 1], loss=Spread(), seed=0)
    objective = net.objective(X, Y)
    calls = {
        "gradient of each sample": lambda: net.per_sample_gradients(X, Y),
        "Gauss-Newton matrix": lambda: objective.gauss_newton(net.parameters),
        "residual of each sample": lambda: objective.residual(net.parameters),
        "share of one shard": lambda: net.objective(X, Y, total_weight=100.0),
    }
    for what, call in calls.items():
        with pytest.raises(NotOfferedError, match=f"Spread couples the rows of a batch, so there is no {what}"):
            call()
    with pytest.raises(NotOfferedError, match="batch_value evaluates a batch"):
        Spread().value(net.predict(X), Y[:, None])


def test_more_rows_than_memory_allows_are_refused_with_the_estimate():
    model = nnkit.Network([3, 4, 1], loss=Spread(), seed=0).model
    arrays = np.zeros(0), X, Y[:, None], None
    with pytest.raises(DataError, match=r"the objective needs all 40 rows in one batch: about 5,440 bytes, .*=1,000"):
        nnkit.core.objective.Objective(model, *arrays, memory=1000)


@pytest.mark.parametrize("call", ["fit", "objective"])
def test_coupling_that_is_not_declared_is_refused_on_real_data(call):
    net = nnkit.Network([3, 4, 1], loss=Centred(), seed=0)
    before = net.parameters.copy()
    with pytest.raises(SpecError, match="value of Centred gives a row other values in a batch of 40 rows"):
        net.fit(X, Y) if call == "fit" else net.objective(X, Y).gradient(net.parameters)
    np.testing.assert_array_equal(net.parameters, before)


def test_a_declaration_without_its_methods_is_refused():
    @attrs.frozen(kw_only=True)
    class Halfway(Loss):
        rows_coupled = True

        def batch_value(self, prediction, target, weight):
            return 0.0

    with pytest.raises(SpecError, match="Halfway declares rows_coupled, but defines no batch_gradient"):
        nnkit.Network([3, 1], loss=Halfway())


# -- surrogates ----------------------------------------------------------------------------------


def test_a_gradient_that_is_no_derivative_is_not_compared_with_differences():
    @attrs.frozen(kw_only=True)
    class Surrogate(Masked):
        surrogate_gradient = True

    net = nnkit.Network([3, 1], loss=Surrogate(), seed=0)
    with pytest.raises(NotOfferedError, match="its gradient is not the derivative"):
        net.check_gradient(X, Y)
