"""``nnkit_commands``: commands of really installed packages; none replaces one of nnkit's, none breaks the others."""

import sys
import warnings

import pytest
from click.testing import CliRunner

from nnkit.cli.app import nnkit as application


def run(*arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        return CliRunner().invoke(application, arguments, prog_name="nnkit")


@pytest.fixture
def _more(environment):
    environment("more")


@pytest.mark.usefixtures("_more")
def test_a_package_adds_a_command():
    shown = run("greet", "world")
    assert (shown.exit_code, shown.stdout) == (0, "hello world\n")  # what the module prints is not a result
    assert "commands are imported" in shown.stderr
    assert run("greet").exit_code == 2
    assert "Greet NAME." in run("greet", "--help").stdout


@pytest.mark.usefixtures("_more")
def test_help_lists_it_and_names_the_broken_ones():
    shown = run("--help")
    assert shown.exit_code == 0
    assert "  greet " in shown.stdout
    assert "  half" not in shown.stdout
    assert "the plugin command-broken is skipped: nnkit_commands in command_broken.commands" in shown.stderr
    assert "failed with RuntimeError: no terminal here" in shown.stderr
    assert "SystemExit: 7" in shown.stderr
    assert "  length" not in shown.stdout
    assert "it adds <built-in function len> as the command 'length'; expected a click.Command" in shown.stderr


@pytest.mark.usefixtures("_more")
def test_commands_of_nnkit_are_its_own_and_import_no_plugin():
    shown = run("plugins", "why", "relu")
    assert shown.exit_code == 0
    assert not [name for name in sys.modules if name.startswith("command_")]
    assert "Train the network" in run("train", "--help").stdout
    shown = run("--help")
    assert "adds 'train', which is a command of nnkit itself; it should rename it" in shown.stderr
    assert "the plugin command-other goes without a command" in shown.stderr
    assert "adds 'plot', which" in shown.stderr


@pytest.mark.usefixtures("_more")
def test_one_command_of_several_packages_is_an_error_that_names_them_and_the_way_out(monkeypatch):
    shown = run("shared")
    assert shown.exit_code == 2
    assert "comes from several plugins: command-nn and command-other and command-third" in shown.stderr
    variable, _, value = shown.stderr.split()[-1].partition("=")
    monkeypatch.setenv(variable, value)
    assert run("shared").stdout == "from command-nn\n"


@pytest.mark.usefixtures("_more")
def test_a_misspelt_command_is_answered_with_those_of_plugins_too():
    shown = run("gret", "world")
    assert shown.exit_code == 2
    assert "did you mean 'greet'?" in shown.stderr


@pytest.mark.usefixtures("_more")
def test_without_plugins_there_are_only_nnkits_own(monkeypatch):
    monkeypatch.setenv("NNKIT_PLUGINS", "")
    assert run("greet", "world").exit_code == 2
    assert "greet" not in run("--help").stdout
    assert not [name for name in sys.modules if name.startswith("command_")]


@pytest.mark.usefixtures("_more")
def test_in_strict_mode_the_help_ends_with_a_sentence(monkeypatch):
    monkeypatch.setenv("NNKIT_PLUGINS_STRICT", "1")
    shown = run("--help")
    assert shown.exit_code == 1
    assert shown.stderr.splitlines()[-1].startswith("Error: the plugin command-broken")


@pytest.mark.usefixtures("_more")
def test_why_calls_the_hook_of_a_plugin():
    shown = run("plugins", "why", "command-odd")
    assert (shown.exit_code, "expected a click.Command" in shown.stdout) == (1, True)
    assert run("plugins", "why", "command-nn").exit_code == 0


@pytest.mark.usefixtures("_more")
def test_load_calls_the_hooks():
    shown = run("plugins", "--load")
    assert shown.exit_code == 1
    assert "Error: failed: command-broken, command-odd;" in shown.stderr
