"""Random networks agree with ``predict`` in every target, and so do all parts at the ends of their domains."""

import numpy as np
import pytest

import nnkit
from nnkit.interfaces import Elementwise
from nnkit.plugins import create, get, names
from nnkit.registry import name_of

TARGETS = ("python", "javascript", "c", "onnx")
TOLERANCES = {"float32": 1e-6, "float64": 1e-12}
NETWORKS = 200

NEEDS = {"dense": {"units": 3}, "activation": {"activation": "tanh"}}


def plain(network, rows):
    """The prediction of the parts' own formulas, which accept rows that are not finite."""
    model, x = network.model, rows.astype(network.dtype)
    return model.rehearse(network.parameters, network.buffers, x)


def scales(network, rows):
    """For each row the largest magnitude that its numbers reach between the layers, at least 1.

    What is rounded there is what the output can be compared to; an activation passes on ``z da/dz`` times the relative
    rounding of its ``z``, which for an exponential of large numbers is most of it; a normalization divides the rounding
    of its inputs by their deviation.
    """
    values, inputs = [rows], rows
    with np.errstate(all="ignore"):
        for layer, traced in zip(network.layers, network.trace(rows), strict=True):
            values.append(traced.activation)
            if isinstance(layer, (get("layer", "layer_norm"), get("layer", "group_norm"))):
                groups = inputs.reshape(len(inputs), getattr(layer, "groups", 1), -1)
                deviations = np.sqrt(groups.var(axis=2, keepdims=True) + layer.epsilon)
                values.append((groups / deviations).reshape(inputs.shape))
            inputs = traced.activation
            activation, z = layer.split()[1], traced.preactivation
            if z is not None:
                values.append(z)
                if isinstance(activation, Elementwise):
                    values.append(z * activation.derivative(z, activation.forward(z)))
        sizes = [np.where(np.isfinite(v), np.abs(v), 0.0).max(axis=1) for v in values]
    return np.maximum(np.max(sizes, axis=0), 1.0)[:, None]


def expect_equal(got, expected, tolerance, scale=1.0, note=""):
    expected = expected.astype(np.float64)
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        error = np.where(same, 0.0, np.abs(got - expected) / np.maximum(scale, np.abs(expected)))
    worst = np.nanmax(np.where(np.isnan(error), np.inf, error))
    assert worst <= tolerance, f"{note}: off by {worst:.3g} in {np.argwhere(~(error <= tolerance))[:3].tolist()}"


# -- random networks ---------------------------------------------------------------------------------


def random_network(number, dtype):
    rng = np.random.default_rng([7, number])
    activations = names("activation")
    middles = [name for name in names("layer") if name not in {"dense", "activation"} and not needs_more(name)]
    inputs, layers = int(rng.integers(1, 8)), []
    for _ in range(rng.integers(1, 5)):
        if rng.random() < 0.4:
            layers.append(str(rng.choice(middles)))
        units, activation = int(rng.integers(1, 11)), str(rng.choice(activations))
        units += "softmax" in activation and units == 1  # a distribution over one class is refused
        layers.append(f"dense(units={units}, activation='{activation}')")
    network = nnkit.Network([inputs, *layers], seed=number, dtype=dtype, bias_initializer="normal(stddev=0.3)")
    buffers = network.buffers
    buffers[...] = rng.uniform(0.5, 2.0, buffers.shape)
    return network


def needs_more(name):
    """Whether a layer has no default that fits any number of real inputs."""
    try:
        nnkit.Network([3, name, 1], seed=0).predict(np.full((1, 3), 0.5))
    except nnkit.errors.NNKitError:
        return True
    return False


def rows_of(network, number):
    rng = np.random.default_rng([8, number])
    rows = rng.normal(size=(8, network.inputs)) * np.array([1, 1, 1, 1, 0.01, 5, 30, 300])[:, None]
    return rows.astype(network.dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("target", TARGETS)
def test_random_networks_agree_with_predict(answers, target, dtype):
    networks = [random_network(number, dtype) for number in range(NETWORKS)]
    batches = [rows_of(network, number) for number, network in enumerate(networks)]
    for number, (network, rows, got) in enumerate(
        zip(networks, batches, answers(target, networks, batches), strict=True)
    ):
        with np.errstate(all="ignore"):
            expected = network.predict(rows)
        note = f"network {number}: {network.layers}"
        expect_equal(got, expected, TOLERANCES[dtype], scales(network, rows), note)


# -- every part --------------------------------------------------------------------------------------


def ends(inputs, dtype):
    limits = np.finfo(dtype)
    rng = np.random.default_rng(9)
    rows = [rng.normal(size=(20, inputs)) * scale for scale in (0.001, 1.0, 8.0, 90.0, 800.0)]
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, limits.max, limits.min, limits.tiny, limits.eps, 1.0, -1.0]
    mixed = np.array([np.roll(special, k)[:inputs] for k in range(len(special))])
    return np.concatenate([*rows, mixed, *([[v] * inputs] for v in special)]).astype(dtype)


def networks_of_parts(dtype):
    for name in names("activation"):
        for variant in ({}, *get("activation", name).variants):
            part = create("activation", {"name": name, **variant})
            yield nnkit.Network([4, create("layer", {"name": "activation", "activation": part})], seed=0, dtype=dtype)


def reads_indices(network):
    return "embedding" in str(network.to_config()["layers"])


def layers_of(dtype):
    for name in names("layer"):
        for variant in ({}, *get("layer", name).variants):
            try:
                network = nnkit.Network([4, {**NEEDS.get(name, {}), "name": name, **variant}], seed=0, dtype=dtype)
            except nnkit.errors.SpecError:
                continue  # a variant for another number of inputs
            network.parameters = np.random.default_rng(1).normal(size=len(network.parameters))
            yield network


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("target", TARGETS)
def test_every_activation_travels_with_its_tails_and_infinities(answers, target, dtype):
    networks = list(networks_of_parts(dtype))
    rows = ends(4, dtype)
    assert len(networks) > 15
    for network, got in zip(networks, answers(target, networks, [rows] * len(networks)), strict=True):
        expect_equal(
            got, plain(network, rows), 4 * TOLERANCES[dtype] if dtype == "float32" else 1e-12, note=str(network.layers)
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("target", TARGETS)
def test_every_layer_travels(answers, target, dtype):
    networks = list(layers_of(dtype))
    assert set(names("layer")) == {name_of(network.layers[0]).rpartition("/")[2] for network in networks}
    real = np.random.default_rng(2).normal(size=(30, 4)) * np.geomspace(0.01, 100, 30)[:, None]
    indices = np.random.default_rng(2).integers(0, 2, size=(30, 4))
    batches = [(indices if reads_indices(network) else real).astype(dtype) for network in networks]
    for network, rows, got in zip(networks, batches, answers(target, networks, batches), strict=True):
        expect_equal(got, network.predict(rows), TOLERANCES[dtype], scales(network, rows), str(network.layers))
