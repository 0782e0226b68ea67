"""The helpers that in-place optimizers share."""

import numpy as np
import pytest
from oracles.optimizer_runs import Halving

from nnkit.errors import SpecError
from nnkit.interfaces.stepping import CHUNK, chunks, rates, scalar


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5])
def test_blocks_cover_every_element_once_and_write_through(size):
    parameters, other = np.zeros(size, dtype=np.float32), np.arange(size, dtype=np.float64)
    seen = []
    for theta, rest, one, two in chunks(parameters, other, scratch=2):
        assert {theta.shape} == {rest.shape, one.shape, two.shape}
        assert theta.size <= CHUNK
        assert (np.float32, np.float32) == (one.dtype, two.dtype)
        assert not np.shares_memory(one, two)
        np.add(theta, 1.0, out=theta)
        seen.append(rest)

    np.testing.assert_array_equal(np.ones(size), parameters)
    np.testing.assert_array_equal(other, np.concatenate([np.empty(0), *seen]))


def test_blocks_share_their_scratch():
    first, second = chunks(np.zeros(CHUNK + 1), scratch=1)

    assert np.shares_memory(first[1], second[1])


def test_a_scalar_keeps_float32():
    vector = np.ones(3, dtype=np.float32)

    assert (vector * scalar(1.0 / 3.0, vector)).dtype == np.float32


def test_rates_of_a_number_a_schedule_and_a_spec():
    assert [0.1, 0.1] == [rates(0.1)(step) for step in (0, 9)]
    assert [0.4, 0.1] == [rates(Halving(learning_rate=0.4))(step) for step in (0, 2)]
    with pytest.raises(SpecError, match=r"'cosine'.*nnkit\.plugins\.create"):
        rates("cosine")
