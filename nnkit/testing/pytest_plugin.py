"""What pytest loads from an installed nnkit-core: the option ``--thorough``, the summary, and no way to skip.

It imports nothing of nnkit before a conformance test is there.
"""

from __future__ import annotations

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
    """One line a part: passed, failed, expected, not applicable."""
    counts: dict[str, dict[str, int]] = {}

    def line(part: str) -> dict[str, int]:
        return counts.setdefault(part, {"passed": 0, "failed": 0, "expected": 0, "not applicable": 0, "advice": 0})

    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) != "call":
                continue
            for name, value in getattr(report, "user_properties", ()):
                if name == "nnkit":
                    line(value[0])[value[1]] += 1
                elif name == "nnkit-na":
                    for part, count in value.items():
                        line(part)["not applicable"] += count
    if counts:
        terminalreporter.section("nnkit conformance")
        for part, states in sorted(counts.items()):
            shown = ", ".join(
                f"{count} {state}" for state, count in states.items() if count or state in {"passed", "failed"}
            )
            terminalreporter.write_line(f"{part}: {shown}")
