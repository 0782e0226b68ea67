"""What pytest loads from an installed nnkit-core: the option ``--thorough``, the summary, and no way to skip.

A proof can be lost in three places, and each ends red: its file is never run (a skip of the module, of a
``conftest.py``), its line is run and makes no test (a name without ``test``, a condition), its items are skipped.
It imports nothing of the kit's checks before a conformance test is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest

__all__ = [
    "pytest_addoption",
    "pytest_runtest_makereport",
    "pytest_terminal_summary",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--thorough``."""
    group = parser.getgroup("nnkit")
    group.addoption(
        "--thorough",
        action="store_true",
        default=False,
        help="nnkit conformance: many more figures, and those that hypothesis finds",
    )


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


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Where to begin, what is advised, and one line a part: passed, failed, expected, not applicable."""
    counts: dict[str, Counter[str]] = {}
    failed: dict[str, list[str]] = {}
    advice: list[str] = []
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) != "call":
                continue
            for name, value in getattr(report, "user_properties", ()):
                if name == "nnkit":
                    part, check, state, fix = value
                    counts.setdefault(part, Counter())[state] += 1
                    if state == "failed":
                        failed.setdefault(part, []).append(check)
                    elif state == "advice":
                        advice.append(f"advice  {check} for {part}: {fix}")
                elif name == "nnkit-na":
                    for part, count in value.items():
                        counts.setdefault(part, Counter())["not applicable"] += count
    if counts:
        from nnkit.testing.report import STATES, begin_with
        from nnkit.testing.runner import all_checks

        order = [check.id for check in all_checks()]
        hints = [begin_with(part, sorted(checks, key=order.index)) for part, checks in sorted(failed.items())]
        terminalreporter.section("nnkit conformance")
        for line in [*(f"hint    {hint}" for hint in hints if hint), *sorted(advice)]:
            terminalreporter.write_line(line)
        for part, states in sorted(counts.items()):
            shown = ", ".join(
                f"{states[state]} {state}" for state in STATES if states[state] or state in {"passed", "failed"}
            )
            terminalreporter.write_line(f"{part}: {shown}")
