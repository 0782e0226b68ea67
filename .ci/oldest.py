"""Print the lowest allowed version of every dependency, as constraints for pip: ``numpy>=2`` becomes ``numpy==2``.

They are read from each ``pyproject.toml``, the extras included; where two files differ, the higher bound counts.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECTS = [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]
SKIPPED_EXTRAS = {"docs"}
CONTEMPORARY = ["pyparsing<3.3"]
"""Indirect dependencies: matplotlib before 3.10.8 calls what pyparsing 3.3 deprecates."""
REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)>=(?P<version>[0-9][0-9.]*)(?:,[^;]*)?$")


def requirements(project: Path) -> list[str]:
    """Every requirement of one project, without those on the project's own packages."""
    table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    extras = table.get("optional-dependencies", {})
    lines = [*table["dependencies"], *(line for name in extras if name not in SKIPPED_EXTRAS for line in extras[name])]
    return [line.replace(" ", "") for line in lines if not line.startswith("nnkit")]


def bounds(projects: list[Path]) -> dict[str, str]:
    """The lowest version by distribution.

    Raises:
        SystemExit: A requirement has no lower bound.
    """
    lowest: dict[str, str] = {}
    for project in projects:
        for requirement in requirements(project):
            match = REQUIREMENT.match(requirement)
            if match is None:
                sys.exit(f"{project.relative_to(ROOT)}: {requirement!r} has no lower bound; write name>=version")
            name, version = match["name"].lower(), match["version"]
            if name not in lowest or _numbers(version) > _numbers(lowest[name]):
                lowest[name] = version
    return lowest


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


if __name__ == "__main__":
    for distribution, version in sorted(bounds(PROJECTS).items()):
        print(f"{distribution}=={version}")
    print(*CONTEMPORARY, sep="\n")
