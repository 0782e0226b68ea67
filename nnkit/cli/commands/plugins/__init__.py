"""``nnkit plugins``: which parts there are, and who provides them."""

from __future__ import annotations

import json

import click

from nnkit.cli.folder import FolderGroup

__all__ = ["command"]


@click.group(
    "plugins",
    cls=FolderGroup,
    package="nnkit.cli.commands.plugins",
    invoke_without_command=True,
    subcommand_metavar="[COMMAND]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for another program.")
@click.option("--load", is_flag=True, help="Import hook modules first, to show their names too.")
@click.pass_context
def command(context: click.Context, *, as_json: bool, load: bool) -> None:
    """List all parts by provider, without importing any of them."""
    if context.invoked_subcommand is not None:
        return
    import attrs

    from nnkit import plugins

    found = plugins.providers(load=load)
    if as_json:
        click.echo(json.dumps([attrs.asdict(one) for one in found], indent=2))
        return
    from nnkit.cli.console import new_table, print_table, result_console

    console = result_console()
    for position, one in enumerate(found):
        reason = f": {one.reason}" if one.reason else ""
        console.print(("\n" if position else "") + f"{one.distribution} {one.version} ({one.state}{reason})")
        table = new_table("", "")
        table.show_header = False
        for kind, names in one.parts.items():
            table.add_row(f"  {kind}", ", ".join(names))
        for target in one.pending:
            table.add_row("  (more)", f"{target} is not imported yet; --load does")
        if table.row_count:
            print_table(console, table)
