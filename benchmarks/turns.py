"""Libraries in processes of their own, which take turns."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PLAIN = {"NNKIT_PLUGINS": ""}
COMPILED = {"NNKIT_PLUGINS": "nnkit-numba"}
LIBRARIES: dict[str, tuple[str, dict[str, str]]] = {
    "products": ("products", PLAIN),
    "nnkit": ("nnkit_plain", PLAIN),
    "nnkit-numba": ("nnkit_numba", COMPILED),
    "predictor": ("nnkit_predictor", COMPILED),
    "scikit-learn": ("sklearn", {}),
    "torch": ("torch_default", {}),
    "torch fused": ("torch_fused", {}),
    "torch compiled": ("torch_compiled", {}),
    "jax": ("jax_jit", {}),
    "jax scan": ("jax_scan", {}),
    "onnxruntime": ("onnx", {}),
}
"""The program of each, and variables of its environment."""

PAUSE = 0.1
"""Seconds between two turns: threads of the library before may go on spinning for a while in the hope of more work."""

Measured = dict[str, dict[str, Any]]
"""By library: ``median``, ``least`` and ``most`` of a call and all ``seconds``, or an ``error``."""


class Library:
    """A worker process; silent, it costs nothing."""

    def __init__(self, label: str, threads: int, coretype: str | None, extra: Mapping[str, str] | None = None) -> None:
        module, own = LIBRARIES[label]
        count = str(threads)
        env = dict(os.environ) | own | dict(extra or {})
        env |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), count)
        if coretype:
            env["OPENBLAS_CORETYPE"] = coretype
        if label.startswith("jax"):
            several = "true" if threads > 1 else "false"
            env["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={several} intra_op_parallelism_threads={count}"
        self.label = label
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env,
        )  # fmt: skip
        answer = self.ask(do="import", library=module, threads=threads)
        self.problem: str | None = answer.get("error")
        self.version: str = answer.get("version", "")
        self.offers: list[str] = answer.get("offers", [])

    def ask(self, **order: Any) -> dict[str, Any]:
        """One order, one answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        reply: dict[str, Any] = json.loads(line) if line else {"error": "its process died"}
        return reply

    def seconds(self, what: str, times: int) -> float:
        """Of so many calls.

        Raises:
            RuntimeError: With the error of the library.
        """
        reply = self.ask(do="run", what=what, times=times)
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return float(reply["seconds"])

    def prepare(self, what: str, arguments: Sequence[Any], *, beside: bool = False) -> None:
        """Make a fresh network and its data, and call it once; ``beside`` what was prepared before.

        Raises:
            RuntimeError: With the error of the library.
        """
        reply = self.ask(do="prepare", what=what, beside=beside, **{"with": list(arguments)})
        if "error" in reply:
            raise RuntimeError(reply["error"])

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)


def summary(seconds: Sequence[float], times: int) -> dict[str, Any]:
    """Of all turns."""
    ordered = sorted(seconds)
    return {
        "median": statistics.median(ordered), "least": ordered[0], "most": ordered[-1], "times": times,
        "seconds": list(seconds),
    }  # fmt: skip


def by_turns(
    libraries: Iterable[Library],
    whats: str | Sequence[str],
    arguments: Sequence[Any],
    *,
    rounds: int,
    seconds: float,
    fresh: bool = False,
) -> Measured:
    """Seconds of one epoch or call by library; of several things to measure each has an entry ``"library: what"``.

    Args:
        libraries: Those that offer it take part.
        whats: What each does.
        arguments: Passed to the functions of this name.
        rounds: Turns of each.
        seconds: How long a turn takes, about.
        fresh: Whether each turn has a network of its own, which has not been trained for longer than the others'.
    """
    several = not isinstance(whats, str)
    ready: dict[str, tuple[Library, str, int]] = {}
    results: Measured = {}
    for library in libraries:
        for position, what in enumerate(whats if several else [whats]):
            if library.problem or what not in library.offers:
                continue
            label = f"{library.label}: {what}" if several else library.label
            try:
                library.prepare(what, arguments, beside=position > 0)
                once = library.seconds(what, 1)
                times = max(1, round(seconds / max(once, 1e-6)))
                if times > 20:  # the first guess was short: make a better one
                    times = max(1, round(seconds * (times // 10) / max(library.seconds(what, times // 10), 1e-7)))
                ready[label] = library, what, times
            except RuntimeError as error:
                results[label] = {"error": str(error)}
    by_label: dict[str, list[float]] = {label: [] for label in ready}
    for turn in range(rounds):
        for label, (library, what, times) in ready.items():
            try:
                if fresh and turn:
                    library.prepare(what, arguments)
                time.sleep(PAUSE)
                by_label[label].append(library.seconds(what, times) / times)
            except RuntimeError as error:
                results[label] = {"error": str(error)}
    for label, turns in by_label.items():
        if turns and label not in results:
            results[label] = summary(turns, ready[label][2])
    return results


def by_epoch(
    libraries: Iterable[Library], load: str, epochs: Sequence[int], *, rounds: int, span: int
) -> dict[int, Measured]:
    """Seconds of an epoch after so many epochs of one training; of each library ``span`` of them at each place."""
    turns: dict[int, dict[str, list[float]]] = {place: {} for place in epochs}
    results: dict[int, Measured] = {place: {} for place in epochs}
    for library in libraries:
        for _ in range(rounds if not library.problem and "train" in library.offers else 0):
            try:
                library.prepare("train", [load])
                made = 1  # by prepare
                for place in epochs:
                    if place > made:
                        library.seconds("train", place - made)
                    time.sleep(PAUSE)
                    turns[place].setdefault(library.label, []).append(library.seconds("train", span) / span)
                    made = max(place, made) + span
            except RuntimeError as error:
                results[epochs[0]][library.label] = {"error": str(error)}
                break
    for place, by_label in turns.items():
        results[place] |= {label: summary(seconds, span) for label, seconds in by_label.items()}
    return results


def starts(labels: Iterable[str], load: str, *, rounds: int, threads: int, coretype: str | None) -> dict[str, Measured]:
    """Of a process that begins: seconds until a first epoch has been trained, and its memory then, in MB.

    An entry ``"nnkit-numba, not compiled"`` is that of a first use, when nothing is stored yet.
    """
    began: dict[str, list[float]] = {}
    memory: dict[str, list[float]] = {}

    def once(name: str, label: str, extra: Mapping[str, str]) -> None:
        start = time.perf_counter()
        library = Library(label, threads, coretype, extra)
        if not library.problem and "train" in library.offers:
            reply = library.ask(do="prepare", what="train", beside=False, **{"with": [load]})
            if "error" not in reply:
                began.setdefault(name, []).append(time.perf_counter() - start)
                memory.setdefault(name, []).append(reply["megabytes"])
        library.close()

    for _ in range(rounds):
        for label in labels:
            once(label, label, {})
    if "nnkit-numba" in began:
        with tempfile.TemporaryDirectory() as cache:
            once("nnkit-numba, not compiled", "nnkit-numba", {"NUMBA_CACHE_DIR": cache})
    return {
        "first epoch, s": {name: summary(seconds, 1) for name, seconds in began.items()},
        "memory, MB": {name: summary(megabytes, 1) for name, megabytes in memory.items()},
    }
