import numpy as np

from nnkit.layers.batch_norm import BatchNorm


def fresh(columns):
    parameters = {"scale": np.ones(columns), "shift": np.zeros(columns)}
    return parameters | {"running_mean": np.zeros(columns), "running_variance": np.ones(columns)}


def test_in_training_columns_have_mean_0_and_variance_1_whatever_came():
    x = np.random.default_rng(0).normal(7.0, 5.0, size=(40, 3))
    y, _ = BatchNorm(epsilon=1e-12).forward(fresh(3), x, training=True, rng=None)
    np.testing.assert_allclose(y.mean(axis=0), 0.0, atol=1e-14)
    np.testing.assert_allclose(y.var(axis=0), 1.0, rtol=1e-11)


def test_running_statistics_end_at_those_of_the_law():
    rng = np.random.default_rng(1)
    parameters = fresh(2)
    for _ in range(4000):
        BatchNorm(momentum=0.01).forward(parameters, rng.normal(3.0, 2.0, size=(8, 2)), training=True, rng=None)
    # Of n ~ 2 / momentum batches of 8 in effect: standard errors 2 / sqrt(8 * 199) and 4 sqrt(2 / (7 * 199)).
    np.testing.assert_allclose(parameters["running_mean"], 3.0, atol=5 * 0.05)
    np.testing.assert_allclose(parameters["running_variance"], 4.0, atol=5 * 0.152)


def test_one_row_gives_the_shift_and_leaves_the_running_variance():
    parameters = fresh(2) | {"shift": np.array([5.0, 6.0])}
    y, cache = BatchNorm().forward(parameters, np.array([[10.0, 20.0]]), training=True, rng=None)
    grad_x, _ = BatchNorm().backward(parameters, cache, np.ones((1, 2)))
    assert np.array_equal([[5.0, 6.0]], y)
    assert np.array_equal([1.0, 1.0], parameters["running_variance"])
    np.testing.assert_allclose(parameters["running_mean"], [1.0, 2.0], rtol=1e-15)
    assert np.array_equal(np.zeros((1, 2)), grad_x)


def test_inference_changes_nothing():
    parameters = fresh(2)
    before = {name: array.copy() for name, array in parameters.items()}
    BatchNorm().forward(parameters, np.ones((3, 2)), training=False, rng=None)
    for name, array in before.items():
        assert np.array_equal(array, parameters[name])


def test_scale_and_shift_are_not_weights_so_they_are_not_regularized():
    roles = {spec.name: (spec.role, spec.initializer) for spec in BatchNorm().parameter_specs(3)}
    assert roles == {
        "scale": ("bias", "ones"),
        "shift": ("bias", "zeros"),
        "running_mean": ("buffer", "zeros"),
        "running_variance": ("buffer", "ones"),
    }
