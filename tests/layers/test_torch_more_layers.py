"""Layers against PyTorch's recorded values."""

import json
from pathlib import Path

import numpy as np
import pytest

from nnkit import plugins

RECORDED = np.load(Path(__file__).parents[1] / "oracles" / "data" / "torch_more_layers.npz")
NAMES = json.loads(str(RECORDED["about"]))["layers"]
SPECS = {
    "maxout": "maxout(pieces=3)",
    "group_norm": "group_norm(groups=2)",
    "embedding": "embedding(categories=5, dimensions=3)",
    "weight_norm_dense": "weight_norm_dense(units=3)",
}


@pytest.mark.parametrize("name", NAMES)
def test_outputs_and_gradients_are_those_of_torch(name):
    layer = plugins.create("layer", SPECS.get(name, name))
    here = {key.removeprefix(f"{name}/"): RECORDED[key] for key in RECORDED if key.startswith(f"{name}/")}
    parameters = {key.removeprefix("array/"): array for key, array in here.items() if key.startswith("array/")}
    assert {s.name: s.shape for s in layer.parameter_specs(here["x"].shape[1])} == {
        key: array.shape for key, array in parameters.items()
    }
    y, cache = layer.forward(parameters, here["x"], training=True, rng=None)
    grad_x, gradients = layer.backward(parameters, cache, here["upstream"])
    for expected, actual in [(here["y"], y), (here["grad_x"], grad_x)] + [
        (here[f"gradient/{key}"], gradients[key]) for key in parameters
    ]:
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-13)
