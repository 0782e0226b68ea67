"""Every package under plugins/ that registers parts has the one line that proves it."""

import ast
import tomllib
from pathlib import Path

import pytest

from nnkit.plugins import providers
from nnkit.registry.kinds import KINDS

PLUGINS = Path(__file__).parents[2] / "plugins"
WITH_PARTS = {provider.distribution for provider in providers() if any(provider.parts.values())}


def test_all_plugins_are_installed():
    assert {"nnkit-losses", "nnkit-optimizers", "nnkit-scipy"} <= WITH_PARTS


@pytest.mark.parametrize("name", sorted(folder.parent.name for folder in PLUGINS.glob("*/pyproject.toml")))
def test_every_plugin_with_parts_has_its_line(name):
    """A package of compiled counterparts registers no part; its own tests name them one by one."""
    project = tomllib.loads((PLUGINS / name / "pyproject.toml").read_text())["project"]
    groups = set(project.get("entry-points", {}))
    if name not in WITH_PARTS and groups <= {"nnkit.commands", "nnkit.exporters", "nnkit.checks"}:
        return  # it adds commands, exports or checks only
    tree = ast.parse((PLUGINS / name / "tests/test_conformance.py").read_text())
    proven = {ast.unparse(node.value) for node in tree.body if isinstance(node, ast.Assign)}
    if name in WITH_PARTS or any(f"nnkit.{kind.plural}" in groups for kind in KINDS.values()):  # not all are installed
        assert proven & {f"conformance({name!r})", f"conformance({name!r}, require='proven')"}
    else:
        assert any(line.startswith("conformance(Compiled") for line in proven)
