"""Reading metadata: what is damaged stops nothing, and what is doubled is said."""

import pytest

from nnkit import plugins
from nnkit.errors import PluginError, PluginWarning
from nnkit.registry.entry_points import scan


@pytest.fixture
def install(tmp_path, environment, monkeypatch):
    """Metadata as pip leaves it, written by hand because no tool would write it so."""

    def write(name, entry_points, metadata="Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"):
        folder = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "entry_points.txt").write_bytes(entry_points)
        (folder / "METADATA").write_text(metadata.format(name=name), encoding="utf-8")

    monkeypatch.syspath_prepend(str(tmp_path))
    environment("good")
    return write


def found(kind):
    with pytest.warns(PluginWarning) as caught:
        plugins.names(kind)
    assert "lynx" in plugins.names("optimizer")  # the others are there
    return " ".join(str(one.message) for one in caught)


def test_a_line_without_a_target(install):
    install("torn-nn", b"[nnkit.optimizers]\nthis is no entry point\n")
    assert "torn-nn" in found("optimizer")


def test_bytes_that_are_no_text(install):
    install("noise-nn", b"[nnkit.optimizers]\n\xff\xfe\x00 = a:B\n")
    assert "lynx" in plugins.names("optimizer")
    assert "noise-nn" not in scan()


def test_metadata_without_a_name(install):
    install("nameless-nn", b"[nnkit.optimizers]\nghost = ghost:Ghost\n", metadata="Metadata-Version: 2.1\n")
    assert "has no Name" in found("optimizer")


def test_a_stranger_called_nnkit_provides_nothing(install):
    install("nnkit", b"[nnkit.activations]\nrelu = stranger:ReLU\nodd = stranger:Odd\n")
    assert "cannot provide parts" in found("activation")
    assert "odd" not in plugins.names("activation")
    assert plugins.get("activation", "relu").__module__ == "nnkit.activations.relu"


def test_a_name_that_is_none(install):
    install("odd-nn", b"[nnkit.optimizers]\na b = odd:B\n")
    assert "'a b' is not a name" in found("optimizer")


def test_one_name_twice_in_one_distribution(install):
    install("twice-nn", b"[nnkit.optimizers]\ntwo = twice.a:A\nT_wo = twice.b:B\n")
    assert "already registers it as twice.a:A" in found("optimizer")
    with pytest.raises(PluginError, match=r"twice\.b:B.*rename one of them"):
        plugins.get("optimizer", "twice-nn/two")
    assert "two" not in plugins.names("optimizer")


def test_groups_that_only_begin_alike_are_not_ours(install):
    install("other-nn", b"[nnkitchen.optimizers]\nx = y:Z\n[console_scripts]\nnnkit-x = y:main\n")
    assert "other-nn" not in scan()


def test_the_first_on_the_path_counts(install, sites):
    assert ("1.2.0", True) == (scan()["acme-nn"].version, "acme-nn" in scan())


def test_a_hook_entry_point_that_names_a_class(install):
    install("class-nn", b"[nnkit]\nplug = acme_nn.puma:Puma\n")
    with pytest.warns(PluginWarning, match=r"class-nn.*is a class; name the module"):
        plugins.names("optimizer", load=True)


def test_a_hook_module_that_takes_a_static_name_of_its_own_distribution(install, tmp_path):
    (tmp_path / "taker_nn.py").write_text(
        "from nnkit.plugins import hookimpl\n"
        "@hookimpl\n"
        "def nnkit_register_optimizers(registrar):\n"
        "    registrar.add('mole', 'acme_nn.lynx:Lynx')\n",
        encoding="utf-8",
    )
    install("taker-nn", b"[nnkit.optimizers]\nmole = acme_nn.puma:Puma\n[nnkit]\nplug = taker_nn\n")
    with pytest.warns(PluginWarning, match=r"taker-nn.*already registers it as acme_nn\.puma:Puma"):
        plugins.names("optimizer", load=True)
    assert plugins.get("optimizer", "mole").__name__ == "Puma"
