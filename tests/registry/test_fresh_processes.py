"""What only a new interpreter can show: what is imported when, and that nothing ends the process."""

import json
import os
import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def ask(sites):
    """``ask(code, "good", NNKIT_PLUGINS="…")``: what the code prints as JSON in a process of its own."""

    def run(code, *names, flags=("-W", "error"), **variables):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("NNKIT_", "PYTHONPATH", "COV_"))}
        environment["PYTHONPATH"] = os.pathsep.join(str(sites[name]) for name in names)
        command = [sys.executable, *flags, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**environment, **variables})
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_import_nnkit_loads_nothing_but_itself(ask):
    code = """
import json, sys
before = set(sys.modules)
import nnkit
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""
    loaded = ask(code, "good", "broken", "fifty")
    assert "nnkit" in loaded
    assert not {"numpy", "pluggy", "attrs", "attr"} & set(loaded)


def test_import_nnkit_and_builtin_names_never_scan(ask):
    code = """
import json, sys
import nnkit
from nnkit import plugins
seen = [any(name.startswith("importlib.metadata") for name in sys.modules)]
for kind, spec in (("activation", "ReLU"), ("optimizer", "adam(learning_rate=0.1)"), ("initializer", "zeros")):
    plugins.create(kind, spec)
from nnkit.registry import name_of
name_of(plugins.create("activation", "nnkit/relu"))
seen.append(any(name.startswith("importlib.metadata") for name in sys.modules))
plugins.names("activation")
seen.append("importlib.metadata" in sys.modules)
print(json.dumps(seen))
"""
    assert [False, False, True] == ask(code, "good", "broken", "fifty", flags=("-W", "ignore"))


def test_fifty_packages_are_listed_without_importing_one(ask):
    code = """
import json, sys
from nnkit import plugins
from nnkit.registry.kinds import KINDS
names = {kind: plugins.names(kind) for kind in KINDS}
listed = [one.distribution for one in plugins.providers()]
imported = [name for name in sys.modules if name.startswith("nn_pack")]
print(json.dumps([names, listed, imported]))
"""
    names, listed, imported = ask(code, "fifty")
    assert {f"pack_{i:02}" for i in range(50)} <= set(names["optimizer"])
    assert {f"act_{i:02}" for i in range(50)} <= set(names["activation"])
    assert {f"nn-pack-{i:02}" for i in range(50)} <= set(listed)
    assert [] == imported


def test_a_package_that_exits_on_import_does_not_end_the_process(ask):
    code = """
import json
from nnkit import plugins
answers = []
for name in ("leaver", "bad-exit/other", "nothing_of_the_kind"):
    try:
        plugins.create("activation", name)
    except Exception as error:
        answers.append([type(error).__name__, str(error)])
answers.append(plugins.create("optimizer", "sound-nn/otter").kind)
print(json.dumps(answers))
"""
    leaver, other, unknown, kind = ask(code, "broken", flags=("-W", "ignore"))
    assert ["PluginLoadError", "PluginLoadError", "UnknownNameError"] == [leaver[0], other[0], unknown[0]]
    assert "SystemExit: 3" in leaver[1]
    assert "SystemExit: 4" in other[1]
    assert "bad-exit" in unknown[1]
    assert "optimizer" == kind


def test_a_config_read_where_the_provider_is_not_installed(ask):
    write = """
import json
from nnkit import plugins
from nnkit.registry import part_to_config
print(json.dumps(part_to_config(plugins.create("optimizer", "lynx(learning_rate='harmonic')"))))
"""
    config = ask(write, "good")
    assert {"acme-nn": "1.2.0"} == config["providers"]
    read = f"""
import json
from nnkit.errors import MissingProviderError
from nnkit.registry import part_from_config
try:
    part_from_config("optimizer", {config!r})
except MissingProviderError as error:
    print(json.dumps(str(error)))
"""
    sentence = ask(read)
    assert "'acme-nn' is not installed" in sentence
    assert "install 'acme-nn'" in sentence
    assert "1.2.0" in sentence


def test_the_variables_hold_from_the_start(ask):
    code = """
import json, sys
from nnkit import plugins
print(json.dumps([plugins.names("optimizer"), [n for n in sys.modules if n.startswith("acme_nn")]]))
"""
    names, imported = ask(code, "good", NNKIT_PLUGINS="")
    assert "lynx" not in names
    assert "adam" in names
    assert [] == imported
    names, _ = ask(code, "good", NNKIT_PLUGINS="acme-nn")
    assert "lynx" in names
    names, _ = ask(code, "good", NNKIT_PLUGINS_DISABLE="acme-nn")
    assert "lynx" not in names
