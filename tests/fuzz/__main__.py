"""Resealed mutations of model files, archives and configs in child processes: ``make fuzz``.

Every child examines a stretch of cases under limits of memory (200 MB above its start) and time (5 s a case). A case is
wrong when any exception but nnkit's own gets out, the interpreter crashes, something is executed, or a network that
loads predicts values that are not finite without a warning.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
STRETCH = 1000


def examine(kind, seed, first, last, bases):
    """The reports of one child."""
    command = [sys.executable, str(HERE / "child.py"), kind, str(seed), str(first), str(last), str(bases)]
    variables = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=variables, timeout=60 + 5 * STRETCH
        )
        output, code, errors = done.stdout, done.returncode, done.stderr
    except subprocess.TimeoutExpired as expired:
        output, code, errors = (expired.stdout or b"").decode(), "timeout", ""
    reports = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    if not reports or "counts" not in reports[-1]:
        begun = [report["begin"] for report in reports if "begin" in report]
        at = begun[-1] if begun else first
        reports.append({"wrong": at, "error": f"the process ended with {code}", "trace": errors[-2000:], "crash": True})
        if begun and at + 1 < last:
            reports += examine(kind, seed, at + 1, last, bases)
    return reports


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=20_000)
    parser.add_argument("--archives", type=int, default=5_000)
    parser.add_argument("--configs", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--shown", type=int, default=10)
    options = parser.parse_args()
    sys.path.insert(0, str(HERE.parent))
    from fuzz import cases

    wrong = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        bases = Path(folder)
        os.chdir(bases)
        cases.make_bases(bases)
        for kind in ("models", "archives", "configs"):
            count, began = getattr(options, kind), time.perf_counter()
            starts = range(0, count, STRETCH)
            tasks = [pool.submit(examine, kind, options.seed, a, min(a + STRETCH, count), bases) for a in starts]
            counts, peak, failures = Counter(), (0, 0), []
            for task in tasks:
                for report in task.result():
                    slowest = max(counts["slowest ms"], report.get("counts", {}).get("slowest ms", 0))
                    counts.update(report.get("counts", {}))
                    counts["slowest ms"] = slowest
                    peak = max(peak, (report.get("peak MB", 0), report.get("largest", 0)))
                    if "wrong" in report:
                        failures.append(report)
            seconds = time.perf_counter() - began
            print(
                f"{kind}: {count} in {seconds:.0f} s, {dict(counts)}, at most {peak[0]} MB above the start (case "
                f"{peak[1]}), {len(failures)} wrong",
                flush=True,
            )
            by_error = Counter(report["error"][:120] for report in failures)
            for error, number in by_error.most_common(options.shown):
                example = next(report for report in failures if report["error"].startswith(error))
                print(f"  {number} x {error}\n    case {example['wrong']}: {example.get('trace', '')}")
            wrong += len(failures)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
