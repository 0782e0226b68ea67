"""C99: one ``.c`` and one ``.h``, no allocation, no library but ``math.h``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from nnkit.arrays import Array
from nnkit_export.program import INFIX, INVERSE, BraceWriter

__all__ = ["TYPES", "CWriter", "array", "number"]

TYPES: Final = {"float32": "float", "float64": "double", "bool": "int", "int64": "long"}

FORMS: Final = INFIX | {
    "power": "pow{f}({0}, {1})",
    "maximum": "larger{f}({0}, {1})",
    "minimum": "smaller{f}({0}, {1})",
    "absolute": "fabs{f}({0})",
    "sign": "sign{f}({0})",
    **{name: f"{short}{{f}}({{0}})" for name, short in INVERSE.items()},
    "isnan": "{0} != {0}",
}
"""Operations that are written in another way than ``name(x)``; ``{f}`` is the suffix of functions of floats."""

HELPERS: Final = {
    "larger": "static {T} larger{f}({T} a, {T} b) {{ return a >= b || a != a ? a : b; }}",
    "smaller": "static {T} smaller{f}({T} a, {T} b) {{ return a <= b || a != a ? a : b; }}",
    "sign": "static {T} sign{f}({T} a) {{ return a > 0 ? 1 : a < 0 ? -1 : a; }}",
}


def number(value: Any, dtype: np.dtype[Any]) -> str:
    """A literal."""
    if dtype.kind != "f":
        return str(int(value))
    if not np.isfinite(value):
        return "NAN" if np.isnan(value) else "INFINITY" if value > 0 else "-INFINITY"
    text = np.format_float_positional(value, unique=True, trim="0") if 1e-4 <= abs(value) < 1e6 else repr(value.item())
    if dtype == np.float32:
        text = str(value) if "." in str(value) or "e" in str(value) else f"{value}.0"
        return text + "f"
    return text if any(mark in text for mark in ".en") else text + ".0"


def array(values: Array, columns: int = 110) -> list[str]:
    """The lines of an initializer."""
    lines, row = [], ""
    for value in values:
        word = number(value, values.dtype) + ","
        if len(row) + len(word) > columns:
            lines.append(row.rstrip())
            row = ""
        row += word + " "
    return [*lines, row.rstrip().rstrip(",")]


class CWriter(BraceWriter):
    """Statements in C99."""

    COUNTER = "int"

    def literal(self, value: Any, dtype: np.dtype[Any]) -> str:
        return number(dtype.type(value), dtype)

    def call(self, op: str, operands: Sequence[str], dtype: np.dtype[Any], operand_dtype: np.dtype[Any]) -> str:
        kind = TYPES[dtype.name]
        if op == "cast":
            return f"{operands[0]} != 0" if dtype == np.bool_ else f"({kind}){operands[0]}"
        suffix = "f" if dtype == np.float32 else ""
        if op in {"maximum", "minimum", "sign"}:
            name = {"maximum": "larger", "minimum": "smaller"}.get(op, op)
            self.helpers[HELPERS[name].format(T=kind, f=suffix)] = None
        return FORMS.get(op, op + "{f}({0})").format(*operands, f=suffix)

    def let(self, name: str, dtype: np.dtype[Any], expression: str, *, changes: bool = False) -> None:
        self.line(f"{'' if changes else 'const '}{TYPES[dtype.name]} {name} = {expression}")

    def matmul(self, out: str, x: str, weight: Array, outer: int, dtype: np.dtype[Any]) -> None:
        # Row by row of the weights, so that the inner loop runs along memory and a compiler can vectorize it.
        fan_in, fan_out = weight.shape
        table = self.table(weight, "constant")
        with self.loop("k", outer):
            with self.loop("j", fan_out):
                self.set(out, self.plus("k", fan_out, "j"), self.literal(0.0, dtype))
            with self.loop("i", fan_in), self.loop("j", fan_out):
                source, factor = self.at(x, self.plus("k", fan_in, "i")), self.at(table, self.plus("i", fan_out, "j"))
                self.line(f"{out}[{self.plus('k', fan_out, 'j')}] += {source} * {factor}")
