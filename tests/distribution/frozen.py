"""`make frozen`: a program frozen with PyInstaller trains with built-in parts and a plugin, and has the command line.

Not part of `make test`: it needs an environment with PyInstaller in which nnkit is really installed.
"""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("program.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Freeze the program as docs/plugins.md describes; nothing else is passed to PyInstaller."""
    folder = tmp_path_factory.mktemp("frozen")
    plugin = ["--copy-metadata", "nnkit-optimizers", "--collect-submodules", "nnkit_optimizers"]
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", *plugin, str(PROGRAM)]
    build = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert build.returncode == 0, build.stderr[-3000:]
    return folder


def run(folder, *arguments):
    program = folder / "dist" / "program" / "program"
    # An empty environment: nothing outside the frozen folder helps.
    return subprocess.run([program, *arguments], cwd=folder, env={}, capture_output=True, text=True, check=False)


def test_the_installed_package_is_frozen_and_not_the_source_tree(folder):
    where = [sys.executable, "-c", "import nnkit; print(nnkit.__file__)"]
    shown = subprocess.run(where, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert Path(__file__).parents[2] / "nnkit" != Path(shown).parent


def test_the_frozen_program_finds_every_built_in_part_trains_with_a_plugin_and_loads_what_it_saved(folder):
    shown = run(folder)
    assert shown.returncode == 0, shown.stderr
    module, score, providers = shown.stdout.strip().split(" ", 2)
    assert module == "nnkit_optimizers.lion"
    assert float(score) < 0.01
    assert providers == "['nnkit-core', 'nnkit-optimizers']"


def test_the_frozen_command_line_lists_the_plugins(folder):
    shown = run(folder, "plugins", "--load")
    assert shown.returncode == 0, shown.stderr + shown.stdout
    assert "nnkit-optimizers" in shown.stdout


def test_the_frozen_command_line_writes_a_plugin_from_its_templates(folder):
    shown = run(folder, "plugins", "new", "acme-steps", "--kind", "optimizer", "--name", "frozen_step")
    assert shown.returncode == 0, shown.stderr + shown.stdout
    assert (folder / "acme-steps" / "pyproject.toml").is_file()
