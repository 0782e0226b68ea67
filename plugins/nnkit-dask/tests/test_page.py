"""The Dask half of docs/more-machines.md and the README run as they stand; mpirun runs the other half."""

import importlib.util
import subprocess
import sys
from pathlib import Path

PLUGIN = Path(__file__).parents[1]
ROOT = PLUGIN.parents[1]
PAGE = ROOT / "docs" / "more-machines.md"

spec = importlib.util.spec_from_file_location("snippets", ROOT / "tests" / "oracles" / "snippets.py")
snippets = importlib.util.module_from_spec(spec)
sys.modules["snippets"] = snippets
spec.loader.exec_module(snippets)


def test_the_program_of_the_page_runs(tmp_path):
    (program,) = [block.text for block in snippets.blocks(PAGE) if block.file == "shards.py"]
    (tmp_path / "shards.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "-W", "error", "shards.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "is repeated bit for bit" in done.stdout


def test_the_snippet_of_the_readme_runs():
    assert snippets.run_python(PLUGIN / "README.md", {"__name__": "__page__"}) == 1
