"""``nnkit.plugins``: the public face of the registry, reachable in every way one would write it."""

import inspect
import subprocess
import sys

import pluggy

import nnkit
from nnkit import plugins, registry


def test_the_public_functions_are_the_registrys():
    assert sorted(plugins.__all__) == plugins.__all__
    for name in plugins.__all__:
        assert getattr(plugins, name) is getattr(registry, name)
    assert {"create", "disabled", "get", "hookimpl", "names", "providers", "why"} <= set(plugins.__all__)


def test_the_designs_signatures():
    assert ["kind", "name"] == list(inspect.signature(plugins.get).parameters)
    assert ["kind", "spec"] == list(inspect.signature(plugins.create).parameters)
    assert "(kind: 'str', *, load: 'bool' = False) -> 'list[str]'" == str(inspect.signature(plugins.names))
    assert "(*distributions: 'str')" == str(inspect.signature(plugins.disabled)).split(" ->")[0]


def test_it_is_found_in_every_way_one_would_write_it():
    assert nnkit.plugins is plugins
    for line in ("import nnkit; nnkit.plugins.names('loss')", "from nnkit.plugins import names; names('loss')"):
        subprocess.run([sys.executable, "-c", line], check=True)


def test_the_marker_is_pluggys_own_so_that_a_plugin_may_make_it_itself():
    assert isinstance(plugins.hookimpl, pluggy.HookimplMarker)
    assert "nnkit" == plugins.hookimpl.project_name
