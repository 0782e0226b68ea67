"""Text on its way out: whole lines in a file, a table at a terminal."""

import io

import pytest
from rich.console import Console

from nnkit.cli.console import new_table, print_table, progress_console, result_console


def table():
    made = new_table("class", "precision", numbers_from=1)
    made.add_row("versicolor with a very long name " * 5, "1.000")
    made.add_row("b", "0.5")
    return made


def test_nothing_is_cut_and_no_line_ends_in_blanks_without_a_terminal(capsys):
    print_table(result_console(), table())
    lines = capsys.readouterr().out.splitlines()
    assert 3 == len(lines)
    assert lines == [line.rstrip() for line in lines]
    assert ("versicolor with a very long name " * 5).strip() in lines[1]


@pytest.mark.parametrize("width", [40, 200])
def test_a_terminal_gets_the_table_in_its_own_width(width):
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    print_table(console, table())
    assert max(map(len, console.file.getvalue().splitlines())) <= width


def test_progress_goes_to_standard_error(capsys):
    progress_console().print("here")
    assert ("", "here\n") == tuple(capsys.readouterr())


def test_markup_in_names_is_only_text(capsys):
    made = new_table("name")
    made.add_row("[bold]x[/bold] :smile:")
    print_table(result_console(), made)
    assert "[bold]x[/bold] :smile:" in capsys.readouterr().out
