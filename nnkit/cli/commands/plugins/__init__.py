"""``nnkit plugins``: which parts there are, and who provides them."""

from __future__ import annotations

import atexit
import json
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from nnkit.cli.folder import FolderGroup

if TYPE_CHECKING:
    from nnkit.plugins import Provider

__all__ = ["command"]


@click.group(
    "plugins",
    cls=FolderGroup,
    package="nnkit.cli.commands.plugins",
    invoke_without_command=True,
    subcommand_metavar="[COMMAND]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for another program.")
@click.option("--load", is_flag=True, help="Import everything first; a plugin that fails is exit code 1.")
@click.option("--grade", "graded", multiple=True, metavar="NAME", help="Run the conformance kit on this distribution.")
@click.option("--strict", is_flag=True, help="Exit code 1 for every fault, warnings included.")
@click.pass_context
def command(context: click.Context, *, as_json: bool, load: bool, graded: tuple[str, ...], strict: bool) -> None:
    """List all parts by provider, without importing any of them.

    --grade also runs the conformance kit on a distribution, and shows the grade of each of its parts.
    """
    if context.invoked_subcommand is not None:
        return
    import attrs

    from nnkit import plugins
    from nnkit.cli.app import collected_commands
    from nnkit.plugin_control import reporting
    from nnkit.plugin_control import strict as strict_mode

    with warnings.catch_warnings(record=True) as faults, reporting():
        warnings.simplefilter("always")
        if load:
            collected_commands()
        grades = _grades(graded)
        providers = plugins.providers(check=load)
    for fault in faults:
        warnings.warn_explicit(fault.message, fault.category, fault.filename, fault.lineno)
    if as_json:
        click.echo(json.dumps([{**attrs.asdict(p), **_grades_of(p, grades)} for p in providers], indent=2))
        sys.stdout.flush()
        atexit.register(os.dup2, 2, 1)  # runs before the exit handlers of plugins and the flush of C's own buffer
    else:
        _print(providers, grades)
    failed = [provider.distribution for provider in providers if provider.state == "failed"]
    every_fault = strict or strict_mode()
    if (load or every_fault) and failed:
        raise click.ClickException(f"failed: {', '.join(failed)}; nnkit plugins why NAME shows where")
    if every_fault and faults:
        raise click.ClickException(f"there are faults: {len(faults)} warnings above")


def _grades(distributions: Sequence[str]) -> dict[str, dict[str, str]]:
    """The grade of each part of these distributions, by the names of both."""
    from nnkit.spelling import distribution_key

    if not distributions:
        return {}
    from nnkit.testing.runner import prove
    from nnkit.testing.selection import Settings

    reports = {distribution_key(name): prove([name], Settings()) for name in distributions}
    return {
        name: {part.part.rpartition("/")[2]: part.grade or "NOT consistent" for part in report.parts}
        for name, report in reports.items()
    }


def _grades_of(provider: Provider, grades: Mapping[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """``{"grades": grade by part}`` of a provider that was graded, else an empty mapping."""
    from nnkit.spelling import distribution_key

    own = grades.get(distribution_key(provider.distribution))
    return {} if own is None else {"grades": own}


def _print(providers: Sequence[Provider], grades: Mapping[str, dict[str, str]]) -> None:
    from nnkit.cli.console import new_table, print_table, result_console

    console = result_console()
    for position, provider in enumerate(providers):
        reason = f": {provider.reason}" if provider.reason else ""
        head = f"{provider.distribution} {provider.version}".strip()
        console.print(("\n" if position else "") + f"{head} ({provider.state}{reason})")
        table = new_table("", "")
        table.show_header = False
        for kind, names in provider.parts.items():
            table.add_row(f"  {kind}", ", ".join(names))
        for own in _grades_of(provider, grades).values():
            table.add_row("  grade", ", ".join(f"{name} {grade}" for name, grade in own.items()))
        for target in provider.pending:
            table.add_row("  (more)", f"{target} is not imported yet; --load does")
        if table.row_count:
            print_table(console, table)
