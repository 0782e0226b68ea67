"""Operations that numba lacks: memory words shared by threads, calls and arrays by address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

__all__ = [
    "Signature",
    "add",
    "array_at",
    "call",
    "exchange_if",
    "fetch",
    "intrinsic",
    "keep",
    "load",
    "overload",
    "store",
]

carray: Any = numba.__dict__["carray"]  # numba's annotations lack it


def intrinsic(function: Callable[..., Any]) -> Any:
    """``numba.extending.intrinsic``, whose annotations lack the result type."""
    return extending.intrinsic(function)


def overload(stub: Callable[..., Any]) -> Callable[[Callable[..., Any]], Any]:
    """``numba.extending.overload``, likewise."""
    register: Any = extending.overload
    decorator: Callable[[Callable[..., Any]], Any] = register(stub)
    return decorator


WORD = ir.IntType(64)
Signature = tuple[Any, Any]


def _word(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, WORD.as_pointer())


@intrinsic
def load(typing: Any, address: Any) -> Signature:
    """The word at ``address``, in one order for all threads."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_word(builder, args[0]), "seq_cst", 8)

    return types.intp(types.intp), code


@intrinsic
def store(typing: Any, address: Any, value: Any) -> Signature:
    """Write the word at ``address``."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store_atomic(args[1], _word(builder, args[0]), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), code


@intrinsic
def add(typing: Any, address: Any, value: Any) -> Signature:
    """Add to the word at ``address``; what it was before."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", _word(builder, args[0]), args[1], "seq_cst")

    return types.intp(types.intp, types.intp), code


@intrinsic
def exchange_if(typing: Any, address: Any, expected: Any, value: Any) -> Signature:
    """Write ``value`` where the word is ``expected``; whether it was."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pair = builder.cmpxchg(_word(builder, args[0]), args[1], args[2], "seq_cst", "seq_cst")
        return builder.extract_value(pair, 1)

    return types.boolean(types.intp, types.intp, types.intp), code


@intrinsic
def call(typing: Any, function: Any, arguments: Any, phase: Any, part: Any, parts: Any) -> Signature:
    """Call the C function at an address with four words."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [WORD] * 4)
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(*(types.intp,) * 5), code


@intrinsic
def fetch(typing: Any, address: Any) -> Signature:
    """Ask for the cache line at an address, which is read soon."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], cgutils.voidptr_t)
        flag = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, flag, flag, flag])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", (cgutils.voidptr_t,), kind)
        builder.call(prefetch, [pointer, flag(0), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.void(types.intp), code


@intrinsic
def keep(typing: Any, array: Any) -> Signature:
    """Nothing: an array lives until its last use, and its address is none; this is one, after the address was used."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_dummy_value()

    return types.void(array), code


@intrinsic
def _pointer(typing: Any, address: Any) -> Signature:
    """An address as the pointer that ``numba.carray`` takes."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return types.voidptr(types.intp), code


def array_at(address: int, shape: Any, like: Any) -> Any:
    """The array of this shape that begins at an address, in compiled code; its type is that of ``like``."""
    raise NotImplementedError("for compiled code alone")


@overload(array_at)
def _array_at(address: Any, shape: Any, like: Any) -> Any:
    dtype: Any = np.dtype(str(like))

    def array(address: Any, shape: Any, like: Any) -> Any:
        return carray(_pointer(address), shape, dtype)

    return array
