"""The page on the plugin system says what is so: hooks, signatures, aliases, groups, and examples that run."""

import doctest
import inspect
import re
from pathlib import Path

import pytest

from nnkit import errors, plugins
from nnkit.registry import builtins, hooks, manager
from nnkit.registry.hooks import HOOK_GROUPS
from nnkit.registry.kinds import KINDS, RESERVED

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def signature(name):
    written = str(inspect.signature(getattr(hooks, name))).replace("'", "")
    return f"def {name}{written}: ..."


def test_every_hook_and_no_other_is_documented_with_its_exact_signature(page):
    documented = re.findall(r"^def nnkit_.*: \.\.\.$", page, flags=re.MULTILINE)
    assert [signature(name) for name in HOOK_GROUPS] == documented


def test_the_function_table_has_the_signatures(page):
    for name in ("names", "get", "create", "register", "providers", "disabled", "why"):
        parameters = inspect.signature(getattr(plugins, name)).replace(return_annotation=inspect.Signature.empty)
        bare = [one.replace(annotation=inspect.Parameter.empty) for one in parameters.parameters.values()]
        assert f"| `{name}{parameters.replace(parameters=bare)}` |" in page
    add = inspect.signature(plugins.Registrar.add)
    bare = [one.replace(annotation=inspect.Parameter.empty) for one in list(add.parameters.values())[1:]]
    assert f"`registrar.add{inspect.Signature(bare)}`" in page


def test_every_alias_is_documented(page):
    for kind, table in builtins.ALIASES.items():
        row = ", ".join(f"`{alias}` = `{name}`" for name, aliases in table.items() for alias in aliases)
        assert f"| {kind} | {row} |" in page


def test_every_group_and_reserved_word_is_documented(page):
    for group in [*(kind.group for kind in KINDS.values()), *HOOK_GROUPS.values()]:
        assert f"`{group}`" in page
    for word in RESERVED:
        assert f"`{word}`" in page


def test_the_errors_named_are_there(page):
    assert set(re.findall(r"`(\w+(?:Error|Warning))`", page)) - {"LookupError", "ValueError"} <= set(errors.__all__)


def test_the_examples_run(page, monkeypatch):
    monkeypatch.setenv("NNKIT_PLUGINS", "")
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    test = doctest.DocTestParser().get_doctest(page, {}, PAGE.name, str(PAGE), 0)
    assert len(test.examples) >= 15
    report = []
    with manager.fresh():  # one example registers a part
        results = runner.run(test, out=report.append)
    assert doctest.TestResults(0, len(test.examples)) == results, "".join(report)
