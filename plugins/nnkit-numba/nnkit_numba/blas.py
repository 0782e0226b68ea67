"""The BLAS that numpy computes with, made callable from compiled code.

A matrix product called through numpy brings the BLAS's own threads with it. Those wait for their next
product by spinning, and whatever else wants a second core meanwhile fights them. Called from here, a product
runs on the thread that calls it, and the threads of ``nnkit_numba.team`` share out everything alike.

Where numpy's BLAS runs slower kernels than the CPU supports, a copy that runs the better ones makes these
products.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import sys
from typing import Any

import llvmlite.binding
from numba import types

from nnkit.cpu import NARROW, VARIABLE, kernels_to_ask_for
from nnkit_numba.atomics import overload
from nnkit_numba.openblas import OpenBLAS, copied, of_numpy

__all__ = ["available", "gemm", "get_threads", "kernels", "set_threads", "threads"]

LOG = logging.getLogger("nnkit.numba")

NAMES = {
    "nnkit_blas_sgemm": "cblas_sgemm",
    "nnkit_blas_dgemm": "cblas_dgemm",
    "nnkit_blas_set_threads": "openblas_set_num_threads",
    "nnkit_blas_get_threads": "openblas_get_num_threads",
}
"""What compiled code calls a function, and what it is called in the library."""

LESSER = frozenset({NARROW.lower(), "zen"})
"""The kernels without AVX-512."""

ENUM, LENGTH, ADDRESS = types.int32, types.int64, types.intp


def _gemm(name: str, number: Any) -> Any:
    """``cblas_?gemm`` with addresses for pointers.

    It takes the order, op(A), op(B), m, n, k, alpha, A, lda, B, ldb, beta, C, ldc.
    """
    sizes, matrix = (ENUM,) * 3 + (LENGTH,) * 3, (ADDRESS, LENGTH)
    return types.ExternalFunction(name, types.void(*sizes, number, *matrix, *matrix, number, *matrix))


_sgemm = _gemm("nnkit_blas_sgemm", types.float32)
_dgemm = _gemm("nnkit_blas_dgemm", types.float64)
set_threads: Any = types.ExternalFunction("nnkit_blas_set_threads", types.void(types.int32))
get_threads: Any = types.ExternalFunction("nnkit_blas_get_threads", types.int32())

ROW_MAJOR, AS_IT_IS, TRANSPOSED = 101, 111, 112


def gemm(turn_a: bool, turn_b: bool, shape: Any, one: Any, a: Any, b: Any, c: Any) -> None:
    """``C = op(A) @ op(B)`` in compiled code, on the thread that calls it.

    Args:
        turn_a: Whether ``op(A)`` is the transpose of what lies in memory.
        turn_b: The same of ``B``.
        shape: Rows and columns of ``C``, and the length of the sums.
        one: 1 in the type of the arrays.
        a: The address of ``A`` and the distance of its rows, in elements.
        b: The same of ``B``.
        c: The same of ``C``.
    """
    raise NotImplementedError("for compiled code alone")


@overload(gemm)
def _gemm_of(turn_a: Any, turn_b: Any, shape: Any, one: Any, a: Any, b: Any, c: Any) -> Any:
    call = _sgemm if one == types.float32 else _dgemm

    def product(turn_a: Any, turn_b: Any, shape: Any, one: Any, a: Any, b: Any, c: Any) -> None:
        first, second = TRANSPOSED if turn_a else AS_IT_IS, TRANSPOSED if turn_b else AS_IT_IS
        call(ROW_MAJOR, first, second, shape[0], shape[1], shape[2], one, a[0], a[1], b[0], b[1], one - one, c[0], c[1])

    return product


@functools.cache
def _numpys() -> OpenBLAS | None:
    """Numpy's, where it is an OpenBLAS that can be called from here; threads of our own are for Linux alone."""
    return of_numpy((*NAMES.values(), "openblas_get_corename")) if sys.platform == "linux" else None


@functools.cache
def _computing() -> OpenBLAS | None:
    """What makes the products: numpy's, or a copy of it with better kernels; never against the user's own setting."""
    numpys, wanted = _numpys(), kernels_to_ask_for()
    if numpys is None or wanted is None or VARIABLE in os.environ or numpys.kernels.lower() not in LESSER:
        return numpys
    try:
        copy = copied(numpys, wanted)
    except OSError as error:
        LOG.warning("products stay with the kernels for %s: %s", numpys.kernels, error)
        return numpys
    LOG.info("products run the kernels for %s, where numpy's BLAS runs those for %s", copy.kernels, numpys.kernels)
    return copy


@functools.cache
def available() -> bool:
    """Whether the functions above can be called; registers their addresses with the linker."""
    computing = _computing()
    if computing is None:
        return False
    for name, function in NAMES.items():
        address = ctypes.cast(computing.function(function), ctypes.c_void_p).value
        llvmlite.binding.add_symbol(name, address)
    return True


def kernels() -> str:
    """The CPU whose kernels make the products, in OpenBLAS' words; empty where they are left to numpy."""
    computing = _computing()
    return "" if computing is None else computing.kernels


def threads() -> int:
    """How many threads numpy's BLAS would take now; 1 where it cannot be asked."""
    numpys = _numpys()
    return 1 if numpys is None else numpys.threads
