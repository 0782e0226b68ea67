"""What a file may hold comes back equal; everything else is refused before anything is written."""

import datetime as dt
import enum
import io
import math
import types
from collections import OrderedDict
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnkit.errors import FileFormatError, FileSaveError, brief
from nnkit.files import container
from nnkit.files.trees import MAX_DEPTH, NamedArrays, checked_dtype


def there_and_back(tree):
    file = io.BytesIO()
    container.write(file, tree, what="test")
    return container.read(io.BytesIO(file.getvalue()), what="test")


def same(first, second):
    """Equality of trees, where NaN equals NaN."""
    if isinstance(first, np.ndarray):
        return (
            isinstance(second, np.ndarray)
            and (first.dtype, first.shape) == (second.dtype, second.shape)
            and (np.asarray(first, order="C").tobytes() == second.tobytes())
        )
    if isinstance(first, dict):
        return (
            isinstance(second, dict) and list(first) == list(second) and all(same(first[k], second[k]) for k in first)
        )
    if isinstance(first, (list, tuple)):
        return type(first) is type(second) and len(first) == len(second) and all(map(same, first, second))
    return first == second or (isinstance(first, float) and math.isnan(first) and math.isnan(second))


class Point(NamedTuple):
    x: int
    y: int


class Colour(enum.StrEnum):
    RED = "red"


class Weekday(enum.IntEnum):
    MONDAY = 1


class Text(str):
    __slots__ = ()


KEPT = {
    "a mark as a key": {"__array__": "x"},
    "marks of this format as keys": [{"$array": 0}, {"$mapping": {"$array": 1}}, {"$unknown": None}, {"$tuple": [1]}],
    "zero in a key": {"a\0b": np.arange(3), "": 1, "a/b\\..": 2},
    "unpaired surrogate": "\ud800 \U0001f600 \x00",
    "a long key": {"k" * 70_000: np.ones(2)},
    "two long keys": {"k" * 300 + "a": np.ones(2), "k" * 300 + "b": np.zeros(2)},
    "dates": np.array(["2024-01-01", "NaT"], dtype="datetime64[D]"),
    "a date": np.datetime64("2024-02-29T12:00:00.123456789"),
    "a span": np.timedelta64(5, "25s"),
    "complex": np.array([1 + 2j, np.nan]),
    "one complex": np.complex64(1 - 2j),
    "long double": np.longdouble("1.1"),
    "integers": [0, -1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 1 << 70_000, -(1 << 20_000)],
    "floats": [0.0, -0.0, 1e-320, 1.7976931348623157e308, float("inf"), -float("inf"), float("nan"), 0.1],
    "tuples": ((), (1,), (1, (2, [3, (4,)]))),
    "nothing": [None, True, False, [], {}, ""],
    "zero-dimensional": np.array(3.5),
    "empty": np.empty((0, 5), dtype=np.int16),
    "strings": np.array([["a", "long one"], ["", "\U0001f600"]]),
    "bytes in an array": np.array([b"ab", b"c"]),
    "booleans": np.array([True, False]),
    "half": np.arange(3, dtype=np.float16),
    "other byte order": np.arange(3, dtype=">f8"),
    "strided": np.arange(12.0).reshape(3, 4)[::2, ::-1],
    "Fortran order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "seen twice": [shared := np.arange(2), shared],
}


@pytest.mark.parametrize("value", KEPT.values(), ids=KEPT.keys())
def test_what_is_written_comes_back_equal(value):
    back = there_and_back({"value": value})["value"]
    assert same(value, back)
    if isinstance(back, np.ndarray):
        assert back.flags.writeable
        assert back.flags.c_contiguous


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.1), float(np.float32(0.1))),
        (np.int8(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (Colour.RED, "red"),
        (Weekday.MONDAY, 1),
        (Text("a"), "a"),
        (Point(1, 2), (1, 2)),
        (OrderedDict(a=1), {"a": 1}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
    ],
)
def test_relatives_of_plain_values_come_back_plain_and_equal(value, expected):
    back = there_and_back({"value": value})["value"]
    assert back == value == expected
    assert type(back) is type(expected)


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


circle = []
circle.append(circle)
round_trip = {}
round_trip["a"] = {"b": round_trip}

REFUSED = {
    "set": {1, 2},
    "bytes": b"a",
    "complex": 1j,
    "object array": np.array([None, "a"], dtype=object),
    "structured": np.zeros(2, dtype=[("a", int)]),
    "masked": np.ma.array([1.0, 2.0], mask=[True, False]),
    "matrix": np.ones((2, 2)).view(np.matrix),
    "function": print,
    "numpy's void": np.void(b"abc"),
    "python date": dt.date(2024, 1, 1),
    "number as key": {1: "a"},
    "None as key": {None: "a"},
    "a list in itself": circle,
    "a mapping in itself": round_trip,
    "deep": nested(900),
}


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED.keys())
def test_what_would_not_come_back_is_refused_before_anything_is_written(value, tmp_path):
    file = io.BytesIO()
    with pytest.raises(FileSaveError, match=r"notes\['x'\]"):
        container.write(file, {"notes": {"x": value}}, what="test")
    assert file.getvalue() == b""
    with pytest.raises(FileSaveError):
        container.write(tmp_path / "a.npz", {"notes": {"x": value}}, what="test")
    assert not list(tmp_path.iterdir())


def test_the_deepest_tree_that_is_written_is_read():
    depth = next(depth for depth in range(MAX_DEPTH - 3, MAX_DEPTH + 3) if not writes(nested(depth + 1)))
    assert depth >= MAX_DEPTH - 2
    assert nested(depth) == there_and_back({"value": nested(depth)})["value"]
    marked = {"$a": {"$b": nested(depth - 2)}}
    assert marked == there_and_back({"value": marked})["value"]


def writes(value):
    try:
        container.write(io.BytesIO(), {"value": value}, what="test")
    except FileSaveError:
        return False
    return True


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
arrays = st.lists(st.floats(width=32), max_size=5).map(lambda values: np.array(values, dtype=np.float32))
keys = st.text() | st.sampled_from(["$array", "$named", "$tuple", "$mapping", "$int", "$scalar", "__array__"])
trees = st.recursive(
    plain | arrays,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(keys, inner),
    max_leaves=12,
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(keys, trees))
def test_any_tree_comes_back_equal(tree):
    assert same({"t": tree}, there_and_back({"t": tree}))


def test_named_arrays_are_matched_by_name():
    vector = np.arange(8.0)
    named = NamedArrays(vector, {"0.gamma": (2,), "0.beta": (2, 3)})
    back = there_and_back({"named": named})["named"]
    assert back.shapes == named.shapes
    np.testing.assert_array_equal(vector, back.vector)
    assert back.matched({"0.gamma": (2,), "0.beta": (2, 3)}) is back.vector
    np.testing.assert_array_equal([2, 3, 4, 5, 6, 7, 0, 1], back.matched({"0.beta": (2, 3), "0.gamma": (2,)}))
    with pytest.raises(
        FileFormatError, match="has the arrays '0.gamma', '0.beta'; the parts .* need '0.gamma', '0.delta'"
    ):
        back.matched({"0.gamma": (2,), "0.delta": (2, 3)})
    with pytest.raises(FileFormatError, match=r"'0.beta' with shape \(2, 3\); .* need \(3, 2\)"):
        back.matched({"0.gamma": (2,), "0.beta": (3, 2)})


def test_named_arrays_without_any_keep_their_dtype():
    assert np.float32 == there_and_back({"n": NamedArrays(np.empty(0, np.float32), {})})["n"].vector.dtype


def test_vectors_of_format_1_are_matched_by_their_length():
    named = NamedArrays(np.arange(6.0), None)
    np.testing.assert_array_equal(np.arange(6.0), named.matched({"0.weight": (2, 2), "0.bias": (2,)}))
    with pytest.raises(FileFormatError, match="6 elements; .* need 7"):
        named.matched({"0.weight": (7,)})


@pytest.mark.parametrize(
    "text",
    [
        "|O",
        "O",
        "<f4<f4",
        "f8",
        "=f8",
        "<V8",
        "|V8",
        "<f3",
        "<U0",
        "<M8[xx]",
        "object",
        "<i2,<f8",
        3,
        None,
        "a" * 10**6,
    ],
)
def test_a_dtype_that_no_file_has_is_refused(text):
    with pytest.raises(FileFormatError, match="refused"):
        checked_dtype(text)


def test_a_message_stays_short_whatever_the_value():
    for value in ("a" * 10**6, 1 << 400_000, [0] * 10**6, {1: 2}, np.ones((3, 4)), object(), None, 1.5, 1j):
        assert 0 < len(brief(value)) < 120
