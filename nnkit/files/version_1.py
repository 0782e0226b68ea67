"""Reading the container of format version 1: a zip archive whose comment is a SHA-256 of all before it."""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import FileFormatError, brief
from nnkit.files.trees import MAX_DEPTH, checked_dtype

__all__ = ["read", "recognizes"]

MARK: Final = b"nnkit:sha256:"
DIGEST_LENGTH: Final = 64
_HEADER: Final = re.compile(
    rb"\{'descr': '([^']{1,40})', 'fortran_order': (True|False), 'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\), \} *\n"
)


def recognizes(end: bytes) -> bool:
    """Whether a file with this end is of format version 1."""
    return end[-len(MARK) - DIGEST_LENGTH :].startswith(MARK)


def read(file: BinaryIO, size: int, what: str) -> dict[str, Any]:
    """The tree in a file of format version 1; nothing in it is executed.

    Raises:
        FileFormatError: When it is damaged, or holds something else.
    """
    file.seek(0)
    content = file.read(size)
    end = size - DIGEST_LENGTH
    if hashlib.sha256(memoryview(content)[:end]).hexdigest().encode() != content[end:]:
        raise FileFormatError("damaged: its content does not match its checksum")
    members = _members(file, content)
    try:
        header = json.loads(_array(members, "header").tobytes())
        version, known, tree = header["version"], header["what"], header["tree"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileFormatError(f"damaged: its header cannot be read ({type(error).__name__})") from error
    if type(version) is not int or version != 1:
        raise FileFormatError(f"damaged: its format version is {brief(version)}; expected 1")
    if known != what:
        raise FileFormatError(f"holds {brief(known)}; expected {what!r}")
    unpacked = _unpacked(tree, members, 0)
    if not isinstance(unpacked, dict):
        raise FileFormatError("damaged: its content is not a mapping")
    return unpacked


def _members(file: BinaryIO, content: bytes) -> dict[str, memoryview]:
    """The content of each member by its name, all of them views of the file's bytes."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError, struct.error) as error:
        raise FileFormatError(f"damaged: its directory cannot be read ({error})") from error
    members: dict[str, memoryview] = {}
    for entry in entries:
        start = entry.header_offset + 30
        lengths = content[start - 4 : start]
        if len(lengths) != 4 or entry.header_offset < 0:
            raise FileFormatError(f"damaged: {brief(entry.filename)} begins outside of it")
        start += sum(struct.unpack("<HH", lengths))
        name = entry.filename.removesuffix(".npy")
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 or entry.compress_size != entry.file_size:
            raise FileFormatError(f"refused: {brief(name)} is compressed or encrypted")
        if start + entry.file_size > len(content) or name in members:
            raise FileFormatError(f"damaged: {brief(name)} is larger than the file, or there twice")
        members[name] = memoryview(content)[start : start + entry.file_size]
    return members


def _array(members: dict[str, memoryview], name: object) -> Array:
    content = members.pop(name, None) if isinstance(name, str) else None
    if content is None:
        raise FileFormatError(f"damaged: the array {brief(name)} is not there, or is used twice")
    length = int.from_bytes(content[8:10], "little")
    match = _HEADER.fullmatch(content[10 : 10 + length])
    if bytes(content[:8]) != b"\x93NUMPY\1\0" or match is None:
        raise FileFormatError(f"refused: the array {brief(name)} is not one of plain numbers")
    dtype = checked_dtype(match[1].decode("ascii", "replace"))
    shape = tuple(int(number) for number in match[3].split(b",") if number.strip())
    elements = content[10 + length :]
    if len(shape) > 32 or math.prod(shape) * dtype.itemsize != len(elements) or max(shape, default=0) >= 1 << 60:
        raise FileFormatError(f"damaged: the array {brief(name)} has shape {brief(shape)} in {len(elements)} bytes")
    try:
        array: Array = np.frombuffer(elements, dtype)
        array = array.reshape(shape[::-1]).T if match[2] == b"True" else array.reshape(shape)
        return np.array(array, order="C")
    except ValueError as error:  # a length of 0 beside one that is too large for any array
        raise FileFormatError(f"damaged: the array {brief(name)} has shape {brief(shape)}") from error


def _unpacked(value: Any, members: dict[str, memoryview], depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise FileFormatError(f"refused: the content is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        if set(value) == {"__array__"}:
            return _array(members, value["__array__"])
        return {key: _unpacked(item, members, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_unpacked(item, members, depth + 1) for item in value]
    return value
