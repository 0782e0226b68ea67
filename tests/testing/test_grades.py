"""The two grades of the kit: a part is consistent, or also proven by reference values."""

import json
import subprocess
import sys
from xml.etree import ElementTree as ET

import attrs
import numpy as np
import pytest
from click.testing import CliRunner
from kit_power.installed import DISTRIBUTION, installed

from nnkit.cli.app import nnkit
from nnkit.interfaces import Elementwise, Example
from nnkit.testing import check
from nnkit.testing.__main__ import main

UNVERIFIED = "no reference values, so the formula itself is unverified"


@attrs.frozen(kw_only=True)
class Sine(Elementwise):
    """``a = sin(z)``, without reference values."""

    range = (-1.0, 1.0)

    def forward(self, z):
        return np.sin(z)

    def derivative(self, z, a):
        return np.cos(z)


@attrs.frozen(kw_only=True)
class SineByExample(Sine):
    """``a = sin(z)``, with one value."""

    examples = (Example(inputs={"z": [[np.pi / 6]]}, expected=[[0.5]], source="by hand: half a unit at 30 degrees"),)


@attrs.frozen(kw_only=True)
class SineByReference(Sine):
    """``a = sin(z)``, with a second implementation."""

    @staticmethod
    def reference(z):
        return np.imag(np.exp(1j * z))


@attrs.frozen(kw_only=True)
class NamedCosine(Elementwise):
    """Consistent, but another function than its reference: ``sin`` under the name of ``cos``."""

    range = (-1.0, 1.0)
    examples = (Example(inputs={"z": [[0.0]]}, expected=[[1.0]], source="by hand: cos(0)"),)

    def forward(self, z):
        return np.sin(z)

    def derivative(self, z, a):
        return np.cos(z)


@attrs.frozen(kw_only=True)
class Sourceless(Sine):
    """``a = sin(z)`` with a value from nowhere."""

    examples = (Example(inputs={"z": [[0.0]]}, expected=[[0.0]], source=" "),)


@attrs.frozen(kw_only=True)
class Expectationless(Sine):
    """``a = sin(z)`` with an example that expects nothing."""

    examples = (Example(inputs={"z": [[0.0]]}, expected={}, source="by hand"),)


@attrs.frozen(kw_only=True)
class Tolerant(NamedCosine):
    """``sin`` under the name of ``cos``, with a tolerance that hides it."""

    examples = (Example(inputs={"z": [[0.8]]}, expected=[[0.6967]], source="by hand: cos(0.8)", tolerance=1.0),)


@attrs.frozen(kw_only=True)
class Unsaid(Sine):
    """``a = sin(z)`` with a reference that returns no number anywhere."""

    @staticmethod
    def reference(z):
        return np.full_like(z, np.nan)


GRADES = {
    Sine: ("consistent", f"consistent; {UNVERIFIED}"),
    SineByExample: ("proven", "proven"),
    SineByReference: ("proven", "proven"),
    NamedCosine: (None, "NOT consistent"),
}


def target(cls):
    return f"{__name__}:{cls.__name__}"


@pytest.mark.parametrize("cls", GRADES)
def test_report_and_both_commands_give_the_same_grade(cls, tmp_path, capsys):
    grade, verdict = GRADES[cls]
    report = check(cls)
    assert (grade, grade is not None) == (report.grade, report.ok)
    assert verdict == report.verdict()
    assert str(report.parts[0]).endswith(f": {verdict}") == (grade is not None)
    for required, code in (("consistent", 0 if grade else 1), ("proven", 0 if grade == "proven" else 1)):
        badge, file = tmp_path / f"{required}.svg", tmp_path / "report.json"
        arguments = [target(cls), "--json", str(file)]
        arguments += ["--badge", str(badge)] if required == "proven" else ["--require", required]
        expected = report.verdict(required)
        assert expected.startswith(f"NOT {required}") == (code == 1)
        if required == "consistent":
            assert code == main(arguments)
            assert expected == capsys.readouterr().out.splitlines()[-1]
        else:
            done = CliRunner().invoke(nnkit, ["conform", *arguments])
            assert (code, expected) == (done.exit_code, done.output.splitlines()[-1])
        assert badge.exists() == (required == "proven" and code == 0)
        assert grade == json.loads(file.read_text())["grade"]
        if badge.exists():
            assert "proven" in ET.fromstring(badge.read_text()).attrib["aria-label"]


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (Sourceless, "names no source"),
        (Expectationless, "expects nothing"),
        (Tolerant, "too wide"),
        (Unsaid, "returns no finite number"),
    ],
)
def test_reference_values_that_verify_nothing_fail(cls, words):
    (failure,) = check(cls, only="ACT-REF").failures
    assert words in failure.what


def test_an_old_badge_is_left_alone_when_a_part_is_not_proven(tmp_path):
    badge = tmp_path / "badge.svg"
    badge.write_text("mine")
    assert 1 == main([target(Sine), "--badge", str(badge)])
    assert "mine" == badge.read_text()


@pytest.mark.parametrize("selection", [{"only": "ACT-001"}, {"dtypes": "float32"}])
def test_selected_checks_pass_and_give_no_grade(selection):
    report = check(SineByExample, **selection)
    assert report.ok, str(report)
    assert report.grade is None
    assert report.verdict() == "passed; a grade needs every check in both dtypes"
    assert report.verdict("proven") == "NOT proven: passed; a grade needs every check in both dtypes"
    assert not report.meets("proven")


def test_an_expected_failure_is_named_and_never_proven():
    report = check(NamedCosine, expected_failures={"ACT-REF": "another function"})
    assert report.ok
    assert "consistent" == report.grade
    assert report.verdict("proven") == "NOT proven: consistent; except ACT-REF, expected to fail"


def test_several_parts_have_the_lowest_grade_and_are_counted(capsys):
    assert 1 == main([target(Sine), target(SineByExample), target(SineByReference), "--require", "proven"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"NOT proven: 1 consistent; {UNVERIFIED}; 2 proven"


def test_grades_in_pytest(tmp_path):
    (tmp_path / "test_grades_of_parts.py").write_text(
        "from nnkit.testing import conformance\n"
        f"from {__name__} import NamedCosine, Sine, SineByExample, SineByReference\n"
        "test_sine = conformance(Sine)\n"
        "test_required = conformance(SineByExample, require='proven')\n"
        "test_selected = conformance(SineByReference, only='ACT-001')\n"
        "test_missed = conformance(NamedCosine, require='proven',"
        " expected_failures={'ACT-REF': 'another function'})\n"
        "test_misspelt = conformance(Sine, only='ACT-001', require='sure')\n"
    )
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", str(tmp_path), str(tmp_path)]
    program = f"import sys, pytest; sys.path[:0] = {sys.path!r}; sys.exit(pytest.main({options!r}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert 1 == done.returncode, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    summary = {line.partition(":")[0]: line for line in lines if " passed, " in line and ": " in line}
    assert summary["SineByExample"].endswith(" advice: proven")
    assert summary["SineByReference"].endswith(": 1 passed, 0 failed")
    assert summary["NamedCosine"].endswith(": consistent; except ACT-REF, expected to fail")
    failed = {line.partition("::")[2].partition("[")[0] for line in lines if line.startswith("FAILED")}
    assert {"test_missed", "test_misspelt"} == failed
    assert "NamedCosine cannot be proven: except ACT-REF, expected to fail" in done.stdout
    assert "require='sure': expected 'consistent' or 'proven'" in done.stdout


def test_grades_in_the_list_of_plugins():
    with installed({"sine": Sine, "sine_by_example": SineByExample}):
        listed = CliRunner().invoke(nnkit, ["plugins", "--json", "--grade", DISTRIBUTION])
        printed = CliRunner().invoke(nnkit, ["plugins", "--grade", DISTRIBUTION]).output
    grades = {provider["distribution"]: provider.get("grades") for provider in json.loads(listed.output)}
    assert {"sine": "consistent", "sine_by_example": "proven"} == grades.pop(DISTRIBUTION)
    assert {None} == set(grades.values())
    assert "sine consistent, sine_by_example proven" in " ".join(printed.split())
