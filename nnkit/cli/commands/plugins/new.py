"""``nnkit plugins new``: a package with one part, proven as it stands."""

from __future__ import annotations

import builtins
import importlib.util
import keyword
import re
import sys
from collections.abc import Collection
from importlib import resources
from pathlib import Path
from string import Template

import click

from nnkit.spelling import BUILTIN, IN_PROCESS, distribution_key

__all__ = ["FIRST_PARTS", "command", "write_package"]

FIRST_PARTS = {
    "activation": "sine",
    "loss": "pseudo_huber",
    "optimizer": "heavy_ball",
    "initializer": "geometric_uniform",
    "layer": "column_scale",
    "schedule": "inverse_root",
    "regularizer": "quartic",
    "metric": "within_tolerance",
    "callback": "stop_below",
    "recipe": "pyramid",
}
"""The part that a new package of each kind begins with; each has a template of the name of its kind."""

TAKEN = {"attr", "attrs", "click", "hypothesis", "nnkit", "numpy", "pluggy", "pytest", "rich", "scipy", "tests"}
"""Modules that a new one would hide: those of nnkit, what it imports, and the folder of the tests."""


@click.command("new")
@click.argument("distribution")
@click.option("--kind", type=click.Choice(list(FIRST_PARTS)), required=True, help="The kind of its first part.")
@click.option("--name", help="The name of its first part, in lower case with underscores.")
@click.option(
    "--in",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where to make the folder of the package.",
)
def command(*, distribution: str, kind: str, name: str | None, folder: Path) -> None:
    """Write the package DISTRIBUTION with one part, its proof, a README and a CI file."""
    home = write_package(distribution, kind, name, folder)
    click.echo(f"{home}: a package with one {kind}, proven as it stands. Next:")
    click.echo(f'  cd {home} && pip install -e ".[test]" && pytest')


def write_package(distribution: str, kind: str, name: str | None = None, folder: Path | None = None) -> Path:
    """Write the files and return their folder.

    Raises:
        click.UsageError: When a name is not valid or would hide another module, or the folder is there already.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*([-_.][A-Za-z0-9]+)*", distribution):
        raise click.UsageError(f"{distribution!r} is not the name of a distribution; write letters and digits: acme-nn")
    if distribution_key(distribution) in {BUILTIN, IN_PROCESS}:
        raise click.UsageError(f"{distribution!r} is a name that nnkit uses itself; choose another one: acme-nn")
    part = name or FIRST_PARTS[kind]
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", part):
        raise click.UsageError(f"--name {part!r}: expected lower case with underscores: {FIRST_PARTS[kind]}")
    package = re.sub(r"[-.]+", "_", distribution).lower()
    words = {
        "distribution": distribution,
        "package": package,
        "kind": kind,
        "plural": "losses" if kind == "loss" else f"{kind}s",
        "article": "an" if kind[0] in "aeiou" else "a",
        "name": part,
        "Class": "".join(word.capitalize() for word in part.split("_")),
        "title": part.replace("_", " ").capitalize(),
    }
    installed = {package} if importlib.util.find_spec(package) is not None else set()
    _check_module(package, f"the package of {distribution!r}", TAKEN | installed)
    _check_module(part, f"--name {part!r}: the module of the part")
    templates = resources.files("nnkit.cli") / "templates"
    source = (templates / f"{kind}.tmpl").read_text(encoding="utf-8")
    imported = set(
        re.findall(r"[A-Za-z]\w*", " ".join(re.findall(r"^(?:from \S+ )?import (.*)$", source, re.MULTILINE)))
    )
    if words["Class"] in imported or keyword.iskeyword(words["Class"]) or hasattr(builtins, words["Class"]):
        raise click.UsageError(
            f"--name {part!r}: its class would be called {words['Class']}, which means something else in its module;"
            f" choose another name, such as {part}_{kind}"
        )
    home = (folder or Path()) / distribution
    if home.exists():
        raise click.UsageError(f"{home} is there already; nothing was written")

    def fill(template: str) -> str:
        return Template((templates / f"{template}.tmpl").read_text(encoding="utf-8")).safe_substitute(words)

    files = {
        "pyproject.toml": fill("pyproject"),
        "README.md": fill("readme"),
        ".github/workflows/proof.yml": fill("ci"),
        ".gitignore": "__pycache__/\n*.egg-info/\n.venv/\ndist/\n",
        f"{package}/__init__.py": f'"""{words["title"]} for nnkit."""\n',
        f"{package}/py.typed": "",
        f"{package}/{part}.py": fill(kind),
        "tests/test_conformance.py": fill("test_conformance"),
    }
    for path, text in files.items():
        file = home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return home


def _check_module(module: str, what: str, taken: Collection[str] = TAKEN) -> None:
    """Refuse a module that Python could not import, or that would hide another one."""
    if keyword.iskeyword(module):
        raise click.UsageError(f"{what} would be called {module!r}, a word of Python itself; choose another name")
    if module in sys.stdlib_module_names or module in taken:
        raise click.UsageError(f"{what} would hide the module {module!r} that others import; choose another name")
