"""Reading metadata: what is damaged stops nothing, and what is doubled is said."""

import importlib
import warnings

import pytest

from nnkit import plugins
from nnkit.errors import PluginError, PluginLoadError, PluginWarning
from nnkit.registry import installed


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
    assert "noise-nn" not in installed.scan()[0]


def test_metadata_without_a_name(install):
    install("nameless-nn", b"[nnkit.optimizers]\nghost = ghost:Ghost\n", metadata="Metadata-Version: 2.1\n")
    assert "has no valid Name" in found("optimizer")
    assert installed.scan()[0]["nameless-nn"].version == "1.0"  # from the name of its folder


@pytest.mark.parametrize("name", ["a/b", "../up", "evil\x1b[31m", ""])
def test_metadata_with_a_name_that_is_none(install, name):
    install("odd-nn", b"[nnkit.optimizers]\nghost = ghost:Ghost\n", metadata=f"Name: {name}\nVersion: 1\x1b[31m\n")
    assert "has no valid Name" in found("optimizer")
    assert "odd-nn" in installed.scan()[0]


def test_metadata_with_a_version_that_cannot_be_printed(install):
    install("odd-nn", b"[nnkit.optimizers]\nghost = ghost:Ghost\n", metadata="Name: odd-nn\nVersion: 1\x1b[31m\n")
    assert installed.scan()[0]["odd-nn"].version == "unknown"


def test_metadata_that_is_no_text(install, tmp_path):
    install("latin-nn", b"[nnkit.optimizers]\nghost = ghost:Ghost\n")
    (tmp_path / "latin_nn-1.0.dist-info" / "METADATA").write_bytes(b"Name: l\xe4tin\nVersion: 1\n")
    assert "reinstall the package" in found("optimizer")


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
    assert "other-nn" not in installed.scan()[0]


def test_the_first_on_the_path_counts(install, sites):
    assert ("1.2.0", True) == (installed.scan()[0]["acme-nn"].version, "acme-nn" in installed.scan()[0])


def test_a_hook_entry_point_that_names_a_class(install):
    install("class-nn", b"[nnkit]\nplug = acme_nn.puma:Puma\n")
    with pytest.warns(PluginWarning, match=r"class-nn.*is a class; name the module"):
        plugins.names("optimizer", load=True)


def test_a_hook_module_that_takes_a_static_name_of_its_own_distribution(install, tmp_path):
    (tmp_path / "taker_nn.py").write_text(
        "from nnkit.plugins import hookimpl\n"
        "@hookimpl\n"
        "def nnkit_register(registrar):\n"
        "    registrar.add('optimizer', 'mole', 'acme_nn.lynx:Lynx')\n",
        encoding="utf-8",
    )
    install("taker-nn", b"[nnkit.optimizers]\nmole = acme_nn.puma:Puma\n[nnkit]\nplug = taker_nn\n")
    with pytest.warns(PluginWarning, match=r"taker-nn.*already registers it as acme_nn\.puma:Puma"):
        plugins.names("optimizer", load=True)
    assert plugins.get("optimizer", "mole").__name__ == "Puma"


@pytest.mark.parametrize("where", ["nnkit.optimizers", "nnkit"])
def test_an_interrupt_while_a_plugin_is_imported_goes_through(install, tmp_path, where):
    (tmp_path / "slow_nn.py").write_text("raise KeyboardInterrupt", encoding="utf-8")
    target = "slow_nn:Slow" if where == "nnkit.optimizers" else "slow_nn"
    install("slow-nn", f"[{where}]\nslow = {target}\n".encode())
    with pytest.raises(KeyboardInterrupt):
        plugins.get("optimizer", "slow-nn/slow")
    (tmp_path / "slow_nn.py").write_text("raise RuntimeError('tried again')", encoding="utf-8")
    importlib.invalidate_caches()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)
        with pytest.raises(PluginLoadError, match="tried again"):  # the interrupt was not kept as a failure
            plugins.get("optimizer", "slow-nn/slow")


def test_a_plugin_may_ask_nnkit_for_parts_while_it_is_imported(install, tmp_path):
    (tmp_path / "asking_nn.py").write_text(
        "from nnkit.plugins import get, hookimpl\n"
        "Base = get('optimizer', 'lynx')\n"
        "@hookimpl\n"
        "def nnkit_register(registrar):\n"
        "    registrar.add('optimizer', 'asked', Base)\n",
        encoding="utf-8",
    )
    install("asking-nn", b"[nnkit]\nasking = asking_nn\n")
    assert plugins.get("optimizer", "asked") is plugins.get("optimizer", "lynx")


def test_why_tells_of_the_core_and_of_what_was_not_tried(install):
    assert "contains the built-in parts" in plugins.why("nnkit-core")
    text = plugins.why("acme-nn")
    assert "acme-nn 1.2.0 is installed" in text
    assert "optimizers: lynx, puma" in text
    with plugins.disabled("turbo-nn"):
        text = plugins.why("turbo-nn")
        assert "turbo_nn.counterparts in 'nnkit.accelerators') has not been imported yet" in text
        assert "but disabled: nnkit.plugins.disabled(...)" in text
