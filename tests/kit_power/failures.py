"""The text of ten typical failures, as printed, for docs/conformance.md: ``python -m kit_power.failures``."""

from __future__ import annotations

import sys
from pathlib import Path

from kit_power.__main__ import load_faults
from kit_power.planting import FAULTS

from nnkit.testing import check

TEN = (
    ("The derivative is half of what it should be", "Wave_derivative_half", "ACT-002"),
    ("A transposed Jacobian", "Rows_jacobian", "ACT-007"),
    ("A hidden 1/N", "Squares_hidden_1_over_n", "LOSS-003"),
    ("A fused loss that has lost its digits", "Entropy_fused_clipped", "LOSS-010"),
    ("A counter that is not in the state", "HiddenCounter", "OPT-012"),
    ("A bias correction that is one step late", "Moments_one_late", "OPT-REF"),
    ("fan_out instead of fan_in", "Bell_fan_out", "INIT-005"),
    ("A bias gradient that is a mean", "Line_bias_mean", "LAY-003"),
    ("A float64 in a float32 network", "Ramp_where_float64", "PART-016"),
    ("An average of averages", "MeanOfMeans", "MET-002"),
)
"""Headline, planted fault, and the check that finds it."""

MARKER = "<!-- ten failures: python -m kit_power.failures -->"


def texts() -> list[tuple[str, str]]:
    """Headline and text of each."""
    load_faults()
    by_name = {fault.name: fault.cls for fault in FAULTS}
    found = []
    for headline, name, number in TEN:
        (failure,) = check(by_name[name], only=number).failures
        found.append((headline, str(failure)))
    return found


def main() -> None:
    """Write them below the marker of the page."""
    page = Path(__file__).parents[2] / "docs" / "conformance.md"
    head = page.read_text(encoding="utf-8").partition(MARKER)[0]
    body = "\n\n".join(f"### {headline}\n\n```text\n{text}\n```" for headline, text in texts())
    page.write_text(f"{head}{MARKER}\n\n{body}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
