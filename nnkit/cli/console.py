"""Where text goes: results to standard output, progress and warnings to standard error."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

__all__ = ["new_table", "print_table", "progress_console", "result_console"]

# Wide enough that nothing is cut when the output goes into a file or another program.
UNLIMITED = 10_000


def result_console() -> Console:
    """Standard output; plain text of any width when that is not a terminal."""
    console = Console(highlight=False, emoji=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, emoji=False, markup=False, width=UNLIMITED)


def progress_console() -> Console:
    """Standard error, for what only a person at a terminal wants to see."""
    return Console(stderr=True, highlight=False, emoji=False)


def new_table(*columns: str, numbers_from: int | None = None) -> Table:
    """A table without a frame; columns from ``numbers_from`` on are set flush right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for position, column in enumerate(columns):
        right = numbers_from is not None and position >= numbers_from
        table.add_column(column, justify="right" if right else "left", no_wrap=right)
    return table


def print_table(console: Console, table: Table) -> None:
    """Print a table; into a file or another program, without the blanks that fill up its lines."""
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        console.print(line.rstrip())
