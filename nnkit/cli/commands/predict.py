"""``nnkit predict``: a model and data in; predictions out, as text or as arrays."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from nnkit.cli.options import data_argument, override_option, parsed, reading_options

if TYPE_CHECKING:
    from nnkit.arrays import Array
    from nnkit.network.network import Network

__all__ = ["command"]


@click.command("predict")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@data_argument
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A .csv or .npz instead of the screen.")
@click.option("--labels", is_flag=True, help="The class of each row instead of the value for each class.")
@click.option(
    "--keep",
    "kept",
    multiple=True,
    metavar="COLUMNS",
    help="Columns of the table to write in front of the predictions: names separated by commas, or all; may be"
    " repeated.",
)
@click.option("--x", "key", help="The array of features in an .npz; by default the one that was trained with.")
@reading_options
@override_option
def command(
    *,
    model: Path,
    data: Path,
    output: Path | None,
    labels: bool,
    kept: tuple[str, ...],
    key: str | None,
    delimiter: str | None,
    encoding: str | None,
    overrides: tuple[str, ...],
) -> None:
    """Ask the network in the file MODEL about each row of DATA.

    DATA is an .npz, .csv, .csv.gz or .parquet, or - for standard input. Columns of a table with a header are found by
    the names that the network was trained with; others are ignored.
    """
    from nnkit.cli.data_files import data_file
    from nnkit.cli.model_data import read_for
    from nnkit.cli.outputs import prepare_outputs
    from nnkit.errors import DataError
    from nnkit.network.network import Network

    if output is not None and output.suffix.lower() not in {".csv", ".npz"}:
        raise click.BadParameter(f"{output} ends in {output.suffix!r}; expected .csv or .npz", param_hint="--output")
    if output is not None:
        prepare_outputs({"--output": output}, [model, data])
    network = Network.load(model, overrides=parsed(overrides))
    if labels and network.task not in {"binary", "multiclass"}:
        raise DataError(f"{model} predicts numbers, not classes; leave out --labels")
    columns = None if kept == ("all",) else [name for text in kept for name in _names(text)]
    with data_file(data) as file:
        content = read_for(network, file, x=key, delimiter=delimiter, encoding=encoding, keep=columns)
        name = str(file)
    if network.columns is None and content.X.shape[1] != network.inputs:
        raise DataError(f"{name} has {content.X.shape[1]} columns of features; {model} has {network.inputs} inputs")
    if labels:
        predicted = network.predict(content.X, labels=True)[:, None]
        header, what = ["label"], "labels"
    else:
        predicted, what = network.predict(content.X), "prediction"
        header = _header(network, predicted.shape[1])
    beside = {} if content.kept is None else {name: content.kept[name] for name in content.kept.columns}
    header = [f"predicted {name}" if name in beside else name for name in header]
    if output is not None and output.suffix.lower() == ".npz":
        _write_arrays(output, {what: predicted[:, 0] if labels else predicted}, beside)
    else:
        rows = zip(*(_cells(column) for column in beside.values()), *map(_cells, predicted.T), strict=True)
        _write(output, [*beside, *header], rows)


def _header(network: Network, columns: int) -> list[str]:
    """A name for each column of a prediction: its class, for two classes at one output the second, or its target."""
    classes = [str(label) for label in network.classes or ()]
    target = network.notes.get("target")
    targets = [target] if isinstance(target, str) else list(target or ())
    for names in (classes, classes[1:] if network.task == "binary" else [], targets):
        if len(names) == columns:
            return names
    return [f"output {i + 1}" for i in range(columns)]


def _names(text: str) -> list[str]:
    """The names in a list separated by commas, written as in a .csv."""
    return [name.strip() for name in next(csv.reader([text], skipinitialspace=True)) if name.strip()]


def _cells(column: Any) -> list[Any]:
    """The values as they are written."""
    import numpy as np

    return ["" if value is None else value for value in np.asarray(column, dtype=object).tolist()]


def _write_arrays(output: Path, arrays: dict[str, Array], beside: dict[str, Any]) -> None:
    import numpy as np

    from nnkit.errors import FileSaveError
    from nnkit.files.atomic import write_atomically

    taken = sorted(arrays.keys() & beside.keys())
    if taken:
        raise FileSaveError(f"{output}: the kept column {taken[0]!r} has the name of the predictions; write a .csv")
    kept = {name: np.array(_cells(column)) for name, column in beside.items()}
    # Objects, such as dates, would be pickled: they are written as text.
    plain = {name: array.astype(str) if array.dtype.hasobject else array for name, array in (arrays | kept).items()}

    def write(file: BinaryIO) -> None:
        # Not by numpy's savez, which has arguments of its own: a column may be called file.
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in plain.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.save(member, array, allow_pickle=False)

    write_atomically(output, write)


def _write(output: Path | None, header: list[str], rows: Iterable[Any]) -> None:
    from nnkit.files.atomic import write_atomically

    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    if output is None:
        click.echo(text.getvalue(), nl=False)
    else:
        write_atomically(output, lambda file: file.write(text.getvalue().encode()))
