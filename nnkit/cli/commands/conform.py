"""``nnkit conform``: prove the parts of a package, without a test file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

__all__ = ["command"]


@click.command("conform")
@click.argument("component", nargs=-1)
@click.option("--kind", metavar="KIND", help="Only parts of this kind.")
@click.option("--check", "only", multiple=True, metavar="ID", help="Only this check; may be repeated.")
@click.option("--profile", metavar="NAME", help="A frozen set of checks; newer ones then only advise.")
@click.option("--expect", "expected", multiple=True, metavar="ID=REASON", help="A failure that is known, and why.")
@click.option("--dtype", type=click.Choice(["float64", "float32"]), help="Only this dtype.")
@click.option("--seed", type=int, default=0, help="Of every random figure.")
@click.option("--thorough", is_flag=True, help="Many more figures.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Also write a JSON report.")
@click.option("--list", "listing", is_flag=True, help="List all checks and end.")
@click.pass_context
def command(context: click.Context, /, *, component: tuple[str, ...], listing: bool, **given: Any) -> None:
    """Prove COMPONENT: a distribution, distribution/name, a spec, or module:Class.

    Ends with 0 when all of it is proven, with 1 when it is not (a check failed, nothing was executed, a name is
    unknown), and with 2 when the options are wrong.
    """
    if listing:
        _list()
        return
    if not component:
        raise click.UsageError("name what to prove: a distribution, distribution/name, or module:Class")
    from nnkit.testing.runner import DTYPES, prove, settle

    settings = settle(
        only=given["only"] or None,
        expected_failures=dict(_pair(text) for text in given["expected"]),
        profile=given["profile"],
        dtypes=given["dtype"] or DTYPES,
        seed=given["seed"],
        thorough=given["thorough"],
        command="nnkit conform",
    )
    report = prove(component, settings, kind=given["kind"])
    if given["json_file"] is not None:
        given["json_file"].write_text(report.to_json() + "\n", encoding="utf-8")
    _show(report)
    context.exit(0 if report.ok else 1)


def _pair(text: str) -> tuple[str, str]:
    identity, separator, reason = text.partition("=")
    if not separator:
        raise click.UsageError(f"--expect {text!r}: expected ID=REASON")
    return identity, reason


def _list() -> None:
    from nnkit.cli.console import new_table, print_table, result_console
    from nnkit.testing import all_checks

    table = new_table("check", "level", "why")
    for one in all_checks():
        table.add_row(one.id, one.level, one.why)
    print_table(result_console(), table)


def _show(report: Any) -> None:
    from nnkit.cli.console import new_table, print_table, result_console
    from nnkit.testing.report import STATES

    if report.details:
        click.echo(report.details)
    table = new_table("part", *STATES, "seconds")
    for part in report.parts:
        seconds = sum(outcome.seconds for outcome in part.outcomes)
        table.add_row(part.part, *(str(part.counts[state]) for state in STATES), f"{seconds:.2f}")
    if report.parts:
        print_table(result_console(), table)
    click.echo("proven" if report.ok else "NOT proven")
