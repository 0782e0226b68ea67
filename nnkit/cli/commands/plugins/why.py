"""``nnkit plugins why``: where a name comes from, or why it is not there."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("why")
@click.argument("name")
def command(*, name: str) -> None:
    """Explain where the part or package NAME comes from; exit code 1 if it is not there or cannot be used."""
    from nnkit.registry.answers import explain

    text, usable = explain(name)
    click.echo(text)
    if not usable:
        raise click.exceptions.Exit(1)
