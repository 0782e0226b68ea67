"""``nnkit conform``: prove the parts of a package, without a test file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nnkit.testing import Report
    from nnkit.testing.report import Grade

__all__ = ["command"]


@click.command("conform")
@click.argument("component", nargs=-1)
@click.option("--kind", metavar="KIND", help="Only parts of this kind.")
@click.option("--check", "only", multiple=True, metavar="ID", help="Only this check; may be repeated.")
@click.option("--expect", "expected", multiple=True, metavar="ID=REASON", help="A failure that is known, and why.")
@click.option("--dtype", type=click.Choice(["float64", "float32"]), help="Only this dtype.")
@click.option("--seed", type=int, default=0, help="Seed of every random array.")
@click.option("--thorough", is_flag=True, help="Also try arrays that hypothesis chooses.")
@click.option(
    "--require",
    "required",
    type=click.Choice(["consistent", "proven"]),
    default="consistent",
    help="The grade that every part must reach.",
)
@click.option(
    "--badge",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the badge of proven parts as SVG; implies --require proven.",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Also write a JSON report.")
@click.option("--record", metavar="NAME", help="Record examples of this part from another library.")
@click.option("--from", "source", metavar="LIBRARY:PATH", help="Where to record from: torch:torch.nn.HuberLoss.")
@click.option("--map", "names", multiple=True, metavar="NAME=NAME", help="The library's name of an argument.")
@click.option("--set", "more", multiple=True, metavar="NAME=VALUE", help="A further argument of the function.")
@click.option(
    "--columns",
    type=click.Choice(["sum", "mean"]),
    help="What makes one loss of the columns of a row where the library returns all.",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the recorded examples as a Python module."
)
@click.option("--list", "listing", is_flag=True, help="List all checks and exit.")
@click.pass_context
def command(context: click.Context, /, *, component: tuple[str, ...], listing: bool, **options: Any) -> None:
    """Prove COMPONENT: a distribution, distribution/name, a spec, or module:Class.

    A part is consistent when every check passes, and proven when its values were also compared with reference
    values (examples or a reference). The exit code is 0 when the checks passed, 1 when they did not (a check failed,
    nothing was executed, a name is unknown) or the required grade was not reached, and 2 when the options are wrong.
    """
    if listing:
        _list()
        return
    if options["record"] is not None:
        from nnkit.testing.recording import run

        words = {name: options[name] for name in ("kind", "names", "more", "columns", "seed", "out")}
        text, agrees = run(options["record"], options["source"], **words)
        click.echo(text)
        context.exit(0 if agrees else 1)
    if not component:
        raise click.UsageError("name what to prove: a distribution, distribution/name, or module:Class")
    from nnkit.testing.report import BADGE
    from nnkit.testing.runner import prove
    from nnkit.testing.selection import DTYPES, Settings

    settings = Settings(
        only=options["only"] or None,
        expected=dict(_pair(text) for text in options["expected"]),
        dtypes=options["dtype"] or DTYPES,
        seed=options["seed"],
        thorough=options["thorough"],
        command="nnkit conform",
    )
    report = prove(component, settings, kind=options["kind"])
    if options["json_file"] is not None:
        options["json_file"].write_text(report.to_json() + "\n", encoding="utf-8")
    required: Grade = "proven" if options["badge"] is not None else options["required"]
    _show(report, required)
    if options["badge"] is not None and report.meets(required):
        options["badge"].write_text(BADGE, encoding="utf-8")
    context.exit(0 if report.meets(required) else 1)


def _pair(text: str) -> tuple[str, str]:
    identity, separator, reason = text.partition("=")
    if not separator:
        raise click.UsageError(f"--expect {text!r}: expected ID=REASON")
    return identity, reason


def _list() -> None:
    from nnkit.cli.console import new_table, print_table, result_console
    from nnkit.testing import all_checks

    table = new_table("check", "level", "why")
    for check in all_checks():
        table.add_row(check.id, check.level, check.why)
    print_table(result_console(), table)


def _show(report: Report, required: Grade) -> None:
    from nnkit.cli.console import new_table, print_table, result_console
    from nnkit.testing.report import STATES

    if report.details:
        click.echo(report.details)
    table = new_table("part", "grade", *STATES, "seconds")
    for part in report.parts:
        table.add_row(
            part.part, part.grade or "", *(str(part.counts[state]) for state in STATES), f"{part.seconds:.2f}"
        )
    if report.parts:
        print_table(result_console(), table)
    click.echo(report.verdict(required))
