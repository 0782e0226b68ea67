"""MAT-files of version 5 to 7.2, read without another package: numbers, texts, cells and structs.

No size that a file claims is believed, and objects and functions of MATLAB stay unread.

Source:
    MathWorks, "MAT-File Format", versions of level 5.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs
import numpy as np

from nnkit.errors import FileFormatError

__all__ = ["Unread", "Value", "read_mat"]

DTYPES: Final = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""numpy's dtype of each element type."""

TEXTS: Final = {2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
"""The encoding of texts by element type."""

MATRIX, COMPRESSED, INT32 = 14, 15, 5
CELL, STRUCT, CHAR, FIRST_NUMBER, LAST_NUMBER = 1, 2, 4, 6, 15

GROWTH: Final = 1032
"""The most that deflate can compress."""

LIMIT: Final = 1 << 30
"""Bytes of one variable after its decompression."""

DEPTH: Final = 16

Value: TypeAlias = Any
"""An array of numbers, a text, a list of the entries of a cell array (column by column), or a dict of a struct."""


@attrs.frozen
class Unread:
    """A value that is no data: an object or a function of MATLAB, a sparse matrix, or an array of structs."""

    kind: str


def read_mat(file: Path) -> dict[str, Value]:
    """The variables of a file by name.

    Raises:
        FileFormatError: When a size does not agree with what is there, or the file is something else.
    """
    size = file.stat().st_size
    variables: dict[str, Value] = {}
    with file.open("rb") as source:
        header = source.read(128)
        if len(header) < 128 or header[126:128] not in {b"IM", b"MI"}:
            raise FileFormatError("it is not a MAT-file of version 7; save it in MATLAB with '-v7'")
        order = "<" if header[126:128] == b"IM" else ">"
        if struct.unpack(f"{order}H", header[124:126])[0] != 0x0100:
            raise FileFormatError("it is a MAT-file of version 7.3; save it in MATLAB with '-v7'")
        while tag := source.read(8):
            if len(tag) < 8:
                raise FileFormatError("damaged: it ends inside of a variable")
            kind, length = struct.unpack(f"{order}2I", tag)
            if kind not in {MATRIX, COMPRESSED} or length > size - source.tell():
                raise FileFormatError("damaged: a variable is longer than the file")
            content = source.read(length)
            if kind == COMPRESSED:
                content = _inflated(content)
                kind, length = struct.unpack(f"{order}2I", content[:8])
                content = content[8 : 8 + length]
                if kind != MATRIX or len(content) != length:
                    raise FileFormatError("damaged: a compressed variable is no matrix")
            name, value = _matrix(memoryview(content), order, 0)
            variables[name] = value
    return variables


def _inflated(content: bytes) -> bytes:
    inflater = zlib.decompressobj()
    inner = inflater.decompress(content, min(GROWTH * len(content) + 64, LIMIT))
    if not inflater.eof or len(inner) < 8:
        raise FileFormatError(f"damaged: a variable of {len(content):,} bytes does not end where it should")
    return inner


def _elements(view: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """The type and the content of each element."""
    while len(view) >= 8:
        kind, length = struct.unpack(f"{order}2I", view[:8])
        if kind >> 16:  # a small element: four bytes of tag, four of content
            kind, length, start, step = kind & 0xFFFF, kind >> 16, 4, 8
        else:
            start, step = 8, 8 + length + (-length % 8)
        if start + length > len(view) or (start == 4 and length > 4):
            raise FileFormatError("damaged: an element is longer than its variable")
        yield kind, view[start : start + length]
        view = view[step:]


def _matrix(view: memoryview, order: str, depth: int) -> tuple[str, Value]:
    """The name and the value of a matrix."""
    if not len(view):
        return "", np.empty((0, 0))
    if depth > DEPTH:
        raise FileFormatError(f"damaged: more than {DEPTH} structs and cells inside each other")
    parts = list(_elements(view, order))
    if len(parts) < 3 or parts[1][0] != INT32 or len(parts[0][1]) < 4:
        raise FileFormatError("damaged: a variable without flags, dimensions or name")
    flags = struct.unpack(f"{order}I", parts[0][1][:4])[0]
    shape = tuple(np.frombuffer(parts[1][1], f"{order}i4").tolist())
    kind, name, rest = flags & 0xFF, bytes(parts[2][1]).decode("latin-1"), parts[3:]
    if any(n < 0 for n in shape) or len(shape) > 8:
        raise FileFormatError(f"damaged: {name!r} claims the shape {shape[:8]}")
    count = math.prod(shape)
    if kind == CELL:
        return name, _inner(rest, count, order, depth)
    if kind == STRUCT:
        if count != 1 or len(rest) < 2:
            return name, Unread(f"an array of {count} structs")
        width = int(np.frombuffer(rest[0][1][:4], f"{order}i4")[0]) if len(rest[0][1]) >= 4 else 0
        text = bytes(rest[1][1])
        fields = [text[k : k + width].split(b"\0")[0].decode("latin-1") for k in range(0, len(text), max(width, 1))]
        return name, dict(zip(fields, _inner(rest[2:], len(fields), order, depth), strict=True))
    if kind == CHAR:
        if not rest:
            return name, ""
        encoding = TEXTS.get(rest[0][0])
        if encoding is None:
            raise FileFormatError(f"damaged: {name!r} is a text of type {rest[0][0]}")
        suffix = {"<": "-le", ">": "-be"}[order] if encoding in {"utf-16", "utf-32"} else ""
        return name, bytes(rest[0][1]).decode(encoding + suffix)
    if FIRST_NUMBER <= kind <= LAST_NUMBER and flags & 0x800 == 0:
        return name, _numbers(name, rest, shape, order)
    return name, Unread({3: "an object", 5: "a sparse matrix", 16: "a function", 17: "an object"}.get(kind, "complex"))


def _inner(parts: list[tuple[int, memoryview]], count: int, order: str, depth: int) -> list[Value]:
    """The matrices inside of a cell array or struct."""
    if count != len(parts) or any(kind != MATRIX for kind, _ in parts):
        raise FileFormatError(f"damaged: a cell array or struct claims {count} entries and has {len(parts)}")
    return [_matrix(inner, order, depth + 1)[1] for _, inner in parts]


def _numbers(name: str, parts: list[tuple[int, memoryview]], shape: tuple[int, ...], order: str) -> Value:
    """An array, which a file may store in a smaller dtype."""
    kind, content = parts[0] if parts else (9, memoryview(b""))
    if kind not in DTYPES:
        raise FileFormatError(f"damaged: {name!r} has elements of type {kind}")
    dtype = np.dtype(f"{order}{DTYPES[kind]}")
    if math.prod(shape) * dtype.itemsize != len(content):
        raise FileFormatError(f"damaged: {name!r} claims the shape {shape} and has {len(content):,} bytes")
    return np.frombuffer(content, dtype).astype(np.float64).reshape(shape, order="F")
