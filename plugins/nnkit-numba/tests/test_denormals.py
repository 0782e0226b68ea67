"""Numbers below the normal range are 0 inside compiled code, and numpy computes with them afterwards as before."""

import platform

import numba
import numpy as np
import pytest

from nnkit import plugins
from nnkit_numba import blas
from nnkit_numba.accelerator import nnkit_accelerate
from nnkit_numba.atomics import array_at
from nnkit_numba.compiling import ARGUMENTS
from nnkit_numba.denormals import flush_denormals, restore_denormals
from nnkit_numba.team import Team, perform

pytestmark = pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="a register of x86")


@numba.njit
def three_products(x, factor, out):
    out[0] = x[0] * factor
    before = flush_denormals()
    out[1] = x[0] * factor
    restore_denormals(before)
    out[2] = x[0] * factor


def numpy_keeps_them():
    return float(np.float32(2e-38) * np.float32(0.01)) != 0.0 and float(np.float64(1e-307) * 1e-3) != 0.0


@pytest.mark.parametrize(("dtype", "small"), [(np.float32, 2e-38), (np.float64, 3e-308)])
def test_only_between_the_two_calls(dtype, small):
    out = np.full(3, np.nan, dtype)
    three_products(np.array([small], dtype), dtype(0.01), out)
    assert (out != 0.0).tolist() == [True, False, True]
    assert numpy_keeps_them()


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd(momentum=0.5)", "rmsprop"])
def test_the_running_means_of_an_optimizer_reach_zero(optimizer):
    compiled = nnkit_accelerate(plugins.create("optimizer", optimizer))
    theta, g = np.ones(100, np.float32), np.full(100, 1e-30, np.float32)
    state = compiled.init(theta, [])
    step = compiled.bind(theta, g, state)
    step()
    g[:] = 0.0
    smallest = np.finfo(np.float32).tiny
    for _ in range(2500):
        step()
    for name, array in state.items():
        if isinstance(array, np.ndarray) and array.shape == theta.shape:
            assert not ((array != 0.0) & (np.abs(array) < smallest)).any(), name
    assert numpy_keeps_them()


@numba.cfunc(ARGUMENTS)
def multiply(arguments, phase, part, parts):
    """A product of small numbers in the word of each part."""
    words = array_at(arguments, (2 + parts,), np.float64(1))
    words[2 + part] = words[0] * words[1]


@pytest.mark.skipif(not blas.available(), reason="numpy's BLAS is no OpenBLAS that compiled code can call")
@pytest.mark.parametrize("size", [1, 3])
def test_every_thread_of_a_team_flushes_them(size):
    group, words = Team(size), np.full(2 + size, np.nan)
    for _ in range(200):
        words[:2] = 3e-308, 0.01
        words[2:] = np.nan
        perform(group.mail, multiply.address, words.ctypes.data, 1, size)
        assert not words[2:].any()
        assert numpy_keeps_them()
