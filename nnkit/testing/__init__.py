"""The conformance kit: one line proves a part, and every failure says how to mend it.

Three doors over one generator of checks: ``check(component)`` for Python,
``test_conformance = conformance("acme-nn")`` for pytest, and ``nnkit conform acme-nn`` for the shell.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnkit.testing.pytest_door import conformance
    from nnkit.testing.record import Check
    from nnkit.testing.report import Failure, Report
    from nnkit.testing.runner import all_checks, check

__all__ = ["Check", "Failure", "Report", "all_checks", "check", "conformance"]

_HOME = {
    "Check": "nnkit.testing.record",
    "Failure": "nnkit.testing.report",
    "Report": "nnkit.testing.report",
    "all_checks": "nnkit.testing.runner",
    "check": "nnkit.testing.runner",
    "conformance": "nnkit.testing.pytest_door",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for: pytest starts with every installed plugin."""
    if name not in _HOME:
        raise AttributeError(f"module 'nnkit.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
