"""Two ranks on two cores beside one process with two BLAS threads, on 784-1024-256-10 (1.07 million parameters).

Both train the same epochs in turns; while one does, the other sleeps. Then the cost of one sum over the ranks by its
length, and where ranks pay by the model that follows from both. Two minutes on two idle cores:

    pip install mpich ./plugins/nnkit-mpi && python benchmarks/ranks.py
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import nnkit

LAYERS = [784, 1024, 256, 10]
DTYPES = ("float32", "float64")
SECONDS_A_TURN = 0.3
LENGTHS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
BATCHES = (64, 256, 1024, 4096)
PARAMETERS = (10_000, 100_000, 1_000_000, 10_000_000)


def network(dtype: str) -> nnkit.Network:
    """The network of all turns."""
    return nnkit.Network(LAYERS, loss="categorical_crossentropy", output_activation="softmax", seed=0, dtype=dtype)


def samples(rows: int, dtype: str) -> tuple[Any, Any]:
    """Random inputs and labels."""
    rng = np.random.default_rng(0)
    return rng.random((rows, LAYERS[0])).astype(dtype), rng.integers(0, LAYERS[-1], rows)


def serve(folder: Path, name: str, rank: int, act: Callable[[str], Any]) -> None:
    """Answer each request file of the folder; between them this process sleeps, so that it takes no core."""
    number = 0
    while True:
        request = folder / f"{name}-{number}.json"
        while not request.exists():
            time.sleep(0.002)
        text = request.read_text()
        if text == "end":
            return
        answer = act(text)
        if rank == 0:
            partial = folder / f"{name}-{number}.part"
            partial.write_text(json.dumps(answer))
            partial.rename(folder / f"{name}-{number}.answer")
        number += 1


def trainer(dtype: str) -> Callable[[str], float]:
    """Milliseconds a step of a turn, whose request is its batch and number of steps."""
    net = network(dtype)

    def act(text: str) -> float:
        batch, steps = json.loads(text)
        x, y = samples(batch * steps, dtype)
        began = time.perf_counter()
        net.fit(x, y, batch_size=batch, epochs=1)
        return 1e3 * (time.perf_counter() - began) / steps

    return act


def as_one(folder: Path, dtype: str) -> None:
    """The process with two threads."""
    serve(folder, "one", 0, trainer(dtype))


def as_rank(folder: Path, dtype: str) -> None:
    """One of the ranks."""
    from nnkit_mpi import ranks

    with ranks() as group:
        serve(folder, "ranks", group.rank, trainer(dtype))


def as_sums(folder: Path, dtype: str) -> None:
    """The cost of one sum over the ranks, in milliseconds, by its length: the least of many."""
    from mpi4py import MPI

    least: dict[int, float] = {}
    for length in LENGTHS:
        part, total = np.ones((2, length), dtype=dtype)
        times = []
        for _ in range(max(5, min(300, 30_000_000 // length))):
            MPI.COMM_WORLD.Barrier()
            began = time.perf_counter()
            MPI.COMM_WORLD.Allreduce(part, total)
            times.append(1e3 * (time.perf_counter() - began))
        least[length] = min(times)
    if MPI.COMM_WORLD.rank == 0:
        (folder / "sums.json").write_text(json.dumps(least))


class Child:
    """A program that answers requests by files."""

    def __init__(self, folder: Path, name: str, words: list[str], threads: int) -> None:
        self.folder, self.name, self.number = folder, name, 0
        variables = {**os.environ, "OPENBLAS_NUM_THREADS": str(threads), "NNKIT_PLUGINS_DISABLE": "nnkit-numba"}
        self.process = subprocess.Popen(words, env=variables)

    def ask(self, request: str) -> float:
        """The answer to one request."""
        self.write(request)
        answer = self.folder / f"{self.name}-{self.number}.answer"
        while not answer.exists():
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} has ended with {self.process.returncode}")
            time.sleep(0.002)
        self.number += 1
        return float(json.loads(answer.read_text()))

    def write(self, request: str) -> None:
        """Put a request into the folder, complete."""
        partial = self.folder / f"{self.name}-{self.number}.request"
        partial.write_text(request)
        partial.rename(self.folder / f"{self.name}-{self.number}.json")

    def end(self) -> None:
        """Let it end."""
        self.write("end")
        self.process.wait()


def command(role: str, folder: Path, dtype: str, ranks: int = 0) -> list[str]:
    """The words that start one role of this program."""
    words = [sys.executable, __file__, "--role", role, "--folder", str(folder), "--dtype", dtype]
    mpirun = shutil.which("mpirun", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if ranks and mpirun is None:
        raise SystemExit("there is no mpirun: pip install mpich")
    return [str(mpirun), "-n", str(ranks), *words] if ranks else words


def compare(folder: Path, dtype: str, turns: int) -> dict[int, tuple[float, float]]:
    """The table of one dtype; by batch the median milliseconds of one process and of the ranks."""
    folder.mkdir()
    one = Child(folder, "one", command("one", folder, dtype), 2)
    two = Child(folder, "ranks", command("rank", folder, dtype, 2), 1)
    medians: dict[int, tuple[float, float]] = {}
    for batch in BATCHES:
        steps = max(2, int(1e3 * SECONDS_A_TURN / one.ask(json.dumps([batch, 3]))))
        two.ask(json.dumps([batch, 3]))
        request = json.dumps([batch, steps])
        pairs = [(one.ask(request), two.ask(request)) for _ in range(turns)]
        ratios = sorted(alone / together for alone, together in pairs)
        alone, together = (statistics.median(times) for times in zip(*pairs, strict=True))
        medians[batch] = alone, together
        quarter = len(ratios) // 4
        print(
            f"| {dtype} | {batch} | {alone:.2f} | {together:.2f} | {statistics.median(ratios):.2f} "
            f"({ratios[quarter]:.2f} to {ratios[-1 - quarter]:.2f}) |",
            flush=True,
        )
    one.end()
    two.end()
    return medians


def measured_model(medians: dict[int, tuple[float, float]], sums: dict[int, float], parameters: int) -> None:
    """Where ranks pay: a step of ``n`` ranks takes ``c B / n + u + a``, of one ``c B + u``.

    ``c`` is the time of a row, ``u`` of the update, which every rank makes, both proportional to the parameters; ``a``
    is the time of the sum. ``c`` and ``u`` are those of the two ranks measured above.
    """
    batches = np.array(list(medians), dtype=float)
    together = np.array([pair[1] for pair in medians.values()])
    lengths = np.log(np.array(list(sums), dtype=float))
    costs = np.log(np.array(list(sums.values())))

    def sum_of(length: int) -> float:
        return float(np.exp(np.interp(np.log(length), lengths, costs)))

    row, rest = np.polyfit(batches / 2, together, 1, w=1.0 / together)
    row, update = row / parameters, max(0.0, rest - sum_of(parameters)) / parameters
    print(f"\na row takes {1e6 * row:.3f} ns a parameter, the update {1e6 * update:.3f} ns a parameter\n")
    print("| parameters | sum, ms |" + "".join(f" batch {batch} |" for batch in BATCHES))
    print("|---|---|" + "---|" * len(BATCHES))
    for size in PARAMETERS:
        cells = []
        for batch in BATCHES:
            speedups = [
                (row * batch + update) / (row * batch / n + update + np.log2(n) * sum_of(size) / size)
                for n in (2, 4, 8)
            ]
            cells.append(" / ".join(f"{speedup:.1f}" for speedup in speedups))
        print(f"| {size:,} | {sum_of(size):.3f} | " + " | ".join(cells) + " |")


def main() -> None:
    """Measure, or play one of the roles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--role", choices=["one", "rank", "sums"])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--dtype", choices=DTYPES)
    parser.add_argument("--turns", type=int, default=9)
    options = parser.parse_args()
    roles = {"one": as_one, "rank": as_rank, "sums": as_sums}
    if options.role is not None:
        roles[options.role](options.folder, options.dtype)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(
            "| dtype | batch | one process, ms a step | two ranks | one / two, median (middle half) |\n" + "|---|" * 5
        )
        medians = {dtype: compare(folder / dtype, dtype, options.turns) for dtype in DTYPES}
        subprocess.run(command("sums", folder, "float32", 2), check=True)
        sums = {int(length): ms for length, ms in json.loads((folder / "sums.json").read_text()).items()}
        print("\n| numbers of float32 | one sum over two ranks, ms |\n|---|---|")
        for length, ms in sums.items():
            print(f"| {length:,} | {ms:.3f} |")
        measured_model(medians["float32"], sums, network("float32").parameters.size)


if __name__ == "__main__":
    main()
