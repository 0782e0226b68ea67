"""The Makefile's memory: a tree that was green is not run again, and any change of it is seen."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def unchanged(tmp_path, monkeypatch):
    """`.ci/unchanged.py`, at work on a small tree."""
    spec = importlib.util.spec_from_file_location("unchanged", ROOT / ".ci" / "unchanged.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in (
        "nnkit/a.py",
        "Makefile",
        ".ci/run",
        ".cache/tests.xml",
        ".venv/x",
        "nnkit/__pycache__/a.pyc",
        "digits-x.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / ".cache/tests.xml").write_text('<testsuites><testsuite tests="7" skipped="1" time="3.2"/></testsuites>')
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "NOTE", tmp_path / ".cache" / "green.json")
    monkeypatch.setattr(module, "RESULTS", tmp_path / ".cache" / "tests.xml")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["unchanged.py", *arguments])
        return module.main()

    return run


def test_nothing_recorded_means_run(unchanged):
    assert 1 == unchanged()


def test_what_was_green_is_said_and_not_run_again(unchanged, tmp_path, capsys):
    assert 0 == unchanged("--record")
    assert 0 == unchanged()
    assert "7 tests, 1 skipped, none failed, in 3 s" in capsys.readouterr().out
    assert {"fingerprint", "when", "tests", "skipped", "time"} == set(
        json.loads((tmp_path / ".cache/green.json").read_text())
    )


@pytest.mark.parametrize("name", ["nnkit/a.py", "Makefile", ".ci/run", "tests/new.py", "plugins/acme/pyproject.toml"])
def test_any_change_of_the_tree_means_run(unchanged, tmp_path, name):
    unchanged("--record")
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("changed")
    assert 1 == unchanged()


@pytest.mark.parametrize(
    "name", [".venv/x", "nnkit/__pycache__/a.pyc", "digits-x.png", ".cache/other", "docs/_build/x"]
)
def test_what_the_commands_make_themselves_does_not(unchanged, tmp_path, name):
    unchanged("--record")
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("changed")
    assert 0 == unchanged()


def test_a_file_that_moves_is_a_change(unchanged, tmp_path):
    unchanged("--record")
    (tmp_path / "nnkit/a.py").rename(tmp_path / "nnkit/b.py")
    assert 1 == unchanged()


def make(*arguments):
    found = subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert 0 == found.returncode, found.stderr
    return found.stdout


def test_every_plugin_is_installed_linted_typed_and_tested():
    plugins = sorted(path.parent.relative_to(ROOT) for path in ROOT.glob("plugins/*/pyproject.toml"))
    assert plugins
    plan = make("-n", "-B", "check", "PY=true")
    install = next(line for line in plan.splitlines() if "'.[test]'" in line)
    for plugin in plugins:
        assert f"-e {plugin}" in install
        packages = [path.parent.relative_to(ROOT) for path in (ROOT / plugin).glob("*/__init__.py")]
        for package in (one for one in packages if one.name != "tests"):
            assert 2 <= plan.count(str(package))  # mypy and pytest
        assert f"{plugin}/tests" in plan


def test_help_names_every_target_a_person_calls():
    shown = make("help")
    text = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE)
    phony = re.search(r"^\.PHONY: (.*)", text, re.MULTILINE)[1].split()
    assert sorted(targets) == sorted(phony)
    parts_of_check = {"help", "lint", "types", "tests"}
    assert [] == [target for target in targets if target not in parts_of_check and f"make {target} " not in shown]


def test_ci_is_a_program():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
