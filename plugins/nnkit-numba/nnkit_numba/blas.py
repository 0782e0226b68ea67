"""The BLAS that numpy computes with, made callable from compiled code.

A matrix product called through numpy brings the BLAS's own threads with it. Those wait for their next
product by spinning, and whatever else wants a second core meanwhile fights them. Called from here, a product
runs on the thread that calls it, and the threads of ``nnkit_numba.team`` share out everything alike.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from typing import Any

import llvmlite.binding
from numba import types
from threadpoolctl import threadpool_info

from nnkit_numba.atomics import overload

__all__ = ["found", "gemm", "get_threads", "set_threads", "threads"]

NAMES = {
    "nnkit_blas_sgemm": "{prefix}cblas_sgemm64_",
    "nnkit_blas_dgemm": "{prefix}cblas_dgemm64_",
    "nnkit_blas_set_threads": "{prefix}openblas_set_num_threads64_",
    "nnkit_blas_get_threads": "{prefix}openblas_get_num_threads64_",
}
"""What compiled code calls a function, and what it is called in the library."""

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
def _library() -> tuple[Any, str]:
    """Numpy's OpenBLAS, with 64-bit lengths, and the prefix of its names; or a reason why there is none."""
    if sys.platform != "linux":
        return None, "threads of its own are for Linux alone"
    for info in threadpool_info():
        if info["internal_api"] != "openblas" or info.get("threading_layer") != "pthreads":
            continue
        library = ctypes.CDLL(info["filepath"])
        for prefix in ("scipy_", ""):
            if all(hasattr(library, name.format(prefix=prefix)) for name in NAMES.values()):
                return library, prefix
    return None, "numpy's BLAS is no OpenBLAS with threads and 64-bit lengths"


@functools.cache
def found() -> bool:
    """Whether the functions above can be called; tells the linker where they are."""
    library, prefix = _library()
    if library is None:
        return False
    for name, template in NAMES.items():
        function = getattr(library, template.format(prefix=prefix))
        llvmlite.binding.add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)
    return True


def threads() -> int:
    """How many threads the BLAS would take now; 1 where it cannot be asked."""
    library, prefix = _library()
    if library is None:
        return 1
    return int(getattr(library, NAMES["nnkit_blas_get_threads"].format(prefix=prefix))())
