"""Lion and Adan against a second, literal writing of the papers' algorithms, one number at a time.

The letters are the papers'; so is the meaning of the betas, which Adan counts from the other side.
"""

import math

import numpy as np
import pytest

from nnkit import plugins


def lion(theta, gradients, eta, beta1, beta2, lam):
    """Chen et al. (2023), algorithm 2."""
    m, path = 0.0, []
    for g in gradients:
        c = beta1 * m + (1 - beta1) * g
        theta -= eta * (math.copysign(1.0, c) * (c != 0.0) + lam * theta)
        m = beta2 * m + (1 - beta2) * g
        path.append(theta)
    return path


def adan(theta, gradients, eta, beta1, beta2, beta3, eps, lam):
    """Xie et al. (2022), algorithm 1, with m_0 = g_0, v_0 = 0, n_0 = g_0**2 and no restart."""
    path = []
    for k, g in enumerate(gradients):
        if k == 0:
            m, v, n = g, 0.0, g**2
        else:
            before = gradients[k - 1]
            m = (1 - beta1) * m + beta1 * g
            v = (1 - beta2) * v + beta2 * (g - before)
            n = (1 - beta3) * n + beta3 * (g + (1 - beta2) * (g - before)) ** 2
        eta_k = eta / (math.sqrt(n) + eps)
        theta = (theta - eta_k * (m + (1 - beta2) * v)) / (1 + lam * eta)
        path.append(theta)
    return path


@pytest.mark.parametrize("draw", range(5))
def test_lion(replay, run, draw):
    rng, (start, gradients) = np.random.default_rng(draw), run
    eta, beta1, beta2, lam = 10.0 ** rng.uniform(-4, -1), *rng.uniform(0.5, 0.99, 2), rng.uniform(0.0, 1.0) * (draw > 0)
    optimizer = plugins.get("optimizer", "lion")(learning_rate=eta, beta1=beta1, beta2=beta2, weight_decay=lam)
    columns = [
        lion(*column, eta, beta1, beta2, lam) for column in zip(start.tolist(), gradients.T.tolist(), strict=True)
    ]

    np.testing.assert_allclose(np.transpose(columns), replay(optimizer, start, gradients), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("draw", range(5))
def test_adan(replay, run, draw):
    rng, (start, gradients) = np.random.default_rng(draw), run
    eta, betas = 10.0 ** rng.uniform(-4, -1), rng.uniform(0.01, 0.5, 3)
    eps, lam = 10.0 ** rng.uniform(-8, -1), rng.uniform(0.0, 1.0) * (draw > 0)
    decay_rates = {f"beta{number}": 1 - beta for number, beta in enumerate(betas, start=1)}
    optimizer = plugins.get("optimizer", "adan")(learning_rate=eta, **decay_rates, epsilon=eps, weight_decay=lam)
    columns = [
        adan(*column, eta, *betas, eps, lam) for column in zip(start.tolist(), gradients.T.tolist(), strict=True)
    ]

    np.testing.assert_allclose(np.transpose(columns), replay(optimizer, start, gradients), rtol=1e-11, atol=1e-13)


def test_lion_moves_every_parameter_by_the_same_length(replay, run):
    start, gradients = run
    path = np.vstack([start, replay(plugins.create("optimizer", "lion(learning_rate=0.01)"), start, gradients)])

    np.testing.assert_allclose(np.full((50, 11), 0.01), np.abs(np.diff(path, axis=0)), rtol=1e-11)


def test_radam_waits_for_its_variance(replay):
    """Liu et al. (2020): with ``beta2 = 0.999`` the second moment is trusted from the sixth step on."""
    make = plugins.get("optimizer", "radam")
    gradients = np.full((6, 1), 1000.0)
    path = replay(make(learning_rate=1.0, beta1=0.0), np.zeros(1), gradients)[:, 0]
    steps = -np.diff(path, prepend=0.0)

    np.testing.assert_allclose(np.full(5, 1000.0), steps[:5], rtol=1e-12)
    assert 0.0 < steps[5] < 1.0
