"""A new kind of part: one interface, one row in ``KINDS``, one table in ``builtins.py``; everything else follows."""

import attrs
import pytest

from nnkit import interfaces, plugins
from nnkit.interfaces import Part
from nnkit.registry import builtins, manager, name_of, part_from_config, part_to_config
from nnkit.registry.kinds import KINDS, Kind


class Pruner(Part):
    """The interface of the new kind."""

    kind = "pruner"


@attrs.frozen(kw_only=True)
class Smallest(Pruner):
    """Its first part."""

    fraction: float = 0.5


@pytest.fixture
def _pruners(monkeypatch):
    monkeypatch.setattr(interfaces, "Pruner", Pruner, raising=False)
    monkeypatch.setitem(KINDS, "pruner", Kind("pruner", "pruners", ("Pruner",)))
    monkeypatch.setattr(builtins, "PARTS", {**builtins.PARTS, "pruner": {"smallest": f"{__name__}:Smallest"}})
    with manager.fresh():
        yield


@pytest.mark.usefixtures("_pruners")
def test_a_new_kind_needs_nothing_more(tmp_path, monkeypatch):
    part = plugins.create("pruners", "smallest(fraction=0.25)")
    assert part == Smallest(fraction=0.25)
    assert part_from_config("pruner", part_to_config(part)) == part
    assert name_of(part) == "nnkit/smallest"
    assert plugins.names("pruner") == ["smallest"]
    assert plugins.providers()[0].parts["pruner"] == ("smallest",)
    assert "nnkit/smallest is a pruner" in plugins.why("smallest")
    plugins.register("pruner", "largest", Smallest)
    assert plugins.names("pruner") == ["largest", "smallest"]
    folder = tmp_path / "acme_pruners-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-pruners\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[nnkit.pruners]\nother = {__name__}:Smallest\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert plugins.create("pruner", "acme-pruners/other") == Smallest()
