import numpy as np
import pytest

from nnkit.errors import HyperparameterError
from nnkit.layers.dropout import Dropout


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_rate_is_dropped_and_the_mean_stays(rate, dtype):
    x = np.full((500, 400), 3.0, dtype=dtype)
    y, _ = Dropout(rate).forward({}, x, training=True, rng=np.random.default_rng(0))
    kept = y != 0.0
    deviation = np.sqrt(rate * (1.0 - rate) / x.size)
    assert 1.0 - rate == pytest.approx(kept.mean(), abs=5.0 * deviation)
    np.testing.assert_allclose(y[kept], 3.0 / (1.0 - rate), rtol=4.0 * np.finfo(dtype).eps)
    assert y.dtype == dtype


def test_draws_are_independent_of_place():
    y, _ = Dropout(0.3).forward({}, np.ones((2000, 50)), training=True, rng=np.random.default_rng(1))
    correlation = np.corrcoef((y != 0.0).T.astype(float))
    assert np.abs(correlation - np.eye(50)).max() < 5.0 / np.sqrt(2000)


def test_inference_is_the_identity_and_draws_nothing():
    rng = np.random.default_rng(2)
    before = rng.bit_generator.state
    x = rng.normal(size=(3, 2))
    state = rng.bit_generator.state
    assert before != state
    assert np.array_equal(x, Dropout(0.5).forward({}, x, training=False, rng=rng)[0])
    assert state == rng.bit_generator.state


def test_training_without_a_generator_is_refused():
    with pytest.raises(ValueError, match="rng is None"):
        Dropout(0.5).forward({}, np.ones((1, 1)), training=True, rng=None)


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan"), True, "0.5"])
def test_a_rate_outside_its_range_is_refused(rate):
    with pytest.raises(HyperparameterError, match=r"rate must be a finite number in \[0, 1\)"):
        Dropout(rate)
