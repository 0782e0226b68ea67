"""The edges: clipped predictions, certain targets, huge and infinite values, labels out of range."""

import numpy as np
import pytest
from oracles.loss_cases import LOSSES, draw_target, name

from nnkit.errors import DataError, HyperparameterError
from nnkit.losses.binary_crossentropy import BinaryCrossentropy
from nnkit.losses.categorical_crossentropy import CategoricalCrossentropy
from nnkit.losses.half_squared_error import HalfSquaredError
from nnkit.losses.hinge import Hinge
from nnkit.losses.huber import Huber
from nnkit.losses.kl_divergence import KLDivergence
from nnkit.losses.log_cosh import LogCosh
from nnkit.losses.mean_absolute_error import MeanAbsoluteError
from nnkit.losses.mean_squared_error import MeanSquaredError
from nnkit.losses.nll import NegativeLogLikelihood
from nnkit.losses.poisson import Poisson
from nnkit.losses.quantile import Quantile
from nnkit.losses.sparse_categorical_crossentropy import SparseCategoricalCrossentropy
from nnkit.losses.squared_error import SquaredError

INF = np.inf
BOTH = pytest.mark.parametrize("dtype", [np.float64, np.float32])
OF_PROBABILITIES = [loss for loss in LOSSES if loss.prediction_domain in {"unit", "simplex", "nonnegative"}]


@BOTH
@pytest.mark.parametrize("loss", OF_PROBABILITIES, ids=name)
def test_certain_predictions_give_finite_values(loss, dtype):
    rng = np.random.default_rng(0)
    prediction = np.eye(3, dtype=dtype)[[0, 1, 2, 0, 1, 2]]
    for _ in range(5):
        target = draw_target(loss, rng, (6, 3), dtype)
        for method in (loss.value, loss.gradient, loss.curvature):
            assert np.isfinite(method(prediction, target)).all()


@BOTH
def test_values_at_certainty(dtype):
    eps = np.finfo(dtype).eps
    sure, other = np.array([[1.0, 0.0]], dtype), np.array([[0.0, 1.0]], dtype)
    one, none = np.ones((1, 1), dtype), np.zeros((1, 1), dtype)
    worst = pytest.approx(-np.log(float(eps)), rel=float(eps))
    for loss in (CategoricalCrossentropy(), KLDivergence()):
        assert loss.value(sure, sure) == 0.0
        assert loss.value(other, sure) == worst
    assert SparseCategoricalCrossentropy().value(sure, np.array([0])) == 0.0
    assert SparseCategoricalCrossentropy().value(sure, np.array([1])) == worst
    assert BinaryCrossentropy().value(one, one) == pytest.approx(float(eps), rel=2 * float(eps))
    assert BinaryCrossentropy().value(none, one) == worst
    assert BinaryCrossentropy().value(one, none) == worst
    assert Poisson().value(none, one) == worst
    assert Poisson().value(none, none) == 0.0


@BOTH
def test_gradients_lead_out_of_the_clipped_region(dtype):
    edge = 1.0 / float(np.finfo(dtype).eps)
    one, none = np.ones((1, 1), dtype), np.zeros((1, 1), dtype)
    expected = pytest.approx(-edge, rel=1e-6)
    assert BinaryCrossentropy().gradient(none, one) == expected
    assert -BinaryCrossentropy().gradient(one, none) == expected
    assert Poisson().gradient(none, one) == expected
    zeros, first = np.zeros((1, 2), dtype), np.array([[1.0, 0.0]], dtype)
    for loss in (CategoricalCrossentropy(), KLDivergence()):
        np.testing.assert_allclose(loss.gradient(zeros, first), [[-edge, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(
        SparseCategoricalCrossentropy().gradient(zeros, np.array([0])), [[-edge, 0.0]], rtol=1e-6
    )


@pytest.mark.parametrize("loss", [KLDivergence(), CategoricalCrossentropy()], ids=name)
def test_soft_targets_with_zeros(loss):
    prediction, target = np.array([[0.5, 0.5, 0.0]]), np.array([[0.25, 0.75, 0.0]])
    without = loss.value(prediction[:, :2], target[:, :2])
    np.testing.assert_array_equal(without, loss.value(prediction, target))


@BOTH
def test_log_cosh_near_zero_and_far_away(dtype):
    size = np.array([[1e-15], [1e-7], [1e-3], [1e4], [1e18]], dtype)
    exact = size[:, 0].astype(np.float64)
    expected = [*(exact[:3] ** 2 / 2 - exact[:3] ** 4 / 12 + exact[:3] ** 6 / 45), *(exact[3:] - np.log(2.0))]
    for signed in (size, -size):
        np.testing.assert_allclose(
            LogCosh().value(signed, np.zeros_like(size)), expected, rtol=4 * float(np.finfo(dtype).eps)
        )


@pytest.mark.parametrize(
    ("loss", "value", "gradient"),
    [
        (MeanSquaredError(), INF, INF),
        (SquaredError(), INF, INF),
        (HalfSquaredError(), INF, INF),
        (MeanAbsoluteError(), INF, 1.0),
        (Huber(delta=0.5), INF, 0.5),
        (LogCosh(), INF, 1.0),
        (Quantile(level=0.75), INF, 0.25),
        (Poisson(), INF, 1.0),
    ],
    ids=repr,
)
def test_infinite_predictions_have_their_limits(loss, value, gradient):
    infinite, target = np.array([[INF]]), np.ones((1, 1))
    assert loss.value(infinite, target) == value
    assert loss.gradient(infinite, target) == gradient
    if loss.prediction_domain == "real" and not isinstance(loss, Quantile):
        assert loss.value(-infinite, target) == value
        assert loss.gradient(-infinite, target) == -gradient


def test_hinge_at_infinity():
    prediction, target = np.array([[INF], [-INF]]), np.ones((2, 1))
    np.testing.assert_array_equal([0.0, INF], Hinge().value(prediction, target))
    np.testing.assert_array_equal([[0.0], [-1.0]], Hinge().gradient(prediction, target))


def test_fused_values_at_infinite_logits():
    z, a = np.array([[INF, 0.0], [-INF, 0.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    first = np.array([[1.0, 0.0], [1.0, 0.0]])
    for loss in (CategoricalCrossentropy(), KLDivergence()):
        np.testing.assert_array_equal([0.0, INF], loss.fused_value(z, a, first))
    np.testing.assert_array_equal([0.0, INF], SparseCategoricalCrossentropy().fused_value(z, a, np.array([0, 0])))
    tied = CategoricalCrossentropy().fused_value(np.array([[INF, INF]]), np.array([[0.5, 0.5]]), first[:1])
    np.testing.assert_allclose(tied, [np.log(2.0)], rtol=1e-15)
    column = np.array([[INF], [-INF], [INF], [-INF]])
    binary = BinaryCrossentropy().fused_value(column, (column > 0) * 1.0, np.array([[1.0], [0.0], [0.0], [1.0]]))
    np.testing.assert_array_equal([0.0, 0.0, INF, INF], binary)


def test_impossible_outcomes_cost_nothing_unless_they_happen():
    prediction = np.array([[0.0, -INF]])
    assert NegativeLogLikelihood().value(prediction, np.array([[1.0, 0.0]])) == 0.0
    assert NegativeLogLikelihood().value(prediction, np.array([[0.0, 1.0]])) == INF


@BOTH
def test_squares_overflow_in_silence(dtype):
    big = np.full((2, 3), np.finfo(dtype).max / 8, dtype)
    for loss in (MeanSquaredError(), SquaredError(), HalfSquaredError()):
        np.testing.assert_array_equal([INF, INF], loss.value(big, -big))
        assert np.isfinite(loss.gradient(big, -big)).all()


def test_the_middle_of_a_kink():
    same = np.array([[1.0, -1.0]])
    for loss in (MeanAbsoluteError(), Quantile(level=0.9), Hinge()):
        np.testing.assert_array_equal(np.zeros((1, 2)), loss.gradient(same, same))


@pytest.mark.parametrize("method", ["value", "gradient", "curvature"])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 3]), r"target\[1\] is 3; expected integers from 0 to 2"),
        (np.array([-1, 0]), r"target\[0\] is -1; expected integers from 0 to 2"),
        (np.array([0.0, 1.0]), "target has dtype float64; expected integers from 0 to 2"),
    ],
)
def test_wrong_labels_are_refused(labels, message, method):
    with pytest.raises(DataError, match=message):
        getattr(SparseCategoricalCrossentropy(), method)(np.full((2, 3), 1 / 3), labels)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_labels_of_any_integer_type(dtype):
    loss, labels = SparseCategoricalCrossentropy(), np.array([2, 0], dtype)
    z = np.array([[1.0, 2.0, 4.0], [0.0, -1.0, 1.0]])
    a = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    rows = np.eye(3)[labels]
    np.testing.assert_allclose(loss.value(a, labels), CategoricalCrossentropy().value(a, rows), rtol=1e-15)
    values, grad = np.zeros(2), np.zeros((2, 3))
    loss.fused_into(z.copy(), a, labels, values, grad)
    np.testing.assert_allclose(values, CategoricalCrossentropy().fused_value(z, a, rows), rtol=1e-14)
    np.testing.assert_array_equal(grad, a - rows)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Huber(delta=0.0), "delta must be"),
        (lambda: Huber(delta=INF), "delta must be"),
        (lambda: Quantile(level=0.0), "level must be"),
        (lambda: Quantile(level=1.0), "level must be"),
    ],
)
def test_hyperparameters_out_of_range(make, message):
    with pytest.raises(HyperparameterError, match=message):
        make()
