"""Numbers below the normal range of floats, flushed to 0 while compiled code runs.

x86 computes with such numbers up to a hundred times slower, and a network that fits its data well has ever more of
them: gradients and their running means decay towards 0. The control register of a thread holds the two switches.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target

from nnkit_numba.atomics import Signature, intrinsic

__all__ = ["flush_denormals", "restore_denormals"]

SWITCHES = 0x8040
"""Results are flushed to 0 (bit 15), arguments are read as 0 (bit 6)."""

REGISTER = ir.IntType(32)


def _is_x86() -> bool:
    triple = cpu_target.target_context.codegen().magic_tuple()[0]
    return bool(triple.startswith("x86_64"))


def _access(builder: Any, name: str, place: Any) -> None:
    """Store the register to memory (``stmxcsr``), or load it from there (``ldmxcsr``)."""
    kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t])
    function = builder.module.declare_intrinsic(f"llvm.x86.sse.{name}", (), kind)
    builder.call(function, [builder.bitcast(place, cgutils.voidptr_t)])


@intrinsic
def flush_denormals(typing: Any) -> Signature:
    """Flush from now on, on this thread; returns the state for ``restore_denormals``. Without effect on other CPUs."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if not _is_x86():
            return ir.Constant(REGISTER, 0)
        allocate: Any = cgutils.alloca_once  # it has no annotations
        place = allocate(builder, REGISTER)
        _access(builder, "stmxcsr", place)
        before = builder.load(place)
        builder.store(builder.or_(before, ir.Constant(REGISTER, SWITCHES)), place)
        _access(builder, "ldmxcsr", place)
        return before

    return types.int32(), code


@intrinsic
def restore_denormals(typing: Any, before: Any) -> Signature:
    """The state that ``flush_denormals`` returned."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if _is_x86():
            allocate: Any = cgutils.alloca_once
            place = allocate(builder, REGISTER)
            builder.store(args[0], place)
            _access(builder, "ldmxcsr", place)
        return context.get_dummy_value()

    return types.void(types.int32), code
