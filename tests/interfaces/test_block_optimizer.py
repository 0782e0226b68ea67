"""Optimizers that work on the arrays of a network one by one: a rule of a few lines, in a real network."""

from typing import Any, final

import attrs
import numpy as np
import pytest

import nnkit
from nnkit.core.blocks import supply_blocks, without_blocks
from nnkit.core.layout import Layout
from nnkit.interfaces import Block, BlockOptimizer, one_block
from nnkit.interfaces.fields import real

X = np.random.default_rng(0).normal(size=(24, 3))
Y = np.sin(X.sum(1, keepdims=True))


@final
@attrs.frozen(kw_only=True)
class Normalized(BlockOptimizer):
    """Steps of the same length for every array, with momentum; counts its steps in a shared entry."""

    learning_rate: float = real(0.05, ge=0.0)

    def init_block(self, weight, block):
        return {"velocity": np.zeros_like(weight), "rows": weight.shape[0]}

    def init_shared(self, parameters, blocks):
        return {"largest": 0.0, "count": len(blocks)}

    def update_shared(self, parameters, gradient, shared, step):
        shared["largest"] = max(shared["largest"], float(np.abs(gradient).max()))

    def update_block(self, weight, gradient, state, block, step):
        assert weight.shape == gradient.shape == block.shape == state["velocity"].shape
        assert state["rows"] == weight.shape[0]
        assert state["largest"] >= np.abs(gradient).max()
        velocity = state["velocity"]
        velocity *= 0.9
        velocity += gradient / (np.linalg.norm(gradient) + 1e-12)
        return weight - self.learning_rate * velocity


@pytest.fixture(autouse=True)
def _registered():
    name = "normalized-of-test"
    if name not in nnkit.plugins.names("optimizer"):
        nnkit.plugins.register("optimizer", name, Normalized)


def network(inputs: Any = 3):
    return nnkit.Network([inputs, 4, 1], optimizer=Normalized(), hidden_activation="tanh", seed=1)


def test_the_blocks_of_a_network_partition_its_vector():
    net = network()
    vector = np.arange(float(net.layout.size))
    blocks = net.layout.blocks

    assert [block.name for block in blocks] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert [block.role for block in blocks] == ["weight", "bias"] * 2
    assert [block.layer for block in blocks] == [0, 0, 1, 1]
    np.testing.assert_array_equal(vector, np.concatenate([block.view(vector).ravel() for block in blocks]))
    for block, array in zip(blocks, net.layout.restore(vector), strict=True):
        np.testing.assert_array_equal(array, block.view(vector))
        assert np.shares_memory(block.view(vector), vector)


@pytest.mark.parametrize("inputs", [3, None])
def test_the_rule_is_applied_to_each_array_in_its_shape(inputs):
    net, by_hand = network(inputs), network()
    net.fit(X, Y, epochs=4, batch_size=None)
    theta, velocity = by_hand.parameters.copy(), np.zeros(by_hand.layout.size)
    for _ in range(4):
        gradient = by_hand.objective(X, Y).gradient(theta)
        for block in by_hand.layout.blocks:
            g = block.view(gradient)
            block.view(velocity)[...] = 0.9 * block.view(velocity) + g / (np.linalg.norm(g) + 1e-12)
        theta -= 0.05 * velocity

    np.testing.assert_allclose(theta, net.parameters, rtol=1e-12)


def test_saved_between_two_fits_it_goes_on_bit_identically(tmp_path):
    path, net, together = tmp_path / "net.npz", network(), network()
    together.fit(X, Y, epochs=6, batch_size=8)
    net.fit(X, Y, epochs=3, batch_size=8)
    net.save(path)
    loaded = nnkit.Network.load(path)
    for each in (net, loaded):
        each.fit(X, Y, epochs=3, batch_size=8)

        np.testing.assert_array_equal(together.parameters, each.parameters)


def test_a_state_is_saved_without_blocks_which_the_structure_supplies():
    theta = np.ones(3)
    state = {"outer": Normalized().init(theta, one_block(theta)), "step": 1}
    without = without_blocks(state)
    blocks = (Block(name="7.bias", place=slice(0, 3), shape=(3,), role="bias", layer=7),)
    supply_blocks(without, blocks)

    assert without_blocks(state)["outer"]["blocks"] is None
    assert without["outer"]["blocks"] == blocks
    assert state["outer"]["blocks"] == one_block(theta)


def test_a_layout_without_arrays_has_no_blocks():
    assert Layout.of([]).blocks == ()
