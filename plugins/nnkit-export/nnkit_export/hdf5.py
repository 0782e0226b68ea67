"""HDF5 files as Keras writes them, read in a process of their own."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from nnkit.arrays import Array
from nnkit.errors import FileFormatError
from nnkit_export.safe_tensors import unpacked

__all__ = ["read_hdf5"]

CHILD: Final = Path(__file__).with_name("hdf5_child.py")

SECONDS = 60
"""A file that takes longer is refused."""


def read_hdf5(content: bytes) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays under ``layers`` and ``model_weights`` by path, and the attributes as ``"path:name"``.

    Raises:
        FileFormatError: When the file is damaged or something else.
    """
    command = [sys.executable, "-I", str(CHILD)]
    try:
        done = subprocess.run(command, input=content, capture_output=True, check=False, timeout=SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise FileFormatError(f"damaged: the HDF5 library was not done with it after {SECONDS} seconds") from None
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip().splitlines()
        raise FileFormatError(f"damaged: {reason[-1] if reason else 'the HDF5 library ended the process'}")
    arrays, metadata = unpacked(io.BytesIO(done.stdout), len(done.stdout))
    return arrays, json.loads(metadata["attributes"])
