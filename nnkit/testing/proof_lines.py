"""Where a test file says ``conformance(...)``: read from its text, so that a file that was never run answers too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

__all__ = ["proof_lines"]


def proof_lines(file: Path) -> list[range]:
    """The lines of every call of ``conformance`` that running the file as a module would make, each as a range.

    Args:
        file: A Python file; one that is no valid Python has none.

    Example:
        >>> file = Path(getfixture("tmp_path")) / "test_proof.py"
        >>> _ = file.write_text('from nnkit.testing import conformance; test_it = conformance("acme-nn")')
        >>> proof_lines(file)
        [range(1, 2)]
    """
    text = file.read_bytes()
    if b"conformance" not in text:
        return []
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "nnkit"
        for alias in node.names
        if alias.name == "conformance"
    }
    return [range(call.lineno, (call.end_lineno or call.lineno) + 1) for call in _calls(tree) if _is_proof(call, names)]


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    """The calls that are made while the module is run: not those in the bodies of functions and classes."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(child, ast.Call):
            yield child
        yield from _calls(child)


def _is_proof(call: ast.Call, names: set[str]) -> bool:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id in names
    return isinstance(function, ast.Attribute) and function.attr == "conformance"
