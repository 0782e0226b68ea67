"""The Makefile, CI's program, the bounds on dependencies, and the list of skipped tests."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="make and sh are programs of Unix")


def make(*arguments):
    run = subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert 0 == run.returncode, run.stderr
    return run.stdout


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_plugin_is_installed_linted_typed_and_tested():
    assert PLUGINS
    plan = make("-n", "-B", "test", "heavy", "PY=true")
    install = "\n".join(line for line in plan.splitlines() if "'.[test]'" in line)
    for name in PLUGINS:
        assert re.search(rf"-e '?plugins/{name}(\[test\]')?(?=\s)", install + "\n")
        packages = [path.parent.relative_to(ROOT) for path in (ROOT / "plugins" / name).glob("*/__init__.py")]
        for package in (package for package in packages if package.name != "tests"):
            assert 2 <= plan.count(str(package))  # mypy and pytest
        assert f"plugins/{name}/tests" in plan


def test_a_heavy_plugin_is_left_out_of_make_test_and_tested_by_ci():
    name, other = PLUGINS[:2]
    plan = make("-n", "-B", "test", "PY=true", f"HEAVY={name}")
    assert f"plugins/{name}" not in plan
    assert f"plugins/{other}/tests" in plan
    heavy = make("-n", "heavy", f"HEAVY={name}")
    assert f"plugins/{name}/tests" in heavy
    assert f"plugins/{other}" not in heavy


def test_help_names_every_target_a_person_calls():
    shown = make("help")
    text = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE)
    phony = re.search(r"^\.PHONY: (.*)", text, re.MULTILINE)[1].split()
    assert sorted(targets) == sorted(phony)
    parts_of_test = {"help", "lint", "types", "tests"}
    assert [] == [target for target in targets if target not in parts_of_test and f"make {target} " not in shown]


def test_ci_runs_the_test_command_and_the_heavy_plugins():
    program = ROOT / ".ci" / "run"
    assert os.access(program, os.X_OK)
    commands = [line for line in program.read_text().splitlines() if "make" in line and not line.startswith("#")]
    assert commands == ["make test || exit", "exec make heavy"]


def test_nothing_is_installed_below_the_bounds_that_make_oldest_tests():
    """Each bound is named once more in the plugins; they must agree with the core's."""
    core = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = dict(line.split(">=") for line in core["dependencies"])
    for name in PLUGINS:
        plugin = tomllib.loads((ROOT / "plugins" / name / "pyproject.toml").read_text())["project"]
        for distribution, bound in (re.split("[>=,]+", line)[:2] for line in plugin["dependencies"]):
            assert bound == required.get(distribution, bound), f"{name}: {distribution}"
        assert plugin["requires-python"] == core["requires-python"]


def test_oldest_takes_the_lowest_version_that_every_project_allows(tmp_path):
    oldest = script("oldest")
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text('[project]\ndependencies = ["numpy>=2", "nnkit-core>=0.1"]\n')
    second.write_text(
        '[project]\ndependencies = ["numpy>=2.0.2", "numba >= 0.9, <1"]\n'
        '[project.optional-dependencies]\ntest = ["pytest>=8.10"]\ndocs = ["sphinx>=7"]\n'
    )
    assert oldest.bounds([first, second]) == {"numpy": "2.0.2", "numba": "0.9", "pytest": "8.10"}


def test_oldest_refuses_a_dependency_without_a_bound(tmp_path, monkeypatch):
    oldest = script("oldest")
    monkeypatch.setattr(oldest, "ROOT", tmp_path)
    (tmp_path / "a.toml").write_text('[project]\ndependencies = ["numpy"]\n')
    with pytest.raises(SystemExit, match=r"a\.toml: 'numpy' has no lower bound; write name>=version"):
        oldest.bounds([tmp_path / "a.toml"])


def test_oldest_prints_every_run_time_dependency():
    shown = subprocess.run([sys.executable, ROOT / ".ci/oldest.py"], capture_output=True, text=True, check=True).stdout
    assert {"attrs", "click", "matplotlib", "numba", "numpy", "pluggy", "rich", "scipy"} <= {
        line.partition("==")[0] for line in shown.splitlines()
    }


@pytest.mark.parametrize("options", [[], ["-n", "1"]], ids=["one process", "xdist"])
def test_a_test_run_lists_what_it_skipped_and_why(pytester, monkeypatch, options):
    monkeypatch.setenv("NNKIT_NOT_RUN", "make elsewhere")
    pytester.makeconftest((ROOT / "conftest.py").read_text())
    pytester.makepyfile(
        test_it="""
        import pytest
        def test_runs(): pass
        @pytest.mark.skip(reason="no disk")
        def test_b(): pass
        @pytest.mark.skip(reason="no disk")
        def test_a(): pass
        def test_c(): pytest.skip("no moon")
        """
    )
    result = pytester.runpytest_subprocess(*options)
    result.stdout.fnmatch_lines(
        [
            "*what did not run*",
            "3 skipped:",
            "  2 because: no disk",
            "    test_it.py::test_a",
            "    test_it.py::test_b",
            "  1 because: no moon",
            "    test_it.py::test_c",
            "Other commands, not part of this one: make elsewhere.",
            "*1 passed, 3 skipped*",
        ],
        consecutive=False,
    )
    assert re.search(r"\d (passed|skipped) in", result.stdout.lines[-1]), "pytest's own line is the last"


def test_a_run_without_skips_reports_that(pytester):
    pytester.makeconftest((ROOT / "conftest.py").read_text())
    pytester.makepyfile("def test_runs(): pass")
    pytester.runpytest_subprocess().stdout.fnmatch_lines(["0 skipped; every test that was selected ran."])
