"""Cox's loss on many rows: the direct formula, by the objective, by training, in batches."""

import numpy as np
import pytest

import nnkit
from nnkit.errors import NotOfferedError
from nnkit_losses.cox import Cox

ROWS = 3000
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 4))
TARGET = np.column_stack([np.ceil(20 * RNG.exponential(size=ROWS)), RNG.random(ROWS) < 0.6]).astype(float)  # with ties
WEIGHT = RNG.uniform(0.5, 2.0, ROWS)


def direct(risk, target, weight):
    """Value and gradient by the double sum over the rows at risk."""
    exponential = weight * np.exp(risk[:, 0])
    at_risk = target[:, 0] >= target[:, :1]  # [i, j]: row j is at risk at the time of row i
    sums, events = at_risk @ exponential, weight * target[:, 1]
    value = (events * (np.log(sums) - risk[:, 0])).sum() / events.sum()
    gradient = (exponential * ((events / sums) @ at_risk) - events) / events.sum()
    return value, gradient[:, None]


def network(**arguments):
    return nnkit.Network([4, 6, 1], hidden_activation="tanh", loss="nnkit-losses/cox", seed=0, **arguments)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal weights", "weights"])
def test_the_objective_on_all_rows_is_the_direct_formula(weight):
    net = network()
    value, gradient = net.objective(X, TARGET, sample_weight=weight).value_and_gradient(net.parameters)
    risk = net.predict(X)
    expected, slope = direct(risk, TARGET, np.ones(ROWS) if weight is None else weight)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    by_parameter = np.einsum("nk,nkp->p", slope, net.parameter_jacobian(X))
    np.testing.assert_allclose(gradient, by_parameter, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(net.evaluate(X, TARGET, sample_weight=weight)["loss"], expected, rtol=1e-12)


def test_a_step_on_all_rows_follows_the_direct_gradient():
    net = network(optimizer="sgd(learning_rate=0.5)")
    before = net.parameters.copy()
    value, slope = direct(net.predict(X), TARGET, WEIGHT)
    expected = before - 0.5 * np.einsum("nk,nkp->p", slope, net.parameter_jacobian(X))
    history = net.fit(X, TARGET, sample_weight=WEIGHT, epochs=1, batch_size=None)
    np.testing.assert_allclose(history["loss"][0], value, rtol=1e-12)
    np.testing.assert_allclose(net.parameters, expected, rtol=1e-12, atol=1e-14)


def test_batches_have_the_direct_value_of_their_rows():
    net = network(optimizer="sgd(learning_rate=0.0)")
    history = net.fit(X, TARGET, sample_weight=WEIGHT, epochs=1, batch_size=500, sampling="sequential")
    pieces = [slice(start, start + 500) for start in range(0, ROWS, 500)]
    risk = net.predict(X)
    values = [direct(risk[piece], TARGET[piece], WEIGHT[piece])[0] for piece in pieces]
    np.testing.assert_allclose(history["loss"][0], np.mean(values), rtol=1e-12)


def test_the_gradient_is_right_where_the_risks_are_far_apart():
    risk = np.linspace(-800.0, 800.0, 9)[:, None]
    target = np.column_stack([np.arange(9.0)[::-1], np.ones(9)])
    gradient = Cox().batch_gradient(risk, target, np.ones(9))
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(gradient.sum(), 0.0, atol=1e-12)


def test_a_batch_without_events_teaches_nothing():
    censored = TARGET * [1.0, 0.0]
    assert Cox().batch_value(X[:, :1], censored, WEIGHT) == 0.0
    assert not Cox().batch_gradient(X[:, :1], censored, WEIGHT).any()


def test_training_orders_the_times():
    true = X[:, 0] - 0.5 * X[:, 1]
    target = np.column_stack([RNG.exponential(np.exp(-true)), RNG.random(ROWS) < 0.7]).astype(float)
    net = network(optimizer="adam(learning_rate=0.02)")
    net.fit(X, target, epochs=15, batch_size=300)
    assert np.corrcoef(net.predict(X)[:, 0], true)[0, 1] > 0.95


def test_gradients_of_single_rows_are_refused():
    with pytest.raises(NotOfferedError, match="Cox couples the rows of a batch"):
        network().per_sample_gradients(X[:10], TARGET[:10])
