"""What a file may hold: trees of plain values and arrays, written as JSON beside the arrays.

A tree consists of ``None``, booleans, integers of any size, floats (NaN and infinities included),
strings, lists, tuples, mappings with string keys, and numpy arrays and scalars of booleans,
numbers, strings or dates. It comes back equal. Boolean, integer and floating-point scalars of
numpy come back as Python's, and arrays in C order. Everything else is refused before anything is
written: objects, structured and masked arrays, bytes, sets, and nesting deeper than ``MAX_DEPTH``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import FileFormatError, FileSaveError, brief

__all__ = ["MAX_DEPTH", "NamedArrays", "checked_dtype", "decode", "encode"]

MAX_DEPTH: Final = 64
KINDS: Final = "biufcSUmM"
"""numpy's letters for booleans, numbers, strings and dates."""

EXPECTED: Final = (
    "expected None, a boolean, a number, a string, a list, a tuple, a mapping with string keys, or a numpy array of "
    "numbers, strings or dates"
)
_DTYPE: Final = re.compile(r"\|b1|\|[iu]1|\|S\d{1,9}|[<>](?:[iufcU]\d{1,9}|[mM]8(?:\[\d{0,9}[A-Za-z]{1,2}\])?)")
_WORD: Final = re.compile(r"[^A-Za-z0-9_.-]+")
NAME_LETTERS: Final = 100


@attrs.frozen(eq=False)
class NamedArrays:
    """Arrays of one dtype by name, end to end in one vector: ``{"0.weight": (64, 32), "0.bias": (32,)}``.

    Args:
        vector: All elements.
        shapes: The shape of each array, in order; ``None`` where a file of format 1 holds no names.
    """

    vector: Array
    shapes: Mapping[str, tuple[int, ...]] | None

    def items(self) -> list[tuple[str, Array]]:
        """Each name with its array, a view of the vector."""
        pairs, start = [], 0
        for name, shape in (self.shapes or {}).items():
            stop = start + math.prod(shape)
            pairs.append((name, self.vector[start:stop].reshape(shape)))
            start = stop
        return pairs

    def matched(self, shapes: Mapping[str, tuple[int, ...]]) -> Array:
        """The elements as one vector, with the arrays in the order of ``shapes``; no copy where that is theirs.

        Raises:
            FileFormatError: When the names or a shape differ; lists both.
        """
        if self.shapes is None:
            expected = sum(map(math.prod, shapes.values()))
            if self.vector.shape != (expected,):
                raise FileFormatError(f"has {self.vector.size} elements; the parts of the network need {expected}")
            return self.vector
        if self.shapes.keys() != shapes.keys():
            raise FileFormatError(
                f"has the arrays {_listed(self.shapes)}; the parts of the network need {_listed(shapes)}"
            )
        wrong = next((name for name in shapes if tuple(self.shapes[name]) != tuple(shapes[name])), None)
        if wrong is not None:
            raise FileFormatError(
                f"has {wrong!r} with shape {tuple(self.shapes[wrong])}; the parts of the network need {shapes[wrong]}"
            )
        if list(self.shapes) == list(shapes):
            return self.vector
        arrays = dict(self.items())
        return np.concatenate([arrays[name].ravel() for name in shapes])


def _listed(names: Mapping[str, Any]) -> str:
    shown = [repr(brief(name, 40).strip("'")) for name in list(names)[:20]]
    return ", ".join(shown or ["none"]) + (f", … ({len(names)} of them)" if len(names) > len(shown) else "")


# -- Writing ----------------------------------------------------------------------------------------


def encode(tree: Mapping[str, Any]) -> tuple[Any, list[tuple[str, Array]]]:
    """The tree as JSON-able data, and its arrays in C order, each with a name for people.

    Raises:
        FileSaveError: When the tree holds what a file may not hold; names the place.
    """
    arrays: list[tuple[str, Array]] = []
    return {key: _encoded(value, arrays, key, key, 1) for key, value in tree.items()}, arrays


def _encoded(value: Any, arrays: list[tuple[str, Array]], place: str, label: str, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise FileSaveError(f"{place[:200]} is nested deeper than {MAX_DEPTH} levels, or contains itself; make it flat")
    if value is None or isinstance(value, (bool, np.bool_)):
        return value if value is None else bool(value)
    if isinstance(value, (np.timedelta64, np.longdouble)):
        return _scalar(value, place)
    if isinstance(value, (int, np.integer)):
        number = int(value)
        return number if -(1 << 63) <= number < 1 << 64 else {"$int": hex(number)}
    if isinstance(value, (float, np.floating)):
        return float(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, np.generic):
        return _scalar(value, place)
    if isinstance(value, np.ndarray):
        return {"$array": _stored(value, arrays, place, label)}
    if isinstance(value, NamedArrays):
        named = {name: _stored(array, arrays, place, f"{label}.{name}") for name, array in value.items()}
        return {"$named": [value.vector.dtype.str, named]}
    if isinstance(value, (list, tuple)):
        items = [_encoded(item, arrays, f"{place}[{i}]", f"{label}.{i}", depth + 1) for i, item in enumerate(value)]
        return items if isinstance(value, list) else {"$tuple": items}
    if isinstance(value, Mapping):
        entries = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise FileSaveError(f"{place} has the key {brief(key)}; expected strings as keys")
            entries[str.__str__(key)] = _encoded(item, arrays, f"{place}[{brief(key)}]", f"{label}.{key}", depth + 1)
        # A mapping that could be taken for one of the marks above is marked itself.
        return {"$mapping": entries} if len(entries) == 1 and next(iter(entries)).startswith("$") else entries
    raise FileSaveError(f"{place} is {brief(value)}; {EXPECTED}")


def _scalar(value: np.generic, place: str) -> dict[str, list[str]]:
    array = _storable(np.asarray(value), place)
    return {"$scalar": [array.dtype.str, array.tobytes().hex()]}


def _stored(array: Array, arrays: list[tuple[str, Array]], place: str, label: str) -> int:
    words = _WORD.sub("_", label[: 2 * NAME_LETTERS])[:NAME_LETTERS].strip(".") or "array"
    arrays.append((words, np.asarray(_storable(array, place), order="C")))
    return len(arrays) - 1


def _storable(array: Array, place: str) -> Array:
    if type(array) not in {np.ndarray, np.memmap}:
        raise FileSaveError(f"{place} is a {type(array).__name__}; {EXPECTED}")
    if _DTYPE.fullmatch(array.dtype.str) is None or array.dtype.itemsize == 0:
        raise FileSaveError(f"{place} is an array of dtype {array.dtype}; {EXPECTED}")
    return array


# -- Reading ----------------------------------------------------------------------------------------


def checked_dtype(text: object) -> np.dtype[Any]:
    """The dtype of this name.

    Raises:
        FileFormatError: When an array in a file may not have it.
    """
    if isinstance(text, str) and _DTYPE.fullmatch(text):
        try:
            dtype = np.dtype(text)
        except TypeError:
            dtype = np.dtype(object)
        if dtype.str == text and dtype.itemsize > 0:
            return dtype
    raise FileFormatError(f"refused: an array has dtype {brief(text)}; a file holds numbers, strings and dates alone")


def decode(encoded: object, members: Sequence[tuple[np.dtype[Any], tuple[int, ...]]]) -> tuple[Any, list[Array]]:
    """The tree, with new arrays that are yet to be filled, and these arrays in the order of the members.

    Args:
        encoded: From JSON.
        members: Dtype and shape of each array.

    Raises:
        FileFormatError: When the tree cannot be understood, or does not hold each array once.
    """
    decoder = _Decoder(members)
    tree = decoder.decoded(encoded, 0)
    missing = next((index for index in range(len(members)) if index not in decoder.arrays), None)
    if missing is not None:
        raise FileFormatError(f"damaged: array {missing} is not part of the content")
    return tree, [decoder.arrays[index] for index in range(len(members))]


class _Decoder:
    def __init__(self, members: Sequence[tuple[np.dtype[Any], tuple[int, ...]]]) -> None:
        self.members = members
        self.arrays: dict[int, Array] = {}

    def decoded(self, value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise FileFormatError(f"refused: the content is nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, list):
            return [self.decoded(item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            mark, inner = next(iter(value.items()))
            if mark.startswith("$"):
                return self._marked(mark, inner, depth)
        return {key: self.decoded(item, depth + 1) for key, item in value.items()}

    def _marked(self, mark: str, inner: Any, depth: int) -> Any:
        if mark == "$array":
            place = self._claimed(inner)
            self.arrays[place] = _empty(*self.members[place])
            return self.arrays[place]
        if mark == "$named" and isinstance(inner, list) and len(inner) == 2 and isinstance(inner[1], dict):
            return self._named(*inner)
        if mark == "$tuple" and isinstance(inner, list):
            return tuple(self.decoded(item, depth + 1) for item in inner)
        if mark == "$mapping" and isinstance(inner, dict):
            return {key: self.decoded(item, depth + 1) for key, item in inner.items()}
        if mark == "$int" and isinstance(inner, str) and re.fullmatch(r"-?0x[0-9a-f]+", inner):
            return int(inner, 16)
        if mark == "$scalar" and isinstance(inner, list) and len(inner) == 2 and isinstance(inner[1], str):
            dtype = checked_dtype(inner[0])
            if re.fullmatch(r"[0-9a-f]+", inner[1]) and len(inner[1]) == 2 * dtype.itemsize and dtype.kind != "U":
                return np.frombuffer(bytes.fromhex(inner[1]), dtype)[0]
        raise FileFormatError(f"damaged: the content has {brief(mark)} with {brief(inner)}, which is not understood")

    def _claimed(self, index: object) -> int:
        if type(index) is not int or not 0 <= index < len(self.members) or index in self.arrays:
            raise FileFormatError(f"damaged: array {brief(index)} is not there, or is used twice")
        return index

    def _named(self, dtype_name: object, indices: Mapping[str, object]) -> NamedArrays:
        dtype = checked_dtype(dtype_name)
        shapes: dict[str, tuple[int, ...]] = {}
        places = []
        for name, index in indices.items():
            place = self._claimed(index)
            if self.members[place][0] != dtype:
                raise FileFormatError(f"damaged: {brief(name)} has dtype {self.members[place][0]}; expected {dtype}")
            shapes[name] = self.members[place][1]
            self.arrays[place] = np.empty(0)  # in use; its view follows
            places.append(place)
        named = NamedArrays(_empty(dtype, (sum(map(math.prod, shapes.values())),)), shapes)
        self.arrays.update({place: view for place, (_, view) in zip(places, named.items(), strict=True)})
        return named


def _empty(dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    try:
        return np.empty(shape, dtype)
    except ValueError as error:  # a length of 0 beside one that is too large for any array
        raise FileFormatError(f"damaged: an array has shape {shape}") from error
