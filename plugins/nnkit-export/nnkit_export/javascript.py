"""JavaScript: one ES module without dependencies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from nnkit_export.program import EXACT, Writer

__all__ = ["TYPES", "JavaScriptWriter", "number"]

TYPES: Final = {"float32": "Float32Array", "float64": "Float64Array", "bool": "Uint8Array", "int64": "Int32Array"}

FORMS: Final = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "power": "power({0}, {1})",
    "maximum": "Math.max({0}, {1})",
    "minimum": "Math.min({0}, {1})",
    "negative": "-{0}",
    "absolute": "Math.abs({0})",
    "rint": "nearest({0})",
    "arcsin": "Math.asin({0})",
    "arccos": "Math.acos({0})",
    "arctan": "Math.atan({0})",
    "arcsinh": "Math.asinh({0})",
    "arccosh": "Math.acosh({0})",
    "arctanh": "Math.atanh({0})",
    "isnan": "Number.isNaN({0})",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "equal": "{0} == {1}",
    "logical_and": "{0} && {1}",
    "logical_or": "{0} || {1}",
    "logical_not": "!{0}",
    "where": "{0} ? {1} : {2}",
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


class JavaScriptWriter(Writer):
    """Statements in JavaScript. float32 is computed in double precision and rounded after every operation."""

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

    def line(self, text: str) -> None:
        super().line(text if text.endswith(("{", "}")) else text + ";")

    @contextmanager
    def loop(self, variable: str, count: int) -> Iterator[None]:
        with self.repeated(variable, count) as repeats:
            self.line(f"for (let {variable} = 0; {variable} < {count}; {variable}++) {{" if repeats else "{")
            with self.indented():
                yield
            self.line("}")

    @contextmanager
    def choice(self, condition: str) -> Iterator[None]:
        self.line(f"if ({condition}) {{")
        with self.indented():
            yield
        self.line("}")
