"""``nnkit export``: a model file in, files for another platform out."""

from __future__ import annotations

from pathlib import Path

import click

from nnkit.plugins import hookimpl

__all__ = ["command", "nnkit_commands"]

TARGETS = {
    "onnx": ("nnkit_export.onnx_target", "to_onnx"),
    "c": ("nnkit_export.targets", "to_c"),
    "js": ("nnkit_export.targets", "to_javascript"),
    "python": ("nnkit_export.targets", "to_python"),
}


@click.command("export")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", "target", type=click.Choice(list(TARGETS)), required=True, help="The platform.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file.")
def command(*, model: Path, target: str, output: Path) -> None:
    """Write the network in the file MODEL for another platform, with a self-test beside it.

    The name of the file ends in .onnx, .c, .mjs or .py.
    """
    import importlib

    from nnkit.network.network import Network

    module, function = TARGETS[target]
    for path in getattr(importlib.import_module(module), function)(Network.load(model), output):
        click.echo(str(path))


@hookimpl
def nnkit_commands(group: click.Group) -> None:
    """Add ``nnkit export``."""
    group.add_command(command)
