"""``nnkit plugins why``: where a name comes from, or why it is not there."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("why")
@click.argument("name")
def command(*, name: str) -> None:
    """Explain where the part or package NAME comes from; exit code 1 if it is not there or cannot be used."""
    from nnkit.cli.app import collected_commands
    from nnkit.plugin_control import reporting
    from nnkit.plugins import providers
    from nnkit.registry.answers import explain
    from nnkit.spelling import distribution_key

    if distribution_key(name) in {provider.distribution for provider in providers()}:
        with reporting():
            collected_commands()  # a plugin whose hook fails is a broken one
    text, usable = explain(name)
    click.echo(text)
    if not usable:
        raise click.exceptions.Exit(1)
