"""The code blocks of a Markdown page, run from top to bottom as a reader would."""

from __future__ import annotations

import doctest
import re
import shlex
import sys
from pathlib import Path

import attrs
import numpy as np

FENCE = re.compile(r"^(?P<mark>```+)(?P<language>[^\s`]*)[^\n]*\n(?P<text>.*?)^(?P=mark)\s*$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"# (?P<name>[\w./-]+\.(?:py|toml))\s*\n")


@attrs.frozen
class Block:
    """One fenced block: its language, its text, the line it starts in, and the file that its first line names."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        found = FILE_NAME.match(self.text)
        return found["name"] if found else None


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found["language"], found["text"], text.count("\n", 0, found.start("text")) + 1)
        for found in FENCE.finditer(text)
    ]


def run_python(page: Path, namespace: dict[str, object]) -> int:
    """Run every Python block in one namespace; blocks that name a file are written to the current folder instead.

    Raises whatever a block raises; a doctest that fails is an AssertionError with its report.
    """
    ran = 0
    for block in blocks(page):
        if block.file is not None:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python" and ">>>" in block.text:
            _run_doctest(page, block, namespace)
        elif block.language == "python":
            code = compile("\n" * (block.line - 1) + block.text, str(page), "exec", flags=annotations.compiler_flag)
            exec(code, namespace)
        else:
            continue
        ran += 1
    return ran


def _run_doctest(page: Path, block: Block, namespace: dict[str, object]) -> None:
    parsed = doctest.DocTestParser().get_doctest(block.text, namespace, page.name, str(page), block.line - 1)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    with np.printoptions(precision=8, suppress=False):
        runner.run(parsed, out=report.append, clear_globs=False)
    namespace.update(parsed.globs)
    assert not runner.failures, "".join(report)


def commands(page: Path) -> list[list[str]]:
    """The commands after ``$`` in console blocks, split as a shell would (comments left out)."""
    lines = [line for block in blocks(page) if block.language == "console" for line in block.text.splitlines()]
    return [shlex.split(line[2:], comments=True) for line in lines if line.startswith("$ ")]


def forget(package: str) -> None:
    """Let a package that a page wrote be imported afresh by the next."""
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]
