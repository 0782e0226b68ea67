"""The conformance kit: one line proves a part, and every failure says what to do.

There are three entry points to the same checks: ``check(component)`` for Python,
``test_conformance = conformance("acme-nn")`` for pytest, and ``nnkit conform acme-nn`` for the shell.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnkit.testing.catalog import all_checks
    from nnkit.testing.pytest_function import conformance
    from nnkit.testing.record import Check
    from nnkit.testing.report import Failure, Report
    from nnkit.testing.runner import check

__all__ = ["Check", "Failure", "Report", "all_checks", "check", "conformance"]

_HOME = {
    "Check": "record",
    "Failure": "report",
    "Report": "report",
    "all_checks": "catalog",
    "check": "runner",
    "conformance": "pytest_function",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use: pytest starts with every installed plugin."""
    if name not in _HOME:
        raise AttributeError(f"module 'nnkit.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(f"nnkit.testing.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
