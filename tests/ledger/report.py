"""Runs every test that shows a row of the documents' ledger; prints the rows that no passing test shows.

``make ledger`` calls it; it ends with 0 when there is none. The rows stand in ``docs/origins.md``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "origins.md"
ROW = re.compile(r"^\| (S\d\.\d+) \| (.+?) \|", re.MULTILINE)


def rows() -> dict[str, str]:
    """Every row of the ledger: its id, and what the document has."""
    return dict(ROW.findall(PAGE.read_text(encoding="utf-8")))


class Witness:
    """Notes which rows the tests name, and which of these tests pass."""

    def __init__(self):
        self.named = {}
        self.passed, self.failed = set(), set()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        for item in items:
            self.named[item.nodeid] = {row for marker in item.iter_markers("ledger") for row in marker.args}

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.add(report.nodeid)
        elif report.when == "call" and report.passed:
            self.passed.add(report.nodeid)

    def shown(self):
        """Rows that at least one test shows, and of which no test fails."""
        good = {row for test in self.passed - self.failed for row in self.named[test]}
        bad = {row for test in self.failed for row in self.named.get(test, ())}
        return good - bad


def main(arguments):
    witness = Witness()
    options = ["-q", "-m", "ledger", "-p", "no:cacheprovider", "--no-header", "-r", "f", *arguments]
    code = pytest.main([*options, str(ROOT / "tests")], plugins=[witness])
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        return int(code)
    ledger, shown = rows(), witness.shown()
    missing = [row for row in ledger if row not in shown]
    for row in missing:
        print(f"{row}: {ledger[row]}")
    unknown = sorted({row for named in witness.named.values() for row in named} - ledger.keys())
    for row in unknown:
        print(f"{row}: named by a test, but not in {PAGE.relative_to(ROOT)}")
    print(f"{len(ledger) - len(missing)} of {len(ledger)} rows are shown by {len(witness.passed)} passing tests")
    return int(bool(missing or unknown))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
