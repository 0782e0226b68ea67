"""The command itself: its commands, its exit codes, and what it says without the extra."""

import importlib.metadata
import json
import signal
import subprocess
import sys
import warnings

import click
import pytest
from click.testing import CliRunner

import nnkit
from nnkit import errors, plugins
from nnkit.cli import main
from nnkit.cli.app import nnkit as application
from nnkit.registry import answers
from nnkit.registry.kinds import KINDS


def run(*arguments):
    return CliRunner().invoke(application, [*map(str, arguments)], prog_name="nnkit")


def python(program, *arguments):
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)


def test_help_lists_every_command_with_a_line_about_it():
    shown = run("--help")
    assert 0 == shown.exit_code
    for name in ("train", "predict", "describe", "plugins"):
        assert f"  {name}" in shown.stdout
        assert 0 == run(name, "--help").exit_code


def test_the_version_is_the_packages():
    assert f"nnkit-core {nnkit.__version__}\n" == run("--version").stdout
    assert importlib.metadata.version("nnkit-core") == nnkit.__version__


def test_a_wrong_command_is_answered_with_the_right_one():
    shown = run("trian", "x.toml")
    assert 2 == shown.exit_code
    assert "did you mean 'train'?" in shown.stderr


def test_a_wrong_option_is_a_wrong_use():
    assert 2 == run("plugins", "--jsn").exit_code


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_it_says_which_extra_to_install(missing):
    program = f"import sys; sys.modules[{missing!r}] = None; from nnkit.cli import main; main()"
    ended = python(program)
    assert (2, "") == (ended.returncode, ended.stdout)
    assert f'needs {missing}: pip install "nnkit-core[cli]"' in ended.stderr
    assert "Traceback" not in ended.stderr


def test_another_missing_module_is_not_taken_for_the_missing_extra():
    program = (
        "import sys, builtins; found = builtins.__import__\n"
        "def other(name, *rest, **more):\n"
        "    if name == 'click': raise ModuleNotFoundError('No module named colorama', name='colorama')\n"
        "    return found(name, *rest, **more)\n"
        "builtins.__import__ = other\n"
        "from nnkit.cli import main; main()"
    )
    assert "ModuleNotFoundError: No module named colorama" in python(program).stderr


def test_the_installed_script_runs_it():
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="nnkit")
    assert "nnkit.cli:main" == script.value
    ended = python("from nnkit.cli import main; main()", "plugins", "why", "relu")
    assert (0, plugins.why("relu") + "\n") == (ended.returncode, ended.stdout)


def test_the_cheap_commands_do_not_import_numpy_before_it_may_be_prepared():
    program = "import sys, nnkit.cli, nnkit.cli.app; sys.exit('numpy' in sys.modules)"
    assert 0 == python(program).returncode


def test_a_stated_error_is_one_sentence_and_exit_code_1(monkeypatch):
    def fail(name):
        raise errors.UnknownNameError(f"no part is called {name}")

    monkeypatch.setattr(answers, "explain", fail)
    shown = run("plugins", "why", "relo")
    assert (1, "", "Error: no part is called relo\n") == (shown.exit_code, shown.stdout, shown.stderr)


def test_a_missing_extra_is_exit_code_2(monkeypatch):
    def fail(name):
        raise errors.MissingExtraError("pictures need matplotlib")

    monkeypatch.setattr(answers, "explain", fail)
    assert 2 == run("plugins", "why", "relu").exit_code


def test_a_file_that_cannot_be_had_is_a_sentence_and_a_bug_is_not(monkeypatch):
    def fail(name):
        raise PermissionError(13, "Permission denied", "/root/model.npz")

    monkeypatch.setattr(answers, "explain", fail)
    shown = run("plugins", "why", "relu")
    assert (1, "Error: /root/model.npz: Permission denied\n") == (shown.exit_code, shown.stderr)

    def bug(name):
        raise ZeroDivisionError

    monkeypatch.setattr(answers, "explain", bug)
    assert isinstance(run("plugins", "why", "relu").exception, ZeroDivisionError)

    def nameless(name):
        raise OSError("no name")

    monkeypatch.setattr(answers, "explain", nameless)
    assert "no name" == str(run("plugins", "why", "relu").exception)


def test_warnings_of_nnkit_are_sentences_and_others_are_left_alone(monkeypatch):
    def warn(name):
        warnings.warn("the plugin acme is broken", errors.PluginWarning, stacklevel=1)
        return "said", True

    monkeypatch.setattr(answers, "explain", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        shown = run("plugins", "why", "relu")
    assert ("said\n", "Warning: the plugin acme is broken\n") == (shown.stdout, shown.stderr)

    def other(name):
        warnings.warn("of another package", DeprecationWarning, stacklevel=1)
        return "said", True

    monkeypatch.setattr(answers, "explain", other)
    with pytest.warns(DeprecationWarning, match="of another package"):
        run("plugins", "why", "relu")


def test_plugins_lists_every_part_that_the_registry_has():
    shown = run("plugins").stdout.splitlines()
    assert f"nnkit-core {nnkit.__version__} (loaded)" == shown[0]
    own = shown[1 : shown.index("")] if "" in shown else shown[1:]
    lines = {line.split()[0]: line for line in own}
    for kind in KINDS:
        for name in plugins.providers()[0].parts[kind]:
            assert name in lines[kind]
    assert shown == [line.rstrip() for line in shown]


def test_plugins_as_json_is_what_providers_says():
    listed = json.loads(run("plugins", "--json").stdout)
    assert [one.distribution for one in plugins.providers()] == [one["distribution"] for one in listed]
    assert {kind: list(names) for kind, names in plugins.providers()[0].parts.items()} == listed[0]["parts"]


def test_plugins_shows_states_reasons_and_what_is_pending(monkeypatch):
    listed = [
        plugins.Provider(
            distribution="acme-nn", version="1.2", state="failed", reason="ImportError: no torch", parts={}, pending=()
        ),
        plugins.Provider(
            distribution="b", version="2", state="not loaded", reason="", parts={"loss": ("x",)}, pending=("b.hooks",)
        ),
    ]
    monkeypatch.setattr(plugins, "providers", lambda *, check: listed)
    shown = run("plugins").stdout
    assert "acme-nn 1.2 (failed: ImportError: no torch)\n" in shown
    assert "b 2 (not loaded)\n" in shown
    assert "b.hooks is not imported yet; --load does" in shown


@pytest.fixture
def signals():
    """``main`` owns its process and leaves signals ignored; this process goes on."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals")
def test_main_ends_as_the_command_does(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["nnkit", "--version"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (0, f"nnkit-core {nnkit.__version__}\n") == (ended.value.code, capsys.readouterr().out)


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("missing", ["click", "rich"])
def test_main_without_the_extra_ends_with_2(monkeypatch, capsys, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SystemExit) as ended:
        main()
    assert (2, True) == (ended.value.code, f"needs {missing}" in capsys.readouterr().err)


def test_a_name_that_is_no_command_is_no_command():
    context = click.Context(application)
    assert application.get_command(context, "trian") is None
    assert "train" in application.list_commands(context)
