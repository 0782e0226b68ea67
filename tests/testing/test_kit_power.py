"""The page of ``make kit-power``."""

from __future__ import annotations

from pathlib import Path

from kit_power.__main__ import publish


def test_a_run_of_one_section_leaves_the_others_as_they_are(tmp_path):
    page = tmp_path / "page.md"
    publish(_page(page, ""), ["## Faults: 2", "", "| a |", "### Checks", "x", "", "## Seeds of 3 parts: 4", "none", ""])
    publish(page, ["## Faults: 5", "", "| b |", ""])
    expected = "## Faults: 5\n\n| b |\n\n## Seeds of 3 parts: 4\nnone\n"
    assert _page(tmp_path / "other.md", "\n" + expected).read_text() == page.read_text()


def _page(path: Path, body: str) -> Path:
    path.write_text(f"# Title\n\n<!-- figures: make kit-power -->\n{body}")
    return path
