"""The kit finds planted faults and leaves sound parts alone; `make kit-power` does all of it, this a sample."""

from pathlib import Path

import pytest
from kit_power.__main__ import failing, found_by, load_faults, publish
from kit_power.mutants import mutants_of
from kit_power.outside import agrees
from kit_power.planting import FAMILIES, FAULTS
from kit_power.port_faults import FAULTS as PORT_FAULTS
from kit_power.ports import PORTS
from kit_power.sound import SOUND

from nnkit.activations.silu import SiLU
from nnkit.losses.huber import Huber
from nnkit.testing import all_checks, check

load_faults()


@pytest.mark.parametrize("cls", SOUND, ids=lambda cls: cls.__name__)
def test_sound_part_passes(cls):
    report = check(cls)
    assert report.ok, str(report)


@pytest.mark.parametrize("fault", FAULTS[::9], ids=lambda fault: fault.name)
def test_planted_fault_is_found(fault):
    assert found_by(fault, first=True) != []


def test_faults_are_many_and_in_every_family():
    assert 150 <= len(FAULTS)
    assert set(FAMILIES) == {fault.family for fault in FAULTS}


def test_families_name_checks_that_exist():
    numbers = {one.number for one in all_checks()}
    assert {word for words in FAMILIES.values() for word in words.split()} <= numbers


@pytest.mark.parametrize("cls", [SiLU, Huber])
def test_mutants_of_a_builtin_are_found(cls):
    found = [one for one in mutants_of(cls, 6) if failing(one.cls, first=True)]
    assert 5 <= len(found)


@pytest.mark.parametrize("cls", PORTS[::7], ids=lambda cls: cls.__name__)
def test_port_of_a_published_method_passes_and_agrees_with_its_paper(cls):
    assert failing(cls) == []
    assert agrees(cls, cls)


@pytest.mark.parametrize(("cls", "base", "other"), PORT_FAULTS[::9], ids=lambda value: getattr(value, "__name__", ""))
def test_fault_in_a_port_is_found_at_the_grade_that_can_show_it(cls, base, other):
    assert (failing(cls, first=True) != []) or (other and not agrees(cls, base))


def test_a_run_of_one_section_leaves_the_others_as_they_are(tmp_path):
    page = tmp_path / "page.md"
    publish(_page(page, ""), ["## Faults: 2", "", "| a |", "### Checks", "x", "", "## Seeds of 3 parts: 4", "none", ""])
    publish(page, ["## Faults: 5", "", "| b |", ""])
    expected = "## Faults: 5\n\n| b |\n\n## Seeds of 3 parts: 4\nnone\n"
    assert _page(tmp_path / "other.md", "\n" + expected).read_text() == page.read_text()


def _page(path: Path, body: str) -> Path:
    path.write_text(f"# Title\n\n<!-- figures: make kit-power -->\n{body}")
    return path
