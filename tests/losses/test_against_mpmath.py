"""Values, derivatives and fused forms against mpmath: 1e-14 relative to the terms they are made of."""

import mpmath as mp
import numpy as np
import pytest
from oracles.high_precision import derivative_of, evaluate, relative_error, round_once, settle
from oracles.loss_cases import LOSSES, TERMS, name

TOLERANCE = 1e-14
REAL = np.array([1e-100, 1e-9, 1e-4, 0.3, 0.999, 1.001, 2.5, 40.0, 800.0, 1e4])
GRIDS = {
    "real": np.concatenate([-REAL, [0.0], REAL]),
    "nonnegative": np.array([1e-15, 1e-9, 0.3, 1.0, 2.5, 40.0, 800.0, 1e4]),
    "unit": np.array([3e-16, 1e-9, 0.1, 0.5, 0.7, 1 - 1e-9, 1 - 2.0**-52]),
    "simplex": np.array([3e-16, 1e-9, 0.1, 0.5, 0.7, 1 - 1e-9, 1.0]),
    "log_simplex": np.array([-1e4, -800.0, -40.0, -1.0, -1e-9, 0.0]),
}
TARGETS = {
    "real": np.array([0.0, 0.25, -3.0]),
    "nonnegative": np.array([0.0, 1.0, 0.5, 7.0]),
    "unit": np.array([0.0, 1.0, 0.25]),
    "simplex": np.array([0.0, 1.0, 0.25]),
    "sign": np.array([-1.0, 1.0]),
}
ADDITIVE = [loss for loss in LOSSES if name(loss) in TERMS]


def points(loss, outputs):
    """Every prediction of the grid with every target, cut into rows of ``outputs``."""
    pairs = np.array([(p, t) for t in TARGETS[loss.target_domain] for p in GRIDS[loss.prediction_domain]])
    pairs = np.random.default_rng(outputs).permutation(pairs)
    pairs = np.resize(pairs, (-(-len(pairs) // outputs) * outputs, 2))
    return pairs[:, 0].reshape(-1, outputs), pairs[:, 1].reshape(-1, outputs)


def size_of_parts(loss, prediction, target):
    """What the rounding errors of each term are relative to; the term itself unless it is a difference."""
    if name(loss) == "Poisson()":
        return prediction + np.abs(target * np.log(prediction))
    return np.abs(evaluate(TERMS[name(loss)][0], prediction, target))


def smooth(loss, prediction, target):
    """Where the loss has a derivative (and Huber's a second one)."""
    error = prediction - target
    away = ~np.isin(error, loss.kinks)
    return away & (np.abs(error) != loss.delta) if hasattr(loss, "delta") else away


@pytest.mark.parametrize("outputs", [1, 2, 10])
@pytest.mark.parametrize("loss", ADDITIVE, ids=name)
def test_value(loss, outputs):
    prediction, target = points(loss, outputs)
    term, mean = TERMS[name(loss)]
    divisor = outputs if mean else 1
    expected = evaluate(term, prediction, target).sum(axis=1) / divisor
    allowed = TOLERANCE * size_of_parts(loss, prediction, target).sum(axis=1) / divisor
    actual = loss.value(prediction, target)
    assert np.all(np.abs(expected - actual) <= allowed)


@pytest.mark.parametrize("loss", ADDITIVE, ids=name)
def test_gradient(loss):
    outputs = 2
    prediction, target = points(loss, outputs)
    term, mean = TERMS[name(loss)]
    actual = loss.gradient(prediction, target)
    at = smooth(loss, prediction, target)
    expected = evaluate(lambda p, t: derivative_of(lambda q: term(q, t))(p), prediction[at], target[at])
    expected /= outputs if mean else 1
    if name(loss) == "Poisson()":  # 1 - target / prediction: a difference of its own
        allowed = TOLERANCE * (1.0 + target[at] / prediction[at])
        assert np.all(np.abs(expected - actual[at]) <= allowed)
    else:
        assert relative_error(expected, actual[at]).max() <= TOLERANCE


@pytest.mark.parametrize("loss", ADDITIVE, ids=name)
def test_curvature(loss):
    outputs = 2
    prediction, target = points(loss, outputs)
    term, mean = TERMS[name(loss)]
    actual = loss.curvature(prediction, target)
    assert not actual[:, [0, 1], [1, 0]].any()
    at = smooth(loss, prediction, target)
    expected = evaluate(lambda p, t: derivative_of(lambda q: term(q, t), 2)(p), prediction[at], target[at])
    expected /= outputs if mean else 1
    assert relative_error(expected, actual[:, [0, 1], [0, 1]][at]).max() <= TOLERANCE


LOGITS = np.array([0.0, 0.1, -1.0, 3.0, 40.0, -40.0, 39.0, 800.0, -800.0, 1e4, -1e4])


def surprise(k, *z):
    """``-log softmax(z)[k]``."""
    return mp.log(mp.fsum(mp.exp(other - z[k]) for other in z))


def share(k, *z):
    """``softmax(z)[k]``."""
    return 1 / mp.fsum(mp.exp(other - z[k]) for other in z)


def by_rows(expression, z):
    """``expression(k, *row)`` for every entry ``k`` of every row, rounded once."""
    return np.array(
        [[round_once(settle(lambda *r, k=k: expression(k, *r), *row)) for k in range(len(row))] for row in z]
    )


def logit_rows(outputs):
    rng = np.random.default_rng(outputs)
    z = rng.choice(LOGITS, (10, outputs))
    z[0] = 0.0
    z[1] = -1e4
    z[1, 0] = 1e4
    z[2] = 0.0
    z[2, -1] = 40.0
    return z


def softmax_targets(z):
    rows, outputs = z.shape
    rng = np.random.default_rng(rows)
    soft = rng.dirichlet(np.ones(outputs), rows)
    return np.eye(outputs)[z.argmax(1)], np.eye(outputs)[z.argmin(1)], soft


@pytest.mark.parametrize("outputs", [1, 2, 10])
def test_fused_with_softmax(outputs):
    losses = {name(loss): loss for loss in LOSSES}
    crossentropy, divergence = losses["CategoricalCrossentropy(label_smoothing=0.0)"], losses["KLDivergence()"]
    sparse, likelihood = losses["SparseCategoricalCrossentropy()"], losses["NegativeLogLikelihood()"]
    z = logit_rows(outputs)
    surprises, a = by_rows(surprise, z), by_rows(share, z)
    for target in softmax_targets(z):
        expected = (target * surprises).sum(axis=1)
        assert relative_error(expected, crossentropy.fused_value(z, a, target)).max() <= TOLERANCE
        assert relative_error(expected, likelihood.fused_value(z, -surprises, target)).max() <= TOLERANCE
        entropy = evaluate(lambda t: t * mp.log(t) if t else mp.mpf(0), target).sum(axis=1)
        allowed = TOLERANCE * (expected - entropy)
        assert np.all(np.abs(expected + entropy - divergence.fused_value(z, a, target)) <= allowed)
        for loss in (crossentropy, divergence):
            np.testing.assert_array_equal(a - target, loss.fused_gradient(z, a, target))
        slope = likelihood.fused_gradient(z, -surprises, target)
        # exp of a rounded logarithm: its error grows with the logarithm
        assert np.all(np.abs(a - target - slope) <= TOLERANCE * (1.0 + surprises) * np.maximum(a, target))
        if np.isin(target, [0.0, 1.0]).all():
            labels = target.argmax(axis=1)
            assert relative_error(expected, sparse.fused_value(z, a, labels)).max() <= TOLERANCE
            np.testing.assert_array_equal(a - target, sparse.fused_gradient(z, a, labels))


@pytest.mark.parametrize("outputs", [1, 2, 4])
def test_fused_curvature_of_softmax(outputs):
    z = logit_rows(outputs)
    a = by_rows(share, z)
    target = np.eye(outputs)[z.argmin(1)]
    labels = target.argmax(axis=1)

    def second(i, j, *row):
        if i != j:
            return -share(i, *row) * share(j, *row)
        return share(i, *row) * mp.fsum(share(k, *row) for k in range(len(row)) if k != i)

    for i in range(outputs):
        for j in range(outputs):
            expected = [round_once(settle(lambda *r, i=i, j=j: second(i, j, *r), *row)) for row in z]
            for loss in LOSSES:
                if loss.fused_activation == "softmax":
                    given = labels if loss.target_domain == "index" else target
                    actual = loss.fused_curvature(z, a, given)[:, i, j]
                    assert relative_error(expected, actual).max() <= TOLERANCE


@pytest.mark.parametrize("outputs", [1, 2, 10])
def test_fused_with_sigmoid(outputs):
    (loss,) = (loss for loss in LOSSES if loss.fused_activation == "sigmoid")
    pairs = np.array([(z, t) for z in LOGITS for t in (0.0, 1.0, 0.25)])
    pairs = np.resize(np.random.default_rng(0).permutation(pairs), (40, 2))
    z, target = pairs[:, 0].reshape(-1, outputs), pairs[:, 1].reshape(-1, outputs)
    a = evaluate(lambda x: 1 / (1 + mp.exp(-x)), z)
    value = evaluate(lambda x, t: t * mp.log(1 + mp.exp(-x)) + (1 - t) * mp.log(1 + mp.exp(x)), z, target)
    assert relative_error(value.sum(axis=1) / outputs, loss.fused_value(z, a, target)).max() <= TOLERANCE
    np.testing.assert_array_equal((a - target) / outputs, loss.fused_gradient(z, a, target))
    second = evaluate(lambda x: 1 / ((1 + mp.exp(-x)) * (1 + mp.exp(x))), z) / outputs
    diagonal = np.diagonal(loss.fused_curvature(z, a, target), axis1=1, axis2=2)
    assert relative_error(second, diagonal).max() <= TOLERANCE
