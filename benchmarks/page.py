"""The measurements as Markdown, and the machine that they were made on."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from turns import Measured


def table(title: str, unit: float, rows: Mapping[str, Measured], order: Iterable[str]) -> str:
    """Medians; in the last column, of nnkit, how much longer the slowest turn took than the fastest."""
    labels = list(dict.fromkeys([*order, *(label for row in rows.values() for label in row)]))
    columns = [label for label in labels if any(label in row for row in rows.values())]
    lines = [f"| {title} | {' | '.join(columns)} | spread of nnkit |", "|---" * (len(columns) + 2) + "|"]
    for name, row in rows.items():
        cells = []
        for label in columns:
            entry = row.get(label, {})
            cells.append(f"{entry['median'] * unit:.4g}" if "median" in entry else ("failed" if entry else ""))
        ours = row.get("nnkit", {})
        spread = f"{100 * (ours['most'] / ours['least'] - 1):.0f} %" if "median" in ours else ""
        lines.append(f"| {name} | {' | '.join(cells)} | {spread} |")
    return "\n".join(lines)


def state_of_machine() -> str:
    """How busy the machine is: the time of a fixed Python loop and of a fixed matrix product."""
    import numpy as np

    square, times = np.ones((512, 512), np.float32), []
    for work in (lambda: sum(range(300_000)), lambda: square @ square):
        seconds = []
        for _ in range(20):
            began = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - began)
        times.append(1e3 * statistics.median(seconds))
    return f"a Python loop {times[0]:.3g} ms, a product {times[1]:.3g} ms, load {os.getloadavg()[0]:.2f}"


def machine(threads: int, coretype: str | None) -> dict[str, Any]:
    """What the times depend on."""
    import numpy as np

    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = models[0] if models else cpu
    facts: dict[str, Any] = {
        "cpu": cpu, "cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version(),
        "numpy": np.__version__, "threads": threads,
        "OPENBLAS_CORETYPE": coretype or os.environ.get("OPENBLAS_CORETYPE", "not set"),
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }  # fmt: skip
    code = (
        "import json, numpy, threadpoolctl as t; print(json.dumps([[i['internal_api'], i.get('version'), "
        "i.get('architecture'), i['num_threads']] for i in t.threadpool_info()]))"
    )
    env = dict(os.environ) | {"OPENBLAS_NUM_THREADS": str(threads)}
    env |= {"OPENBLAS_CORETYPE": coretype} if coretype else {}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    facts["blas"] = json.loads(result.stdout) if result.returncode == 0 else "threadpoolctl is not installed"
    facts["state before"] = state_of_machine()
    return facts


def write_into(page: Path, state: str, texts: Iterable[str]) -> None:
    """Put the tables between the page's marks for this state of the BLAS."""
    text = page.read_text()
    first, last = f"<!-- bench: {state} -->", f"<!-- end: {state} -->"
    before, begins, rest = text.partition(first)
    _, ends, after = rest.partition(last)
    if not (begins and ends):
        raise SystemExit(f"{page} has no marks {first} and {last}")
    page.write_text(f"{before}{first}\n" + "\n\n".join(texts) + f"\n{last}{after}")
