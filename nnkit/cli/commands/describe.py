"""``nnkit describe``: what a model file holds."""

from __future__ import annotations

from pathlib import Path

import click

from nnkit.cli.options import override_option, parsed

__all__ = ["command"]


@click.command("describe")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the config, notes and history as JSON.")
@override_option
def command(*, model: Path, as_json: bool, overrides: tuple[str, ...]) -> None:
    """Say what the network in the file MODEL is made of, and how it was trained."""
    import json

    from nnkit.cli.report import plain
    from nnkit.network.network import Network

    network = Network.load(model, overrides=parsed(overrides))
    history, config = network.history, network.to_config()
    if as_json:
        shown = {"config": config, "notes": network.notes, "history": history}
        click.echo(json.dumps(plain(shown), indent=2, allow_nan=False))
        return
    click.echo(f"{model}: {model.stat().st_size:,} bytes, {network.dtype}, ", nl=False)
    click.echo(f"{network.epoch} epochs ({network.step:,} steps) of training\n")
    click.echo(network.summary())
    for distribution, version in config["providers"].items():
        click.echo(f"provided by: {distribution} {version}")
    last = {name: values[-1] for name, values in history.items() if values and isinstance(values[-1], (int, float))}
    if last:
        click.echo("last epoch: " + ", ".join(f"{name} {value:.6g}" for name, value in last.items()))
