"""The sdist carries everything that its own tests need: the whole source tree, and nothing besides."""

import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATED = {"__pycache__", "_build", "build", "dist"}
HIDDEN = {".ci", ".github", ".gitignore"}


def sources(folder):
    """Every file below a folder that is not the product of some command."""
    for path in folder.iterdir():
        if path.name in GENERATED or path.suffix in {".egg-info", ".pyc"}:
            continue
        if path.name.startswith((".", "digits-")) and path.name not in HIDDEN:
            continue
        if path.is_dir():
            yield from sources(path)
        else:
            yield path


def test_the_sdist_carries_the_source_tree(tmp_path):
    command = [sys.executable, "-m", "build", "--no-isolation", "--sdist", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in sources(ROOT)
        if not (path.parent == ROOT and path.name == "PKG-INFO")
    }
    for name in ("Makefile", "CONTRIBUTING.md", "conftest.py", ".ci/run", "plugins/nnkit-numba/nnkit_numba/team.py"):
        assert name in expected
    assert sorted(expected - names) == []
    assert sorted(names - expected) == ["PKG-INFO"]
