"""``mpirun -n 4 nnkit mpi train FILE``: a command of nnkit, carried out by all ranks together."""

from __future__ import annotations

import sys
from typing import Any

import click

from nnkit.plugins import hookimpl

__all__ = ["command", "nnkit_commands"]


@click.group("mpi")
def command() -> None:
    """Train on several processes, started by mpirun: mpirun -n 4 nnkit mpi train FILE."""


def _train() -> click.Command:
    """``nnkit train`` for all ranks: the first one writes the files and prints."""
    from nnkit.cli.commands.train import command as alone

    @click.pass_context
    def train(context: click.Context, /, **options: Any) -> None:
        from nnkit_mpi.processes import ranks

        leads, code = True, 0
        try:
            with ranks() as group:
                leads = group.leads
                try:
                    context.invoke(alone, **{**options, "quiet": options["quiet"] or not leads})
                except click.exceptions.Exit as end:  # after a signal, which ends all ranks
                    code = end.exit_code
        except Exception:
            if leads:
                raise
            code = 1  # all ranks fail, and the first states the reason
        sys.exit(code)

    return click.Command("train", callback=train, params=alone.params, help=alone.help)


@hookimpl
def nnkit_commands(group: click.Group) -> None:
    """Add ``nnkit mpi``."""
    if not command.commands:
        command.add_command(_train())
    group.add_command(command)
