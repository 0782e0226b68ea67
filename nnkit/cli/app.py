"""The command ``nnkit`` itself: its own commands and those of plugins, and errors as sentences."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import click

from nnkit import __version__
from nnkit.cli.folder import FolderGroup
from nnkit.errors import MissingExtraError, NNKitError, NNKitWarning, PluginError
from nnkit.plugin_control import PLUGIN_OUTPUT, stdout_to_stderr

__all__ = ["nnkit"]


class Stated(click.ClickException):
    """A problem that nnkit states in a sentence, so that no traceback is needed."""


class MissingExtra(Stated):
    """The same, for an optional dependency that is not installed."""

    exit_code = 2


class Root(FolderGroup):
    """The outermost group: every command runs inside its ``invoke``. Plugins add commands, and replace none."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors of nnkit's family, and files that cannot be had, become one sentence."""
        with _problems_as_sentences():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands of nnkit itself, and those of plugins."""
        return sorted({*self.own_commands(), *plugin_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of nnkit's own, without looking at plugins; else that of the only plugin that has it."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        owners = plugin_commands(ctx).get(cmd_name, {})
        return _ambiguous(cmd_name, sorted(owners)) if len(owners) > 1 else next(iter(owners.values()), None)


def _ambiguous(name: str, owners: list[str]) -> click.Command:
    """The command that stands for one of several plugins: it shows them, and cannot be run."""

    def refuse(**arguments: object) -> None:
        raise click.UsageError(
            f"the command {name!r} comes from several plugins: {' and '.join(owners)}; disable all but one, as in"
            f" NNKIT_PLUGINS_DISABLE={','.join(owners[1:])}"
        )

    words = click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)
    return click.Command(
        name,
        callback=refuse,
        params=[words],
        help=f"Comes from several plugins: {' and '.join(owners)}.",
        context_settings={"ignore_unknown_options": True},
    )


def plugin_commands(ctx: click.Context) -> dict[str, dict[str, click.Command]]:
    """The commands of plugins: by name, then by distribution; a module that fails is warned of and adds none."""
    known: dict[str, dict[str, click.Command]] | None = ctx.meta.get(__name__)
    if known is None:
        with _problems_as_sentences():  # click asks for the commands before it invokes one
            known = ctx.meta[__name__] = collected_commands()
    return known


def collected_commands() -> dict[str, dict[str, click.Command]]:
    """The same, collected anew."""
    from nnkit.registry import implementations

    commands: dict[str, dict[str, click.Command]] = {}
    own = set(nnkit.own_commands())
    for implementation in implementations("nnkit_commands"):
        group = click.Group()
        added: dict[str, click.Command] = {}
        with implementation.skipped_on_failure():
            implementation.call(group=group)
            added = {name: _checked(command, name) for name, command in group.commands.items()}
        for name in added.keys() - own:
            commands.setdefault(name, {})[implementation.module.distribution] = added[name]
        for name in sorted(added.keys() & own):
            problem = f"adds {name!r}, which is a command of nnkit itself; it should rename it"
            implementation.warn("goes without a command", problem)
    return commands


def _checked(command: object, name: str) -> click.Command:
    if isinstance(command, click.Command):
        return command
    raise PluginError(f"it adds {command!r} as the command {name!r}; expected a click.Command")


@contextlib.contextmanager
def _problems_as_sentences() -> Iterator[None]:
    """Within the block, each error and warning of nnkit is a sentence, and what plugins print goes to stderr."""
    with _plugin_output_on_stderr(), _warnings_as_sentences():
        try:
            yield
        except NNKitError as error:
            raise (MissingExtra if isinstance(error, MissingExtraError) else Stated)(_sentence(error)) from error
        except MemoryError as error:
            raise Stated(f"not enough memory: {error or 'an array of this size cannot be allocated'}") from error
        except OSError as error:
            if error.filename is None:
                if error.errno is None or isinstance(error, BrokenPipeError):
                    raise
                _abandon_stdout()
                raise Stated(f"standard output could not be written: {error.strerror}") from error
            raise Stated(f"{error.filename}: {error.strerror or error}") from error


def _abandon_stdout() -> None:
    """Lead standard output to nothing: Python would fail again when it writes the rest at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextlib.contextmanager
def _warnings_as_sentences() -> Iterator[None]:
    """Within the block, a warning of nnkit is one line on stderr."""
    with warnings.catch_warnings():
        before = warnings.showwarning

        def show(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, NNKitWarning):
                click.echo(f"Warning: {message}", err=True)
            else:
                before(message, category, *where, **more)

        warnings.showwarning = show
        yield


@contextlib.contextmanager
def _plugin_output_on_stderr() -> Iterator[None]:
    """Within the block, what a plugin prints while the registry runs it goes to stderr: stdout is for results."""
    token = PLUGIN_OUTPUT.set(stdout_to_stderr)
    try:
        yield
    finally:
        PLUGIN_OUTPUT.reset(token)


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
