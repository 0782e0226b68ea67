"""Public names: every ``__all__`` is sorted and true, and those of the public modules are complete."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import nnkit
from nnkit import arrays, errors, interfaces, plugins, registry

ROOT = Path(nnkit.__file__).parent


def order(name):
    """Constants, then classes, then functions: the order that the linter keeps."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize(
    "name", [n for n in modules() if not n.startswith(("nnkit.cli", "nnkit.plot", "nnkit._pyinstaller"))]
)
def test_what_all_lists_is_there_and_sorted(name):
    module = importlib.import_module(name)
    listed = getattr(module, "__all__", [])
    assert sorted(listed, key=order) == list(listed)
    assert len(set(listed)) == len(listed)
    assert not [entry for entry in listed if not isinstance(entry, str) or getattr(module, entry, None) is None]


@pytest.mark.parametrize("module", [interfaces, plugins, registry], ids=lambda module: module.__name__)
def test_a_public_package_lists_all_that_it_gathers(module):
    gathered = {
        name for name, value in vars(module).items() if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert gathered == set(module.__all__)


@pytest.mark.parametrize("module", [errors, arrays], ids=lambda module: module.__name__)
def test_a_public_module_lists_all_that_it_defines(module):
    defined = {name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    assert defined <= set(module.__all__)


def test_the_package_lists_what_type_checkers_see():
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    seen = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        for line in node.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }
    assert seen == set(nnkit.__all__)
    assert sorted(nnkit.__all__) == nnkit.__all__
    assert set(nnkit.__all__) <= set(dir(nnkit))
    assert all(getattr(nnkit, name) is not None for name in nnkit.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Netwrok'"):
        nnkit.Netwrok  # noqa: B018  # the look-up is the test
