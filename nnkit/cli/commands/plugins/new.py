"""``nnkit plugins new``: a package with one part, proven as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

import click

__all__ = ["FIRST_PARTS", "command", "write_package"]

FIRST_PARTS = {
    "activation": "wave",
    "loss": "pseudo_huber",
    "optimizer": "heavy_ball",
    "initializer": "geometric_uniform",
    "layer": "column_scale",
    "schedule": "inverse_root",
    "regularizer": "quartic",
    "metric": "within_tolerance",
    "callback": "stop_below",
}
"""The part that a new package of each kind begins with."""


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
    made = write_package(distribution, kind, name, folder)
    click.echo(f"{made}: a package with one {kind}, proven as it stands. Next:")
    click.echo(f'  cd {made} && pip install -e ".[test]" && pytest')


def write_package(distribution: str, kind: str, name: str | None = None, folder: Path | None = None) -> Path:
    """Write the files and return their folder.

    Raises:
        click.UsageError: When a name is none, or the folder is there already.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*([-_.][A-Za-z0-9]+)*", distribution):
        raise click.UsageError(f"{distribution!r} is no name of a distribution; write letters and digits: acme-nn")
    part = name or FIRST_PARTS[kind]
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", part):
        raise click.UsageError(f"--name {part!r}: expected lower case with underscores: {FIRST_PARTS[kind]}")
    home = (folder or Path()) / distribution
    if home.exists():
        raise click.UsageError(f"{home} is there already; nothing was written")
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

    def fill(template: str) -> str:
        source = Path(__file__).parents[2] / "templates" / f"{template}.tmpl"
        return Template(source.read_text(encoding="utf-8")).safe_substitute(words)

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
