"""Extremes against a number are numpy's own, whatever the size, the memory order and the values."""

import numpy as np
import pytest

from nnkit.activations._bounds import BLOCK, LONG, at_least, at_most

SPECIAL = [np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0, -1.0]


def numbers(rows, dtype):
    z = np.random.default_rng(rows).normal(size=(rows, 16)).astype(dtype)
    z.flat[: len(SPECIAL)] = SPECIAL
    z.flat[-len(SPECIAL) :] = SPECIAL
    return z


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, LONG // 16 - 1, LONG // 16, BLOCK // 16, BLOCK // 16 + 1, 3 * BLOCK // 16 - 5])
@pytest.mark.parametrize(("ours", "numpys"), [(at_least, np.maximum), (at_most, np.minimum)])
@pytest.mark.parametrize("bound", [0.0, -0.25, 1e30])
def test_they_are_numpys(ours, numpys, bound, rows, dtype):
    for arranged in (np.ascontiguousarray, np.asfortranarray, lambda z: np.repeat(z, 2, axis=1)[:, ::2]):
        z = arranged(numbers(rows, dtype))
        expected = numpys(z, bound)
        out = np.full_like(z, 7.0)
        ours(z, bound, out)
        np.testing.assert_array_equal(out, expected)
        assert np.array_equal(np.signbit(out), np.signbit(expected))
        ours(z, bound, z)
        np.testing.assert_array_equal(z, expected)
