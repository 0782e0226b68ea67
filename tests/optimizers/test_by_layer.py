"""Rules that act on some arrays of a network: weight decay on weights, and learning rates by layer."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

import nnkit
from nnkit.core.blocks import without_blocks
from nnkit.errors import HyperparameterError, SpecError
from nnkit.interfaces import Block, Callback
from nnkit.plugins import create

SHAPES = {"0.weight": (4, 3), "0.bias": (3,), "1.scale": (3,), "2.weight": (3, 2), "2.bias": (2,)}
X = np.random.default_rng(1).normal(size=(40, 3))
Y = np.sin(X.sum(axis=1, keepdims=True))


def blocks():
    layout, start = [], 0
    for name, shape in SHAPES.items():
        role = "weight" if name.endswith("weight") else "bias"
        place = slice(start, start + int(np.prod(shape)))
        layout.append(Block(name=name, place=place, shape=shape, role=role, layer=int(name[0])))
        start = place.stop
    return layout


BLOCKS = blocks()
SIZE = BLOCKS[-1].place.stop


def replay(optimizer, layout, bound=False):
    rng = np.random.default_rng(3)
    theta, stream = rng.normal(size=SIZE), rng.normal(size=(30, SIZE))
    state, path, gradient = optimizer.init(theta, layout), [], np.empty(SIZE)
    step = optimizer.bind(theta, gradient, state) if bound else None
    for g in stream:
        gradient[:] = g
        if step is None:
            theta = optimizer.update(theta, g, state)
        else:
            step()
        path.append(theta.copy())
    return np.array(path)


@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize(
    "spec",
    [
        "adamw(learning_rate=0.05, weight_decay=0.3)",
        "sgd(learning_rate=0.05, weight_decay=0.3)",
        "sgd(learning_rate=0.05, momentum=0.9, nesterov=True, weight_decay=0.3)",
    ],
)
def test_weights_decay_and_nothing_else_does(spec, bound):
    optimizer = create("optimizer", spec)
    without, everywhere = (attrs.evolve(optimizer, **change) for change in ({"weight_decay": 0.0}, {"decays": "all"}))
    path, still, all_decay = (replay(each, BLOCKS, bound) for each in (optimizer, without, everywhere))
    for block in BLOCKS:
        expected = all_decay if block.role == "weight" else still

        np.testing.assert_array_equal(expected[:, block.place], path[:, block.place], err_msg=block.name)
        assert (all_decay[-1, block.place] != still[-1, block.place]).all()


@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize(
    "spec",
    ["sgd(momentum=0.9, weight_decay=0.2)", "adamw(weight_decay=0.2)", "rmsprop(momentum=0.5)", "nadam", "adadelta"],
)
def test_a_factor_is_the_same_optimizer_with_that_multiple_of_the_learning_rate(spec, bound):
    optimizer = create("optimizer", spec)
    rates = {"0": 0.1, "0.bias": 3.0, "2.weight": 0.0}
    path = replay(create("optimizer", {"name": "per_layer", "optimizer": optimizer, "rates": rates}), BLOCKS, bound)
    factors = {"0.weight": 0.1, "0.bias": 3.0, "1.scale": 1.0, "2.weight": 0.0, "2.bias": 1.0}
    for block in BLOCKS:
        rate = optimizer.learning_rate * factors[block.name]
        expected = replay(attrs.evolve(optimizer, learning_rate=rate), BLOCKS)[:, block.place]

        np.testing.assert_allclose(path[:, block.place], expected, rtol=1e-12, err_msg=block.name)


def network(optimizer):
    return nnkit.Network([3, 5, "layer_norm", 1], hidden_activation="tanh", optimizer=optimizer, seed=1)


@pytest.mark.parametrize("inner", ["adam", "clip_by_norm(max_norm=0.1)", "sam"])
def test_layers_of_a_network_with_a_factor_of_zero_stay_where_they_are(inner, tmp_path):
    net = network({"name": "per_layer", "optimizer": inner, "rates": {"0": 0.0, "2.bias": 2.0}})
    before = {name: array.copy() for name, array in net.arrays.items()}
    net.fit(X, Y, epochs=2, batch_size=8)
    moved = {name: not np.array_equal(before[name], array) for name, array in net.arrays.items()}
    assert moved == {name: not name.startswith("0") for name in moved}

    net.save(tmp_path / "net.npz")
    loaded = nnkit.Network.load(tmp_path / "net.npz")
    for each in (net, loaded):
        each.fit(X, Y, epochs=2, batch_size=8)
    np.testing.assert_array_equal(net.parameters, loaded.parameters)


def test_only_weights_of_a_network_decay():
    rate, decay = 0.1, 0.5
    path = {}
    for strength in (0.0, decay):
        net = network(f"adamw(learning_rate={rate}, weight_decay={strength})")
        start = {name: array.copy() for name, array in net.arrays.items()}
        net.fit(X, Y, epochs=1, batch_size=None)
        path[strength] = {name: array.copy() for name, array in net.arrays.items()}
    for name, array in path[decay].items():
        pulled = rate * decay * start[name] if name.endswith("weight") else 0.0
        np.testing.assert_allclose(array, path[0.0][name] - pulled, rtol=1e-12, atol=1e-14, err_msg=name)


def test_unknown_layers_and_impossible_factors_are_refused():
    spec = {"name": "per_layer", "optimizer": "adam"}
    net = network({**spec, "rates": {"7": 0.1}})
    before = net.parameters.copy()
    with pytest.raises(SpecError, match=r"trains no '7'; it trains 0, 0\.bias, 0\.weight, 1"):
        net.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(before, net.parameters)
    for rates in ({"0": -1.0}, {"0": np.inf}, {"0": True}, [0.1], None):
        with pytest.raises(HyperparameterError, match="rates must be a mapping from layers"):
            create("optimizer", {**spec, "rates": rates})
    with pytest.raises(SpecError, match="pass the PerLayer as the optimizer of EMA"):
        network({"name": "per_layer", "optimizer": "ema"}).fit(X, Y, epochs=1)


@pytest.mark.parametrize("inner", ["adam", "sgd(momentum=0.9, weight_decay=0.1)"])
def test_accumulated_batches_are_one_large_batch(inner, tmp_path):
    """40 rows in batches of 8 over 4 epochs are steps of batches of 40 rows; cut in the middle of one, it goes on."""
    large, small = network(inner), network({"name": "accumulate", "optimizer": inner, "steps": 5})
    large.fit(X, Y, epochs=4, batch_size=None)
    small.fit(X, Y, epochs=4, batch_size=8)
    np.testing.assert_allclose(small.parameters, large.parameters, rtol=1e-10, atol=1e-13)

    whole, parts = (network({"name": "accumulate", "optimizer": inner, "steps": 3}) for _ in range(2))
    whole.fit(X, Y, epochs=4, batch_size=8)
    parts.fit(X, Y, epochs=1, batch_size=8)
    parts.save(tmp_path / "net.npz")
    parts = nnkit.Network.load(tmp_path / "net.npz")
    parts.fit(X, Y, epochs=3, batch_size=8)
    np.testing.assert_array_equal(whole.parameters, parts.parameters)


def test_a_schedule_counts_the_steps_of_the_accumulating_optimizer():
    seen = []

    @attrs.frozen(kw_only=True)
    class Watch(Callback):
        def on_batch_end(self, view):
            seen.append(view.learning_rate)

    halving = "step(learning_rate=0.01, factor=0.5, every=1)"
    inner = {"name": "sgd", "learning_rate": halving}
    network({"name": "accumulate", "optimizer": inner, "steps": 2}).fit(
        X, Y, batch_size=8, epochs=1, callbacks=[Watch()]
    )
    assert seen == [0.01, 0.005, 0.005, 0.0025, 0.0025]
    with pytest.raises(SpecError, match="evaluates the objective of a batch itself"):
        network({"name": "accumulate", "optimizer": "sam"}).fit(X, Y, epochs=1)


def test_the_blocks_are_not_in_a_saved_state():
    optimizer = create("optimizer", "adamw")
    assert without_blocks(optimizer.init(np.zeros(SIZE), BLOCKS))["blocks"] is None


def test_numbers_beyond_all_floats_are_refused():
    for spec in ({"name": "adam", "learning_rate": 10**400}, {"name": "per_layer", "rates": {"0": 10**400}}):
        with pytest.raises(HyperparameterError, match=r"(learning_rate|rates) must be a .*finite"):
            network(spec)


def test_the_rate_of_a_frozen_layer_is_refused_with_the_fix():
    net = network({"name": "per_layer", "rates": {"0": 0.1}})
    net.fit(X, Y, epochs=1)
    with pytest.raises(SpecError, match="trains no '0'.*a frozen layer is not trained: leave it out of rates"):
        net.freeze("0")
    assert "0.weight" in list(net.arrays)[:2]  # nothing has changed
