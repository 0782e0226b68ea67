"""The three doors: what they answer, and that nothing unproven ends green."""

import json
import os
import subprocess
import sys

import attrs
import numpy as np
import pytest
from kit_power.sound import Plain, Wave

from nnkit.errors import SpecError, UnknownNameError
from nnkit.interfaces import Activation, Elementwise
from nnkit.testing import all_checks, check, conformance
from nnkit.testing.__main__ import main
from nnkit.testing.profiles import PROFILES


@attrs.frozen(kw_only=True)
class HalfSlope(Elementwise):
    """A wave with half its slope."""

    def forward(self, z):
        return np.sin(z)

    def derivative(self, z, a):
        return 0.5 * np.cos(z)


@attrs.frozen(kw_only=True)
class Skipping(Elementwise):
    """Tries to get out of it."""

    def forward(self, z):
        pytest.skip("not today")

    def derivative(self, z, a):
        return np.cos(z)


def test_report_of_a_sound_part():
    report = check(Wave)
    assert report.ok
    assert () == report.failures
    assert 0 == report.counts["failed"]
    assert 30 < report.counts["passed"]
    assert 0 < report.counts["not applicable"]
    assert "Wave: " in str(report)


def test_failure_says_id_why_input_figures_mend_and_rerun():
    report = check(HalfSlope, only="ACT-002")
    assert not report.ok
    (failure,) = report.failures
    assert "ACT-002/derivative-stencil" == failure.id
    lines = str(failure).splitlines()
    starts = [line.split()[0] for line in lines]
    assert ["ACT-002/derivative-stencil", "what", "why", "input", "got", "expected", "mend", "rerun"] == starts
    assert "z = [[" in str(failure)
    assert 1 == str(failure).count("input")
    assert failure.why in str(failure)
    assert failure.fix in str(failure)


def test_rerun_line_runs_just_that_check(capsys):
    (failure,) = check("kit_power.sound:Plain", only="OPT-003", expected_failures=None).failures or (None,)
    assert failure is None
    (failure,) = check(HalfSlope, only="ACT-002", dtypes=["float64"]).failures
    command = failure.rerun.split()
    if command[0] == "python":
        assert 1 == main(command[3:])
        assert "ACT-002/derivative-stencil FAILED" in capsys.readouterr().out


def test_json_report_holds_the_same_figures():
    report = check(HalfSlope)
    data = json.loads(report.to_json())
    assert report.counts == data["counts"]
    assert {failure.id for failure in report.failures} == {
        one["id"] for one in data["parts"][0]["checks"] if one["state"] == "failed"
    }


def test_ids_are_unique_and_well_formed():
    checks = all_checks()
    assert len({one.id for one in checks}) == len(checks)
    assert len({one.number for one in checks}) == len(checks)
    for one in checks:
        kind, _, number = one.number.partition("-")
        assert kind.isupper()
        assert number.isdigit() or number == "REF"
        assert one.why.strip()
        assert one.fix.strip()


def test_expected_failure_needs_a_reason_and_a_known_id():
    with pytest.raises(SpecError, match="no reason"):
        check(HalfSlope, expected_failures={"ACT-002": " "})
    with pytest.raises(UnknownNameError, match="did you mean"):
        check(HalfSlope, expected_failures={"ACT-2002": "because"})


def test_expected_failure_counts_as_expected_and_is_strict():
    report = check(HalfSlope, expected_failures={"ACT-002": "known"}, only="ACT-002")
    assert report.ok
    assert 1 == report.counts["expected"]
    report = check(Wave, expected_failures={"ACT-002": "known"}, only="ACT-002")
    assert not report.ok
    assert "although it is expected to fail" in str(report)


def test_expected_failure_that_is_never_run_is_a_problem():
    report = check(Wave, expected_failures={"LOSS-001": "not a loss"})
    assert not report.ok
    assert "belongs to no check that was run" in str(report)


def test_selection_that_applies_to_nothing_is_no_proof():
    report = check(Wave, only="OPT-001")
    assert not report.ok
    report = check(Wave, only="ACT-018", dtypes=["float64"])
    assert not report.ok
    assert "nothing is proven" in str(report)


def test_a_part_that_skips_fails():
    report = check(Skipping)
    assert not report.ok
    assert "the part skips: Skipped: not today" in str(report)


@pytest.mark.parametrize(
    ("component", "words"),
    [
        ("acme-nnn", "no distribution"),
        ("numpy", "provides no parts"),
        ("no_such_module:Lion", "cannot be imported"),
        ("nnkit/no_such_part", "can be proven"),
    ],
)
def test_unknown_components_say_what_is_wrong(component, words):
    with pytest.raises(UnknownNameError, match=words):
        check(component)


def test_what_is_no_part_is_refused():
    with pytest.raises(SpecError, match="no part"):
        check(int)
    with pytest.raises(SpecError, match="does not implement"):
        check(Activation)


def test_function_pair_is_proven_like_a_part():
    report = check((np.sin, np.cos), kind="activation", only=["ACT-002", "ACT-005"])
    assert report.ok, str(report)
    report = check((np.sin, np.sin), kind="activation", only=["ACT-002"])
    assert not report.ok


def test_instance_is_proven_as_it_is():
    report = check(Plain(momentum=0.5), only="OPT-012")
    assert report.ok
    assert "momentum=0.5" in report.parts[0].part


def test_profile_makes_newer_checks_advise(monkeypatch):
    monkeypatch.setitem(PROFILES, "old", frozenset({"ACT-001/shape"}))
    report = check(HalfSlope, profile="old")
    assert report.ok
    assert "ACT-002/derivative-stencil" in {failure.id for failure in report.advice}
    with pytest.raises(UnknownNameError, match="profiles are"):
        check(HalfSlope, profile="none such")


def test_current_profile_is_frozen():
    known = {one.id for one in all_checks()}
    assert PROFILES["2026.1"] <= known
    assert known - PROFILES["2026.1"] == {one.id for one in all_checks() if one.since != "0.1"}


def test_command_without_extra(capsys, tmp_path):
    assert 0 == main(["kit_power.sound:Wave", "--check", "ACT-001", "--json", str(tmp_path / "r.json")])
    assert json.loads((tmp_path / "r.json").read_text())["ok"]
    assert 2 == main(["no-such-thing"])
    assert "no distribution" in capsys.readouterr().err
    assert 0 == main(["--list"])
    assert "OPT-012/resume-equals-continuous" in capsys.readouterr().out


def test_conformance_makes_one_item_for_each_check():
    test = conformance(Wave)
    ids = [param.id for param in test.pytestmark[0].args[1]]
    assert "selection" == ids[0]
    assert "Wave::ACT-002/derivative-stencil" in ids
    assert len(ids) == len(set(ids))


RED = '''
import pytest
from nnkit.testing import conformance
from nnkit.interfaces import Elementwise
import attrs, numpy as np

@attrs.frozen(kw_only=True)
class Wave(Elementwise):
    """sin. Source: x."""
    def forward(self, z):
        return np.sin(z)
    def derivative(self, z, a):
        return np.cos(z)

test_good = conformance(Wave)
test_skipped = pytest.mark.skip(conformance(Wave, only="ACT-001"))
test_xfailed = pytest.mark.xfail(conformance(Wave, only="ACT-001", expected_failures={"ACT-001": "no"}))
test_mistyped = conformance("acme-nnn")
test_uninstalled = conformance("nnkit-no-such-plugin/lion")
test_nothing = conformance()
test_empty = conformance(Wave, only="OPT-001")
test_unknown_id = conformance(Wave, expected_failures={"ACT-777": "why"})
test_no_reason = conformance(Wave, expected_failures={"ACT-001": ""})
test_unknown_kind = conformance("nnkit-core", kind="los")
'''


def test_everything_unproven_is_red_in_pytest(tmp_path):
    (tmp_path / "test_red.py").write_text(RED)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ}, check=False)
    out = run.stdout
    assert 1 == run.returncode, out
    assert "Wave: " in out
    assert "not applicable" in out
    for name in (
        "test_skipped",
        "test_mistyped",
        "test_uninstalled",
        "test_nothing",
        "test_empty",
        "test_unknown_id",
        "test_no_reason",
        "test_unknown_kind",
    ):
        assert any(name in line for line in out.splitlines() if line.startswith(("FAILED", "ERROR"))), f"{name}\n{out}"
    assert not any("test_good" in line for line in out.splitlines() if line.startswith(("FAILED", "ERROR"))), out
    assert "skipped" not in out.splitlines()[-1]
