"""Reads an HDF5 file from standard input and writes its arrays to standard output; run as a script.

A damaged file can make the HDF5 library loop or end the process, so it runs in one of its own, with limits. What is
written has the form of a safetensors file; attributes with a meaning for Keras are in its metadata.
"""

from __future__ import annotations

import io
import json
import struct
import sys
from typing import Any

import h5py
import numpy as np

__all__: list[str] = []

ROOTS = ("layers", "model_weights")
ATTRIBUTES = ("model_config", "weight_names")
NODES = 100_000
GROWTH = 8


class Refused(Exception):  # noqa: N818  # it ends this process with a sentence
    """The file is not one that Keras writes."""


def main() -> None:
    """Read, check and write."""
    content = sys.stdin.buffer.read()
    _limit(len(content))
    arrays: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    with h5py.File(io.BytesIO(content), "r") as store:
        _note(store, "", attributes)
        for name in ROOTS:
            if isinstance(store.get(name, getlink=True), h5py.HardLink):
                _walk(store[name], name, arrays, attributes, len(content))
    header: dict[str, Any] = {"__metadata__": {"attributes": json.dumps(attributes)}}
    position = 0
    for path, array in arrays.items():
        kind = {"f4": "F32", "f8": "F64", "i8": "I64"}[array.dtype.str[1:]]
        header[path] = {"dtype": kind, "shape": array.shape, "data_offsets": [position, position + array.nbytes]}
        position += array.nbytes
    text = json.dumps(header).encode()
    sys.stdout.buffer.write(struct.pack("<Q", len(text)) + text)
    for array in arrays.values():
        sys.stdout.buffer.write(array.tobytes())


def _limit(size: int) -> None:
    """Bound the memory of this process, where the system offers that."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, ((1 << 31) + 4 * GROWTH * size,) * 2)


def _walk(group: Any, path: str, arrays: dict[str, Any], attributes: dict[str, Any], size: int) -> None:
    """Every array of a group by hard links: other links can lead to another file."""
    rest = [(path, group)]
    for _ in range(NODES):
        if not rest:
            return
        path, node = rest.pop()
        if isinstance(node, h5py.Dataset):
            arrays[path] = _array(path, node, size - sum(array.nbytes for array in arrays.values()) // GROWTH)
            continue
        _note(node, path, attributes)
        links = [(name, node.get(name, getlink=True)) for name in node]
        rest += [(f"{path}/{name}", node[name]) for name, link in links if isinstance(link, h5py.HardLink)]
    raise Refused(f"more than {NODES:,} groups and arrays")


def _note(node: Any, path: str, attributes: dict[str, Any]) -> None:
    for name in ATTRIBUTES:
        if name in node.attrs:
            value = node.attrs[name]
            entries = [v.decode() if isinstance(v, bytes) else str(v) for v in np.ravel(value)]
            attributes[f"{path}:{name}"] = entries if np.ndim(value) else entries[0]


def _array(path: str, dataset: Any, size: int) -> Any:
    """The elements of a dataset that has all of them in this file."""
    kind = dataset.dtype
    what = f"{path} of dtype {kind} and shape {str(dataset.shape)[:60]}"
    if kind.kind not in "fiu" or kind.itemsize > 8 or dataset.external or dataset.is_virtual:
        raise Refused(f"{what} is no array of numbers in this file")
    stored = dataset.id.get_storage_size()
    if dataset.nbytes > GROWTH * min(size, stored) or dataset.chunks is not None:
        raise Refused(f"{what} claims {dataset.nbytes:,} bytes and has {stored:,}")
    values = np.asarray(dataset[()])
    return values.astype("<i8" if kind.kind in "iu" else "<f8" if kind.itemsize == 8 else "<f4")


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # noqa: BLE001  # whatever a damaged file causes is a sentence
        sys.exit(str(error).splitlines()[0][:300] if str(error) else type(error).__name__)
