"""The bound periodic embedding equals the plain one where batches of several sizes share the lent arrays."""

import numpy as np
import pytest

from nnkit.core.workspace import Pool
from nnkit.layers.periodic_embedding import PeriodicEmbedding


@pytest.mark.parametrize("wanted", [("frequency", "phase", "weight", "bias"), ("phase",)])
def test_batches_of_several_sizes_in_turn(wanted):
    rng, layer, pool = (
        np.random.default_rng(0),
        PeriodicEmbedding(frequencies=4, dimensions=2),
        Pool(6, np.dtype(float)),
    )
    parameters = {spec.name: rng.normal(size=spec.shape) for spec in layer.parameter_specs(3)}
    gradients = {name: np.full_like(parameters[name], np.nan) for name in wanted}
    bound = {
        rows: layer.bind(
            parameters, gradients, pool.for_layer(0, rows), inputs=3, training=True, needs_grad_x=rows == 6, rng=None
        )
        for rows in (6, 4, 1)
    }
    for rows in (6, 4, 1, 6):
        x, grad = rng.normal(size=(rows, 3)), rng.normal(size=(rows, 9))
        y, cache = layer.forward(parameters, x, training=True, rng=None)
        grad_x, expected = layer.backward(parameters, cache, grad)
        np.testing.assert_allclose(bound[rows].forward(x), y, rtol=1e-12, atol=1e-13)
        got_x = bound[rows].backward(grad)
        if rows == 6:
            np.testing.assert_allclose(got_x, grad_x, rtol=1e-12, atol=1e-13)
        else:
            assert got_x is None
        for name, gradient in gradients.items():
            np.testing.assert_allclose(gradient, expected[name], rtol=1e-12, atol=1e-13, err_msg=name)
