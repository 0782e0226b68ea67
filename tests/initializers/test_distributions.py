"""The distributions of the initializers: mean, variance, bounds, all quantiles, orthogonality."""

import math

import numpy as np
import pytest
from oracles.initializer_distributions import DISTRIBUTIONS, FAN_IN, FAN_OUT, FIXED, SHAPE, draw
from scipy import stats

from nnkit.initializers.orthogonal import Orthogonal

every_distribution = pytest.mark.parametrize(
    ("initializer", "distribution"), [pytest.param(*each, id=repr(each[0])) for each in DISTRIBUTIONS]
)


@every_distribution
def test_mean_and_variance_within_five_standard_errors(initializer, distribution):
    sample = draw(initializer)
    count, variance = sample.size, distribution.var()
    fourth = variance**2 * (distribution.stats(moments="k") + 3.0)

    assert abs(sample.mean() - distribution.mean()) <= 5.0 * math.sqrt(variance / count)
    assert abs(((sample - distribution.mean()) ** 2).mean() - variance) <= 5.0 * math.sqrt(
        (fourth - variance**2) / count
    )


@every_distribution
def test_the_whole_distribution(initializer, distribution):
    assert stats.kstest(draw(initializer).ravel(), distribution.cdf).pvalue > 1e-4


@every_distribution
def test_the_declared_distribution_is_that_of_the_draws(initializer, distribution):
    declared = initializer.element_distribution(FAN_IN, FAN_OUT)

    np.testing.assert_allclose(
        [distribution.mean(), distribution.var(), *distribution.support()],
        [declared.mean, declared.variance, declared.low, declared.high],
        rtol=1e-12,
        atol=1e-15,
    )


@every_distribution
def test_bounds_hold_and_are_reached(initializer, distribution):
    sample, (low, high) = draw(initializer), distribution.support()

    assert sample.min() >= low * (1.0 + 1e-15 * np.sign(-low))
    assert sample.max() <= high * (1.0 + 1e-15 * np.sign(high))
    if math.isfinite(high):
        assert sample.max() > low + 0.999 * (high - low)
        assert sample.min() < low + 0.001 * (high - low)


@pytest.mark.parametrize(("initializer", "value"), FIXED)
def test_fixed_values(initializer, value):
    distribution = initializer.element_distribution(FAN_IN, FAN_OUT)

    assert not initializer.random
    np.testing.assert_array_equal(np.full(SHAPE, value), draw(initializer))
    assert (value, 0.0, value, value) == (distribution.mean, distribution.variance, distribution.low, distribution.high)


@pytest.mark.parametrize("gain", [1.0, 0.5, 3.0])
@pytest.mark.parametrize("shape", [(7, 7), (200, 90), (90, 200), (1, 5), (5, 1), (4, 5, 6), (2, 3, 30)])
def test_orthogonality(shape, gain):
    matrix = draw(Orthogonal(gain=gain), shape).reshape(-1, shape[-1])
    rows, columns = matrix.shape
    gram = matrix.T @ matrix if rows >= columns else matrix @ matrix.T

    np.testing.assert_allclose(gain**2 * np.eye(min(rows, columns)), gram, rtol=0.0, atol=1e-12)


def test_an_orthogonal_vector_has_the_length_of_the_gain():
    assert np.linalg.norm(draw(Orthogonal(gain=3.0), (40,))) == pytest.approx(3.0, rel=1e-14)


def test_orthogonal_matrices_are_uniform():
    """The Haar measure: a 2x2 one is a rotation by a uniform angle, or a reflection, with equal chances."""
    rng = np.random.default_rng(11)
    matrices = np.array(
        [Orthogonal().sample((2, 2), 2, 2, rng, np.dtype(np.float64)) for _ in range(4000)],
    )
    angles = np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0])

    assert stats.kstest(angles, stats.uniform(-np.pi, 2.0 * np.pi).cdf).pvalue > 1e-4
    assert stats.binomtest(int((np.linalg.det(matrices) > 0.0).sum()), 4000).pvalue > 1e-4
    # QR alone, without the signs, has a fixed sign on its first diagonal element.
    assert stats.binomtest(int((matrices[:, 0, 0] > 0.0).sum()), 4000).pvalue > 1e-4


def test_elements_are_independent_along_rows_and_columns():
    for initializer, _ in DISTRIBUTIONS:
        sample = draw(initializer)
        centred = (sample - sample.mean()) / sample.std()
        for one, other in ((centred[1:], centred[:-1]), (centred[:, 1:], centred[:, :-1])):
            assert abs((one * other).mean()) <= 5.0 / math.sqrt(one.size), initializer
