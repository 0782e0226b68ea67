"""The weighted means of the losses against scikit-learn's, which reduces over samples as the core will."""

import numpy as np
import pytest
from oracles.loss_cases import softmax
from sklearn import metrics

from nnkit.losses.binary_crossentropy import BinaryCrossentropy
from nnkit.losses.categorical_crossentropy import CategoricalCrossentropy
from nnkit.losses.hinge import Hinge
from nnkit.losses.mean_absolute_error import MeanAbsoluteError
from nnkit.losses.mean_squared_error import MeanSquaredError
from nnkit.losses.poisson import Poisson
from nnkit.losses.quantile import Quantile
from nnkit.losses.sparse_categorical_crossentropy import SparseCategoricalCrossentropy

SEEDS = pytest.mark.parametrize("seed", range(20))


def regression(seed):
    rng = np.random.default_rng(seed)
    rows, outputs = rng.integers(2, 40), rng.integers(1, 5)
    return rng.normal(size=(rows, outputs)), rng.normal(size=(rows, outputs)), rng.random(rows)


@SEEDS
@pytest.mark.parametrize(
    ("loss", "theirs"),
    [
        (MeanSquaredError(), metrics.mean_squared_error),
        (MeanAbsoluteError(), metrics.mean_absolute_error),
        (Quantile(level=0.1), lambda *a, **k: metrics.mean_pinball_loss(*a, alpha=0.1, **k)),
        (Quantile(level=0.8), lambda *a, **k: metrics.mean_pinball_loss(*a, alpha=0.8, **k)),
    ],
    ids=["squared", "absolute", "quantile-0.1", "quantile-0.8"],
)
def test_regression(loss, theirs, seed):
    prediction, target, weight = regression(seed)
    expected = theirs(target, prediction, sample_weight=weight)
    np.testing.assert_allclose(np.average(loss.value(prediction, target), weights=weight), expected, rtol=1e-13)


@SEEDS
def test_log_loss_of_classes(seed):
    rng = np.random.default_rng(seed)
    rows, classes = rng.integers(5, 40), rng.integers(2, 6)
    prediction, labels, weight = (
        softmax(rng.normal(size=(rows, classes))),
        rng.integers(0, classes, rows),
        rng.random(rows),
    )
    expected = metrics.log_loss(labels, prediction, sample_weight=weight, labels=range(classes))
    dense = CategoricalCrossentropy().value(prediction, np.eye(classes)[labels])
    sparse = SparseCategoricalCrossentropy().value(prediction, labels)
    np.testing.assert_allclose(np.average(dense, weights=weight), expected, rtol=1e-13)
    np.testing.assert_allclose(np.average(sparse, weights=weight), expected, rtol=1e-13)


@SEEDS
def test_log_loss_of_yes_and_no(seed):
    rng = np.random.default_rng(seed)
    rows = rng.integers(5, 40)
    prediction, target = rng.random((rows, 1)), rng.integers(0, 2, (rows, 1)).astype(float)
    prediction[:2] = [[0.0], [1.0]]  # scikit-learn clips at eps of the dtype too
    target[:2] = [[1.0], [0.0]]
    expected = metrics.log_loss(target[:, 0], prediction[:, 0], labels=[0, 1])
    np.testing.assert_allclose(BinaryCrossentropy().value(prediction, target).mean(), expected, rtol=1e-13)


@SEEDS
def test_hinge(seed):
    rng = np.random.default_rng(seed)
    prediction, target = 2.0 * rng.normal(size=(30, 1)), rng.choice([-1.0, 1.0], (30, 1))
    expected = metrics.hinge_loss(target[:, 0], prediction[:, 0], labels=[-1.0, 1.0])
    np.testing.assert_allclose(Hinge().value(prediction, target).mean(), expected, rtol=1e-13)


@SEEDS
def test_poisson_deviance_is_twice_the_excess_over_the_best(seed):
    rng = np.random.default_rng(seed)
    prediction, target = np.exp(rng.normal(size=(30, 1))), rng.poisson(3.0, (30, 1)) + 1.0
    expected = metrics.mean_poisson_deviance(target[:, 0], prediction[:, 0])
    excess = Poisson().value(prediction, target) - Poisson().value(target, target)
    np.testing.assert_allclose(2.0 * excess.mean(), expected, rtol=1e-12)
