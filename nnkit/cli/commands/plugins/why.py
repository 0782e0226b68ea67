"""``nnkit plugins why``: where a name comes from, or why it is not there."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("why")
@click.argument("name")
def command(*, name: str) -> None:
    """Say where the part or package NAME comes from, or why it is not there."""
    from nnkit import plugins

    click.echo(plugins.why(name))
