"""Options that several commands share."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

__all__ = ["data_argument", "override_option", "parsed", "reading_options"]


def _character(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    r"""One character; ``\t`` and ``tab`` are the tabulator."""
    text = "\t" if value in {"\\t", "tab"} else value
    if text is not None and (len(text) != 1 or text in '"\r\n'):
        raise click.BadParameter(f"{value!r} is not one character, such as ';' or 'tab'")
    return text


def _codec(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    try:
        codecs.lookup("utf-8" if value is None else value)
    except LookupError as error:
        raise click.BadParameter(f"{value!r} is no encoding of Python, such as cp1252") from error
    return value


def reading_options(function: Any) -> Any:
    """The options of a command that reads a table of text."""
    delimiter = click.option(
        "--delimiter", callback=_character, help="What separates the cells of a .csv; detected when left out."
    )
    encoding = click.option(
        "--encoding", callback=_codec, help="How a .csv is encoded that is not UTF-8; by default as in the training."
    )
    return delimiter(encoding(function))


def data_argument(function: Any) -> Any:
    """The argument DATA, for a command that reads data; ``-`` is standard input."""
    kind = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
    return click.argument("data", type=kind)(function)


def override_option(function: Any) -> Any:
    """The option, for a command that loads a model."""
    return click.option(
        "--override",
        "overrides",
        multiple=True,
        metavar="PLACE=PART",
        help="Another part for a place of the model (loss=huber, layers[0].activation=module:Sine); may be repeated.",
    )(function)


def parsed(overrides: Sequence[str]) -> dict[str, Any]:
    """The overrides by place: specs as they are, ``module:Class`` imported, also from the current folder.

    Raises:
        UsageError: When one is not ``PLACE=PART``, or cannot be imported.
    """
    parts: dict[str, Any] = {}
    for text in overrides:
        place, separator, part = text.partition("=")
        if not separator or not place.strip() or not part.strip():
            raise click.UsageError(f"--override {text!r}: expected PLACE=PART, for example loss=huber")
        parts[place.strip()] = _part(part.strip(), text)
    return parts


def _part(text: str, option: str) -> Any:
    if ":" not in text.partition("(")[0]:
        return text
    from nnkit.registry.kinds import import_object

    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        target = import_object(text)
    except ImportError as error:
        raise click.UsageError(f"--override {option!r}: {error}") from error
    return target() if isinstance(target, type) else target
