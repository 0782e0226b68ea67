"""JavaScript: one ES module without dependencies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from nnkit_export.program import EXACT, INFIX, INVERSE, BraceWriter

__all__ = ["TYPES", "JavaScriptWriter", "number"]

TYPES: Final = {"float32": "Float32Array", "float64": "Float64Array", "bool": "Uint8Array", "int64": "Int32Array"}

FORMS: Final = INFIX | {
    "power": "power({0}, {1})",
    "maximum": "Math.max({0}, {1})",
    "minimum": "Math.min({0}, {1})",
    "absolute": "Math.abs({0})",
    "rint": "nearest({0})",
    **{name: f"Math.{short}({{0}})" for name, short in INVERSE.items()},
    "isnan": "Number.isNaN({0})",
}

HELPERS: Final = {
    "power": "const power = (a, b) => (a === 1 || b === 0 ? 1 : Math.pow(a, b));",
    "rint": "const nearest = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));",
}


def number(value: Any, dtype: np.dtype[Any]) -> str:
    """A literal."""
    if dtype.kind != "f":
        return str(int(value))
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    # A float32 is written with its own digits inside of typed arrays, and exactly where it is computed with.
    return repr(float(value))


class JavaScriptWriter(BraceWriter):
    """Statements in JavaScript. float32 is computed in double precision and rounded after every operation."""

    COUNTER = "let"

    def literal(self, value: Any, dtype: np.dtype[Any]) -> str:
        return number(dtype.type(value), dtype)

    def call(self, op: str, operands: Sequence[str], dtype: np.dtype[Any], operand_dtype: np.dtype[Any]) -> str:
        if op == "cast":
            if dtype == np.bool_:
                return f"{operands[0]} != 0"
            if dtype.kind == "i":
                return f"Math.trunc({operands[0]})"
            whole = f"Number({operands[0]})" if operand_dtype == np.bool_ else operands[0]
            return self.rounded(whole, dtype) if operand_dtype != np.bool_ else whole
        if op in HELPERS:
            self.helpers[HELPERS[op]] = None
        expression = FORMS.get(op, f"Math.{op}({{0}})").format(*operands)
        return expression if op in EXACT else self.rounded(expression, dtype)

    def rounded(self, expression: str, dtype: np.dtype[Any]) -> str:
        return f"Math.fround({expression})" if dtype == np.float32 else expression

    def let(self, name: str, dtype: np.dtype[Any], expression: str, *, changes: bool = False) -> None:
        self.line(f"{'let' if changes else 'const'} {name} = {expression}")
