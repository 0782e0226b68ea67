"""The ledger is whole: every row of the four documents is in ``docs/origins.md`` and named by a test."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

HERE = Path(__file__).parent
ROWS_OF = {"S0": 52, "S1": 21, "S2": 24, "S3": 26}


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


report = load(HERE / "report.py")


def named(path):
    """The rows that the tests of a file name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "ledger":
            yield from (argument.value for argument in node.args)


def test_every_row_of_every_document_is_there():
    expected = [f"{document}.{number}" for document, count in ROWS_OF.items() for number in range(1, count + 1)]
    assert expected == list(report.rows())


def test_every_row_is_named_by_a_test_and_every_name_is_a_row():
    tests = {row for path in HERE.parent.rglob("test_*.py") for row in named(path)}
    assert set(report.rows()) == tests


def test_a_row_whose_test_fails_or_is_skipped_is_printed(tmp_path, monkeypatch, capfd):
    (tmp_path / "tests").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "origins.md").write_text("".join(f"| S9.{n} | row {n} | here |\n" for n in range(1, 6)))
    (tmp_path / "tests" / "pytest.ini").write_text("[pytest]\nmarkers = ledger(*rows): rows\n")
    (tmp_path / "tests" / "test_some.py").write_text(
        "import pytest\n"
        "@pytest.mark.ledger('S9.1', 'S9.4')\ndef test_good(): pass\n"
        "@pytest.mark.ledger('S9.2', 'S9.4')\ndef test_bad(): assert False\n"
        "@pytest.mark.ledger('S9.3')\ndef test_skipped(): pytest.skip('no')\n"
        "@pytest.mark.ledger('S9.7')\ndef test_unknown(): pass\n"
    )
    program = tmp_path / "tests" / "ledger" / "report.py"
    program.parent.mkdir()
    program.write_text((HERE / "report.py").read_text())
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, check=False, cwd=tmp_path / "tests"
    )
    assert 1 == done.returncode
    for row in ("S9.2: row 2", "S9.3: row 3", "S9.4: row 4", "S9.5: row 5", "S9.7: named by a test, but not in"):
        assert row in done.stdout
    assert "S9.1" not in done.stdout.replace("test_some.py", "")
    assert "1 of 5 rows" in done.stdout
