"""Batch and layer normalization against PyTorch's recorded values, by the plain methods and bound."""

import json
from pathlib import Path

import numpy as np
import pytest

from nnkit.core.workspace import Pool
from nnkit.layers.batch_norm import BatchNorm
from nnkit.layers.layer_norm import LayerNorm

RECORDED = np.load(Path(__file__).parents[1] / "oracles" / "data" / "torch_layers.npz")
CASES = [
    (kind, number, *case)
    for kind, cases in json.loads(str(RECORDED["about"]))["cases"].items()
    for number, case in enumerate(cases)
]


def build(kind, momentum, epsilon, number, columns):
    parameters = {name: RECORDED[f"{kind}/{number}/{name}"] for name in ("scale", "shift")}
    if kind == "layer_norm":
        return LayerNorm(epsilon=epsilon), parameters
    parameters |= {"running_mean": np.zeros(columns), "running_variance": np.ones(columns)}
    return BatchNorm(momentum=momentum, epsilon=epsilon), parameters


def plain(layer, parameters, x, upstream, *, training):
    y, cache = layer.forward(parameters, x, training=training, rng=None)
    grad_x, gradients = layer.backward(parameters, cache, upstream)
    return y, grad_x, gradients


def bound(layer, parameters, x, upstream, *, training):
    gradients = {name: np.full(x.shape[1], np.nan) for name in ("scale", "shift")}
    lent = Pool(len(x), x.dtype).for_layer(0, len(x))
    bound = layer.bind(parameters, gradients, lent, inputs=x.shape[1], training=training, needs_grad_x=True, rng=None)
    y = bound.forward(x).copy()
    return y, bound.backward(upstream.copy()), gradients


@pytest.mark.parametrize("road", [plain, bound])
@pytest.mark.parametrize(("kind", "number", "columns", "momentum", "epsilon"), CASES)
def test_values_gradients_and_running_statistics_are_those_of_pytorch(kind, number, columns, momentum, epsilon, road):
    layer, parameters = build(kind, momentum, epsilon, number, columns)
    for batch in range(6):
        values = {name: RECORDED[f"{kind}/{number}/{batch}/{name}"] for name in ("x", "upstream")}
        y, grad_x, gradients = road(layer, parameters, values["x"], values["upstream"], training=batch < 5)

        results = {"y": y, "grad_x": grad_x, "grad_scale": gradients["scale"], "grad_shift": gradients["shift"]}
        if kind == "batch_norm":
            results |= {"mean": parameters["running_mean"], "variance": parameters["running_variance"]}
        for name, got in results.items():
            value = RECORDED[f"{kind}/{number}/{batch}/{name}"]
            size = np.abs(value).max()
            if name == "grad_x" and kind == "layer_norm" and columns == 2:
                # Of two units the normal ones are nearly -1 and 1, so the terms of the gradient cancel.
                size = np.abs(values["upstream"] * parameters["scale"]).max() / values["x"].std(axis=1).max()
            np.testing.assert_allclose(got, value, rtol=1e-10, atol=1e-10 * size, err_msg=f"{name}, batch {batch}")
