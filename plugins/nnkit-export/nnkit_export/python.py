"""Python: one module that needs only the standard library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from nnkit.arrays import Array
from nnkit_export.program import EXACT, Writer

__all__ = ["FORMS", "PythonWriter", "number"]

FORMS: Final = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "_divide({0}, {1})",
    "power": "_power({0}, {1})",
    "maximum": "{0} if {0} >= {1} or {0} != {0} else {1}",
    "minimum": "{0} if {0} <= {1} or {0} != {0} else {1}",
    "negative": "-{0}",
    "absolute": "abs({0})",
    "sign": "1.0 if {0} > 0.0 else -1.0 if {0} < 0.0 else {0}",
    "floor": "_whole(math.floor, {0})",
    "trunc": "_whole(math.trunc, {0})",
    "rint": "_whole(round, {0})",
    "isnan": "{0} != {0}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "equal": "{0} == {1}",
    "logical_and": "{0} and {1}",
    "logical_or": "{0} or {1}",
    "logical_not": "not {0}",
    "where": "{1} if {0} else {2}",
    "log": "_at_end(math.log, {0}, 0.0, -math.inf)",
    "log1p": "_at_end(math.log1p, {0}, -1.0, -math.inf)",
    "arctan": "math.atan({0})",
    "arcsinh": "math.asinh({0})",
    "arctanh": "_at_end(math.atanh, {0}, math.copysign(1.0, {0}), math.copysign(math.inf, {0}))",
}

FUNCTIONS: Final = {"arcsin": "asin", "arccos": "acos", "arccosh": "acosh"}

HELPERS: Final = {
    "divide": """
def _divide(a, b):
    if b != 0.0:
        return a / b
    return math.nan if a == 0.0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)
""",
    "power": """
def _power(a, b):
    try:
        return math.pow(a, b)
    except OverflowError:
        return -math.inf if a < 0.0 and b % 2.0 == 1.0 else math.inf
    except ValueError:
        return math.inf if a == 0.0 else math.nan
""",
    "whole": """
def _whole(function, x):
    return float(function(x)) if math.isfinite(x) else x
""",
    "at_end": """
def _at_end(function, x, end, value):
    return value if x == end else _call(function, x)
""",
    "call": """
def _call(function, x):
    try:
        return function(x)
    except OverflowError:
        return math.copysign(math.inf, x) if function is math.sinh else math.inf
    except ValueError:
        return math.nan
""",
    "single": """
def _single(x):
    return ctypes.c_float(x).value
""",
}
NEEDS: Final = {
    "divide": ["divide"],
    "power": ["power"],
    "floor": ["whole"],
    "trunc": ["whole"],
    "rint": ["whole"],
    "log": ["call", "at_end"],
    "log1p": ["call", "at_end"],
    "arctanh": ["call", "at_end"],
}


def number(value: Any, dtype: np.dtype[Any]) -> str:
    """A literal."""
    if dtype.kind != "f":
        return str(int(value))
    if not np.isfinite(value):
        return "math.nan" if np.isnan(value) else "math.inf" if value > 0 else "-math.inf"
    return repr(float(value))


class PythonWriter(Writer):
    """Statements in Python. float32 is computed in double precision and rounded after every operation."""

    def literal(self, value: Any, dtype: np.dtype[Any]) -> str:
        return number(dtype.type(value), dtype)

    def call(self, op: str, operands: Sequence[str], dtype: np.dtype[Any], operand_dtype: np.dtype[Any]) -> str:
        if op == "cast":
            if dtype == np.bool_:
                return f"{operands[0]} != 0"
            if dtype.kind == "i":
                return f"int({operands[0]})"
            return self.rounded(operands[0] if operand_dtype.kind == "f" else f"float({operands[0]})", dtype)
        for name in NEEDS.get(op, [] if op in FORMS else ["call"]):
            self.helpers[HELPERS[name]] = None
        form = FORMS.get(op, f"_call(math.{FUNCTIONS.get(op, op)}, {{0}})")
        expression = form.format(*operands)
        return expression if op in EXACT else self.rounded(expression, dtype)

    def rounded(self, expression: str, dtype: np.dtype[Any]) -> str:
        if dtype != np.float32:
            return expression
        self.helpers[HELPERS["single"]] = None
        return f"_single({expression})"

    def let(self, name: str, dtype: np.dtype[Any], expression: str, *, changes: bool = False) -> None:
        self.line(f"{name} = {expression}")

    @contextmanager
    def loop(self, variable: str, count: int) -> Iterator[None]:
        with self.repeated(variable, count) as repeats:
            if not repeats:
                yield
                return
            self.line(f"for {variable} in range({count}):")
            with self.indented():
                yield

    @contextmanager
    def choice(self, condition: str) -> Iterator[None]:
        self.line(f"if {condition}:")
        with self.indented():
            yield

    def better(self, element: str, sign: str) -> str:
        return f"{element} {sign} top or ({element} != {element} and top == top)"

    def matmul(self, out: str, x: str, weight: Array, outer: int, dtype: np.dtype[Any]) -> None:
        fan_in, fan_out = weight.shape
        table = self.table(np.ascontiguousarray(weight.T), "constant")
        with self.loop("k", outer):
            begin = self.plus("k", fan_in, "0")
            row = x if outer == 1 else f"{x}[{begin} : {begin} + {fan_in}]"
            with self.loop("j", fan_out):
                start = self.plus("j", fan_in, "0")
                total = f"sum(map(operator.mul, {row}, {table}[{start} : {start} + {fan_in}]))"
                self.set(out, self.plus("k", fan_out, "j"), self.rounded(total, dtype))
