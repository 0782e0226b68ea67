"""One vector and its views."""

from __future__ import annotations

import numpy as np
import pytest

from nnkit.core.layout import Layout
from nnkit.errors import ShapeError
from nnkit.interfaces import ParameterSpec


def spec(name, *shape):
    return ParameterSpec(name=name, shape=shape, fan_in=1, fan_out=1)


LAYOUT = Layout.of([[spec("weight", 2, 3), spec("bias", 3)], [], [spec("weight", 3, 1)]])


def test_the_order_is_layer_by_layer():
    assert [(0, "weight", 0), (0, "bias", 6), (2, "weight", 9)] == [
        (slot.layer, slot.spec.name, slot.offset) for slot in LAYOUT.slots
    ]
    assert LAYOUT.size == 12


@pytest.mark.ledger("S2.16")
def test_flatten_and_restore_are_inverse():
    vector = np.arange(12.0)
    np.testing.assert_array_equal(vector, LAYOUT.flatten(LAYOUT.restore(vector)))
    named = LAYOUT.by_layer(vector)
    assert [["weight", "bias"], [], ["weight"]] == [list(layer) for layer in named]


def test_restored_arrays_are_views():
    vector = np.zeros(12)
    LAYOUT.restore(vector)[1][2] = 5.0
    assert vector[8] == 5.0


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="2 arrays; this layout has 3"):
        LAYOUT.flatten([np.zeros((2, 3)), np.zeros(3)])
    with pytest.raises(ShapeError, match=r"bias of layer 0 has shape \(4,\); expected \(3,\)"):
        LAYOUT.flatten([np.zeros((2, 3)), np.zeros(4), np.zeros((3, 1))])
    with pytest.raises(ShapeError, match="12 parameters"):
        LAYOUT.restore(np.zeros(11))


def test_a_layout_of_nothing():
    empty = Layout.of([[], []])
    assert (0, []) == (empty.size, empty.restore(np.empty(0)))
    assert empty.flatten([]).shape == (0,)


def test_a_description_for_files():
    assert LAYOUT.shapes["0.bias"] == (3,)
    assert list(LAYOUT.shapes) == [f"{slot.layer}.{slot.spec.name}" for slot in LAYOUT.slots]
