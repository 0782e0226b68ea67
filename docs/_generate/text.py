"""Pieces of reStructuredText, the sections of a docstring, and files that change only when their text does."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable
from pathlib import Path

SECTION = re.compile(r"^([A-Z][a-z]+):$", re.MULTILINE)
ARGUMENT = re.compile(r"^(\w+): (.*(?:\n {4,}.*)*)", re.MULTILINE)


def title(text: str, line: str = "=") -> str:
    """A heading."""
    return f"{text}\n{line * max(4, len(text))}\n"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], *, widths: str = "auto") -> str:
    """A list-table; the cells are reStructuredText of one or more lines."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", "   :class: wide", ""]
    for row in (heads, *rows):
        for position, cell in enumerate(row):
            first, *others = (cell or "..").splitlines()
            lines.append(f"   {'* -' if position == 0 else '  -'} {first}")
            lines += [f"       {line}".rstrip() for line in others]
    return "\n".join(lines) + "\n"


def contents(pages: Iterable[str], *, depth: int = 1, hidden: bool = True) -> str:
    """The table of contents that puts pages into the navigation."""
    options = [f"   :maxdepth: {depth}", *(["   :hidden:"] if hidden else [])]
    return "\n".join([".. toctree::", *options, "", *(f"   {page}" for page in pages)]) + "\n"


def trail(*pages_and_names: str) -> str:
    """The first line of a page that the navigation leaves out: links to the pages above it.

    A navigation with hundreds of entries, repeated on each of as many pages, would be most of the site.
    """
    pairs = zip(pages_and_names[::2], pages_and_names[1::2], strict=True)
    return ":orphan:\n\n" + " › ".join(f":doc:`{name} <{page}>`" for page, name in pairs) + "\n"


def sections(obj: object) -> dict[str, str]:
    """The docstring of ``obj``: its first paragraph as ``""``, what follows as ``"Text"``, then each section."""
    doc = inspect.getdoc(obj) or ""
    pieces = SECTION.split(doc)
    first, _, text = pieces[0].partition("\n\n")
    named = {name: textwrap.dedent(body.strip("\n")) for name, body in zip(pieces[1::2], pieces[2::2], strict=True)}
    return {"": " ".join(first.split()), "Text": text.strip()} | named


def arguments(section: str) -> dict[str, str]:
    """The entries of a section such as ``Args``, by name."""
    return {name: " ".join(text.split()) for name, text in ARGUMENT.findall(section)}


def first_sentence(text: str) -> str:
    """The start of a text, up to the first full stop outside literals."""
    literal = False
    for position, character in enumerate(text):
        if text.startswith("``", position):
            literal = not literal
        if character == "." and not literal and text[position + 1 : position + 2] in {"", " "}:
            return text[: position + 1]
    return text


def write_if_new(path: Path, text: str | bytes) -> None:
    """Write a file unless it has this content, so that Sphinx reads again only what changed."""
    data = text.encode() if isinstance(text, str) else text
    if not path.exists() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def remove_others(folder: Path, written: set[Path]) -> None:
    """Remove what an earlier run wrote and this one did not."""
    for path in folder.rglob("*"):
        if path.is_file() and path not in written:
            path.unlink()
