"""A group of commands that is a folder: each file in it is one command, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import click

from nnkit.spelling import did_you_mean

__all__ = ["FolderGroup"]


class FolderGroup(click.Group):
    """The commands are the modules of ``package``; each defines ``command``, and is imported when needed.

    To add a command, add a file. What a command needs beyond click, it imports when it runs.
    """

    def __init__(self, *args: Any, package: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.package = package

    def own_commands(self) -> list[str]:
        """The files of the folder, as command names."""
        folder = importlib.import_module(self.package).__path__
        return sorted(
            module.name.replace("_", "-") for module in pkgutil.iter_modules(folder) if not module.name.startswith("_")
        )

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands that the help shows."""
        return self.own_commands()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of one file."""
        if cmd_name not in self.own_commands():
            return None
        module = importlib.import_module(f"{self.package}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As in click, with the nearest name and the list of names for a wrong one."""
        if args[0] in self.own_commands():
            return super().resolve_command(ctx, args)
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-"):
            hint = did_you_mean(args[0], names, start=" ")
            ctx.fail(f"there is no command {args[0]!r};{hint} the commands are {', '.join(names)}")
        return super().resolve_command(ctx, args)
