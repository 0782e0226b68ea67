"""Fields of the records in a file, each with a validator that reports what came and what was expected."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

import attrs
import numpy as np

from nnkit.errors import FileFormatError, brief
from nnkit.files.trees import NamedArrays

__all__ = [
    "RECORD",
    "are_finite",
    "are_labels",
    "are_names",
    "are_shapes",
    "choice",
    "count",
    "field",
    "is_count",
    "is_entropy",
    "is_mapping",
    "is_noise",
    "is_number",
    "is_part",
    "is_probe",
    "is_rate",
    "is_series",
    "is_step",
    "is_steps",
    "is_text",
    "is_values_by_side",
    "is_vector",
    "is_versions",
    "part",
    "record",
]

RECORD: Final = "nnkit_record"
"""Key of a field's metadata: the class of the record that the field holds."""

COUNT_LIMIT: Final = 1 << 53
NAME_LIMIT: Final = 200
TEXT_LIMIT: Final = 100_000
CONFIG_DEPTH: Final = 32
FLOATS: Final = (np.dtype(np.float32), np.dtype(np.float64))
_STEP_ARRAYS: Final = {
    "epoch": (0, "iu"),
    "rows": (1, "iu"),
    "gradient": (1, "f"),
    "parameters": (1, "f"),
    "buffers": (1, "f"),
}
"""Number of dimensions and kinds of dtype of the arrays of an archived step; all others are matrices of floats."""


def field(expected: str, accepts: Callable[[Any], object], *, optional: bool = False, **settings: Any) -> Any:
    """A field whose validator reports what came and what was expected."""

    def check(_instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not (optional and value is None) and not accepts(value):
            other = " or None" if optional else ""
            raise FileFormatError(f"damaged: {attribute.name} is {brief(value)}; expected {expected}{other}")

    return attrs.field(validator=check, **settings)


def record(cls: type, *, optional: bool = False, **settings: Any) -> Any:
    """A field that holds another record."""
    return field(
        f"a {cls.__name__}", lambda value: isinstance(value, cls), optional=optional, metadata={RECORD: cls}, **settings
    )


def is_count(value: object) -> bool:
    """Whether this is a non-negative integer of a reasonable size."""
    return type(value) is int and 0 <= value < COUNT_LIMIT


def is_entropy(value: object) -> bool:
    """Whether this can be a seed."""
    return type(value) is int and 0 <= value < 1 << 1024


def is_number(value: object) -> bool:
    """Whether this is a number, finite or not."""
    return type(value) in {int, float}


def is_rate(value: object) -> bool:
    """Whether this can be a learning rate."""
    return is_number(value) and 0 <= value < float("inf")  # type: ignore[operator]


def count() -> Any:
    """A field that holds a non-negative integer."""
    return field("a non-negative integer", is_count)


def is_text(value: object) -> bool:
    """Whether this is a text of a reasonable length."""
    return isinstance(value, str) and len(value) <= TEXT_LIMIT


def is_vector(value: object) -> bool:
    """Whether these are arrays of float32 or float64 in one vector."""
    if not isinstance(value, NamedArrays) or not isinstance(value.vector, np.ndarray):
        return False
    return value.vector.ndim == 1 and value.vector.dtype in FLOATS


def is_mapping(value: object) -> bool:
    """Whether this is a mapping with string keys."""
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)


def is_config(value: object, depth: int = 0) -> bool:
    """Whether this is plain data of bounded depth, with short keys and texts: what a config consists of."""
    if isinstance(value, dict):
        return depth < CONFIG_DEPTH and all(
            isinstance(key, str) and len(key) <= NAME_LIMIT and is_config(item, depth + 1)
            for key, item in value.items()
        )
    if isinstance(value, (list, tuple)):
        return depth < CONFIG_DEPTH and all(is_config(item, depth + 1) for item in value)
    if type(value) is int:
        return value.bit_length() < 1024  # what a float can hold
    return value is None or isinstance(value, (bool, float)) or is_text(value)


def is_series(value: object) -> bool:
    """Whether this is a history: lists of numbers, of nested lists of numbers, or of ``None``, by name."""
    return is_mapping(value) and all(isinstance(values, list) and are_values(values) for values in value.values())  # type: ignore[attr-defined]


def are_values(values: list[Any], depth: int = 0) -> bool:
    return all(
        value is None
        or isinstance(value, (bool, int, float, str))
        or (isinstance(value, list) and depth < 4 and are_values(value, depth + 1))
        for value in values
    )


def are_names(value: object) -> bool:
    """Whether this is a list of different names."""
    return isinstance(value, list) and len(value) > 0 and all(map(is_text, value)) and len(set(value)) == len(value)


def is_column_request(value: object) -> bool:
    """Whether this asks for a column plan: a text, or rules (texts or mappings) by column."""
    if isinstance(value, dict):
        return is_mapping(value) and all(is_text(rule) or is_mapping(rule) for rule in value.values())
    return is_text(value)


def are_labels(value: object) -> bool:
    """Whether this is a list of different labels: texts, booleans, integers or integral floats."""
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(is_text(v) or type(v) in {bool, int} or (type(v) is float and v.is_integer()) for v in value)
        and len(set(value)) == len(value)
    )


def are_finite(value: object) -> bool:
    """Whether this is a list of finite numbers."""
    return isinstance(value, list) and all(type(number) is float and math.isfinite(number) for number in value)


def is_noise(value: object) -> bool:
    """Whether this is the state of the generator PCG64."""
    if not isinstance(value, dict) or value.keys() != {"bit_generator", "state", "has_uint32", "uinteger"}:
        return False
    inner = value["state"]
    return (
        value["bit_generator"] == "PCG64"
        and isinstance(inner, dict)
        and inner.keys() == {"state", "inc"}
        and all(type(number) is int and 0 <= number < 1 << 128 for number in inner.values())
        and type(value["has_uint32"]) is int
        and value["has_uint32"] in {0, 1}
        and type(value["uinteger"]) is int
        and 0 <= value["uinteger"] < 1 << 32
    )


def is_probe(value: object) -> bool:
    """Whether these are rows of floats."""
    return isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype.kind == "f" and value.shape[0] > 0


def is_part(value: object) -> bool:
    """Whether this can be the config of a part."""
    return is_mapping(value) and is_config(value)


def is_versions(value: object) -> bool:
    """Whether these are versions by name."""
    return is_mapping(value) and all(
        isinstance(text, str) and re.fullmatch(r"[ -~]{1,100}", text)
        for entry in value.items()  # type: ignore[attr-defined]
        for text in entry
    )


def is_values_by_side(value: object) -> bool:
    """Whether this is ``{side: {name: {"step": [1, 2], "value": [0.5, 0.4]}}}``."""
    return is_mapping(value) and all(
        is_mapping(named) and all(map(_are_values_by_step, named.values()))
        for named in value.values()  # type: ignore[attr-defined]
    )


def _are_values_by_step(series: Any) -> bool:
    return (
        is_mapping(series)
        and series.keys() == {"step", "value"}
        and all(isinstance(items, list) for items in series.values())
        and len(series["step"]) == len(series["value"])
        and all(map(is_count, series["step"]))
        and all(map(is_number, series["value"]))
    )


def are_shapes(value: object) -> bool:
    """Whether these are shapes of arrays by name."""
    return is_mapping(value) and all(
        isinstance(shape, list) and all(map(is_count, shape))
        for shape in value.values()  # type: ignore[attr-defined]
    )


def is_steps(value: object) -> bool:
    """Whether these are the arrays of archived steps."""
    return is_mapping(value) and all(
        re.fullmatch(r"\d{1,15}", step) and is_step(arrays)
        for step, arrays in value.items()  # type: ignore[attr-defined]
    )


def is_step(value: object) -> bool:
    """Whether these are the arrays of one step: vectors of floats, matrices of activations, rows, and the epoch."""
    if not is_mapping(value) or "epoch" not in value:  # type: ignore[operator]
        return False
    for name, array in value.items():  # type: ignore[attr-defined]
        dimensions, kind = _STEP_ARRAYS.get(name, (2, "f"))
        if not isinstance(array, np.ndarray) or array.ndim != dimensions or array.dtype.kind not in kind:
            return False
        if kind == "f" and array.dtype not in FLOATS:
            return False
    return True


def part() -> Any:
    """A field that holds the config of a part, or ``None``."""
    return field("the config of a part", is_part, optional=True, default=None)


def choice(*words: str, **settings: Any) -> Any:
    """A field that holds one of a few words."""
    expected = " or ".join(map(repr, words))
    return field(expected, lambda value: isinstance(value, str) and value in words, **settings)
