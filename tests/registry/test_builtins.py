"""nnkit's own parts: each listed target is there and of its kind, and each part that is there is listed."""

import keyword
from pathlib import Path

import attrs
import pytest

import nnkit
from nnkit import plugins
from nnkit.interfaces import Part
from nnkit.registry import builtins, manager, name_of, part_from_config, part_to_config
from nnkit.registry.kinds import KINDS
from nnkit.spelling import BUILTIN, key

with manager.fresh() as _registry:
    ENTRIES = list(dict.fromkeys(_registry.builtin.entries.values()))


REQUIRED = {"units": 3, "path": "file.txt"}
"""Hyperparameters without a default."""


def file_of(entry):
    """The name of a part, except where Python would not import a file of that name."""
    return f"{entry.name}_{entry.kind.name}" if keyword.iskeyword(entry.name) else entry.name


each = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.kind.name}-{entry.name}")


@each
def test_a_target_is_a_final_part_of_its_kind_in_a_file_of_its_name(entry):
    cls = plugins.get(entry.kind.name, entry.id)
    assert issubclass(cls, entry.kind.bases())
    assert entry.kind.name == cls.kind
    assert entry.target == f"nnkit.{entry.kind.plural}.{file_of(entry)}:{cls.__name__}"
    assert getattr(cls, "__final__", False), f"{cls.__name__} is not decorated with @final"
    assert attrs.has(cls)


@each
def test_a_part_says_where_it_comes_from_and_shows_an_example(entry):
    text = plugins.get(entry.kind.name, entry.id).__doc__ or ""
    assert "Source:" in text
    assert ">>> " in text


@each
def test_every_way_to_name_a_part_gives_it(entry):
    cls = plugins.get(entry.kind.name, entry.id)
    required = [f.alias for f in attrs.fields(cls) if f.init and f.default is attrs.NOTHING]
    given = {alias: REQUIRED[alias] for alias in required}
    made = plugins.create(entry.kind.name, {"name": entry.name, **given})
    words = ", ".join(f"{alias}={value!r}" for alias, value in given.items())
    spellings = [entry.name, entry.id, entry.name.upper(), entry.name.replace("_", "-"), *entry.aliases]
    for spelling in spellings:
        assert made == plugins.create(entry.kind.plural, f"{spelling}({words})" if words else spelling)
    if not required:
        assert made == plugins.create(entry.kind.name, cls)
    assert made is plugins.create(entry.kind.name, made)
    assert entry.id == name_of(made)
    assert made == part_from_config(entry.kind.name, part_to_config(made))


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_file_of_a_folder_is_registered(kind):
    folder = Path(nnkit.__file__).parent / kind.plural
    files = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    adapter = builtins.ADAPTERS.get(kind.name, "").partition(":")[0].rpartition(".")[2]  # makes parts without a name
    assert files - {adapter} == {file_of(entry) for entry in ENTRIES if entry.kind is kind}


def test_every_alias_belongs_to_a_part_and_to_no_other():
    for kind, table in builtins.ALIASES.items():
        names = {entry.name for entry in ENTRIES if entry.kind.name == kind}
        assert set(table) <= names
        aliases = [key(alias) for group in table.values() for alias in group]
        assert len(set(aliases)) == len(aliases)
        assert not set(aliases) & {key(name) for name in names}


def test_the_namespace_is_nnkits_own():
    assert {entry.namespace for entry in ENTRIES} == {BUILTIN}
    assert issubclass(plugins.get("activation", "nnkit/relu"), Part)
