"""``make bench``: every library in its own process, by turns, with a table and a JSON file as the result.

Each library waits in a process of its own with the same number of threads. What is to be measured
is prepared and run once in all of them; then they take turns, A B C A B C, so that whatever else
the machine does falls on all alike, with a pause after each, so that no library's idle threads fall into the
turn of the next. A turn is as many epochs (or calls) as fill the given time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from workloads import JACOBIANS, LARGEST, NETWORKS, ROWS, SCALING, TRAININGS  # noqa: E402  # its folder is on the path now

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
    "jax": ("jax_jit", {}),
    "jax scan": ("jax_scan", {}),
    "onnxruntime": ("onnx", {}),
}
OURS = ("nnkit", "nnkit-numba")

PAUSE = 0.1
"""Seconds between two turns."""


class Library:
    """A worker process; silent, it costs nothing."""

    def __init__(self, label: str, threads: int, coretype: str | None) -> None:
        module, extra = LIBRARIES[label]
        count = str(threads)
        env = dict(os.environ) | extra
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
        found = self.ask(do="import", library=module, threads=threads)
        self.problem: str | None = found.get("error")
        self.version: str = found.get("version", "")
        self.offers: list[str] = found.get("offers", [])

    def ask(self, **order: Any) -> dict[str, Any]:
        """One order, one answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        reply: dict[str, Any] = json.loads(line) if line else {"error": "its process died"}
        return reply

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)


def by_turns(
    libraries: Iterable[Library], whats: str | Sequence[str], arguments: Sequence[Any], *, rounds: int, seconds: float
) -> dict[str, dict[str, Any]]:
    """Seconds of one epoch or call by library: the median, the least and all of them.

    Of several things to measure each has a turn of its own, and an entry ``"library: what"``.
    """
    several = not isinstance(whats, str)
    ready: dict[str, tuple[Library, str, int]] = {}
    results: dict[str, dict[str, Any]] = {}
    for library in libraries:
        for position, what in enumerate(whats if several else [whats]):
            if library.problem or what not in library.offers:
                continue
            label = f"{library.label}: {what}" if several else library.label
            found = library.ask(do="prepare", what=what, beside=position > 0, **{"with": list(arguments)})
            once = library.ask(do="run", what=what, times=1) if "error" not in found else found
            if "error" in once:
                results[label] = {"error": once["error"]}
                continue
            times = max(1, round(seconds / max(once["seconds"], 1e-6)))
            if times > 20:  # the first guess was short: take a better one
                once = library.ask(do="run", what=what, times=times // 10)
                times = max(1, round(seconds / max(once["seconds"] / (times // 10), 1e-7)))
            ready[label] = (library, what, times)
    taken: dict[str, list[float]] = {label: [] for label in ready}
    for _ in range(rounds):
        for label, (library, what, times) in ready.items():
            # Threads of the library before may go on spinning for a while in the hope of more work.
            time.sleep(PAUSE)
            reply = library.ask(do="run", what=what, times=times)
            if "error" in reply:
                results[label] = reply
            else:
                taken[label].append(reply["seconds"] / times)
    for label, all_of_them in taken.items():
        if all_of_them and label not in results:
            results[label] = {
                "median": statistics.median(all_of_them), "least": min(all_of_them), "most": max(all_of_them),
                "times": ready[label][2], "seconds": all_of_them,
            }  # fmt: skip
    return results


def table(title: str, unit: float, rows: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Medians as Markdown; how far the slowest turn was from the fastest, of nnkit, in the last column."""
    columns = [label for label in LIBRARIES if any(label in row for row in rows.values())]
    lines = [f"| {title} | {' | '.join(columns)} | spread of nnkit |", "|---" * (len(columns) + 2) + "|"]
    for name, row in rows.items():
        cells = []
        for label in columns:
            found = row.get(label, {})
            cells.append(f"{found['median'] * unit:.4g}" if "median" in found else ("failed" if found else ""))
        ours = row.get("nnkit", {})
        spread = f"{100 * (ours['most'] / ours['least'] - 1):.0f} %" if "median" in ours else ""
        lines.append(f"| {name} | {' | '.join(cells)} | {spread} |")
    return "\n".join(lines)


def verdicts(training: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    """The figures that this project set out for, each with what was measured."""
    lines = []

    def ratio(name: str, other: str, ours: str) -> float | None:
        row = training.get(name, {})
        if "median" not in row.get(other, {}) or "median" not in row.get(ours, {}):
            return None
        return float(row[other]["median"] / row[ours]["median"])

    for ours in OURS:
        for other in ("scikit-learn", "torch", "torch fused", "jax", "jax scan"):
            found = {name: ratio(name, other, ours) for name in training}
            known = {name: value for name, value in found.items() if value is not None}
            if known:
                text = ", ".join(f"{name} {value:.2f}" for name, value in known.items())
                won = sum(value > 1 for value in known.values())
                lines.append(f"{ours} is faster than {other} on {won} of {len(known)} (times as fast: {text})")
    for ours in OURS:
        near = {name: ratio(name, ours, "products") for name in LARGEST}
        text = ", ".join(f"{name} {value:.2f}" for name, value in near.items() if value is not None)
        if text:
            lines.append(f"{ours} over the products alone, the largest: {text}")
    smallest = training.get("2-8-4-2", {})
    steps = TRAININGS["2-8-4-2"].steps
    return lines + [
        f"2-8-4-2, one step: {label} {1e6 * smallest[label]['median'] / steps:.1f} us"
        for label in ("products", *OURS)
        if "median" in smallest.get(label, {})
    ]


def watching(both: dict[str, dict[str, Any]]) -> list[str]:
    """What history and a progress line cost the smallest network."""
    lines = []
    for ours in OURS:
        bare, watched = (both.get(f"{ours}: {what}", {}).get("median") for what in ("train", "train_watched"))
        if bare and watched:
            lines.append(f"2-8-4-2 with history and a progress line, {ours}: {watched / bare:.3f} of the time without")
    return lines


def state_of_machine() -> str:
    """How busy the machine is: the time of a fixed Python loop and of a fixed matrix product."""
    import numpy as np

    square, times = np.ones((512, 512), np.float32), []
    for work in (lambda: sum(range(300_000)), lambda: square @ square):
        taken = []
        for _ in range(20):
            began = time.perf_counter()
            work()
            taken.append(time.perf_counter() - began)
        times.append(1e3 * statistics.median(taken))
    return f"a Python loop {times[0]:.3g} ms, a product {times[1]:.3g} ms, load {os.getloadavg()[0]:.2f}"


def machine(threads: int, coretype: str | None) -> dict[str, Any]:
    """What the figures were taken on."""
    import numpy as np

    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        named = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = named[0] if named else cpu
    found: dict[str, Any] = {
        "cpu": cpu, "cores": os.cpu_count(), "load": os.getloadavg()[0], "system": platform.platform(),
        "python": platform.python_version(), "numpy": np.__version__, "threads": threads,
        "OPENBLAS_CORETYPE": coretype or os.environ.get("OPENBLAS_CORETYPE", "not set"),
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }  # fmt: skip
    code = (
        "import json, numpy, threadpoolctl as t; print(json.dumps([[i['internal_api'], i.get('version'), "
        "i.get('architecture'), i['num_threads']] for i in t.threadpool_info()]))"
    )
    env = (
        dict(os.environ)
        | {"OPENBLAS_NUM_THREADS": str(threads)}
        | ({"OPENBLAS_CORETYPE": coretype} if coretype else {})
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    found["blas"] = json.loads(asked.stdout) if asked.returncode == 0 else "threadpoolctl is not installed"
    return found


def write_into(page: Path, state: str, said: list[str]) -> None:
    """Put the tables between the page's marks for this state of the BLAS."""
    text = page.read_text()
    first, last = f"<!-- bench: {state} -->", f"<!-- end: {state} -->"
    before, found, rest = text.partition(first)
    _, closed, after = rest.partition(last)
    if not (found and closed):
        raise SystemExit(f"{page} has no marks {first} and {last}")
    page.write_text(f"{before}{first}\n" + "\n\n".join(said) + f"\n{last}{after}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="under two minutes: fewer and shorter turns")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--coretype", help="OPENBLAS_CORETYPE of every process, such as HASWELL or SKYLAKEX")
    parser.add_argument("--only", help="names of libraries, by commas")
    parser.add_argument("--workloads", default=",".join(TRAININGS), help="names of trainings, by commas")
    parser.add_argument("--sections", help="of training,inference,jacobians,scaling; --quick leaves out the last")
    parser.add_argument("--into", type=Path, help="a page, such as docs/performance.md, whose tables are replaced")
    parser.add_argument("--state", default="as it comes", help="whose marks on the page: as it comes, forced, …")
    parser.add_argument("--json", type=Path, default=HERE / "results.json", help="where the figures go")
    options = parser.parse_args()
    rounds, seconds = (3, 0.05) if options.quick else (7, 0.5)
    wanted = options.only.split(",") if options.only else list(LIBRARIES)
    usual = "training,inference,jacobians" if options.quick else "training,inference,jacobians,scaling"
    sections = (options.sections or usual).split(",")

    libraries = [Library(label, options.threads, options.coretype) for label in LIBRARIES if label in wanted]
    report: dict[str, Any] = {"machine": machine(options.threads, options.coretype), "quick": options.quick}
    report["libraries"] = {entry.label: entry.problem or entry.version for entry in libraries}
    report["machine"]["state before"] = state_of_machine()
    for key, value in report["machine"].items():
        print(f"{key}: {value}")
    facts = [f"{key}: {value}" for key, value in report["machine"].items()]
    facts += [
        f"{entry.label}: {'missing, ' + entry.problem if entry.problem else entry.version}" for entry in libraries
    ]
    for entry in libraries:
        print(f"{entry.label}: MISSING ({entry.problem})" if entry.problem else f"{entry.label}: {entry.version}")
    loads = {name: TRAININGS[name] for name in options.workloads.split(",")}
    said = ["```text\n" + "\n".join(facts) + "\n```"]

    def show(text: str) -> None:
        said.append(text)
        print("\n" + text, flush=True)

    timing = {"rounds": rounds, "seconds": seconds}
    if "training" in sections:
        report["training"] = {name: by_turns(libraries, "train", [name], **timing) for name in loads}
        named = {f"{n}, batch {t.batch}, {t.samples}": report["training"][n] for n, t in loads.items()}
        show(table("training, ms an epoch", 1e3, named))
        both = by_turns(
            [lib for lib in libraries if lib.label in OURS], ("train", "train_watched"), ["2-8-4-2"], **timing
        )
        report["watched"] = both
        report["verdicts"] = verdicts(report["training"]) + watching(both)
        show("\n".join(f"- {line}" for line in report["verdicts"]))
    if "inference" in sections:
        asked = {f"{n}, {rows}": by_turns(libraries, "infer", [n, rows], **timing) for n in NETWORKS for rows in ROWS}
        report["inference"] = asked
        show(table("inference, us a call", 1e6, asked))
    if "jacobians" in sections:
        rows = {
            f"{what}, {n}": by_turns(libraries, what, [n], **timing)
            for what in ("per_sample_gradients", "parameter_jacobian", "five_lm_steps")
            for n in JACOBIANS
        }
        report["jacobians"] = rows
        show(table("Jacobians, ms a call", 1e3, rows))
    if "scaling" in sections:
        ours = [entry for entry in libraries if entry.label in {"products", *OURS}]
        rows = {name: by_turns(ours, "train", [name], **timing) for name in SCALING}
        report["scaling"] = rows
        show(table("cost, ms an epoch", 1e3, rows))
    for entry in libraries:
        entry.close()
    report["machine"]["state after"] = state_of_machine()
    show(f"State of the machine afterwards: {report['machine']['state after']}")
    if options.into:
        write_into(options.into, options.state, said)
    options.json.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\n{options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
