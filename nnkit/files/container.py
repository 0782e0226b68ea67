"""The one container of everything that nnkit keeps: a tree of plain values and arrays in an ``.npz``.

Members are not compressed. Each array is a member of its own; the last member, ``manifest``, is
JSON: the tree, and for each array its name, dtype, shape, CRC-32 and SHA-256. The comment at the
end of the file says where the manifest stands, with a SHA-256 of everything from there on. Reading
uses the comment and the manifest alone: what stands between the arrays must be, byte for byte,
what writing puts there. So every byte is checked, no byte is interpreted twice, and no size is
believed that does not agree with the size of the file.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import re
import threading
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import FileFormatError, FileSaveError, NNKitError, brief
from nnkit.files import version_1
from nnkit.files.atomic import write_atomically
from nnkit.files.trees import checked_dtype, decode, encode
from nnkit.files.versions import FORMAT_VERSION, check_version, upgraded
from nnkit.files.zipping import ZipMember, ending, local_header

__all__ = ["Source", "Target", "content_of", "name_of", "named_errors", "read", "write"]

Target: TypeAlias = str | os.PathLike[str] | BinaryIO
"""Where to write to: a path, or a binary file open for writing."""

Source: TypeAlias = str | os.PathLike[str] | BinaryIO
"""What to read: a path, or a binary file open for reading."""

COMMENT: Final = "nnkit manifest at {:020d} of {:020d} bytes, SHA-256 "
_COMMENT: Final = re.compile(rb"nnkit manifest at (\d{20}) of (\d{20}) bytes, SHA-256 ([0-9a-f]{64})")
DIGEST_LENGTH: Final = 64
COMMENT_LENGTH: Final = len(COMMENT.format(0, 0)) + DIGEST_LENGTH
MANIFEST_LIMIT: Final = 1 << 28
"""Bytes of JSON in one file; arrays do not count."""

MANIFEST: Final = "manifest"
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,200}")
CHUNK: Final = 1 << 20


@attrs.frozen
class _Member:
    """An array as the manifest describes it."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    crc: int
    sha256: str

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def header(self, start: int) -> tuple[ZipMember, bytes]:
        """Its entry in the zip archive, and all that stands before its elements."""
        npy = _npy_header(self.dtype, self.shape)
        entry = ZipMember(f"{self.name}.npy".encode(), len(npy) + self.nbytes, self.crc, start)
        return entry, local_header(entry) + npy


def _npy_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """The beginning of an ``.npy`` file, as numpy writes it."""
    text = f"{{'descr': {dtype.str!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode()


def _bytes_of(array: Array) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


# -- Writing ----------------------------------------------------------------------------------------


def write(target: Target, tree: Mapping[str, Any], *, what: str, durable: bool = True) -> None:
    """Write a tree, to a path completely or not at all.

    Args:
        target: A path, or a binary file.
        tree: See ``nnkit.files.trees``.
        what: The kind of content (``"network"``, …), which ``read`` compares.
        durable: For a path, whether to wait until the file is on the disk.

    Raises:
        FileSaveError: When the tree holds what a file may not hold (nothing is written then), or
            the file cannot be written.
    """
    encoded, arrays = encode(tree)
    _check_place(target, "write", FileSaveError)
    if isinstance(target, (str, os.PathLike)):
        write_atomically(target, lambda file: _write(file, encoded, arrays, what), durable=durable)
        return
    try:
        _write(target, encoded, arrays, what)
    except OSError as error:
        if isinstance(error, FileSaveError):
            raise
        raise FileSaveError(f"the file could not be written ({error.strerror or error})") from error


def _check_place(place: Target | Source, method: str, error: type[NNKitError]) -> None:
    """Refuse with an ``error`` what is neither a path nor an open binary file that has the method."""
    if isinstance(place, (str, os.PathLike)):
        path = os.fspath(place)
        if not isinstance(path, str) or not path or "\0" in path:
            raise error(f"the path is {path!r}; expected the name of a file, without NUL")
    elif not callable(getattr(place, method, None)) or hasattr(place, "encoding"):
        raise error(
            f"expected a path, or a binary file with {method}(): open(path, '{method[0]}b'); got {brief(place)}"
        )
    elif getattr(place, "closed", False):
        raise error(f"the file {name_of(place)} is closed; open it again")


def _write_all(file: BinaryIO, content: bytes | memoryview) -> None:
    """Write everything: one call of a file without a buffer may write a part of it."""
    rest = memoryview(content)
    while rest:
        written = file.write(rest)
        if written == 0:
            raise OSError(0, "write() wrote nothing")
        rest = rest[len(rest) if written is None else written :]


def _write(file: BinaryIO, encoded: Any, arrays: list[tuple[str, Array]], what: str) -> None:
    entries: list[ZipMember] = []
    described: list[list[Any]] = []
    position = 0
    used = {MANIFEST}
    for label, array in arrays:
        name = label if label not in used else f"{label}-{len(described)}"
        used.add(name)
        crc, digest = _checksums(array)
        entry, header = _Member(name, array.dtype, array.shape, crc, digest).header(position)
        _write_all(file, header)
        _write_all(file, _bytes_of(array))
        entries.append(entry)
        described.append([name, array.dtype.str, list(array.shape), crc, digest])
        position += len(header) + array.nbytes
    manifest = {"format": "nnkit", "version": FORMAT_VERSION, "what": what, "arrays": described, "tree": encoded}
    text = np.frombuffer(json.dumps(manifest, separators=(",", ":")).encode(), dtype=np.uint8)
    if text.nbytes > MANIFEST_LIMIT:
        raise FileSaveError(
            f"the content beside the arrays takes {text.nbytes:,} bytes of JSON; the limit is {MANIFEST_LIMIT:,}: put "
            "long lists of numbers into arrays"
        )
    _write_all(file, _tail(text, position, entries))


def _checksums(array: Array) -> tuple[int, str]:
    """CRC-32 of the member of an array, and SHA-256 of its elements; for a large array on two cores."""
    content, crc = _bytes_of(array), zlib.crc32(_npy_header(array.dtype, array.shape))

    def add_content() -> None:
        nonlocal crc
        crc = zlib.crc32(content, crc)

    helper = threading.Thread(target=add_content) if array.nbytes > CHUNK else None
    if helper is not None:
        helper.start()
    digest = hashlib.sha256(content).hexdigest()
    if helper is None:
        add_content()
    else:
        helper.join()
    return crc, digest


def _tail(text: Array, position: int, entries: list[ZipMember]) -> bytes:
    """Everything after the arrays: the manifest, the zip directory and the comment."""
    crc = zlib.crc32(_bytes_of(text), zlib.crc32(_npy_header(text.dtype, text.shape)))
    entry, header = _Member(MANIFEST, text.dtype, text.shape, crc, "").header(position)
    comment = COMMENT.format(position, text.nbytes).encode()
    start = position + len(header) + text.nbytes
    tail = header + text.tobytes() + ending([*entries, entry], start, comment + b"0" * DIGEST_LENGTH)
    tail = tail[:-DIGEST_LENGTH]
    return tail + hashlib.sha256(tail).hexdigest().encode()


# -- Reading ----------------------------------------------------------------------------------------


def name_of(source: Source) -> str:
    """The name of a file, for messages."""
    return str(os.fspath(source) if isinstance(source, (str, os.PathLike)) else getattr(source, "name", "the file"))


@contextlib.contextmanager
def named_errors(source: Source) -> Iterator[None]:
    """Within the block, every error of this library names the file."""
    name = name_of(source)
    try:
        yield
    except NNKitError as error:
        message = str(error)
        if message.startswith(f"{name}: "):
            raise
        raise type(error)(f"{name}: {message}") from (error.__cause__ or error)


def read(source: Source, *, what: str) -> dict[str, Any]:
    """Read back what ``write`` wrote, brought to the present version; nothing in the file is executed.

    Args:
        source: A path, or a binary file.
        what: The kind of content that is expected.

    Raises:
        FileNotFoundError: When there is no such file.
        FileFormatError: When the file is damaged, foreign, of another kind, or newer.
    """
    _check_place(source, "read", FileFormatError)
    with named_errors(source):
        if isinstance(source, (str, os.PathLike)):
            if Path(source).is_dir():
                raise FileFormatError("is a folder; expected a file")
            with Path(source).open("rb") as file:
                return _read(file, os.fstat(file.fileno()).st_size, what)
        content = source.read()
        if not isinstance(content, (bytes, bytearray)):
            raise FileFormatError(f"is not a binary file: its read() returned {brief(content)}")
        return _read(io.BytesIO(content), len(content), what)


def content_of(path: str | os.PathLike[str]) -> str:
    """The kind of content that a file was written with (``what``); its arrays are not read.

    Raises:
        FileNotFoundError: When there is no such file.
        FileFormatError: When the file is damaged, foreign or newer.
    """
    with named_errors(path), Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        match = _place(file, size)
        if match is None:
            return "network"  # a file of version 1 is read as one, which compares it
        what = _manifest(_last_part(file, size, match)[2])["what"]
        return what if isinstance(what, str) else brief(what)


def _read(file: BinaryIO, size: int, what: str) -> dict[str, Any]:
    match = _place(file, size)
    if match is None:
        return upgraded(what, 1, version_1.read(file, size, what))
    position, tail, text = _last_part(file, size, match)
    manifest = _manifest(text)
    if manifest["what"] != what:
        raise FileFormatError(f"holds {brief(manifest['what'])}; expected {what!r}")
    members = [_member(entry) for entry in manifest["arrays"]]
    headers = _checked_headers(members, position, tail, np.frombuffer(text, np.uint8))
    tree, arrays = decode(manifest["tree"], [(member.dtype, member.shape) for member in members])
    file.seek(0)
    for header, member, array in zip(headers, members, arrays, strict=True):
        _fill(file, header, member, array)
    if not isinstance(tree, dict):
        raise FileFormatError("damaged: its content is not a mapping")
    return upgraded(what, manifest["version"], tree)


def _place(file: BinaryIO, size: int) -> re.Match[bytes] | None:
    """The comment at the end of the file; ``None`` for a file of version 1."""
    file.seek(max(0, size - COMMENT_LENGTH))
    comment = file.read(COMMENT_LENGTH)
    match = _COMMENT.fullmatch(comment)
    if match is None and not version_1.recognizes(comment):
        raise FileFormatError(_why_foreign(file))
    return match


def _last_part(file: BinaryIO, size: int, match: re.Match[bytes]) -> tuple[int, bytes, bytes]:
    """Where the manifest begins, the bytes from there on, whose checksum is compared, and the manifest."""
    position, length = int(match[1]), int(match[2])
    if length > MANIFEST_LIMIT or position + length > size:
        raise FileFormatError("damaged: its manifest would be larger than the file")
    file.seek(position)
    tail = file.read(size - position)
    if hashlib.sha256(memoryview(tail)[:-DIGEST_LENGTH]).hexdigest().encode() != match[3]:
        raise FileFormatError("damaged: its manifest does not match its checksum")
    begin = len(_Member(MANIFEST, np.dtype(np.uint8), (length,), 0, "").header(position)[1])
    return position, tail, tail[begin : begin + length]


def _manifest(text: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(text, object_pairs_hook=_without_repetition)
    except FileFormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"damaged: its manifest cannot be read ({type(error).__name__})") from error
    if not isinstance(manifest, dict) or manifest.get("format") != "nnkit":
        raise FileFormatError("not an nnkit file: its manifest is another one's")
    check_version(manifest.get("version"))
    if manifest.keys() != {"format", "version", "what", "arrays", "tree"} or not isinstance(manifest["arrays"], list):
        raise FileFormatError("damaged: its manifest is not complete")
    return manifest


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise FileFormatError("damaged: its manifest has a key twice")
    return entries


def _member(entry: object) -> _Member:
    if not isinstance(entry, list) or len(entry) != 5:
        raise FileFormatError(f"damaged: its manifest describes an array by {brief(entry)}")
    name, dtype, shape, crc, digest = entry
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise FileFormatError(f"damaged: an array has the name {brief(name)}")
    if not isinstance(shape, list) or len(shape) > 32 or not all(type(n) is int and 0 <= n < 1 << 60 for n in shape):
        raise FileFormatError(f"damaged: the array {name!r} has the shape {brief(shape)}")
    if type(crc) is not int or not 0 <= crc < 1 << 32 or not isinstance(digest, str):
        raise FileFormatError(f"damaged: the array {name!r} has the checksums {brief(crc)} and {brief(digest)}")
    return _Member(name, checked_dtype(dtype), tuple(shape), crc, digest)


def _checked_headers(members: list[_Member], position: int, tail: bytes, text: Array) -> list[bytes]:
    """What stands before the elements of each array; the arrays fill the file up to the manifest, without gaps."""
    headers, entries, start = [], [], 0
    for member in members:
        entry, header = member.header(start)
        headers.append(header)
        entries.append(entry)
        start += len(header) + member.nbytes
        if start > position:
            raise FileFormatError(f"damaged: the array {member.name!r} would be larger than the file")
    if len({member.name for member in members} | {MANIFEST}) != len(members) + 1:
        raise FileFormatError("damaged: two arrays have one name")
    if start != position or _tail(text, position, entries) != tail:
        raise FileFormatError("damaged: its arrays do not fill it")
    return headers


def _fill(file: BinaryIO, header: bytes, member: _Member, array: Array) -> None:
    """Read the next array of the file into ``array``, and compare its checksum."""
    if file.read(len(header)) != header:
        raise FileFormatError(f"damaged: the header of the array {member.name!r} is not the one that was written")
    content, digest = _bytes_of(array), hashlib.sha256()
    for begin in range(0, len(content), CHUNK):
        part = content[begin : begin + CHUNK]
        if file.readinto(part) != len(part):  # type: ignore[attr-defined]
            raise FileFormatError(f"damaged: it ends within the array {member.name!r}")
        digest.update(part)
    if digest.hexdigest() != member.sha256:
        raise FileFormatError(f"damaged: the array {member.name!r} does not match its checksum")
    unsigned = {"b": np.uint8, "U": np.uint32}.get(array.dtype.kind)
    if unsigned is not None and array.size:
        largest = array.reshape(-1).view(np.dtype(unsigned).newbyteorder(array.dtype.byteorder)).max()
        if largest > (1 if array.dtype.kind == "b" else 0x10FFFF):
            raise FileFormatError(f"damaged: the array {member.name!r} holds what its dtype cannot hold")


def _why_foreign(file: BinaryIO) -> str:
    file.seek(0)
    if file.read(4) != b"PK\3\4":
        return "not an nnkit file: it is not an .npz archive, or its beginning is damaged"
    return "not an nnkit file, or damaged: an .npz archive without nnkit's mark at its end"
