"""Training on data that need not fit into memory: peak memory for 2 GB of each dtype, and the time beside arrays.

Files are written for the run and removed afterwards. A new process trains one epoch of 784-64-10 on each, first from a
memory map through ``Rows``, then from a ``Stream`` that reads the file in pieces. The peak is that of its own memory
above what it had before ``fit``; pages of a mapped file belong to the system's cache and are given separately.

    OPENBLAS_NUM_THREADS=2 python benchmarks/sources.py
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np

import nnkit
from nnkit.data import Rows, Stream

DTYPES = ("uint8", "int64", "float32", "float64")
COLUMNS, BATCH, PIECE = 784, 512, 10_000


def write(path: Path, dtype: str, size: float) -> None:
    """A file of about ``size`` bytes; integers up to 255, or floats up to 1."""
    rows = int(size) // (COLUMNS * np.dtype(dtype).itemsize)
    stored = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(rows, COLUMNS))
    block = np.random.default_rng(0).integers(0, 256, (PIECE, COLUMNS))
    block = (block / 255).astype(dtype) if dtype.startswith("float") else block.astype(dtype)
    for start in range(0, rows, PIECE):
        stored[start : start + PIECE] = block[: rows - start]
    stored.flush()


def labels(rows: int) -> Any:
    """Ten classes."""
    return np.random.default_rng(1).integers(0, 10, rows)


def network(*layers: Any) -> nnkit.Network:
    """784-64-10 in float32."""
    settings: Any = {"loss": "sparse_categorical_crossentropy", "output_activation": "softmax", "dtype": "float32"}
    return nnkit.Network([*layers, COLUMNS, 64, 10], seed=0, **settings)


class Peak:
    """The largest values of this process' own and mapped memory, in MB, looked at a hundred times a second."""

    def __enter__(self) -> Self:
        self.before, self.own, self.mapped = self._now()[0], 0.0, 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _now(self) -> tuple[float, float]:
        status = Path("/proc/self/status").read_text()
        own, mapped = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("RssAnon", "RssFile"))  # type: ignore[index]
        return own / 1024, mapped / 1024

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            own, mapped = self._now()
            self.own, self.mapped = max(self.own, own - self.before), max(self.mapped, mapped)


def pieces(path: Path) -> Iterator[tuple[Any, Any]]:
    """The rows of a file, read in pieces."""
    stored = np.load(path, mmap_mode="r")
    rows, y = len(stored), labels(len(stored))
    with path.open("rb") as file:
        file.seek(stored.offset)
        for start in range(0, rows, PIECE):
            count = min(PIECE, rows - start)
            yield np.fromfile(file, stored.dtype, count * COLUMNS).reshape(count, COLUMNS), y[start : start + count]


def one(path: Path, source: str) -> str:
    """One epoch in this process."""
    stored = np.load(path, mmap_mode="r")
    y = labels(len(stored))
    net = network()
    net.fit(np.asarray(stored[:BATCH]), np.arange(BATCH) % 10, epochs=1)
    net.reset()
    data = Rows(stored, y) if source == "rows" else Stream(lambda: pieces(path), samples=len(stored))
    with Peak() as peak:
        began = time.perf_counter()
        net.fit(data, epochs=1, batch_size=BATCH)
        seconds = time.perf_counter() - began
    return f"{len(stored):,} rows, {seconds:.0f} s, own memory + {peak.own:.0f} MB, mapped pages {peak.mapped:.0f} MB"


def overhead(folder: Path, turns: int) -> str:
    """The time of an epoch from a memory map over that from the array in memory, shuffled both."""
    write(folder / "small.npy", "float32", 2e8)
    stored = np.load(folder / "small.npy", mmap_mode="r")
    array, y = np.array(stored), labels(len(stored))
    ratios = []
    for _ in range(turns):
        seconds = []
        for data in ((array, y), (Rows(stored, y), None)):
            net = network()
            began = time.perf_counter()
            net.fit(*data, epochs=2, batch_size=64)
            seconds.append(time.perf_counter() - began)
        ratios.append(seconds[1] / seconds[0])
    return f"time of memory map / array, 64 hidden units, batches of 64: {statistics.median(ratios):.2f}"


def main() -> None:
    """Write the files and start a process for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--turns", type=int, default=7, help="of the measurement of time; 0 leaves it out")
    parser.add_argument("--one", nargs=2, metavar=("FILE", "SOURCE"), help="measure in this process")
    arguments = parser.parse_args()
    if arguments.one:
        print(one(Path(arguments.one[0]), arguments.one[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        for dtype in DTYPES:
            path = Path(folder) / "data.npy"
            write(path, dtype, arguments.gigabytes * 1e9)
            for source in ("rows", "stream"):
                command = [sys.executable, __file__, "--one", str(path), source]
                output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                print(f"{dtype}, {source}: {output.strip()}", flush=True)
            path.unlink()
        if arguments.turns:
            print(overhead(Path(folder), arguments.turns))


if __name__ == "__main__":
    main()
