"""The README: each of its snippets runs, and its commands exist."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from oracles.snippets import blocks, commands, run_python

from nnkit import Network
from nnkit.cli.app import nnkit

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
FILES = {block.file: block.text for block in blocks(README) if block.file}


def lines_of_code(text):
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_the_first_network_is_ten_lines_and_learns_the_digits(tmp_path, monkeypatch, capsys):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    namespace = {}
    assert run_python(README, namespace) >= 3
    (first,) = (block for block in blocks(README) if block.language == "python" and block.file is None)
    assert len(lines_of_code(first.text)) <= 10
    accuracy = re.match(r"(0\.\d+) of the digits", capsys.readouterr().out)
    assert float(accuracy[1]) > 0.9
    loaded = Network.load("digits.npz")
    assert namespace["net"].history == loaded.history
    assert float(accuracy[1]) == pytest.approx(loaded.history["val_accuracy"][-1], abs=5e-4)


def test_what_it_is_takes_five_lines():
    paragraph = TEXT.split("\n\n")[1]
    assert len(paragraph.splitlines()) <= 5


def test_the_first_plugin_is_fifteen_lines_installs_and_is_proved(tmp_path):
    plugin = [line for name in ("acme_nn.py", "pyproject.toml") for line in lines_of_code(FILES[name])]
    assert len(plugin) <= 15
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    site = tmp_path / "site"
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--target", str(site)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(tmp_path)], check=True)
    program = (
        "import numpy as np, nnkit\n"
        "net = nnkit.Network([64, 64, 10], hidden_activation='sine', seed=0)\n"
        "z = np.array([[-2.0, 0.5]])\n"
        "assert net.layers[0].activation.forward(z).tolist() == np.sin(z).tolist()\n"
        "assert net.to_config()['providers']['acme-nn'] == '1.0'\n"
    )
    environment = {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "PATH": ""}
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, cwd=tmp_path, env=environment)
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_acme_nn.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == tested.returncode, tested.stdout
    assert re.search(r"\d+ passed", tested.stdout)


def test_the_commands_are_targets_of_the_makefile_and_extras_of_the_package():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    found = commands(README)
    assert ["make", "demo"] in found
    assert ["make", "test"] in found
    for command in found:
        if command[0] == "make":
            assert command[1] in targets
        else:
            assert ["pip", "install"] == command[:2]
            for argument in command[2:]:
                folder, _, wanted = argument.rstrip("]").partition("[")
                assert (ROOT / folder / "pyproject.toml").is_file()
                assert set(filter(None, wanted.split(","))) <= set(extras)


@pytest.mark.parametrize(
    "page",
    [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))],
    ids=lambda page: page.name,
)
def test_no_page_installs_the_distribution_of_another_project(page):
    asked_for = re.findall(r"(?:pip install|dependencies = \[)\s*[\"']?(nnkit[-\w]*)", page.read_text(encoding="utf-8"))
    assert "nnkit" not in asked_for


def test_the_links_lead_somewhere():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", TEXT):
        assert (ROOT / target).exists(), target


def test_the_shell_line_in_the_text_works(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    arguments = re.search(r"`nnkit (train examples/\S+)`", TEXT)[1].split()
    shown = CliRunner().invoke(nnkit, [*arguments, "--epochs", "1", "--output", str(tmp_path)])
    assert 0 == shown.exit_code, shown.output
