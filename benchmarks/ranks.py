"""Two ranks on two cores beside one process with two BLAS threads, on 784-1024-256-10 (1.07 million parameters).

Both train the same epochs in turns; while one does, the other sleeps. Then the cost of one sum over the ranks by its
length, and where ranks pay by the model that follows from both. Two minutes on two idle cores:

    make bench-ranks        # also writes the tables into docs/more-machines.md
"""

from __future__ import annotations

import argparse
import importlib.util
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
from nnkit.callbacks.lambda_callback import LambdaCallback

LAYERS = [784, 1024, 256, 10]
DTYPES = ("float32", "float64")
SECONDS_A_TURN = 0.3
BUSY = 0.5
PAGE = Path(__file__).parents[1] / "docs" / "more-machines.md"
BEGIN, END = "<!-- benchmarks/ranks.py -->", "<!-- end of benchmarks/ranks.py -->"
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
    """Milliseconds a step of a turn, whose request is its batch and number of steps; on the first rank."""
    net = network(dtype)
    times: list[float] = []

    def note(view: object) -> None:
        times.append(time.perf_counter())

    def act(text: str) -> float:
        batch, steps = json.loads(text)
        times.clear()
        clock = LambdaCallback(epoch_begin=note, epoch_end=note)
        net.fit(*samples(batch * steps, dtype), batch_size=batch, epochs=1, callbacks=[clock])
        return 1e3 * (times[1] - times[0]) / steps if times else 0.0

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
        variables = {**os.environ, "OPENBLAS_NUM_THREADS": str(threads)}
        if importlib.util.find_spec("nnkit_numba") is not None:
            variables["NNKIT_PLUGINS_DISABLE"] = "nnkit-numba"
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


def compare(folder: Path, dtype: str, turns: int, say: Callable[[str], None]) -> dict[int, tuple[float, float]]:
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
        say(
            f"| {dtype} | {batch} | {alone:.2f} | {together:.2f} | {statistics.median(ratios):.2f} "
            f"({ratios[quarter]:.2f} to {ratios[-1 - quarter]:.2f}) |"
        )
    one.end()
    two.end()
    return medians


def model(
    medians: dict[int, tuple[float, float]], sums: dict[int, float], parameters: int, say: Callable[[str], None]
) -> None:
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
    say(
        f"\nHere c = {1e6 * row:.3f} ns and u = {1e6 * update:.2f} ns for each parameter. Times as fast as one rank, "
        "on 2 / 4 / 8 ranks:\n"
    )
    say("| parameters |" + "".join(f" batch {batch} |" for batch in BATCHES))
    say("|---|" + "---|" * len(BATCHES))
    for size in PARAMETERS:
        cells = []
        for batch in BATCHES:
            sums_of_ranks = {n: np.log2(n) * sum_of(size) / size for n in (2, 4, 8)}
            speedups = [(row * batch + update) / (row * batch / n + update + a) for n, a in sums_of_ranks.items()]
            cells.append(" / ".join(f"{speedup:.1f}" for speedup in speedups))
        say(f"| {size:,} | " + " | ".join(cells) + " |")


def report(folder: Path, turns: int, say: Callable[[str], None]) -> None:
    """Measure, and say it in Markdown."""
    load = os.getloadavg()[0]
    busy = "" if load < BUSY else " **The machine was busy, which distorts all that follows: to be repeated at rest.**"
    say(f"{platform_of()}; load average before: {load:.1f}.{busy}\n")
    say("| dtype | batch | one process with two threads, ms a step | two ranks | one / two: median (middle half) |")
    say("|---|---|---|---|---|")
    medians = {dtype: compare(folder / dtype, dtype, turns, say) for dtype in DTYPES}
    subprocess.run(command("sums", folder, "float32", 2), check=True)
    sums = {int(length): ms for length, ms in json.loads((folder / "sums.json").read_text()).items()}
    say("\n| one sum over two ranks | " + " | ".join(f"{length:,} numbers" for length in sums) + " |")
    say("|---|" + "---|" * len(sums))
    say("| float32, ms, the least of many | " + " | ".join(f"{ms:.3f}" for ms in sums.values()) + " |")
    model(medians["float32"], sums, network("float32").parameters.size, say)


def platform_of() -> str:
    """The CPU, by Linux' name of it, and the cores."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    return f"{name}, {os.cpu_count()} cores, numpy {np.__version__}"


def main() -> None:
    """Measure, or play one of the roles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--role", choices=["one", "rank", "sums"])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--dtype", choices=DTYPES)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/more-machines.md")
    options = parser.parse_args()
    roles = {"one": as_one, "rank": as_rank, "sums": as_sums}
    if options.role is not None:
        roles[options.role](options.folder, options.dtype)
        return
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    with tempfile.TemporaryDirectory() as name:
        report(Path(name), options.turns, say)
    if options.write:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
        after = rest.split(END)[1]
        PAGE.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
