"""Every step of docs/first-plugin.md, in an empty folder and a fresh environment, in the order of the page."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pattern(line):
    """The whole line as printed, where ``…`` stands for anything."""
    return re.compile("^" + ".+".join(map(re.escape, line.split("…"))) + r"\s*$", re.MULTILINE)


@pytest.fixture
def reader(fresh):
    """The fresh environment; the package that the page installs does not stay in it."""
    yield fresh
    fresh.remove("acme-nn")


def test_every_step_of_the_page(reader, tmp_path):
    here = tmp_path
    output = ""
    steps = 0
    for language, info, body in FENCE.findall((DOCS / "first-plugin.md").read_text()):
        words = info.split()
        if language == "sh":
            done = reader.run(f"{body}pwd > {tmp_path}/.here\n", here)
            output = done.stdout + done.stderr
            if "fails" in words:
                assert 1 == done.returncode, f"{body}\n{output}"
            else:
                assert 0 == done.returncode, f"{body}\n{output}"
                here = Path((tmp_path / ".here").read_text().strip())
            steps += 1
        elif language == "text":
            for line in body.splitlines():
                assert pattern(line).search(output), f"{line!r} is not in\n{output}"
        elif words and words[0].startswith("file="):
            (here / words[0].removeprefix("file=")).write_text(body)
        else:
            assert body.strip() in (here / "tests" / "test_conformance.py").read_text()
    assert 7 <= steps
    assert tmp_path / "acme-nn" == here


def test_the_boxes_of_the_page_can_be_missed():
    assert pattern("a: … passed, 0 failed").search("x\na: 41 passed, 0 failed\n")
    assert not pattern("a: … passed, 0 failed").search("a: 41 passed, 10 failed")
    assert not pattern("proven").search("NOT proven")


def test_what_ci_runs_stands_on_the_page(fresh, tmp_path):
    fresh.checked("nnkit plugins new acme-nn --kind activation --name bent_identity", tmp_path)
    runs = re.findall(r"- run: ([^#\n]+)", (tmp_path / "acme-nn/.github/workflows/proof.yml").read_text())
    page = (DOCS / "first-plugin.md").read_text()
    for command in (one.strip() for line in runs for one in line.split("&&")):
        assert command in page


def test_ten_failures_stand_as_printed():
    from kit_power.failures import texts

    page = (DOCS / "conformance.md").read_text()
    found = texts()
    assert 10 == len(found)
    for headline, text in found:
        assert f"### {headline}" in page
        for line in text.splitlines():
            if not line.lstrip().startswith(("input", "got", "expected")):  # digits differ between processors
                assert line in page, line
