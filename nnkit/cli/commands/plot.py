"""``nnkit plot``: all pictures that a model file or an archive has in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nnkit.network.network import Network

__all__ = ["command"]


@click.command("plot")
@click.argument("source", metavar="MODEL_OR_ARCHIVE", type=click.Path(exists=True, path_type=Path))
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Folder for pictures.")
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Samples with their classes (.npz with X and y, or .csv): adds the"
    " confusion matrix, and the decision regions of two inputs.",
)
@click.option("--target", help="The column of a .csv with the class; by default that of the training, else the last.")
@click.option("--format", "ending", type=click.Choice(["png", "pdf", "svg"]), default="png", show_default=True)
def command(*, source: Path, output: Path, data: Path | None, target: str | None, ending: str) -> None:
    """Draw what a model file, or the folder of an archive, tells of its training."""
    from nnkit.errors import DataError

    output.mkdir(parents=True, exist_ok=True)
    network, archive = _read(source)
    drawn = []

    def place(what: str) -> Path:
        drawn.append(output / f"{source.stem}-{what}.{ending}")
        return drawn[-1]

    from nnkit import plot

    if network is not None and network.history.get("loss"):
        plot.learning_curve(network.history, place("learning-curve"))
    for quantity in ("parameters", "gradient"):
        if archive is not None and archive.steps(quantity):
            plot.distributions(archive.over_time(quantity), place(quantity), quantity=quantity)
    if data is not None:
        if network is None:
            raise DataError(f"{source} is an archive; --data needs the network's own file")
        for what, draw in _judgements(network, data, target):
            draw(place(what))
    if not drawn:
        raise DataError(f"{source} holds nothing to draw: no epoch of history, no archived parameters or gradients")
    for path in drawn:
        click.echo(f"wrote {path}")


def _read(source: Path) -> tuple[Network | None, Any]:
    """The network of a file, and its archive; of a folder the archive alone."""
    from nnkit.errors import DataError
    from nnkit.network.archive import Archive
    from nnkit.network.network import Network

    if source.is_dir():
        return None, Archive.load(source)
    network = Network.load(source)
    try:
        return network, network.archive
    except DataError:  # no archiver has listened to it
        return network, None


def _judgements(network: Network, data: Path, target: str | None) -> Iterator[tuple[str, Any]]:
    """What can be drawn of a network with samples: a name, and a function of the path."""
    from functools import partial

    from nnkit import plot
    from nnkit.cli.data_files import DataFile
    from nnkit.cli.model_data import read_for
    from nnkit.cli.targets import class_codes, codes_of, targets_of
    from nnkit.errors import DataError
    from nnkit.network.composition import DEFAULTS

    content = read_for(network, DataFile.of(data), target=target, with_target=True)
    y = targets_of(content, network)
    if class_codes(y, network) is None:
        raise DataError(f"{data}: the targets are numbers; --data draws pictures of classes")
    matrix: Any = network.evaluate(content.X, y, metrics=[DEFAULTS["confusion"]])[DEFAULTS["confusion"]]
    classes = tuple(map(str, network.classes or range(len(matrix))))
    yield "confusion-matrix", partial(plot.confusion_matrix, matrix, classes)
    plan = network.columns
    names = getattr(content.X, "columns", ("input 1", "input 2")) if network.features is None else network.features
    if network.inputs == 2 and (plan is None or plan.numeric):
        yield (
            "decision-regions",
            partial(
                plot.decision_regions,
                network.predict,
                network.inputs_from(content.X),
                codes_of(y, network),
                xlabel=names[0],
                ylabel=names[1],
                labels=classes,
            ),
        )
