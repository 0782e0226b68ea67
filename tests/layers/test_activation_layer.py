import numpy as np
import pytest

import nnkit
from nnkit.errors import HyperparameterError, SpecError
from nnkit.layers.activation import ActivationLayer


def test_it_is_its_activation():
    relu = nnkit.plugins.create("activation", "relu")
    x = np.array([[-1.0, 2.0]])
    layer = ActivationLayer(relu)
    y, cache = layer.forward({}, x, training=False, rng=None)
    assert np.array_equal(relu.forward(x), y)
    assert np.array_equal(x, layer.preactivation(cache))


def test_it_splits_into_the_identity_and_its_activation():
    softmax = nnkit.plugins.create("activation", "softmax")
    assert (ActivationLayer(None), softmax) == ActivationLayer(softmax).split()
    assert (ActivationLayer(), None) == ActivationLayer().split()


def test_a_spec_is_refused_until_it_is_resolved():
    with pytest.raises(SpecError, match="put the layer into a Network"):
        ActivationLayer("relu").forward({}, np.ones((1, 1)), training=False, rng=None)
    with pytest.raises(HyperparameterError, match="activation"):
        ActivationLayer(3)
