"""The three entry points: what they answer, and that nothing unproven passes."""

import json
import os
import subprocess
import sys

import attrs
import numpy as np
import pytest
from click.testing import CliRunner
from kit_power.sound import Plain, Wave

from nnkit import plugins
from nnkit.cli.app import nnkit
from nnkit.errors import SpecError, UnknownNameError
from nnkit.interfaces import Activation, Elementwise
from nnkit.testing import all_checks, check, conformance
from nnkit.testing.__main__ import main


@attrs.frozen(kw_only=True)
class HalfSlope(Elementwise):
    """A wave with half its slope."""

    def forward(self, z):
        return np.sin(z)

    def derivative(self, z, a):
        return 0.5 * np.cos(z)


@attrs.frozen(kw_only=True)
class WideSlope(Elementwise):
    """A wave whose slope is always float64."""

    def forward(self, z):
        return np.sin(z)

    def derivative(self, z, a):
        return np.cos(z).astype(np.float64)


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


def test_failure_shows_id_why_input_values_fix_and_rerun():
    report = check(HalfSlope, only="ACT-002")
    assert not report.ok
    (failure,) = report.failures
    assert "ACT-002/derivative-stencil" == failure.id
    lines = str(failure).splitlines()
    starts = [line.split()[0] for line in lines]
    assert ["ACT-002/derivative-stencil", "what", "why", "input", "got", "expected", "fix", "rerun"] == starts
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
    (failure,) = report.failures
    assert "Take the check out of expected_failures (--expect)." == failure.fix
    assert "Differentiate" not in str(report)


def test_expected_failure_that_is_never_run_is_a_problem():
    report = check(Wave, expected_failures={"LOSS-001": "not a loss"})
    assert not report.ok
    assert "belongs to no check that was run" in str(report)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"only": "OPT-001"}, "OPT-001/shape-and-type is no check of an activation"),
        ({"only": "ACT-018", "dtypes": ["float64"]}, "ACT-018/float32-accuracy does not apply (it is about float32)"),
        ({"only": "PART-023"}, "PART-023/reference-values-declared is advisory"),
        ({"only": "PART-005"}, "PART-005/hyperparameters-matter does not apply"),
        ({"only": ["PART-022", "OPT-001"]}, "PART-022/documented is advisory; OPT-001/shape-and-type is no check"),
    ],
)
def test_no_core_check_is_no_proof_and_says_what_became_of_each(given, reason):
    report = check(Wave, **given)
    assert not report.ok
    assert "Wave: no core check was executed, so nothing is proven: " in str(report)
    assert reason in str(report)


def test_a_check_that_cannot_look_at_a_kind_does_not_pass_it():
    report = check(plugins.get("layer", "dense"), only="PART-005")
    assert not report.ok
    assert "does not apply (its kind has no calls whose results show the effect of a hyperparameter)" in str(report)


def test_failed_advice_alone_is_no_proof():
    report = check(HalfSlope, only="PART-023")
    assert {"passed": 0, "failed": 0, "expected": 0, "not applicable": 0, "advice": 1} == report.counts
    assert not report.ok
    assert check(HalfSlope, only=["PART-023", "ACT-001"]).ok


def test_the_line_that_reruns_a_strict_check_can_end_proven(capsys):
    sound = check("kit_power.sound:Plain", expected_failures={"OPT-016": "to see its line"}, only="OPT-016")
    (failure,) = sound.failures
    assert failure.rerun.endswith("kit_power.sound:Plain --check OPT-016 --check PART-001")
    assert 0 == main(failure.rerun.split()[3:])
    assert "Plain: 2 passed, 0 failed\npassed; a grade needs every check in both dtypes\n" == capsys.readouterr().out


@pytest.mark.parametrize("dtypes", [("float16",), ("float64", "float16"), (), "float16", (np.float16,), ("double",)])
def test_other_dtypes_are_refused(dtypes):
    with pytest.raises(SpecError, match="parts are proven in float64 and float32"):
        check(Wave, dtypes=dtypes)


@pytest.mark.parametrize("dtypes", ["float32", ("float32",), (np.float32,), np.dtype("float32")])
def test_one_dtype_in_any_spelling(dtypes):
    assert check(Wave, only="ACT-018", dtypes=dtypes).ok  # which applies to float32 alone
    assert "(float32, defaults)" in str(check(WideSlope, only="PART-016", dtypes=dtypes))
    assert "(float64, defaults)" in str(check(HalfSlope, only="ACT-002", dtypes=dtypes))  # tried in float64 alone


@pytest.mark.parametrize("word", ["OPT-012", "opt-012", "OPT-012/resume-equals-continuous", "resume-equals-continuous"])
def test_a_check_has_three_names(word):
    assert ["OPT-012/resume-equals-continuous"] == [o.check.id for o in check(Plain, only=word).parts[0].outcomes]


def test_digits_alone_name_no_check():
    with pytest.raises(UnknownNameError, match="there is no check '2'; did you mean PART-002, ACT-002, LOSS-002"):
        check(Wave, only="2")


def test_many_failures_say_where_to_begin():
    report = check(HalfSlope)
    first, *others = [failure.id for failure in report.failures]
    assert "ACT-002/derivative-stencil" == first
    assert f"hint    HalfSlope: begin with {first}; the other {len(others)} may have the same cause" in str(report)
    assert "begin with" not in str(check(HalfSlope, only="ACT-002"))


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
        ("zeta-nn", r"so nothing is proven\. Installed"),
        ("acme-activation-nn", r"so nothing is proven\. Installed"),
        ("nnkit-optimisers", "did you mean 'nnkit-optimizers'"),
        ("leaky-relo", "did you mean 'leaky_relu'"),
        ("adma", "did you mean 'adam'"),
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


def test_command_without_extra(capsys, tmp_path):
    assert 0 == main(["kit_power.sound:Wave", "--check", "ACT-001", "--json", str(tmp_path / "r.json")])
    assert json.loads((tmp_path / "r.json").read_text())["ok"]
    assert 0 == main(["--list"])
    assert "OPT-012/resume-equals-continuous" in capsys.readouterr().out


def shell(arguments):
    return main(arguments)


def command_line(arguments):
    return CliRunner().invoke(nnkit, ["conform", *arguments]).exit_code


@pytest.mark.parametrize("entry", [shell, command_line])
@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ["kit_power.sound:Wave", "--check", "ACT-001"]),
        (0, ["kit_power.sound:Wave", "kit_power.sound:Plain", "--check", "PART-001", "--dtype", "float32"]),
        (0, ["--list"]),
        (1, ["kit_power.sound:Wave", "--check", "ACT-001", "--expect", "ACT-001=it does not fail"]),
        (1, ["kit_power.sound:Wave", "--check", "PART-023"]),
        (1, ["kit_power.sound:Wave", "--check", "OPT-001"]),
        (1, ["no-such-thing"]),
        (1, ["kit_power.sound:Wave", "no-such-thing"]),
        (1, ["kit_power.sound:Wave", "--check", "ACT-777"]),
        (1, ["nnkit-core", "--kind", "los"]),
        (2, []),
        (2, ["kit_power.sound:Wave", "--dtype", "float16"]),
        (2, ["kit_power.sound:Wave", "--no-such-option"]),
        (2, ["kit_power.sound:Wave", "--expect", "ACT-001"]),
    ],
)
def test_both_commands_end_with_the_same_code(entry, code, arguments):
    try:
        ended = entry(arguments)
    except SystemExit as left:  # argparse, for wrong options
        ended = left.code
    assert code == ended


def test_both_commands_write_the_same_report(tmp_path):
    arguments = ["kit_power.sound:Wave", "kit_power.sound:Plain", "--check", "PART-001", "--json"]
    reports = []
    for entry in (shell, command_line):
        assert 0 == entry([*arguments, str(tmp_path / "report.json")])
        report = json.loads((tmp_path / "report.json").read_text())
        for check_of in (one for part in report["parts"] for one in part["checks"]):
            del check_of["seconds"]
        reports.append(report)
    assert ["Wave", "Plain"] == [part["part"] for part in reports[0]["parts"]]
    assert reports[0] == reports[1]


def test_each_command_names_itself_in_the_line_that_reruns(capsys):
    arguments = ["kit_power.sound:Wave", "--check", "ACT-001", "--expect", "ACT-001=it does not fail"]
    main(arguments)
    assert "rerun    python -m nnkit.testing kit_power.sound:Wave --check ACT-001\n" in capsys.readouterr().out
    output = CliRunner().invoke(nnkit, ["conform", *arguments]).output
    assert "rerun    nnkit conform kit_power.sound:Wave --check ACT-001\n" in output


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
test_advice = conformance(Wave, only="PART-023")
test_float16 = conformance(Wave, dtypes=("float16",))
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
        "test_advice",
        "test_float16",
        "test_unknown_id",
        "test_no_reason",
        "test_unknown_kind",
    ):
        assert any(name in line for line in out.splitlines() if line.startswith(("FAILED", "ERROR"))), f"{name}\n{out}"
    assert not any("test_good" in line for line in out.splitlines() if line.startswith(("FAILED", "ERROR"))), out
    assert "skipped" not in out.splitlines()[-1]
    for reason in (
        "no distribution and no part is called 'acme-nnn'",
        "Wave: no core check was executed, so nothing is proven: OPT-001/shape-and-type is no check of an activation",
        "Wave: no core check was executed, so nothing is proven: PART-023/reference-values-declared is advisory",
        "dtypes: 'float16' given; parts are proven in float64 and float32",
        "did you mean",
        "the expected failure 'ACT-001' has no reason",
    ):
        assert reason in out, f"{reason}\n{out}"


HALF = """
from nnkit.testing import conformance
from nnkit.interfaces import Elementwise
import attrs, numpy as np

@attrs.frozen(kw_only=True)
class Half(Elementwise):
    def forward(self, z):
        return np.sin(z)
    def derivative(self, z, a):
        return 0.5 * np.cos(z)

test_half = conformance(Half)
"""


def test_the_end_of_a_red_run_says_where_to_begin_and_what_is_advised(tmp_path):
    (tmp_path / "test_half.py").write_text(HALF)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2"]
    wide = {**os.environ, "COLUMNS": "200"}
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=wide, check=False)
    assert 1 == run.returncode, run.stdout
    assert "\nhint    Half: begin with ACT-002/derivative-stencil; the other" in run.stdout
    assert "\nadvice  PART-022/documented for Half: " in run.stdout
    assert ". Write a docstring: " in run.stdout
    assert "- Failed: ACT-002/derivative-stencil FAILED for Half" in run.stdout
