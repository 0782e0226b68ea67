"""Every package under plugins/, proven by the same line as its own tests have."""

from pathlib import Path

from nnkit.plugins import providers
from nnkit.testing import conformance

PLUGINS = sorted(folder.parent.name for folder in (Path(__file__).parents[2] / "plugins").glob("*/pyproject.toml"))
PROVEN_BY_THEMSELVES = {
    name for name in PLUGINS if (Path(__file__).parents[2] / "plugins" / name / "tests/test_conformance.py").exists()
}

others = sorted(set(PLUGINS) - PROVEN_BY_THEMSELVES)
if others:
    test_plugins = conformance(*others)


def test_every_plugin_with_parts_has_its_line():
    """A package of twins registers no part; its own tests name the twins one by one."""
    with_parts = {provider.distribution for provider in providers() if any(provider.parts.values())}
    assert "nnkit-optimizers" in with_parts
    for name in PROVEN_BY_THEMSELVES & with_parts:
        text = (Path(__file__).parents[2] / "plugins" / name / "tests/test_conformance.py").read_text()
        assert f'conformance("{name}"' in text
