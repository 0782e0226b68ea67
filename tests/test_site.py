"""The generated pages of the site: every part and every public name is there, and its text is that of its docstring."""

import ast
import importlib
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

import nnkit
from nnkit import plugins
from nnkit.registry.kinds import KINDS, hyperparameters

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def generated():
    sys.path.insert(0, str(DOCS))
    yield importlib.import_module("_generate")
    sys.path.remove(str(DOCS))


@pytest.fixture(scope="module")
def pages(generated):
    return {(page.kind.name, page.name): page for page in generated.part_pages.part_pages()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_has_a_page_with_its_formula_source_example_and_hyperparameters(pages, kind):
    names = [name for name in plugins.names(kind, load=True) if plugins.get(kind, name).__module__.startswith("nnkit")]
    assert names == [name for of, name in pages if of == kind]
    for name in names:
        text = pages[kind, name].text()
        assert f"\n{name}\n====" in text
        assert pages[kind, name].summary().rstrip(".") in " ".join(text.split())
        for heading in ("Source", "Example", "Facts"):
            _, _, body = text.partition(f"\n{heading}\n----")
            assert body.strip("-\n "), (name, heading)
        cls = plugins.get(kind, name)
        for field in hyperparameters(cls):
            (row,) = re.findall(rf"\* - ``{field}``\n((?:.+\n?){{3}})", text.partition("Hyperparameters")[2])
            default, values, meaning = (line.strip().removeprefix("- ") for line in row.splitlines())
            assert default
            assert values
            assert not meaning.startswith(".."), f"{name}: {field} is not in Args"
        assert ".svg" not in text or pages[kind, name].part is not None


def test_ranges_are_those_that_the_fields_check(pages):
    text = pages["activation", "leaky_relu"].text()
    assert "a finite number in [0, 1)" in text
    with pytest.raises(ValueError, match=re.escape("a finite number in [0, 1)")):
        plugins.create("activation", "leaky_relu(negative_slope=1)")


def test_the_program_of_a_page_composes_its_network(pages):
    composed = Counter()
    for (kind, name), page in pages.items():
        (line,) = re.findall(r"code-block:: python\n\n   (.*)\n", page.text())
        ast.parse(line)
        if kind in {"activation", "regularizer", "initializer", "schedule", "optimizer"}:
            assert isinstance(eval(line, {"nnkit": nnkit}), nnkit.Network), name
            composed[kind] += 1
    assert set(composed) == {"activation", "regularizer", "initializer", "schedule", "optimizer"}


def test_every_public_name_is_in_the_reference(generated):
    """What modules list themselves, found again without the generator's own rules."""
    reference = generated.reference_pages
    text = "\n".join(public.text() for module in reference.modules() for public in reference.public_names(module))
    documented = set(re.findall(r"^\.\. (?:autoclass|autofunction|autoexception|py:data):: (\S+)$", text, re.MULTILINE))
    expected = set()
    for path in [*(DOCS.parent / "nnkit").glob("*.py"), *(DOCS.parent / "nnkit").glob("*/__init__.py")]:
        module = "nnkit." + (path.parent.name if path.name == "__init__.py" else path.stem)
        if module in {f"nnkit.{name}" for name in nnkit.__all__} | {"nnkit.arrays", "nnkit.inference"}:
            expected |= {f"{module}.{name}" for name in importlib.import_module(module).__all__}
    modules = {f"nnkit.{name}" for name in ("data", "errors", "functional", "interfaces", "plot", "plugins", "testing")}
    expected |= {f"nnkit.{name}" for name in nnkit.__all__} - modules
    assert expected <= documented
    assert {"nnkit.Network", "nnkit.interfaces.Loss", "nnkit.errors.ShapeError", "nnkit.plot.part"} <= documented


def test_values_are_documented_by_the_string_below_them(generated):
    assert "objective of one batch" in generated.reference_pages.value_doc("nnkit.interfaces", "Evaluate")


def test_the_members_of_a_class_are_those_of_its_bases_too(generated):
    members = generated.reference_pages.members(nnkit.Network)
    assert {"fit", "predict", "save", "load", "summary", "parameters"} <= set(members)
    assert not [name for name in members if name.startswith("_")]


def test_a_first_sentence_does_not_end_inside_a_literal(generated):
    assert generated.text.first_sentence("``a = 0. z`` where. Then more.") == "``a = 0. z`` where."


def test_every_page_stands_once_in_the_navigation():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    trees = re.findall(r"```\{toctree\}\n((?::.*\n)+)\n((?:\S+\n)+)```", index)
    assert ["Start", "Tutorials", "How-to", "Reference", "Explanation"] == [
        re.search(r":caption: (.*)", options)[1] for options, _ in trees
    ]
    listed = Counter(page for _, entries in trees for page in entries.split())
    written = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    assert set(listed) - {"gallery/index", "parts/index", "api/index"} == written
    assert set(listed.values()) == {1}


def test_every_gallery_entry_has_a_title_and_a_picture():
    entries = sorted((DOCS.parent / "examples" / "gallery").glob("*.py"))
    for path in entries:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert re.match(r"\S.*\n=+\n\n\S", ast.get_docstring(tree)), path.name
        assert "plt." in path.read_text(encoding="utf-8"), path.name
