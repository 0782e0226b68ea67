"""The MPI half of docs/more-machines.md and the README run as they stand."""

import importlib.util
import shlex
import sys
from pathlib import Path

import pytest

import nnkit

PLUGIN = Path(__file__).parents[1]
ROOT = PLUGIN.parents[1]
PAGE = ROOT / "docs" / "more-machines.md"

spec = importlib.util.spec_from_file_location("snippets", ROOT / "tests" / "oracles" / "snippets.py")
snippets = importlib.util.module_from_spec(spec)
sys.modules["snippets"] = snippets
spec.loader.exec_module(snippets)

PROGRAM = {block.file: block.text for block in snippets.blocks(PAGE)}["ranked.py"]
COMMANDS = [
    shlex.split(line.removeprefix("$ "))
    for block in snippets.blocks(PAGE)
    for line in block.text.splitlines()
    if line.startswith("$ mpirun")
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[3])
def test_the_commands_of_the_page_run(words, start, finish, tmp_path):
    if words[3] == "nnkit":
        words = [*words, "--set", "network.optimizer=adam"]  # the page's reader has nnkit-optimizers
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "ranked.py").write_text(PROGRAM)
    program = Path(sys.executable).with_name(words[3])
    code, out, errors = finish(start(words[2], program, *words[4:], cwd=tmp_path))
    assert code == 0, errors
    assert out.count("2 ranks: val_accuracy" if words[3] == "python" else "wrote ") == 1
    assert len(list(tmp_path.glob("*.npz"))) == 1


def test_the_snippet_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert snippets.run_python(PLUGIN / "README.md", {"__name__": "__page__"}) == 1
    assert nnkit.Network.load("model.npz").epoch == nnkit.Network.load("run.npz").epoch == 3
