"""``nnkit evaluate``: a model and data with targets in; the loss and metrics out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nnkit.cli.options import data_argument, override_option, parsed, reading_options

__all__ = ["command"]


@click.command("evaluate")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@data_argument
@click.option("--target", help="The column with the target; by default that of the training, else the last.")
@click.option(
    "--metric", "metrics", multiple=True, help="A further metric by name (f1(average='macro')); may be repeated."
)
@click.option("--x", help="The array of features in an .npz; by default the one that was trained with.")
@click.option("--y", help="The array of targets in an .npz; by default the one that was trained with.")
@click.option("--json", "as_json", is_flag=True, help="Print the values and the confusion matrix as JSON.")
@reading_options
@override_option
def command(*, model: Path, data: Path, metrics: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Compare the network in the file MODEL with the targets in DATA (.npz, .csv, .csv.gz, .parquet, or -)."""
    import json

    from nnkit.cli.console import print_table, result_console
    from nnkit.cli.data_files import data_file
    from nnkit.cli.model_data import read_for
    from nnkit.cli.report import class_table, counted, evaluated, plain
    from nnkit.cli.targets import targets_of
    from nnkit.network.network import Network

    network = Network.load(model, overrides=parsed(options.pop("overrides")))
    with data_file(data) as file:
        content = read_for(network, file, with_target=True, **options)
    evaluation = evaluated(network, content.X, targets_of(content, network), metrics)
    classes = tuple(map(str, network.classes or ()))
    if as_json:
        matrix = None if evaluation.matrix is None else evaluation.matrix.tolist()
        values = {"rows": evaluation.rows, "values": evaluation.values, "classes": classes, "matrix": matrix}
        values["loss_of_scaled_targets"] = evaluation.scaled
        click.echo(json.dumps(plain(values), indent=2, allow_nan=False))
        return
    left_out = f", {evaluation.left_out:,} more with missing values" if evaluation.left_out else ""
    click.echo(counted(evaluation.rows, "row") + left_out)
    if evaluation.matrix is not None:
        print_table(result_console(), class_table(evaluation.matrix, classes))
    for name, value in evaluation.labelled().items():
        click.echo(f"{name} {_shown(value)}")


def _shown(value: Any) -> str:
    import numpy as np

    return " ".join(f"{number:.4f}" for number in np.asarray(value, dtype=float).reshape(-1))
