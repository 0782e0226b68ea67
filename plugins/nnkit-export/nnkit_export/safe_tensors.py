"""Safetensors files: arrays by name after a JSON header, read and written without another package.

Source:
    Hugging Face (2023), "Safetensors", the format's description in its repository.
"""

from __future__ import annotations

import functools
import json
import math
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, TypeGuard

import attrs
import numpy as np

import nnkit
from nnkit.arrays import Array
from nnkit.errors import FileFormatError, brief
from nnkit.files.atomic import write_atomically
from nnkit.files.networks import description_record, with_description
from nnkit.files.schema import DescriptionRecord, from_tree, to_tree
from nnkit.network.composition import Composition
from nnkit_export.assembly import built
from nnkit_export.errors import ExportError, NetworkImportError
from nnkit_export.facts import generator
from nnkit_export.reading import as_mapping, checked_file, parsed_json, reading

__all__ = ["from_safetensors", "read_safetensors", "to_safetensors", "unpacked"]

DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
"""numpy's dtype of each element type; bfloat16 is read as the upper half of a float32."""

HEADER_LIMIT: Final = 100_000_000
"""Bytes of JSON, as in the reference implementation."""

LARGEST: Final = 1 << 62


def to_safetensors(network: nnkit.Network | nnkit.Ensemble, path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Write the arrays of a network, named as in ``network.arrays``; its config stands in the file's metadata.

    Training state, history and notes are not written.

    Args:
        network: With known inputs; an ensemble is refused.
        path: A name that ends in ``.safetensors``.

    Returns:
        The file.

    Raises:
        FileFormatError: When the name ends in something else.
        ExportError: When this is an ensemble.

    Example:
        >>> import tempfile
        >>> network = nnkit.Network([2, 3, 1], seed=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     (file,) = to_safetensors(network, f"{folder}/model.safetensors")
        ...     copy = from_safetensors(file)
        >>> bool((copy.parameters == network.parameters).all())
        True
    """
    file = Path(path)
    if isinstance(network, nnkit.Ensemble):
        raise ExportError("safetensors has the arrays of one network: write each of ensemble.networks to a file")
    if file.suffix != ".safetensors":
        raise FileFormatError(f"the file is {str(file)!r}; expected a name that ends in .safetensors")
    record = description_record(network.model)
    metadata = {
        "generator": generator(),
        "config": json.dumps(network.to_config()),
        "description": json.dumps(None if record is None else to_tree(record)),
    }
    header: dict[str, Any] = {"__metadata__": metadata}
    position, kind = 0, {4: "F32", 8: "F64"}[network.dtype.itemsize]
    arrays = dict(network.arrays)
    for name, array in arrays.items():
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": [position, position + array.nbytes]}
        position += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    content = struct.pack("<Q", len(text)) + text
    write_atomically(file, functools.partial(_put, content, arrays))
    return (file,)


def _put(content: bytes, arrays: Mapping[str, Array], file: IO[bytes]) -> None:
    file.write(content)
    for array in arrays.values():
        file.write(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())


def from_safetensors(path: str | os.PathLike[str]) -> nnkit.Network:
    """The network in a file that ``to_safetensors`` has written; for files of PyTorch see ``from_torch``.

    Args:
        path: The file.

    Raises:
        FileFormatError: When it is damaged or something else.
        NetworkImportError: When it has no config of nnkit, or arrays that do not fit it.
        SpecError: When its config is not one of a network.
    """
    file = checked_file(path, ".safetensors")
    with reading(file, "a safetensors file"):
        arrays, metadata = read_safetensors(file)
        if "config" not in metadata:
            raise NetworkImportError(
                f"{file.name} has arrays, but no network of nnkit; state its layers: from_torch({file.name!r}, layers)"
            )
        composition = Composition.from_config(parsed_json(metadata["config"]))
        if composition.inputs is None or not arrays:
            raise FileFormatError("damaged: the config has no inputs, or the file no arrays")
        network = built(composition, arrays)
        stated = json.loads(metadata.get("description", "null"))
        if stated is None:
            return network
        record = from_tree(DescriptionRecord, stated)
        return built(composition, arrays, with_description(network.model, record).description)


@attrs.frozen
class _Entry:
    """One array as the header describes it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    @classmethod
    def of(cls, name: str, entry: Any) -> _Entry:
        fields = as_mapping(entry, f"the entry of {name}")
        shape, place = fields.get("shape"), fields.get("data_offsets")
        if not _counts(shape) or not _counts(place) or len(place) != 2 or fields.get("dtype") not in DTYPES:
            raise FileFormatError(f"damaged: the entry of {name} is {brief(entry)}")
        return cls(name, fields["dtype"], tuple(shape), *place)


def _counts(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(n) is int and 0 <= n < LARGEST for n in value)


def read_safetensors(file: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays of a file, in the order of their places, and its metadata.

    Raises:
        FileFormatError: When a size does not agree with the size of the file.
    """
    with file.open("rb") as source:
        return unpacked(source, file.stat().st_size)


def unpacked(source: BinaryIO, size: int) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays and the metadata of an open file of ``size`` bytes; see ``read_safetensors``."""
    (length,) = struct.unpack("<Q", source.read(8).ljust(8, b"\xff"))
    if length > min(HEADER_LIMIT, size - 8):
        raise FileFormatError(f"damaged: a header of {length:,} bytes in a file of {size:,}")
    header = parsed_json(source.read(length))
    metadata = as_mapping(header.pop("__metadata__", {}), "its metadata")
    if not all(isinstance(value, str) for value in metadata.values()):
        raise FileFormatError("damaged: its metadata are not texts")
    entries = sorted((_Entry.of(*item) for item in header.items()), key=lambda entry: (entry.start, entry.stop))
    position, arrays = 0, {}
    for entry in entries:
        dtype = DTYPES[entry.dtype]
        if entry.start != position or entry.stop - entry.start != math.prod(entry.shape) * dtype.itemsize:
            raise FileFormatError(f"damaged: {brief(entry.name)} does not fill its place")
        position = entry.stop
    if position != size - 8 - length:
        raise FileFormatError(f"damaged: {position:,} bytes of arrays in a file with {size - 8 - length:,}")
    for entry in entries:
        values = np.frombuffer(source.read(entry.stop - entry.start), DTYPES[entry.dtype]).reshape(entry.shape)
        if entry.dtype == "BF16":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        arrays[entry.name] = values.astype(values.dtype.newbyteorder("="), copy=False)
    return arrays, metadata
