"""The page for maintainers names files and bounds that exist."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import nnkit_numba

FOLDER = Path(__file__).parents[1]
PAGE = (FOLDER / "HOW-IT-WORKS.md").read_text(encoding="utf-8")


def test_every_module_is_on_the_page_and_every_named_module_exists():
    modules = {path.name for path in Path(nnkit_numba.__file__).parent.glob("*.py")} - {"__init__.py"}
    assert modules == set(re.findall(r"`(\w+\.py)`", PAGE))


def test_the_versions_on_the_page_are_those_of_the_project_file():
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (requirement,) = (line for line in project["dependencies"] if line.startswith("numba"))
    assert f"`{requirement}`" in PAGE
    lowest, upper = re.fullmatch(r"numba>=([\d.]+),<([\d.]+)", requirement).groups()
    installed = [int(number) for number in version("numba").split(".")[:2]]
    assert [int(number) for number in lowest.split(".")] <= installed < [int(number) for number in upper.split(".")]
    assert f"| {lowest}.0 |" in PAGE
