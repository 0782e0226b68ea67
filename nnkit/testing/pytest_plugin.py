"""What pytest loads from an installed nnkit-core: the option ``--thorough``, the summary, and no way to skip a proof.

A proof can be lost in three places, and each is a failure: its file is never run (a skip of the module, of a
``conftest.py``), its line is run and makes no test (a name without ``test``, a condition), its items are skipped.

Test modules that do not mention ``nnkit.testing`` are left alone: whether a module mentions it is seen from
its namespace, or from the code that was running when it was skipped. Only the test files below a skipped
``conftest.py`` or ``__init__.py`` are read.
"""

from __future__ import annotations  # pytest 8.2 has no TerminalReporter of this name

import ast
import sys
from collections.abc import Generator, Iterator
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from nnkit.testing.report import State


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--thorough``."""
    help_ = "nnkit conformance: also try arrays that hypothesis chooses"
    parser.getgroup("nnkit").addoption("--thorough", action="store_true", default=False, help=help_)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A line ``conformance(...)`` that gave no test proves nothing, so its file is a failure with that reason."""
    report = yield
    lost = list(_lost_proofs(collector, report))
    if lost:
        report.outcome = "failed"
        report.result = []
        report.longrepr = "\n".join(lost)
    return report


def _lost_proofs(collector: pytest.Collector, report: pytest.CollectReport) -> Iterator[str]:
    path = collector.path
    if report.failed or not isinstance(collector, (pytest.File, pytest.Directory, pytest.Session)):
        return
    if report.skipped:
        why = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else "Skipped"
        for file in _skipped_files(collector, report):
            for lines in proof_lines(file):
                yield (
                    f"conformance(...) was skipped, so nothing is proven: {file}:{lines.start} never ran, because "
                    f"{path.name} was skipped ({why}).\nPut the proof into a file that nothing skips, and "
                    "announce what is known to fail in expected_failures={'<check id>': '<reason>'}."
                )
    elif isinstance(collector, pytest.Module) and _mentions_kit(collector):
        marks = (getattr(getattr(item, "function", None), "__nnkit_conformance__", None) for item in report.result)
        made = {line for file, line in filter(None, marks) if Path(file).resolve() == path.resolve()}
        for lines in proof_lines(path):
            if made.isdisjoint(lines):
                yield (
                    f"conformance(...) made no test, so nothing is proven: {path}:{lines.start}\n"
                    "Assign it, under no condition, to a name that begins with test: "
                    'test_conformance = conformance("your-distribution")'
                )


def _mentions_kit(collector: pytest.Module) -> bool:
    """Whether a name of the module is ``conformance``, ``nnkit`` or ``nnkit.testing``."""
    if type(collector).collect is not pytest.Module.collect:
        return False  # doctests
    function = getattr(sys.modules.get("nnkit.testing.pytest_function"), "conformance", collector)
    return any(
        value is function or (isinstance(value, ModuleType) and value.__name__ in {"nnkit", "nnkit.testing"})
        for value in vars(collector.obj).values()
    )


def _skipped_files(collector: pytest.Collector, report: pytest.CollectReport) -> Iterator[Path]:
    """The files that were skipped and may mention the kit."""
    if not collector.path.is_file():
        yield from _test_files(collector)
        return
    call: pytest.CallInfo[object] | None = getattr(report, "call", None)
    traceback = None if call is None or call.excinfo is None else call.excinfo.tb
    while traceback is not None and Path(traceback.tb_frame.f_code.co_filename) != collector.path:
        traceback = traceback.tb_next
    names = set() if traceback is None else {*traceback.tb_frame.f_code.co_names}
    if traceback is None or "nnkit.testing" in names or {"nnkit", "testing"} <= names:
        yield collector.path


def _test_files(collector: pytest.Collector) -> Iterator[Path]:
    patterns = collector.config.getini("python_files")
    for file in sorted(collector.path.rglob("*.py")):
        if any(fnmatch(file.name, pattern) for pattern in patterns):
            yield file


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped conformance test proves nothing, so it is a failure with that reason."""
    report = yield
    if report.skipped and getattr(getattr(item, "function", None), "__nnkit_conformance__", False):
        report.outcome = "failed"
        report.longrepr = (
            f"{item.name} was skipped or marked as an expected failure of pytest, so nothing is proven.\n"
            "Announce what is known to fail in expected_failures={'<check id>': '<reason>'} instead."
        )
        if "wasxfail" in vars(report):
            del report.wasxfail
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Where to begin, what is advised, and one line a part: passed, failed, expected, not applicable, and the grade."""
    ended: dict[str, list[tuple[str, State, str]]] = {}
    totals: dict[str, list[int | None]] = {}
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    for name, (part, *value) in (
        pair
        for report in reports
        if getattr(report, "when", None) == "call"
        for pair in report.user_properties
        if pair[0] in {"nnkit", "nnkit-total"}
    ):
        if name == "nnkit":
            ended.setdefault(part, []).append(tuple(value))
        else:
            totals.setdefault(part, []).append(value[0])
    if ended:
        from nnkit.testing.catalog import all_checks
        from nnkit.testing.report import Outcome, PartReport

        parts = [
            PartReport(
                part=part,
                kind="part",
                outcomes=tuple(
                    Outcome(check=check, state=state, reason=text)
                    for check in all_checks()
                    for identity, state, text in own
                    if identity == check.id
                ),
                complete=totals.get(part) == [len(own)],
            )
            for part, own in sorted(ended.items())
        ]
        advice = [f"advice  {one.reason}" for part in parts for one in part.outcomes if one.state == "advice"]
        terminalreporter.section("nnkit conformance")
        for line in [*(f"hint    {part.hint}" for part in parts if part.hint), *sorted(advice), *map(str, parts)]:
            terminalreporter.write_line(line)


def proof_lines(file: Path) -> list[range]:
    """The lines of every call of ``conformance`` that running the file as a module would make, each as a range.

    Args:
        file: A Python file; one that is no valid Python has none.

    Example:
        >>> file = Path(getfixture("tmp_path")) / "test_proof.py"
        >>> _ = file.write_text('from nnkit.testing import conformance; test_it = conformance("acme-nn")')
        >>> proof_lines(file)
        [range(1, 2)]
    """
    text = file.read_bytes()
    if b"conformance" not in text:
        return []
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "nnkit"
        for alias in node.names
        if alias.name == "conformance"
    }
    return [range(call.lineno, (call.end_lineno or call.lineno) + 1) for call in _calls(tree) if _is_proof(call, names)]


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    """The calls that are made while the module is run: not those in the bodies of functions and classes."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(child, ast.Call):
            yield child
        yield from _calls(child)


def _is_proof(call: ast.Call, names: set[str]) -> bool:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id in names
    return isinstance(function, ast.Attribute) and function.attr == "conformance"
