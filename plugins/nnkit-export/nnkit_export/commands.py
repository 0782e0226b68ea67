"""``nnkit export`` and ``nnkit import``: networks to other platforms, and from other libraries."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import click

from nnkit.plugins import hookimpl

__all__ = ["export_command", "import_command", "nnkit_commands"]

TARGETS = {
    "onnx": ("nnkit_export.onnx_target", "to_onnx"),
    "c": ("nnkit_export.targets", "to_c"),
    "js": ("nnkit_export.targets", "to_javascript"),
    "python": ("nnkit_export.targets", "to_python"),
    "dot": ("nnkit_export.targets", "to_dot"),
    "safetensors": ("nnkit_export.safe_tensors", "to_safetensors"),
}


SOURCES = {
    **dict.fromkeys((".keras", ".h5", ".hdf5"), ("nnkit_export.keras_source", "from_keras")),
    ".mat": ("nnkit_export.matlab_source", "from_matlab"),
    ".onnx": ("nnkit_export.onnx_source", "from_onnx"),
    ".safetensors": ("nnkit_export.safe_tensors", "from_safetensors"),
}


def _call(place: tuple[str, str], *arguments: Any) -> Any:
    module, function = place
    return getattr(importlib.import_module(module), function)(*arguments)


@click.command("export")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", "target", type=click.Choice(list(TARGETS)), required=True, help="The platform.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file.")
def export_command(*, model: Path, target: str, output: Path) -> None:
    """Write the network or ensemble in the file MODEL for another platform, with a self-test beside it.

    The networks of an ensemble and the mean or median of their predictions are one file. Its name ends in .onnx, .c,
    .mjs or .py; or, without a self-test, in .safetensors (a network) or .dot (a picture).
    """
    from nnkit.files.container import content_of
    from nnkit.many import Ensemble
    from nnkit.network.network import Network

    load = Ensemble.load if content_of(model) == "ensemble" else Network.load
    for path in _call(TARGETS[target], load(model), output):
        click.echo(str(path))


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The model file.")
def import_command(*, file: Path, output: Path) -> None:
    """Write the network in the FILE of another library as a model file (.npz).

    The ending of FILE states its format: ENDINGS. Nothing in FILE is executed.
    """
    from nnkit_export.reading import checked_file

    checked_file(file, *SOURCES)
    network = _call(SOURCES[file.suffix.lower()], file)
    network.save(output)
    click.echo(f"{output}: {network}")


import_command.help = str(import_command.help).replace("ENDINGS", ", ".join(SOURCES))


@hookimpl
def nnkit_commands(group: click.Group) -> None:
    """Add ``nnkit export`` and ``nnkit import``."""
    group.add_command(export_command)
    group.add_command(import_command)
