"""What every test session shares: the names that doctests use, and a list of what was skipped."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

# Programs, not tests: they record reference values with other libraries, measure the kit, or run inside PyInstaller.
collect_ignore_glob = [
    "tests/oracles/*",
    "tests/kit_power/*",
    "tests/distribution/program.py",
    "plugins/*/tests/oracles/*",
    "benchmarks/*",
    "nnkit/_pyinstaller/*",
]


def pytest_configure() -> None:
    """Let Ctrl-C interrupt the tests and their children, also where a shell that started them had it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _doctest_names(request: pytest.FixtureRequest) -> Any:
    """Give each doctest ``np`` and ``nnkit``, and print arrays as the documentation does."""
    if not isinstance(request.node, pytest.DoctestItem):
        yield
        return
    import nnkit

    request.getfixturevalue("doctest_namespace").update(np=np, nnkit=nnkit)
    with np.printoptions(precision=8, suppress=False):
        yield


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List by name what was skipped, by reason, and the commands whose tests were not part of this run."""
    by_reason = defaultdict(list)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, (tuple, list)) else str(report.longrepr)
        by_reason[reason.removeprefix("Skipped: ")].append(report.nodeid)
    terminalreporter.section("what did not run")
    total = sum(map(len, by_reason.values()))
    terminalreporter.line(f"{total} skipped" + (":" if total else "; every test that was selected ran."))
    for reason, names in sorted(by_reason.items()):
        terminalreporter.line(f"  {len(names)} because: {reason}")
        for name in sorted(names):
            terminalreporter.line(f"    {name}")
    if deselected := len(terminalreporter.stats.get("deselected", [])):
        terminalreporter.line(f"{deselected} deselected by -k, -m or --lf.")
    if commands := os.environ.get("NNKIT_NOT_RUN"):
        terminalreporter.line(f"Other commands, not part of this one: {commands}.")
