"""Strict mode, where warnings point, and what surrounds the code of plugins."""

import importlib.abc
import json
import os
import subprocess
import sys
import warnings

import pytest
from click.testing import CliRunner

from nnkit import plugins
from nnkit.cli.app import nnkit as application
from nnkit.errors import PluginError, PluginWarning
from nnkit.registry import accelerate, manager


def run(*arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        return CliRunner().invoke(application, arguments, prog_name="nnkit")


@pytest.fixture
def strict(environment, monkeypatch):
    def enter(*names):
        registry = environment(*names)
        monkeypatch.setenv("NNKIT_PLUGINS_STRICT", "1")
        return registry

    return enter


def test_every_fault_is_an_error(strict):
    strict("broken")
    for _ in range(2):  # not only the first time
        with pytest.raises(PluginError, match=r"bad-kind.*nnkit\.optimisers"):
            plugins.create("optimizer", "otter")


def test_a_hook_module_that_fails_is_an_error_with_its_cause(strict, monkeypatch):
    strict("broken")
    monkeypatch.setenv("NNKIT_PLUGINS_DISABLE", "bad-kind")
    monkeypatch.setattr(manager.current(), "installed", lambda *, again=False: {"bad-hook": found["bad-hook"]})
    from nnkit.registry.installed import scan

    found = scan()[0]
    for _ in range(2):
        with pytest.raises(PluginError, match="bad-hook.*a_module_that_is_not_there") as caught:
            plugins.create("activation", "wanted")
        assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_an_accelerator_that_fails_is_an_error(strict):
    strict("good")
    with pytest.raises(PluginError, match="turbo-nn.*no compiler"):
        accelerate(plugins.create("activation", "tanh"))


def test_sound_plugins_are_not_affected(strict):
    strict("good")
    assert plugins.create("optimizer", "lynx").kind == "optimizer"


@pytest.mark.parametrize("value", ["0", "false", "", "OFF"])
def test_strict_mode_can_be_off(environment, monkeypatch, value):
    environment("broken")
    monkeypatch.setenv("NNKIT_PLUGINS_STRICT", value)
    with pytest.warns(PluginWarning):
        plugins.names("loss")


def test_the_reports_of_faults_work_in_strict_mode(strict):
    strict("broken")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)
        states = {one.distribution: one.state for one in plugins.providers(check=True)}
        assert "Traceback" in plugins.why("bad-hook")
    assert states["bad-hook"] == states["bad-import"] == states["bad-exit"] == states["bad-groups"] == "failed"
    assert states["sound-nn"] == "loaded"


def test_load_fails_when_a_plugin_failed(environment):
    environment("broken")
    shown = run("plugins", "--load")
    assert shown.exit_code == 1
    assert "failed: bad-exit, bad-groups, bad-hook, bad-import" in shown.stderr
    assert "sound-nn" not in shown.stderr.splitlines()[-1]
    environment("good")
    assert run("plugins").exit_code == 0


def test_load_of_sound_plugins_ends_with_0_and_strict_looks_at_warnings_too(environment, monkeypatch):
    environment("good")
    assert run("plugins", "--load", "--strict").exit_code == 0
    monkeypatch.setenv("NNKIT_PLUGINS_DISABLE", "acme-n")
    assert run("plugins", "--load").exit_code == 0
    environment("good")
    shown = run("plugins", "--load", "--strict")
    assert (shown.exit_code, "names 'acme-n'" in shown.stderr) == (1, True)
    environment("good")
    monkeypatch.setenv("NNKIT_PLUGINS_STRICT", "1")
    assert run("plugins").exit_code == 1


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("nosuch", 1),
        ("kaput", 1),
        ("bad-hook", 1),
        ("bad-kind/impostor", 1),
        ("otter", 0),
        ("relu", 0),
        ("sound-nn", 0),
    ],
)
def test_why_ends_with_0_only_for_what_can_be_used(environment, name, code):
    environment("broken")
    shown = run("plugins", "why", name)
    assert shown.exit_code == code
    assert name.rpartition("/")[2] in shown.stdout


def test_doctor_calls_a_broken_plugin_broken(environment):
    environment("broken")
    lines = run("doctor", "--no-measurement").stdout.splitlines()
    states = {line.split()[1]: line for line in lines if line.startswith("plugin ")}
    assert ", broken: " in states["bad-import"]
    assert ", broken: " in states["bad-hook"]
    assert states["sound-nn"].endswith(" 1 part, loaded")


def test_json_stays_json_whatever_a_plugin_prints(environment, capfd):
    environment("more")
    shown = run("plugins", "--json", "--load")
    listed = {one["distribution"]: one for one in json.loads(shown.stdout)}
    assert listed["loud-nn"]["state"] == "loaded"
    assert listed["loud-nn"]["parts"] == {"activation": ["loud"]}
    written = capfd.readouterr()
    assert written.out == ""
    assert {"from C", "from a child"} <= set(written.err.splitlines())
    assert {"a banner", "registering", "a part is imported"} <= set(shown.stderr.splitlines())


def test_json_stays_json_whatever_a_plugin_prints_at_the_end(sites):
    variables = dict(os.environ) | {"PYTHONPATH": str(sites["more"])}
    command = [sys.executable, "-c", "from nnkit.cli import main; main()", "plugins", "--json", "--load"]
    shown = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert "command-third" in {one["distribution"] for one in json.loads(shown.stdout)}
    assert {"at exit", "in the buffer of C"} <= set(shown.stderr.splitlines())


def test_a_warning_points_at_the_line_that_called_nnkit(environment):
    environment("broken")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        plugins.names("loss")
        plugins.create("activation", "relu")
        plugins.names("loss", load=True)
        with plugins.disabled("nowhere"):
            pass
    assert len(caught) > 3
    assert {one.filename for one in caught} == {__file__}


@pytest.mark.parametrize("entry", [None, b"/bytes", 3])
def test_an_entry_of_the_path_that_is_no_string_stops_nothing(environment, monkeypatch, entry):
    environment("good")
    monkeypatch.setattr(sys, "path", [entry, *sys.path])
    assert "lynx" in plugins.names("optimizer")


def test_a_finder_that_raises_stops_no_other_and_is_named(environment, monkeypatch):
    class Torn(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            return None

        def find_distributions(self, context=None):
            raise RuntimeError("the index is torn")

    monkeypatch.setattr(sys, "meta_path", [Torn(), *sys.meta_path])
    environment("good")
    with pytest.warns(PluginWarning, match=r"Torn.*the index is torn.*are missing"):
        assert "lynx" in plugins.names("optimizer")


def test_entry_points_with_blanks_and_extras_are_read(environment):
    environment("more")
    spaced = plugins.get("activation", "spaced-nn/spaced")
    assert plugins.get("activation", "extra") is spaced
    assert plugins.get("activation", "dyn") is spaced
