"""The files of each target: the network, and a self-test with a few rows beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from textwrap import dedent

import numpy as np

import nnkit
from nnkit.arrays import Array
from nnkit_export import c, javascript, python
from nnkit_export.errors import ExportError
from nnkit_export.facts import TOLERANCES, Facts, identifier, write
from nnkit_export.parts import graph_of

__all__ = ["to_c", "to_dot", "to_javascript", "to_python"]

WIDTH = 116

PathLike = str | os.PathLike[str]


def _wrapped(words: list[str], indent: str = "    ") -> list[str]:
    lines, row = [], indent
    for word in words:
        if len(row) + len(word) > WIDTH:
            lines.append(row.rstrip())
            row = indent
        row += word + ", "
    return [*lines, row.rstrip()]


# -- Python ------------------------------------------------------------------------------------------


def to_python(network: nnkit.Network | nnkit.Ensemble, path: PathLike) -> tuple[Path, ...]:
    """Write a module with ``predict(x)`` for one row, which needs only Python's standard library, and its self-test.

    Args:
        network: A network with known inputs, or an ensemble.
        path: A name that ends in ``.py``.

    Returns:
        The module and the self-test, ``NAME_test.py``.

    Raises:
        ExportError: When the network or the name cannot be used; nothing is written then.
    """
    facts, path = Facts.of(network), Path(path)
    if not path.stem.isidentifier():
        raise ExportError(f"the file is {str(path)!r}; expected a name that Python can import, such as 'model.py'")
    writer = python.PythonWriter(facts.graph)
    body = "\n".join(writer.lines)
    needed = [name for name in ("ctypes", "math", "operator") if f"{name}." in body + "".join(writer.helpers)]
    lines = [f'"""{facts.title} {facts.generator}."""', "", *(f"import {name}" for name in needed)]
    lines += [*([""] if needed else []), f"FEATURES = {facts.features!r}", f"CLASSES = {facts.classes!r}"]
    for name, values in writer.constants.items():
        lines += [f"{name} = (", *_wrapped([python.number(v, values.dtype) for v in values]), ")"]
    for helper in writer.helpers:
        lines += ["", *helper.splitlines(), ""]
    single = facts.dtype == "float32"
    lines += [
        "",
        "",
        "def predict(x):",
        f'    """The prediction of one row of {facts.inputs} numbers, as a list."""',
        f"    if len(x) != {facts.inputs}:",
        f'        raise ValueError("x has %d numbers; expected {facts.inputs}" % len(x))',
        f"    x = [{'_single(float(value))' if single else 'float(value)'} for value in x]",
        f"    y = [0.0] * {facts.outputs}",
        *(f"    {name} = [0] * {size}" for name, (size, _) in writer.arrays.items()),
        body,
        "    return y",
        *_python_label(facts),
    ]
    if single and python.HELPERS["single"] not in writer.helpers:
        place = lines.index("def predict(x):") - 2
        lines[place:place] = ["", *python.HELPERS["single"].splitlines(), ""]
        lines.insert(2, "import ctypes")
    test = dedent(
        f'''\
        """Self-test: python {path.stem}_test.py"""

        import os
        import sys

        sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
        from {path.stem} import predict

        ROWS = {_listed(facts.rows)}
        EXPECTED = {_listed(facts.predictions)}
        for row, expected in zip(ROWS, EXPECTED):
            for got, value in zip(predict(row), expected):
                if not (got == value or abs(got - value) <= {TOLERANCES[facts.dtype]} * max(1.0, abs(value))):
                    sys.exit("FAILED: %r instead of %r" % (got, value))
        print("ok: %d rows" % len(ROWS))
        '''
    )
    return facts.write(path, ".py", {"": "\n".join([*lines, ""]).encode(), "_test.py": test.encode()})


def _python_label(facts: Facts) -> list[str]:
    if not facts.classes:
        return []
    answer = {
        "binary": f"CLASSES[y[0] > {facts.threshold!r}]",
        "multiclass": "CLASSES[max(range(len(y)), key=y.__getitem__)]",
        "multilabel": f"[int(value > {facts.threshold!r}) for value in y]",
    }[str(facts.task)]
    return ["", "", "def label(x):", '    """The class of one row."""', "    y = predict(x)", f"    return {answer}"]


def _listed(rows: Array) -> str:
    """Rows as nested lists, in a form that Python reads."""
    text = repr(rows.astype(np.float64).tolist())
    return text.replace("inf", "float('inf')").replace("nan", "float('nan')")


# -- C -----------------------------------------------------------------------------------------------


def to_c(network: nnkit.Network | nnkit.Ensemble, path: PathLike) -> tuple[Path, ...]:
    """Write ``NAME_predict(x, y)`` in C99, which allocates nothing and needs only ``math.h``, and its self-test.

    Args:
        network: A network with known inputs, or an ensemble; float32 becomes ``float``, float64 ``double``.
        path: A name that ends in ``.c``; functions and macros begin with it.

    Returns:
        The source, the header ``NAME.h``, and the self-test ``NAME_test.c``.

    Raises:
        ExportError: When the network or the name cannot be used; nothing is written then.
    """
    facts, path = Facts.of(network), Path(path)
    name, kind = identifier(path), c.TYPES[facts.dtype]
    writer = c.CWriter(facts.graph)
    upper = name.upper()
    about = f"/* {_comment(facts.title)} {facts.generator}. */"
    header = [about, f"#ifndef {upper}_H", f"#define {upper}_H", "", f"#define {upper}_INPUTS {facts.inputs}"]
    header += [f"#define {upper}_OUTPUTS {facts.outputs}", f"typedef {kind} {name}_number;", ""]
    header += ["#ifdef __cplusplus", 'extern "C" {', "#endif", "", "/* The prediction y of one row x. */"]
    header += [f"void {name}_predict(const {kind} x[{upper}_INPUTS], {kind} y[{upper}_OUTPUTS]);"]
    source = [about, f'#include "{path.stem}.h"', "", "#include <math.h>", ""]
    for constant, values in writer.constants.items():
        source += [
            f"static const {'int' if constant[0] == 'p' else c.TYPES[values.dtype.name]} {constant}[{len(values)}] = {{"
        ]
        source += [*(f"    {line}" for line in c.array(values)), "};"]
    source += ["", *writer.helpers, ""]
    source += [f"void {name}_predict(const {kind} x[{upper}_INPUTS], {kind} y[{upper}_OUTPUTS]) {{"]
    source += [f"    {c.TYPES[dtype.name]} {array}[{size}];" for array, (size, dtype) in writer.arrays.items()]
    source += [*writer.lines, "}"]
    label, declaration = _c_label(facts, name, kind)
    source += label
    header += [*declaration, "", "#ifdef __cplusplus", "}", "#endif", "", "#endif", ""]
    rows, expected, tolerance = facts.rows.reshape(-1), facts.predictions.reshape(-1), TOLERANCES[facts.dtype]
    test = [
        f"/* Self-test: cc -std=c99 {path.stem}.c {path.stem}_test.c -lm -o {path.stem}_test && ./{path.stem}_test */",
        f'#include "{path.stem}.h"',
        "",
        "#include <math.h>",
        "#include <stdio.h>",
        "",
        f"static const {kind} rows[{len(rows)}] = {{",
        *c.array(rows),
        "};",
        f"static const {kind} expected[{len(expected)}] = {{",
        *c.array(expected),
        "};",
        "",
        "int main(void) {",
        f"    {kind} y[{upper}_OUTPUTS];",
        f"    for (int n = 0; n < {len(facts.rows)}; n++) {{",
        f"        {name}_predict(rows + n * {upper}_INPUTS, y);",
        f"        for (int k = 0; k < {upper}_OUTPUTS; k++) {{",
        f"            const double value = expected[n * {upper}_OUTPUTS + k], got = y[k];",
        f"            if (!(got == value || fabs(got - value) <= {tolerance} * fmax(1.0, fabs(value)))) {{",
        '                printf("FAILED: %.17g instead of %.17g\\n", got, value);',
        "                return 1;",
        "            }",
        "        }",
        "    }",
        f'    printf("ok: {len(facts.rows)} rows\\n");',
        "    return 0;",
        "}",
        "",
    ]
    files = {"": source, ".h": header, "_test.c": test}
    return facts.write(path, ".c", {ending: "\n".join(lines).encode() + b"\n" for ending, lines in files.items()})


def _c_label(facts: Facts, name: str, kind: str) -> tuple[list[str], list[str]]:
    """The source and the declaration of the function that names a class."""
    if facts.task not in {"binary", "multiclass"}:
        return [], []
    count, signature = len(facts.classes), f"int {name}_class(const {kind} y[{name.upper()}_OUTPUTS])"
    body = [f"    return y[0] > {facts.threshold};"]
    if facts.task == "multiclass":
        body = ["    int best = 0;", f"    for (int k = 1; k < {facts.outputs}; k++) {{"]
        body += ["        if (y[k] > y[best]) best = k;", "    }", "    return best;"]
    texts = ", ".join(_c_string(str(label)) for label in facts.classes)
    source = ["", f"const char *const {name}_classes[{count}] = {{{texts}}};", "", f"{signature} {{", *body, "}"]
    comment = "/* The position in the list of classes that a prediction means. */"
    return source, [comment, f"{signature};", f"extern const char *const {name}_classes[{count}];"]


def _c_string(text: str) -> str:
    octal = "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in text.encode())
    return f'"{octal}"'


def _comment(text: str) -> str:
    return text.replace("*/", "* /")


# -- JavaScript --------------------------------------------------------------------------------------


def to_javascript(network: nnkit.Network | nnkit.Ensemble, path: PathLike) -> tuple[Path, ...]:
    """Write an ES module that exports ``predict(x)`` for one row and has no dependency, and its self-test.

    Args:
        network: A network with known inputs, or an ensemble.
        path: A name that ends in ``.mjs``.

    Returns:
        The module and the self-test, ``NAME_test.mjs``.

    Raises:
        ExportError: When the network or the name cannot be used; nothing is written then.
    """
    facts, path = Facts.of(network), Path(path)
    writer = javascript.JavaScriptWriter(facts.graph)
    kind = javascript.TYPES[facts.dtype]
    lines = [f"// {facts.title} {facts.generator}."]
    lines += [f"export const features = {json.dumps(list(facts.features))};"]
    lines += [f"export const classes = {json.dumps(list(facts.classes))};"]
    for constant, values in writer.constants.items():
        words = _wrapped([javascript.number(value, values.dtype) for value in values])
        lines += [f"const {constant} = new {javascript.TYPES[values.dtype.name]}([", *words, "]);"]
    lines += [*writer.helpers, "", "/** The prediction of one row. */", "export function predict(row) {"]
    lines += [f"    if (row.length !== {facts.inputs}) {{"]
    lines += [f"        throw new Error(`row has ${{row.length}} numbers; expected {facts.inputs}`);", "    }"]
    lines += [f"    const x = {kind}.from(row);", f"    const y = new {kind}({facts.outputs});"]
    arrays = writer.arrays.items()
    lines += [f"    const {name} = new {javascript.TYPES[dtype.name]}({size});" for name, (size, dtype) in arrays]
    lines += [*writer.lines, "    return y;", "}"]
    if facts.classes:
        answer = {
            "binary": f"classes[y[0] > {facts.threshold} ? 1 : 0]",
            "multiclass": "classes[y.indexOf(Math.max(...y))]",
            "multilabel": f"Array.from(y, (value) => (value > {facts.threshold} ? 1 : 0))",
        }[str(facts.task)]
        lines += ["", "/** The class of one row. */", "export function label(row) {"]
        lines += ["    const y = predict(row);", f"    return {answer};", "}"]
    test = dedent(
        f"""\
        // Self-test: node {path.stem}_test.mjs
        import {{ predict }} from "./{path.name}";

        const rows = {_scripted(facts.rows)};
        const expected = {_scripted(facts.predictions)};
        rows.forEach((row, n) => {{
            predict(row).forEach((got, k) => {{
                const value = expected[n][k];
                const close = Math.abs(got - value) <= {TOLERANCES[facts.dtype]} * Math.max(1, Math.abs(value));
                if (!(got === value || close)) {{
                    throw new Error(`FAILED: ${{got}} instead of ${{value}}`);
                }}
            }});
        }});
        console.log(`ok: ${{rows.length}} rows`);
        """
    )
    return facts.write(path, ".mjs", {"": "\n".join([*lines, ""]).encode(), "_test.mjs": test.encode()})


def _scripted(rows: Array) -> str:
    return repr(rows.astype(np.float64).tolist()).replace("inf", "Infinity").replace("nan", "NaN")


# -- a picture ---------------------------------------------------------------------------------------


def to_dot(network: nnkit.Network | nnkit.Ensemble, path: PathLike) -> tuple[Path, ...]:
    """Write the graph of the network in the language of Graphviz; ``dot -Tsvg model.dot -o model.svg`` draws it.

    Args:
        network: A network with known inputs, or an ensemble.
        path: A name that ends in ``.dot``.

    Returns:
        The file.

    Raises:
        ExportError: When the network or the name cannot be used; nothing is written then.
    """
    return write(path, [".dot"], {"": graph_of(network).dot().encode() + b"\n"})
