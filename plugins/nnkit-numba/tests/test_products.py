"""Products by tiles are numpy's to rounding, for any shape, and write nothing beside their result."""

import numpy as np
import pytest

from nnkit_numba.compiling import kernel
from nnkit_numba.products import product


@kernel
def called(turn_b, m, n, depth, one, a, a_row, b, b_row, c, c_row):
    product(turn_b, (m, n, depth), one, (a, a_row), (b, b_row), (c, c_row))


SHAPES = [(1, 1, 1), (7, 5, 3), (8, 32, 256), (9, 33, 257), (128, 64, 784), (600, 250, 300), (30, 1, 520), (4, 200, 2)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_it_is_the_product_and_nothing_beside_it_is_written(shape, turned, dtype):
    m, n, depth = shape
    rng = np.random.default_rng(m * n + depth)
    a = rng.normal(size=(m, depth + 3)).astype(dtype)
    b = rng.normal(size=(n, depth + 2) if turned else (depth, n + 2)).astype(dtype)
    c = np.full((m, n + 5), 7.0, dtype)
    one = np.dtype(dtype).type(1)
    called(turned, m, n, depth, one, a.ctypes.data, depth + 3, b.ctypes.data, b.shape[1], c.ctypes.data, n + 5)
    left, right = a[:, :depth].astype("longdouble"), b.astype("longdouble")
    expected = left @ (right[:, :depth].T if turned else right[:, :n])
    bound = np.abs(left) @ np.abs(right[:, :depth].T if turned else right[:, :n])
    assert (np.abs(c[:, :n] - expected) <= depth * np.finfo(dtype).eps * bound).all()
    assert (c[:, n:] == 7.0).all()


def test_nan_and_infinity_are_kept():
    a, b = np.ones((9, 40), "float32"), np.ones((40, 70), "float32")
    a[3, 5], a[4, 6], b[5, 2] = np.nan, np.inf, 0.0
    c = np.zeros((9, 70), "float32")
    called(False, 9, 70, 40, np.float32(1), a.ctypes.data, 40, b.ctypes.data, 70, c.ctypes.data, 70)
    assert np.isnan(c[3]).all()
    assert np.isinf(c[4]).all()
    assert np.isfinite(np.delete(c, [3, 4], axis=0)).all()
