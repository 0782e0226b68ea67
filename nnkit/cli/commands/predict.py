"""``nnkit predict``: a model and data in; predictions out, as text or as arrays."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnkit.cli.options import delimiter_option, override_option, parsed

if TYPE_CHECKING:
    from nnkit.arrays import Array

__all__ = ["command"]


@click.command("predict")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("data", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A .csv or .npz instead of the screen.")
@click.option("--labels", is_flag=True, help="The class of each row instead of the figure for each class.")
@click.option("--x", "key", help="The array of features in an .npz; by default the one that was trained with.")
@delimiter_option
@override_option
def command(
    *,
    model: Path,
    data: Path,
    output: Path | None,
    labels: bool,
    key: str | None,
    delimiter: str,
    overrides: tuple[str, ...],
) -> None:
    """Ask the network in the file MODEL about each row of DATA (.npz or .csv).

    Columns of a .csv with a header are found by the names that the network was trained with; others are ignored.
    """
    from nnkit.cli.outputs import prepare_outputs
    from nnkit.cli.tables import column_names, read_table
    from nnkit.errors import DataError
    from nnkit.network.network import Network

    if output is not None and output.suffix.lower() not in {".csv", ".npz"}:
        raise click.BadParameter(f"{output} ends in {output.suffix!r}; expected .csv or .npz", param_hint="--output")
    if output is not None:
        prepare_outputs({"--output": output}, [model, data])
    network = Network.load(model, overrides=parsed(overrides))
    named = network.features
    wanted = named if named and column_names(data, delimiter=delimiter) is not None else None
    table = read_table(data, x=key or network.notes.get("x", "X"), y=None, features=wanted, delimiter=delimiter)
    if table.X.shape[1] != network.inputs:
        raise DataError(f"{data} has {table.X.shape[1]} columns of features; {model} takes {network.inputs}")
    if labels:
        if network.task not in {"binary", "multiclass"}:
            raise DataError(f"{model} predicts numbers, not classes; leave out --labels")
        predicted = network.predict(table.X, labels=True)
        _write(output, ["label"], ([label] for label in predicted), {"labels": predicted})
    else:
        prediction = network.predict(table.X)
        header = [str(label) for label in network.classes or ()]
        if len(header) != prediction.shape[1]:
            header = [f"output {i + 1}" for i in range(prediction.shape[1])]
        _write(output, header, ([str(value) for value in row] for row in prediction), {"prediction": prediction})


def _write(output: Path | None, header: list[str], rows: Iterable[list[Any]], arrays: dict[str, Array]) -> None:
    import numpy as np

    from nnkit.files.atomic import write_atomically

    if output is not None and output.suffix.lower() == ".npz":
        write_atomically(output, lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))
        return
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    if output is None:
        click.echo(text.getvalue(), nl=False)
    else:
        write_atomically(output, lambda file: file.write(text.getvalue().encode()))
