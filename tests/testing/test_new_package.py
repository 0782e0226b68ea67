"""`nnkit plugins new`: a package of every kind passes its own proof, ruff and mypy as generated."""

import importlib
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import click
import pytest

import nnkit
from nnkit.cli.commands.plugins.new import FIRST_PARTS, write_package
from nnkit.registry.kinds import KINDS
from nnkit.testing import check
from nnkit.testing.catalog import family_checks


def test_every_kind_with_reference_values_has_a_first_part():
    with_values = {kind for kind in KINDS if any(check.number.endswith("-REF") for check in family_checks(kind))}
    assert with_values == set(FIRST_PARTS)


@pytest.mark.parametrize("kind", FIRST_PARTS)
def test_generated_part_is_proven(kind, tmp_path, monkeypatch):
    home = write_package(f"acme-{kind}-nn", kind, None, tmp_path)
    monkeypatch.syspath_prepend(home)
    points = tomllib.loads((home / "pyproject.toml").read_text())["project"]["entry-points"]
    ((group, names),) = points.items()
    assert KINDS[kind].group == group
    ((name, target),) = names.items()
    assert FIRST_PARTS[kind] == name
    module, _, cls = target.partition(":")
    part = getattr(importlib.import_module(module), cls)
    assert part.reference is not None
    report = check(part)
    assert "proven" == report.grade, str(report)
    assert "PART-023/reference-values-declared" not in {one.id for one in report.advice}


def test_generated_packages_pass_ruff_and_mypy(tmp_path):
    packages = [write_package(f"typed-{kind}-nn", kind, None, tmp_path) for kind in FIRST_PARTS]
    for command in (["ruff", "check"], ["ruff", "format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", *command, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert 0 == done.returncode, done.stdout + done.stderr
    folders = [str(home / home.name.replace("-", "_")) for home in packages]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *folders], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr


def test_ci_asks_for_the_proof_in_both_ways(tmp_path):
    home = write_package("acme-nn", "loss", None, tmp_path)
    steps = (home / ".github/workflows/proof.yml").read_text()
    assert "- run: pytest\n" in steps
    assert "- run: python -m nnkit.testing acme-nn " in steps
    assert "- run: mypy acme_nn\n" in steps
    assert "python-version: ${{ matrix.python }}\n" in steps


@pytest.mark.parametrize(("distribution", "name"), [("acme nn", None), ("-x", None), ("acme-nn", "BentIdentity")])
def test_names_that_are_none_are_refused(distribution, name, tmp_path):
    with pytest.raises(click.UsageError):
        write_package(distribution, "loss", name, tmp_path)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["none", "class", "nnkit", "numpy", "json", "example", "real", "exception", "match"])
def test_a_name_that_is_taken_in_python_or_in_the_module_is_refused(name, tmp_path):
    if name in {"real", "match"}:  # modules may be called so, and no class is
        write_package("acme-nn", "loss", name, tmp_path)
        return
    with pytest.raises(click.UsageError, match=f"{name!r}.*choose another name"):
        write_package("acme-nn", "loss", name, tmp_path)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "distribution", ["nnkit", "numpy", "json", "class", "attrs", "tests", "nnkit-core", "In.Process", "matplotlib"]
)
def test_a_package_that_would_hide_another_is_refused(distribution, tmp_path):
    with pytest.raises(click.UsageError, match="choose another"):
        write_package(distribution, "loss", None, tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_templates_are_there_in_a_zipped_wheel(tmp_path):
    """``nnkit`` from a zip file on the path: a network trains, and a new package is written."""
    root = Path(nnkit.__file__).parent
    wheel = tmp_path / "nnkit_core-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in root.rglob("*"):
            if path.suffix in {".py", ".tmpl"}:
                archive.write(path, Path("nnkit") / path.relative_to(root))
    program = (
        f"import sys; sys.path.insert(0, {str(wheel)!r})\n"
        "import nnkit; assert '.whl' in nnkit.__file__\n"
        "nnkit.Network([2, 3, 1], seed=0).fit([[0., 1.], [1., 0.]], [[1.], [0.]], epochs=1)\n"
        "from nnkit.cli import main\n"
        "sys.argv = ['nnkit', 'plugins', 'new', 'acme-nn', '--kind', 'loss']; main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "class PseudoHuber(LocationLoss)" in (tmp_path / "acme-nn/acme_nn/pseudo_huber.py").read_text()


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    home = write_package("acme-nn", "loss", None, tmp_path)
    (home / "README.md").write_text("mine")
    with pytest.raises(click.UsageError, match="there already"):
        write_package("acme-nn", "optimizer", None, tmp_path)
    assert "mine" == (home / "README.md").read_text()
