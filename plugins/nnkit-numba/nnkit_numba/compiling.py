"""How a kernel is compiled: once for the types of its arguments, cached on disk, and always reported."""

from __future__ import annotations

import functools
import logging
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

from nnkit.errors import PluginWarning, headline

__all__ = ["Kernel", "compiled", "forget_stale", "kernel", "task"]

LOG = logging.getLogger("nnkit.numba")

Kernel = Any
"""A numba dispatcher: callable with any arrays, compiled anew for each new combination of types."""

_failed: set[str] = set()

ARGUMENTS = numba.types.void(*(numba.types.intp,) * 4)
"""Arguments of a task: the address of its arguments, the phase, the part, the number of parts."""


def kernel(function: Callable[..., Any]) -> Kernel:
    """Compile when first used: one thread, IEEE division, multiply-adds fused, the result cached on disk.

    Without ``error_model="numpy"`` every division is guarded against zero, and no loop with one is
    vectorized. numba's own threads would fight those of the BLAS, so there are none.
    """
    # Sums may be regrouped and products fused; NaN and infinities keep their meaning.
    dispatcher: Any = numba.njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc"}, nogil=True)(
        function
    )
    forget_stale(Path(dispatcher.stats.cache_path))
    return dispatcher


@functools.cache
def forget_stale(cache: Path) -> None:
    """Remove what was compiled before any source of this package changed.

    A compiled kernel contains the kernels that it calls, and numba compares only its own file: after a change in
    another file it would still contain the old one. Another process may remove the same files at the same time.
    """
    newest = max(source.stat().st_mtime_ns for source in Path(__file__).parent.glob("*.py"))
    results = [path for path in cache.glob("*.nb[ci]") if path.name.startswith(tuple(_modules()))]
    if any(_modified(path) < newest for path in results):
        for path in results:
            path.unlink(missing_ok=True)


def _modified(path: Path) -> int:
    """When a file was written, in nanoseconds; 0 where it is gone: what was compiled with it is as old."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _modules() -> list[str]:
    """How the results of this package's modules begin."""
    return [f"{source.stem}." for source in Path(__file__).parent.glob("*.py")]


def compiled(function: Kernel, *examples: Any) -> Callable[..., Any] | None:
    """The kernel for arguments of exactly these types, or ``None``, with one warning, when it cannot be compiled.

    The result does not check the types of its arguments again, so they must be like the examples: the same
    dtypes, dimensions and memory layout.
    """
    name = function.py_func.__name__
    typeof: Any = numba.typeof  # numba has no annotations
    signature = tuple(typeof(example) for example in examples)
    misses = sum(function.stats.cache_misses.values())
    began = time.perf_counter()
    try:
        function.compile(signature)
        overload: Callable[..., Any] = function.get_overload(signature)
    except Exception as error:  # noqa: BLE001  # training must go on after any error of numba or LLVM
        _warn(name, error)
        return None
    seconds = time.perf_counter() - began
    if sum(function.stats.cache_misses.values()) > misses:
        _report(name, seconds)
    return overload


def task(function: Callable[..., None]) -> Callable[[], int | None]:
    """A C function for ``nnkit_numba.team``, compiled when its address is first asked for.

    ``function(arguments, phase, part, parts)`` takes four words. The result returns the address, or ``None``,
    with one warning, when it cannot be compiled.
    """

    @functools.cache
    def function_pointer() -> Any:
        began = time.perf_counter()
        try:
            make: Any = numba.cfunc  # its annotations lack an option
            pointer = make(ARGUMENTS, cache=True, nopython=True, error_model="numpy")(function)
        except Exception as error:  # noqa: BLE001  # training must go on after any error of numba or LLVM
            _warn(function.__name__, error)
            return None
        if not pointer.cache_hits:
            _report(function.__name__, time.perf_counter() - began)
        return pointer

    def address() -> int | None:
        pointer = function_pointer()
        return None if pointer is None else int(pointer.address)

    return address


def _warn(name: str, error: Exception) -> None:
    """Warn once that plain numpy replaces a function."""
    if name not in _failed:
        _failed.add(name)
        warnings.warn(
            f"nnkit-numba could not compile {name}: {headline(error)}; plain numpy is used instead",
            PluginWarning,
            stacklevel=3,
        )


def _report(name: str, seconds: float) -> None:
    """Report the time of the first use: on a terminal, and to the log."""
    LOG.info("compiled %s in %.2f s", name, seconds)
    if sys.stderr.isatty():
        sys.stderr.write(f"nnkit-numba: compiled {name} in {seconds:.1f} s (cached for the next time)\n")
