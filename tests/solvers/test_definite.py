"""The factored system: equal to elimination, unchanged by a damping, and silent about nothing."""

from __future__ import annotations

import numpy as np
import pytest

from nnkit.optimizers._damping import Damping, search
from nnkit.optimizers._definite import BLOCK, Definite, substitute
from nnkit.optimizers._quadratic import Rows


def positive(size, seed=0):
    rows = np.random.default_rng(seed).normal(size=(size + 5, size))
    return rows.T @ rows


@pytest.mark.parametrize("size", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
def test_substitution_equals_elimination(size):
    matrix = positive(size) + np.eye(size)
    right = np.random.default_rng(1).normal(size=size)
    before = right.copy()
    found = substitute(np.linalg.cholesky(matrix), right)
    assert np.allclose(np.linalg.solve(matrix, right), found, rtol=1e-9)
    assert np.abs(matrix @ found - right).max() < 1e-12 * np.abs(matrix).max() * max(1.0, np.abs(found).max())
    assert np.array_equal(before, right)


def test_any_number_of_dampings_of_one_matrix():
    matrix, factor = positive(9), np.random.default_rng(2).uniform(0.5, 2.0, 9)
    right = np.random.default_rng(1).normal(size=9)
    system = Definite.scaled(matrix, factor)
    before = system.matrix.copy()
    for damping in (0.0, 1e-3, 10.0):
        expected = np.linalg.solve(np.diag(factor) @ matrix @ np.diag(factor) + damping * np.eye(9), right)
        assert np.allclose(expected, system.solve(damping, right), rtol=1e-10)
        assert np.array_equal(before, system.matrix)


@pytest.mark.parametrize("matrix", [np.diag([1.0, -1.0]), np.diag([1.0, 1e-16]), np.ones((2, 2))])
def test_what_is_not_safely_positive_is_not_solved(matrix):
    system = Definite(matrix.copy())
    assert system.solve(0.0, np.ones(2)) is None
    assert np.array_equal(matrix, system.matrix)
    assert system.solve(2.0, np.ones(2)) is not None


@pytest.mark.parametrize("shape", [(30, 6), (6, 30)])
def test_what_all_dampings_of_a_step_share_is_done_once(shape, monkeypatch):
    """However many trials a step takes: one scaling, one product of the rows, and a factor for each trial."""
    rng = np.random.default_rng(0)
    J, r, theta = rng.normal(size=shape), rng.normal(size=shape[0]), np.zeros(shape[1])
    counts = {"systems": 0, "factors": 0}
    made, solve = Definite.__init__, Definite.solve

    def counted_init(self, matrix):
        counts["systems"] += 1
        made(self, matrix)

    def counted_solve(self, damping, right):
        counts["factors"] += 1
        return solve(self, damping, right)

    monkeypatch.setattr(Definite, "__init__", counted_init)
    monkeypatch.setattr(Definite, "solve", counted_solve)
    damping = Damping.of({}, 1e-3, "none", shape[1])
    model = Rows(J, r)
    damping.rescale(model.diagonal)
    values = iter([3.0, np.nan, 2.0, 0.5])  # three trials are given up
    trial = search(lambda _: next(values), theta, 1.0, model, damping)
    assert trial.rejected == 3
    assert counts == {"systems": 1, "factors": 4}
