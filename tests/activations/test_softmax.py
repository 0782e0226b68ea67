"""Softmax and log_softmax against mpmath row by row, and at rows of infinities."""

import mpmath as mp
import numpy as np
import pytest
from oracles.high_precision import evaluate, relative_error

from nnkit.activations.log_softmax import LogSoftmax
from nnkit.activations.softmax import Softmax

ROWS = np.array([
    [0.0, 0.0, 0.0, 0.0],
    [1.0, 2.0, 3.0, 4.0],
    [40.0, 0.0, -1.0, -40.0],
    [-40.0, -40.0, -41.0, -40.5],
    [800.0, -800.0, 799.0, 100.0],
    [1e4, 1e4, -1e4, 9999.0],
    [700.0, 0.25, 0.0, -0.25],
    [1e-9, -1e-9, 0.0, 1e-300],
    [0.1, -0.7, 2.3, 0.9],
])  # fmt: skip
UNITS = ROWS.shape[1]
COLUMNS = [ROWS[:, [j]] for j in range(UNITS)]


def share(i):
    return lambda *row: 1 / mp.fsum(mp.exp(z - row[i]) for z in row)


def log_share(i):
    """Through the other entries alone: subtracting would need thousands of digits."""
    return lambda *row: -mp.log1p(mp.fsum(mp.exp(row[k] - row[i]) for k in range(UNITS) if k != i))


def slope(i, j):
    """``a_i (delta_ij - a_j)``, the diagonal as the sum of the others."""
    if i != j:
        return lambda *row: -share(i)(*row) * share(j)(*row)
    return lambda *row: share(i)(*row) * mp.fsum(share(k)(*row) for k in range(UNITS) if k != i)


def log_slope(i, j):
    if i != j:
        return lambda *row: -share(j)(*row)
    return lambda *row: mp.fsum(share(k)(*row) for k in range(UNITS) if k != i)


def stack(entry):
    return np.concatenate([evaluate(entry(i), *COLUMNS) for i in range(UNITS)], axis=1)


def stack_square(entry):
    return np.stack([stack(lambda j, i=i: entry(i, j)) for i in range(UNITS)], axis=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("part", "value", "jacobian"),
    [(Softmax(), share, slope), (LogSoftmax(), log_share, log_slope)],
    ids=["softmax", "log_softmax"],
)
def test_agrees_with_mpmath(part, value, jacobian, dtype):
    rows = ROWS if dtype == np.float64 else ROWS[[0, 1, 2, 3, 5]]  # exact in float32
    keep = [int(np.flatnonzero((ROWS == row).all(axis=1))[0]) for row in rows]
    z = rows.astype(dtype)
    a = part.forward(z)
    # The difference of two entries is rounded once, which moves its exponential by that much.
    info = np.finfo(dtype)
    rounding = np.abs(z - z.max(axis=1, keepdims=True)).astype(np.float64) * float(info.eps) / 2
    allowed = 8 * float(info.eps) + (rounding if part == Softmax() else 0.0)
    assert (relative_error(stack(value)[keep], a) <= np.maximum(allowed, 1e-14)).all()
    steep = 16 * float(info.eps) + 2 * rounding.max(axis=1)[:, None, None]
    # From a alone: log_softmax's exp(a) moves by a's own rounding.
    assert (relative_error(stack_square(jacobian)[keep], part.jacobian(a, a)) <= np.maximum(2 * steep, 1e-14)).all()


i = np.inf
LIMITS = [
    ([i, 0.0, 1.0], [1.0, 0.0, 0.0]),
    ([i, i, 1.0], [0.5, 0.5, 0.0]),
    ([i, -i, i], [0.5, 0.0, 0.5]),
    ([i, i, i], [1 / 3, 1 / 3, 1 / 3]),
    ([-i, -i, -i], [1 / 3, 1 / 3, 1 / 3]),
    ([-i, 2.0, 2.0], [0.0, 0.5, 0.5]),
    ([-i, -i, -7.0], [0.0, 0.0, 1.0]),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("row", "shares"), LIMITS)
def test_rows_of_infinities_go_to_their_limit(row, shares, dtype):
    # An ordinary row beside it must come out as when it is alone.
    z = np.array([row, [0.5, -0.25, 1.0]], dtype)
    expected = np.array(shares, dtype)
    for part, want in (
        (Softmax(), expected),
        (LogSoftmax(), np.log(expected, where=expected > 0, out=np.full(3, -i, dtype))),
    ):
        a = part.forward(z)
        np.testing.assert_allclose(a[0], want, rtol=4 * float(np.finfo(dtype).eps))
        assert np.array_equal(part.forward(z[1:])[0], a[1])
        grad = np.array([[0.3, -1.0, 2.0]] * 2, dtype)
        for result in (
            part.jacobian(a, a),
            part.vjp(a, a, grad),
            part.jvp(a, a, grad),
            part.vjp_derivative(a, a, grad, grad),
        ):
            assert np.isfinite(result).all()
        out = z.copy()
        part.forward_into(out, out, np.empty_like(z))
        assert np.array_equal(a, out)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_numbers_do_not_overflow(dtype):
    top = np.finfo(dtype).max
    z = np.array([[top, -top, 0.0], [top, top, -top], [-top, -top, -top]], dtype)
    third = dtype(1) / dtype(3)
    expected = np.array([[1, 0, 0], [0.5, 0.5, 0], [third, third, third]], dtype)
    assert np.array_equal(expected, Softmax().forward(z))
    assert not np.isnan(LogSoftmax().forward(z)).any()


def test_a_probability_near_one_keeps_its_distance_from_one():
    z = np.array([[0.0, -40.0]])
    assert -4.248354255291589e-18 == LogSoftmax().forward(z)[0, 0]
    a = Softmax().forward(z)
    np.testing.assert_allclose(Softmax().jacobian(a, a)[0, 0, 0], 4.248354255291589e-18, rtol=1e-14)
