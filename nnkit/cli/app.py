"""The command ``nnkit`` itself: finds its commands, and turns stated problems into sentences."""

from __future__ import annotations

import warnings
from typing import Any

import click

from nnkit import __version__
from nnkit.cli.folder import FolderGroup
from nnkit.errors import MissingExtraError, NNKitError, NNKitWarning

__all__ = ["nnkit"]


class Stated(click.ClickException):
    """A problem that nnkit states in a sentence; whoever reads it needs no traceback."""


class MissingExtra(Stated):
    """The same, for an optional dependency that is not installed."""

    exit_code = 2


class Root(FolderGroup):
    """The outermost group: every command runs inside its ``invoke``."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors of nnkit's family, and files that cannot be had, become one sentence."""
        with warnings.catch_warnings():
            shown = warnings.showwarning

            def show(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
                if issubclass(category, NNKitWarning):
                    click.echo(f"Warning: {message}", err=True)
                else:
                    shown(message, category, *where, **more)

            warnings.showwarning = show
            try:
                return super().invoke(ctx)
            except NNKitError as error:
                raise (MissingExtra if isinstance(error, MissingExtraError) else Stated)(_sentence(error)) from error
            except OSError as error:
                if error.filename is None:
                    raise
                raise Stated(f"{error.filename}: {error.strerror or error}") from error


def _sentence(error: BaseException) -> str:
    """The message, and the notes that were added on the way."""
    return "\n".join([str(error), *(f"  {note}" for note in getattr(error, "__notes__", ()))])


nnkit = Root(
    "nnkit",
    package="nnkit.cli.commands",
    help="Feed-forward neural networks from parts that anyone can swap, prove, inspect.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
click.version_option(__version__, prog_name="nnkit-core", message="%(prog)s %(version)s")(nnkit)
