"""Peak memory and time of reading a large ``.csv``, by pyarrow in blocks and by the standard library's reader.

A new process reads the file with each; the peak is that of its resident memory above what it had after the imports.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CITIES = ("Amsterdam", "Berlin", "Chicago", "Delhi")
BLOCK = 10_000


def write(path: Path, megabytes: int) -> None:
    """A table of nine columns of numbers and two of text."""
    rng = np.random.default_rng(0)
    with path.open("w") as file:
        file.write(",".join([*(f"x{i}" for i in range(9)), "city", "kind"]) + "\n")
        while file.tell() < megabytes << 20:
            numbers = rng.normal(size=(BLOCK, 9)).tolist()
            cities, kinds = rng.integers(0, 4, BLOCK).tolist(), rng.integers(0, 3, BLOCK).tolist()
            rows = zip(numbers, cities, kinds, strict=True)
            file.write("".join(f"{','.join(map(repr, row))},{CITIES[city]},{kind}\n" for row, city, kind in rows))


def measure(path: Path, reader: str) -> str:
    """One line: seconds, the size of the columns, the peak and their ratio."""
    from nnkit.cli import text_tables
    from nnkit.cli.data_files import DataFile
    from nnkit.cli.tables import read_table

    if reader == "pyarrow":
        import pyarrow.csv  # noqa: F401  # its own memory is no part of the peak
    else:
        text_tables.LARGE = 1 << 60
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    content = read_table(DataFile.of(path), target="kind")
    seconds = time.perf_counter() - began
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    tables = [content.X, content.y]
    arrays = [getattr(table[name], "codes", table[name]) for table in tables for name in table.columns]
    parsed = sum(array.nbytes for array in arrays) / 2**20
    sizes = f"parsed {parsed:.0f} MB, peak {peak:.0f} MB, {peak / parsed:.2f} x"
    return f"{reader}: {len(content):,} rows, {seconds:.1f} s, {sizes}"


def main() -> None:
    """Write the file, and read it in a process for each reader."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--one", nargs=2, metavar=("FILE", "READER"), help="measure in this process")
    arguments = parser.parse_args()
    if arguments.one:
        print(measure(Path(arguments.one[0]), arguments.one[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        write(path, arguments.megabytes)
        print(f"{path.stat().st_size / 2**20:.0f} MB of text", flush=True)
        for reader in ("pyarrow", "standard library"):
            subprocess.run([sys.executable, __file__, "--one", str(path), reader], check=True)


if __name__ == "__main__":
    main()
