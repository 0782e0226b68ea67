"""What every initializer promises, whatever its distribution."""

import math

import numpy as np
import pytest
from oracles.initializer_distributions import EVERY, FAN_IN, FAN_OUT, draw

from nnkit.errors import HyperparameterError
from nnkit.initializers.constant import Constant
from nnkit.initializers.glorot_normal import GlorotNormal
from nnkit.initializers.glorot_uniform import GlorotUniform
from nnkit.initializers.he_normal import HeNormal
from nnkit.initializers.normal import Normal
from nnkit.initializers.orthogonal import Orthogonal
from nnkit.initializers.truncated_normal import TruncatedNormal
from nnkit.initializers.uniform import Uniform
from nnkit.initializers.variance_scaling import VarianceScaling
from nnkit.initializers.xavier_average import XavierAverage

every = pytest.mark.parametrize("initializer", EVERY, ids=repr)


@every
@pytest.mark.parametrize("shape", [(), (4,), (3, 5), (5, 3), (2, 3, 4), (0,), (0, 3), (3, 0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shape_dtype_and_a_fresh_writable_array(initializer, shape, dtype):
    sample = draw(initializer, shape, dtype)

    assert (shape, np.dtype(dtype)) == (sample.shape, sample.dtype)
    assert sample.flags.c_contiguous
    assert sample.flags.owndata or sample.base.size == sample.size
    sample[...] = 7.0
    assert not (draw(initializer, shape, dtype) == 7.0).any()


@every
def test_the_same_generator_state_gives_the_same_draw(initializer):
    first, second = draw(initializer, (6, 5)), draw(initializer, (6, 5))

    np.testing.assert_array_equal(first, second)


@every
def test_random_means_that_draws_differ(initializer):
    rng = np.random.default_rng(0)
    first, second = (initializer.sample((6, 5), FAN_IN, FAN_OUT, rng, np.dtype(np.float64)) for _ in range(2))

    assert initializer.random == (not np.array_equal(first, second))
    assert initializer.random == (not np.array_equal(first, draw(initializer, (6, 5), seed=4)))


@every
def test_a_float32_draw_is_the_rounded_float64_draw(initializer):
    np.testing.assert_array_equal(
        draw(initializer, (30, 20)).astype(np.float32), draw(initializer, (30, 20), np.float32)
    )


@pytest.mark.parametrize(
    ("named", "spelt"),
    [
        (GlorotUniform(), VarianceScaling(mode="fan_avg", distribution="uniform")),
        (GlorotNormal(), VarianceScaling(mode="fan_avg")),
        (HeNormal(), VarianceScaling(scale=2.0)),
        (XavierAverage(), VarianceScaling(mode="fan_sum", distribution="normal")),
    ],
)
def test_named_cases_are_cases_of_variance_scaling(named, spelt):
    np.testing.assert_array_equal(draw(spelt), draw(named))


def test_no_fan_at_all_counts_as_one():
    sample = VarianceScaling().sample((50,), 0, 0, np.random.default_rng(0), np.dtype(np.float64))

    assert np.isfinite(sample).all()
    assert VarianceScaling().element_distribution(0, 0) == VarianceScaling().element_distribution(1, 1)


@pytest.mark.parametrize(
    ("cls", "field", "bad"),
    [
        *((Constant, "value", bad) for bad in (math.nan, math.inf, "one", True)),
        *((cls, "stddev", bad) for cls in (Normal, TruncatedNormal) for bad in (-1.0, math.nan)),
        *((cls, "mean", math.inf) for cls in (Normal, TruncatedNormal)),
        (Uniform, "low", math.nan),
        (Uniform, "high", -1.0),
        *((VarianceScaling, "scale", bad) for bad in (0.0, -1.0, math.nan)),
        (VarianceScaling, "mode", "fan"),
        (VarianceScaling, "distribution", "cauchy"),
        (Orthogonal, "gain", -1.0),
    ],
)
def test_hyperparameters_out_of_range_are_refused(cls, field, bad):
    with pytest.raises(HyperparameterError, match=rf"^{cls.__name__}\(.*{field}=.*must"):
        cls(**{field: bad})


def test_a_standard_deviation_of_zero_gives_the_mean():
    for cls in (Normal, TruncatedNormal):
        np.testing.assert_array_equal(np.full((3, 2), 1.5), draw(cls(mean=1.5, stddev=0), (3, 2)))
