"""An OpenBLAS in this process: numpy's own, and a copy of it with the kernels that suit the CPU.

OpenBLAS chooses its kernels when it is loaded, and numpy loads it before nnkit can choose. But the loader identifies a
library by its file: the same bytes in another file are another library, which looks at the environment anew. The file
lies in memory and has no name; nothing is written to disk, and nothing of numpy's own changes.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
from threadpoolctl import threadpool_info

from nnkit.cpu import VARIABLE

__all__ = ["OpenBLAS", "copied", "of_numpy"]

_one_at_a_time = threading.Lock()


@attrs.frozen
class OpenBLAS:
    """A loaded OpenBLAS with 64-bit lengths.

    Args:
        path: The file that it was loaded from.
        library: Its functions.
        prefix: What stands before their names.
    """

    path: str
    library: ctypes.CDLL
    prefix: str

    def function(self, name: str) -> Any:
        """The function of this name, without prefix and suffix.

        Raises:
            AttributeError: There is none.
        """
        return getattr(self.library, f"{self.prefix}{name}64_")

    def has(self, name: str) -> bool:
        """Whether there is a function of this name."""
        return hasattr(self.library, f"{self.prefix}{name}64_")

    @property
    def kernels(self) -> str:
        """The CPU whose kernels it runs, in OpenBLAS' words."""
        ask = self.function("openblas_get_corename")
        ask.restype = ctypes.c_char_p
        return str(ask().decode())

    @property
    def threads(self) -> int:
        """How many threads it would take now."""
        return int(self.function("openblas_get_num_threads")())


def of_numpy(needed: tuple[str, ...]) -> OpenBLAS | None:
    """The one that numpy computes with; ``None`` where that is another BLAS, or one without these functions."""
    for info in threadpool_info():
        if info["internal_api"] != "openblas" or info.get("threading_layer") != "pthreads":
            continue
        library = ctypes.CDLL(info["filepath"])
        for prefix in ("scipy_", ""):
            candidate = OpenBLAS(info["filepath"], library, prefix)
            if all(map(candidate.has, needed)):
                return candidate
    return None


def copied(original: OpenBLAS, kernels: str) -> OpenBLAS:
    """A copy that runs these kernels, on one thread.

    Args:
        original: What is copied.
        kernels: OpenBLAS' name of them, such as ``SKYLAKEX``.

    Raises:
        OSError: There is no memory for it, it cannot be loaded from there, or it runs other kernels than these.
    """
    file = os.memfd_create("openblas")
    path = f"/proc/self/fd/{file}"
    try:
        shutil.copyfile(original.path, path)
        with _one_at_a_time, _environment({VARIABLE: kernels, "OPENBLAS_NUM_THREADS": "1"}):
            copy = OpenBLAS(path, ctypes.CDLL(path), original.prefix)
    except OSError:
        os.close(file)
        raise
    # The file stays open: another one of its number would be taken for the library that is loaded already.
    if copy.kernels.lower() != kernels.lower():
        raise OSError(f"asked for the kernels {kernels}, OpenBLAS runs those for {copy.kernels}")
    return copy


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """These variables, and afterwards what was there before."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
