"""Small products whose sums stay in registers, written in LLVM's own operations on vectors.

numba would not keep so many sums in registers. All addresses are integers, all distances are in elements.
"""

from __future__ import annotations

from typing import Any

import attrs
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target

from nnkit_numba.atomics import Signature, intrinsic

__all__ = ["BYTES", "ROWS", "WIDTH", "dots_tile", "outer_tile", "transpose_tile"]


def _registers() -> tuple[int, int]:
    """Bytes of a vector register, and how many rows of two vectors find room in the registers."""
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    names = features.split(",")
    if "+avx512f" in names:
        return 64, 8
    return (32, 6) if "+avx" in names else (16, 4)


BYTES, ROWS = _registers()
"""Bytes of a vector, rows of an outer tile."""

WIDTH = 2 * BYTES
"""Bytes of a row of an outer tile."""

WORD, PLACE = ir.IntType(64), ir.IntType(32)
FUSED = ("contract",)
allocate: Any = cgutils.alloca_once  # it has no annotations


@attrs.frozen
class Writer:
    """Writes operations on numbers and vectors of one type.

    Args:
        builder: Of llvmlite.
        size: Bytes of a number.
    """

    builder: Any
    size: int

    @property
    def element(self) -> Any:
        """The type of a number."""
        return ir.FloatType() if self.size == 4 else ir.DoubleType()

    @property
    def vector(self) -> Any:
        """The type of a vector."""
        return ir.VectorType(self.element, BYTES // self.size)

    def offset(self, base: Any, steps: Any, factor: Any) -> Any:
        """``base + steps * factor`` of addresses."""
        factor = ir.Constant(WORD, factor) if isinstance(factor, int) else factor
        return self.builder.add(base, self.builder.mul(steps, factor))

    def beyond(self, base: Any, count: int) -> Any:
        """The address ``count`` bytes behind ``base``."""
        return self.builder.add(base, ir.Constant(WORD, count))

    def read(self, address: Any, kind: Any) -> Any:
        """What stands at an address."""
        loaded = self.builder.load(self.builder.inttoptr(address, kind.as_pointer()))
        loaded.align = self.size
        return loaded

    def write(self, address: Any, value: Any) -> None:
        """Write to an address."""
        stored = self.builder.store(value, self.builder.inttoptr(address, value.type.as_pointer()))
        stored.align = self.size

    def pick(self, first: Any, second: Any, places: list[int]) -> Any:
        """The numbers at some places of two vectors."""
        return self.builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(PLACE, len(places)), places))

    def spread(self, number: Any) -> Any:
        """A vector of equal numbers."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, number, ir.Constant(PLACE, 0))
        return self.pick(first, undefined, [0] * self.vector.count)

    def unknown(self, word: Any) -> Any:
        """The same word, of which the compiler knows nothing: it stays in a register instead of being computed anew."""
        return self.builder.asm(ir.FunctionType(WORD, [WORD]), "", "=r,0", [word], side_effect=False)

    def add_product(self, place: Any, first: Any, second: Any) -> None:
        """Add a product to the vector in a variable."""
        product = self.builder.fmul(first, second, flags=FUSED)
        self.builder.store(self.builder.fadd(self.builder.load(place), product, flags=FUSED), place)

    def sums(self, vectors: list[Any]) -> Any:
        """The sum of the numbers of each vector, as one vector; a number where there is but one."""
        count = len(vectors)
        while vectors[0].type.count > 1 and (len(vectors) > 1 or vectors[0].type.count > count):
            alone = len(vectors) == 1
            pairs = [(vectors[0], None)] if alone else list(zip(vectors[::2], vectors[1::2], strict=True))
            vectors = [self._sums_of_neighbours(*pair) for pair in pairs]
        return vectors[0] if count > 1 else self.builder.extract_element(vectors[0], ir.Constant(PLACE, 0))

    def _sums_of_neighbours(self, first: Any, second: Any) -> Any:
        lanes = first.type.count * (1 if second is None else 2)
        second = ir.Constant(first.type, ir.Undefined) if second is None else second
        even = list(range(0, lanes, 2))
        odd = self.pick(first, second, [place + 1 for place in even])
        return self.builder.fadd(self.pick(first, second, even), odd)


def _size(one: Any) -> int:
    return 4 if one == types.float32 else 8


def outer_tile(rows: int, panels: int = 1, *, picked: bool = False, spread: bool = False) -> Any:
    """``c[i, v] = start[i, v] + sum_k a[i, k] b[k, v]`` for ``rows`` and two vectors ``v`` of each of ``panels``.

    With ``picked`` the rows of ``a`` hold only some numbers, and ``indices`` the rows of ``b`` for these. With
    ``spread`` each row of ``start`` is one number. The panels of ``b`` are ``length`` bytes apart, those of ``start``
    and ``c`` stand side by side.
    """

    @intrinsic
    def tile(
        typing: Any, a: Any, a_row: Any, a_step: Any, indices: Any, b: Any, b_row: Any, length: Any, depth: Any,
        start: Any, start_row: Any, c: Any, c_row: Any, one: Any,
    ) -> Signature:  # fmt: skip
        places = [(i, p, v) for i in range(rows) for p in range(panels) for v in range(2)]

        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            a, a_row, a_step, indices, b, b_row, length, depth, start, start_row, c, c_row, _ = args
            size = _size(one)
            w = Writer(builder, size)
            sums = {place: allocate(builder, w.vector) for place in places}

            def place_in(base: Any, row: Any, i: int, p: int, v: int) -> Any:
                return w.beyond(w.offset(base, row, i * size), p * WIDTH + v * BYTES)

            for place in places:
                if spread:
                    first = w.spread(w.read(w.offset(start, start_row, place[0] * size), w.element))
                else:
                    first = w.read(place_in(start, start_row, *place), w.vector)
                builder.store(first, sums[place])
            distances = [w.unknown(builder.mul(a_row, ir.Constant(WORD, i * size))) for i in range(rows)]
            blocks = [w.offset(b, length, p) for p in range(panels)]
            with cgutils.for_range(builder, depth, intp=WORD) as loop:
                row = w.read(w.offset(indices, loop.index, 8), WORD) if picked else loop.index
                below = builder.mul(row, builder.mul(b_row, ir.Constant(WORD, size)))
                step = builder.mul(loop.index, builder.mul(a_step, ir.Constant(WORD, size)))
                beside = w.unknown(builder.add(a, step))
                columns = {
                    (p, v): w.read(w.beyond(builder.add(blocks[p], below), v * BYTES), w.vector)
                    for p in range(panels)
                    for v in range(2)
                }
                for i in range(rows):
                    number = w.spread(w.read(builder.add(beside, distances[i]), w.element))
                    for (p, v), numbers in columns.items():
                        w.add_product(sums[i, p, v], number, numbers)
            for place in places:
                w.write(place_in(c, c_row, *place), builder.load(sums[place]))
            return context.get_dummy_value()

        return types.void(*(types.intp,) * 12, one), code

    return tile


def dots_tile(rows: int, columns: int) -> Any:
    """``c[i, j] = sum_n a[i, n] b[j, n]``; rows of ``a`` and ``b`` are ``row`` long, a multiple of a vector."""

    @intrinsic
    def tile(typing: Any, a: Any, b: Any, row: Any, c: Any, c_row: Any, one: Any) -> Signature:
        places = [(i, j) for j in range(columns) for i in range(rows)]

        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            a, b, row, c, c_row, _ = args
            size = _size(one)
            w = Writer(builder, size)
            sums = {place: allocate(builder, w.vector) for place in places}
            for place in places:
                builder.store(ir.Constant(w.vector, [0.0] * w.vector.count), sums[place])
            first = [w.offset(a, row, i * size) for i in range(rows)]
            second = [w.offset(b, row, j * size) for j in range(columns)]
            depth = builder.udiv(row, ir.Constant(WORD, BYTES // size))
            with cgutils.for_range(builder, depth, intp=WORD) as loop:
                step = builder.mul(loop.index, ir.Constant(WORD, BYTES))
                left = [w.read(builder.add(place, step), w.vector) for place in first]
                for j in range(columns):
                    right = w.read(builder.add(second[j], step), w.vector)
                    for i in range(rows):
                        w.add_product(sums[i, j], left[i], right)
            for i in range(rows):
                w.write(w.offset(c, c_row, i * size), w.sums([builder.load(sums[i, j]) for j in range(columns)]))
            return context.get_dummy_value()

        return types.void(*(types.intp,) * 5, one), code

    return tile


@intrinsic
def transpose_tile(typing: Any, a: Any, a_row: Any, c: Any, c_row: Any, one: Any) -> Signature:
    """``c = a.T`` of as many rows and columns as a vector has numbers."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a, a_row, c, c_row, _ = args
        size = _size(one)
        w = Writer(builder, size)
        lanes = BYTES // size
        vectors = [w.read(w.offset(a, a_row, i * size), w.vector) for i in range(lanes)]
        merged = [place for i in range(lanes) for place in (i, lanes + i)]
        level = lanes
        while level > 1:
            pairs = zip(vectors[: lanes // 2], vectors[lanes // 2 :], strict=True)
            halves = (merged[:lanes], merged[lanes:])
            vectors = [w.pick(first, second, half) for first, second in pairs for half in halves]
            level //= 2
        for i, vector in enumerate(vectors):
            w.write(w.offset(c, c_row, i * size), vector)
        return context.get_dummy_value()

    return types.void(*(types.intp,) * 4, one), code
