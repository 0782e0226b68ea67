"""What the checks of model files cost: a 100 MB model and the demo's, beside the bare bytes and their SHA-256.

Turns alternate; medians are printed. Saving is compared with writing the same bytes to a new file, waiting until they
are on the disk, moving it into place, and their SHA-256.

    OPENBLAS_NUM_THREADS=1 python benchmarks/files.py
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nnkit

UNITS = 2500
DEMO = [64, "dropout(rate=0.1)", 256, "batch_norm", "dropout(rate=0.4)", 128, "batch_norm", "dropout(rate=0.3)", 10]


def medians(turns: int, *calls: Callable[[], Any]) -> list[float]:
    """Seconds of each call, the median of so many turns."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(turns):
        for call, times in zip(calls, seconds, strict=True):
            began = time.perf_counter()
            call()
            times.append(time.perf_counter() - began)
    return [statistics.median(times) for times in seconds]


def read_bytes(path: Path) -> str:
    """The SHA-256 of a file that is read at once."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_bytes(path: Path, content: bytes) -> str:
    """Write a file completely or not at all, and the SHA-256 of its content."""
    digest = hashlib.sha256(content).hexdigest()
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return digest


def main() -> None:
    """Measure both models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=15)
    turns = parser.parse_args().turns
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, copy = folder / "net.npz", folder / "copy.npz"
        large = nnkit.Network([UNITS, UNITS, UNITS, 2], seed=0)
        large.save(path)
        content = path.read_bytes()
        size = f"{len(content) / 1e6:.0f} MB"
        bare, loading = medians(turns, lambda: read_bytes(path), lambda: nnkit.Network.load(path))
        print(f"{size}: read {1e3 * bare:.0f} ms, load {1e3 * loading:.0f} ms, {loading / bare:.2f} x")
        bare, saving = medians(turns, lambda: write_bytes(copy, content), lambda: large.save(path))
        print(f"{size}: write {1e3 * bare:.0f} ms, save {1e3 * saving:.0f} ms, {saving / bare:.2f} x")
        small = nnkit.Network(DEMO, output_activation="softmax", loss="categorical_crossentropy", seed=0)
        small.save(path)
        (loading,) = medians(turns, lambda: nnkit.Network.load(path))
        print(f"the demo's network, {path.stat().st_size / 1e3:.0f} kB: load {1e3 * loading:.1f} ms")


if __name__ == "__main__":
    main()
