"""How a kernel is compiled: once for the types it will meet, kept on disk, and never in silence."""

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

from nnkit.errors import PluginWarning

__all__ = ["Kernel", "compiled", "forget_stale", "kernel", "task"]

LOG = logging.getLogger("nnkit.numba")

Kernel = Any
"""A numba dispatcher: callable with any arrays, compiled anew for each new combination of types."""

_failed: set[str] = set()

ARGUMENTS = numba.types.void(*(numba.types.intp,) * 4)
"""What a task takes: the address of its arguments, the phase, the part, the number of parts."""


def kernel(function: Callable[..., Any]) -> Kernel:
    """Compile when first used: one thread, IEEE division, multiply-adds fused, the result kept on disk.

    Without ``error_model="numpy"`` every division is guarded against zero, and no loop with one is
    vectorized. numba's own threads would fight those of the BLAS, so there are none.
    """
    # Sums may be regrouped and products fused; NaN and infinities keep their meaning.
    made: Any = numba.njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc"}, nogil=True)(function)
    forget_stale(Path(made.stats.cache_path))
    return made


@functools.cache
def forget_stale(kept: Path) -> None:
    """Remove what was compiled before any source of this package changed.

    A kernel takes the kernels that it calls in when it is compiled, and numba compares only its own file: a change
    in another would leave the old one inside.
    """
    newest = max(source.stat().st_mtime_ns for source in Path(__file__).parent.glob("*.py"))
    results = [path for path in kept.glob("*.nb[ci]") if path.name.startswith(tuple(_modules()))]
    if any(path.stat().st_mtime_ns < newest for path in results):
        for path in results:
            path.unlink(missing_ok=True)


def _modules() -> list[str]:
    """How the results of this package's modules begin."""
    return [f"{source.stem}." for source in Path(__file__).parent.glob("*.py")]


def compiled(function: Kernel, *examples: Any) -> Callable[..., Any] | None:
    """The kernel for arguments of exactly these types, or ``None``, with one warning, when it cannot be compiled.

    The result takes its arguments without looking at their types again, so it must only be given
    such as the examples: the same dtypes, dimensions and memory layout.
    """
    name = function.py_func.__name__
    typeof: Any = numba.typeof  # numba has no annotations
    signature = tuple(typeof(example) for example in examples)
    known = sum(function.stats.cache_misses.values())
    began = time.perf_counter()
    try:
        function.compile(signature)
        found: Callable[..., Any] = function.get_overload(signature)
    except Exception as error:  # noqa: BLE001  # whatever numba or LLVM says, training must go on
        _warn(name, error)
        return None
    seconds = time.perf_counter() - began
    if sum(function.stats.cache_misses.values()) > known:
        _tell(name, seconds)
    return found


def task(function: Callable[..., None]) -> Callable[[], int | None]:
    """A C function for ``nnkit_numba.team``, compiled when its address is first asked for.

    ``function(arguments, phase, part, parts)`` takes four words. The result returns the address, or ``None``,
    with one warning, when it cannot be compiled.
    """

    @functools.cache
    def made() -> Any:
        began = time.perf_counter()
        try:
            make: Any = numba.cfunc  # its annotations lack an option
            found = make(ARGUMENTS, cache=True, nopython=True, error_model="numpy")(function)
        except Exception as error:  # noqa: BLE001  # whatever numba or LLVM says, training must go on
            _warn(function.__name__, error)
            return None
        if not found.cache_hits:
            _tell(function.__name__, time.perf_counter() - began)
        return found

    def address() -> int | None:
        found = made()
        return None if found is None else int(found.address)

    return address


def _warn(name: str, error: Exception) -> None:
    """Say once that plain numpy does the work of a function."""
    if name not in _failed:
        _failed.add(name)
        warnings.warn(
            f"nnkit-numba could not compile {name}: {type(error).__name__}: {str(error).splitlines()[0]}; "
            "plain numpy does its work",
            PluginWarning,
            stacklevel=3,
        )


def _tell(name: str, seconds: float) -> None:
    """Say that the first use took its time: to whoever looks at a terminal, and to the log."""
    LOG.info("compiled %s in %.2f s", name, seconds)
    if sys.stderr.isatty():
        sys.stderr.write(f"nnkit-numba: compiled {name} in {seconds:.1f} s (kept for the next time)\n")
