"""``nnkit report``: one page about a model that opens without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nnkit.cli.options import override_option, parsed, reading_options

__all__ = ["command"]


@click.command("report")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="Rows with targets (.npz, .csv, .csv.gz, .parquet, or -): adds the quality of the predictions and the effect"
    " of each input.",
)
@click.option("--target", help="The column with the target; by default that of the training, else the last.")
@click.option("--x", help="The array of features in an .npz; by default the one that was trained with.")
@click.option("--y", help="The array of targets in an .npz; by default the one that was trained with.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The page; by default MODEL-report.html."
)
@reading_options
@override_option
def command(*, model: Path, data: Path | None, output: Path | None, **options: Any) -> None:
    """Write a page about the network in the file MODEL: its parts, its training, and its quality on DATA."""
    from nnkit.cli.data_files import data_file
    from nnkit.cli.model_data import read_for
    from nnkit.cli.outputs import prepare_outputs
    from nnkit.cli.targets import targets_of
    from nnkit.network.network import Network
    from nnkit.plot import report

    page = output or model.with_name(f"{model.stem}-report.html")
    if page.suffix.lower() not in {".html", ".htm"}:
        raise click.BadParameter(f"{page} ends in {page.suffix!r}; expected .html", param_hint="--output")
    prepare_outputs({"--output": page}, [model, *([] if data is None else [data])])
    network = Network.load(model, overrides=parsed(options.pop("overrides")))
    title = f"Report on {model.name}"
    if data is None:
        report(network, page, title=title)
    else:
        with data_file(data) as file:
            content = read_for(network, file, with_target=True, **options)
        report(network, page, X=content.X, y=targets_of(content, network), title=title)
    click.echo(f"wrote {page}")
