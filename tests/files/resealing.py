"""Files of format 2 that were changed by a person who can compute checksums."""

import io
import json

import numpy as np

from nnkit.files import container


def members_of(content):
    """The manifest as JSON and the raw arrays of a file's bytes."""
    with np.load(io.BytesIO(content)) as archive:
        manifest = json.loads(archive["manifest"].tobytes())
        return manifest, [np.asarray(archive[entry[0]], order="C") for entry in manifest["arrays"]]


def sealed(manifest, arrays, *, describe=True):
    """The bytes of a file with this manifest and these arrays, every checksum right.

    With ``describe`` dtype, shape and checksums in the manifest are those of the arrays.
    """
    out, entries, described = io.BytesIO(), [], []
    for index, array in enumerate(arrays):
        name = _name(manifest["arrays"], index)
        crc, digest = container._checksums(array)
        entry, header = container._Member(name, array.dtype, array.shape, crc, digest).header(out.tell())
        out.write(header + array.tobytes())
        entries.append(entry)
        described.append([name, array.dtype.str, list(array.shape), crc, digest])
    if describe:
        manifest = {**manifest, "arrays": described}
    text = np.frombuffer(json.dumps(manifest).encode(), np.uint8)
    out.write(container._tail(text, out.tell(), entries))
    return out.getvalue()


def _name(entries, index):
    """The name in the manifest, where a member of a zip archive can have it."""
    try:
        name = entries[index][0]
        return name if len(name.encode("ascii")) < 1000 else f"x{index}"
    except (LookupError, TypeError, AttributeError, UnicodeError):
        return f"x{index}"
