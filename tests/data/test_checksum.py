"""The checksum by which a resumed run recognizes its data."""

import numpy as np
import pytest

from nnkit.data.planning import BLOCK, checksum

ROWS, COLUMNS = 20_001, 37


def large(dtype):
    """Data of more than two blocks, and a rest that fills none."""
    array = np.random.default_rng(0).integers(0, 100, (ROWS, COLUMNS)).astype(dtype)
    assert 2 * BLOCK < array.nbytes
    assert array.nbytes % BLOCK
    return array


def of(array):
    return checksum((array, None, None))


def one_number(array):
    array[-1, -1] += 1


def one_bit(array):
    array.view(np.uint8)[12_345, 6] ^= 1


def two_rows(array):
    array[[3, 9_000]] = array[[9_000, 3]]


def two_columns(array):
    array[:, [0, 1]] = array[:, [1, 0]]


def two_neighbours(array):
    place = np.flatnonzero(array[:-1, 0] != array[1:, 0])[0]
    array[[place, place + 1], 0] = array[[place + 1, place], 0]


def every_row(array):
    array[:] = np.roll(array, 1, axis=0)


def two_blocks(array):
    content, whole = array.reshape(-1).view(np.uint8), array.copy().reshape(-1).view(np.uint8)
    content[:BLOCK], content[BLOCK : 2 * BLOCK] = whole[BLOCK : 2 * BLOCK], whole[:BLOCK]


CHANGES = [one_number, one_bit, two_rows, two_columns, two_neighbours, every_row, two_blocks]


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_large_data_changes_it(change, dtype):
    array = large(dtype)
    other = array.copy()
    change(other)
    assert not np.array_equal(array.view(np.uint8), other.view(np.uint8))
    assert of(array) != of(other)


def test_the_same_values_have_the_same_however_they_lie_in_memory():
    array = large(np.float64)
    wide = np.zeros((ROWS, 2 * COLUMNS))
    wide[:, ::2] = array
    assert of(array) == of(array.copy()) == of(np.asfortranarray(array)) == of(wide[:, ::2])


def test_shape_dtype_and_place_count():
    array = large(np.float64)
    other = [array.reshape(COLUMNS, ROWS), array.view(np.int64), array[:-1]]
    assert len({of(array), *map(of, other), checksum((array, array, None)), checksum((array, None, array))}) == 6
