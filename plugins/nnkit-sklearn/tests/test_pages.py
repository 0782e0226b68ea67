"""The page docs/from-scikit-learn.md, the README and the example run as they stand."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[1]
ROOT = PLUGIN.parents[1]
PAGES = [ROOT / "docs" / "from-scikit-learn.md", PLUGIN / "README.md"]

spec = importlib.util.spec_from_file_location("snippets", ROOT / "tests" / "oracles" / "snippets.py")
snippets = importlib.util.module_from_spec(spec)
sys.modules["snippets"] = snippets
spec.loader.exec_module(snippets)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_snippet_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert snippets.run_python(page, {"__name__": "__page__"}) >= 1


def test_the_page_has_a_row_for_every_parameter():
    import inspect

    from nnkit_sklearn.compat import MLPRegressor

    text = PAGES[0].read_text(encoding="utf-8")
    table = text[text.index("## The names") : text.index("## What is new")]
    missing = [name for name in inspect.signature(MLPRegressor).parameters if not re.search(rf"`{name}\b", table)]
    assert missing == []


def test_the_example_leaves_its_pictures(tmp_path):
    command = [sys.executable, "-W", "error", str(PLUGIN / "examples" / "pipeline.py")]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "MPLBACKEND": "Agg"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert {"offers-calibration.png", "offers-dependence.png"} == {path.name for path in tmp_path.iterdir()}
    assert float(re.search(r"best on the test rows: ([\d.]+)", done.stdout)[1]) > 0.75
    lowered = dict(re.findall(r"without (\w+): accuracy ([\d.-]+) lower", done.stdout))
    assert max(lowered, key=lambda name: float(lowered[name])) == "price"
