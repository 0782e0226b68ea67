"""Every package under plugins/, proven by the same line as its own tests have."""

from pathlib import Path

from nnkit.testing import conformance

PLUGINS = sorted(folder.parent.name for folder in (Path(__file__).parents[2] / "plugins").glob("*/pyproject.toml"))
PROVEN_BY_THEMSELVES = {
    name for name in PLUGINS if (Path(__file__).parents[2] / "plugins" / name / "tests/test_conformance.py").exists()
}

others = sorted(set(PLUGINS) - PROVEN_BY_THEMSELVES)
if others:
    test_plugins = conformance(*others)


def test_every_plugin_with_parts_has_its_line():
    for name in PROVEN_BY_THEMSELVES:
        text = (Path(__file__).parents[2] / "plugins" / name / "tests/test_conformance.py").read_text()
        assert f'conformance("{name}")' in text
