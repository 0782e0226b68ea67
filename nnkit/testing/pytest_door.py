"""The pytest door: ``test_conformance = nnkit.testing.conformance("acme-nn")`` is the whole test file.

The assignment is a test function with one item for each check of each part. What cannot be selected
becomes an item that fails with the reason, so a mistyped name can never look like a green run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
import pytest

from nnkit.errors import NNKitError
from nnkit.testing.report import nothing_proven
from nnkit.testing.runner import DTYPES, Case, Settings, cases, run_case, settle
from nnkit.testing.selection import Selected, select
from nnkit.testing.subject import family_of

__all__ = ["MARK", "Selection", "conformance"]

MARK = "__nnkit_conformance__"
"""Set on the test functions made here: the file and the line that made it, for the plugin that misses none."""


@attrs.frozen(eq=False)
class Selection:
    """The item that looks at what was selected: something of each part must be provable.

    Args:
        parts: What was selected.
        cases: Every check of every part, applicable or not.
        problems: Why the selection as a whole is bad.
        settings: How to run.
    """

    parts: tuple[Selected, ...]
    cases: tuple[Case, ...]
    problems: tuple[str, ...]
    settings: Settings

    def verify(self) -> None:
        """Fail with every reason at once."""
        problems = [*self.problems]
        for part in self.parts:
            seen = [
                (case.check.id, case.level, None if case.applies else "; ".join(case.reasons))
                for case in self.cases
                if case.selected is part
            ]
            problem = nothing_proven(part.name, family_of(part.cls), seen, self.settings.only)
            problems += [] if problem is None else [problem]
        runnable = {f"{case.selected.name}::{case.check.id}" for case in self.cases if case.applies}
        problems += [
            f"the expected failure {word!r} belongs to no check that is run; remove it"
            for word in self.settings.expected
            if word not in runnable and not any(one.endswith(f"::{word}") for one in runnable)
        ]
        if problems:
            pytest.fail("\n".join(problems), pytrace=False)

    def not_applicable(self) -> dict[str, int]:
        """How many checks do not apply, by part."""
        found: dict[str, int] = {}
        for case in self.cases:
            found[case.selected.name] = found.get(case.selected.name, 0) + (not case.applies)
        return found


def conformance(
    *components: Any,
    kind: str | None = None,
    only: Iterable[str] | str | None = None,
    expected_failures: Mapping[str, str] | None = None,
    profile: str | None = None,
    dtypes: Iterable[str] = DTYPES,
    seed: int = 0,
) -> Callable[..., None]:
    """A test function that proves parts, one item a check; assign it to a name that begins with ``test``.

    Args:
        components: What to prove, as for ``nnkit.testing.check``: usually the name of your distribution.
        kind: Only parts of this kind.
        only: Only these checks, each by its whole id or by one side of the slash (``"OPT-012"``).
        expected_failures: Reasons by check id; such a check must fail.
        profile: A frozen set of checks; newer checks then only advise.
        dtypes: The dtypes to try.
        seed: Of every random figure.

    Example:
        >>> test_conformance = conformance("nnkit/relu", kind="activation")
    """
    parts: list[Selected] = []
    found: list[Case] = []
    problems: list[str] = []
    settings = Settings()
    try:
        settings = settle(only=only, expected_failures=expected_failures, profile=profile, dtypes=dtypes, seed=seed)
        for component in components:
            parts += select(component, kind=kind)
        found += cases(parts, settings)
    except NNKitError as error:
        problems.append(f"{type(error).__name__}: {error}")
    if not components:
        problems.append('conformance() names nothing to prove; write conformance("your-distribution")')
    selection = Selection(tuple(parts), tuple(found), tuple(problems), settings)
    items: list[Any] = [pytest.param(selection, id="selection")]
    items += [pytest.param(case, id=_item_id(case)) for case in found if case.applies]

    @pytest.mark.parametrize("item", items)
    def test_conformance(item: Selection | Case, request: pytest.FixtureRequest) -> None:
        if isinstance(item, Selection):
            request.node.user_properties.append(("nnkit-na", item.not_applicable()))
            item.verify()
            return
        if request.config.getoption("--thorough", default=False):
            item = attrs.evolve(item, subjects=tuple(attrs.evolve(one, thorough=True) for one in item.subjects))
        outcome = run_case(item, rerun=f'pytest "{request.node.nodeid}"')
        line = outcome.failure.advice if outcome.failure is not None else ""
        told = (item.selected.name, item.check.id, outcome.state, line)
        request.node.user_properties.append(("nnkit", told))
        if outcome.state == "failed" and outcome.failure is not None:
            pytest.fail(str(outcome.failure), pytrace=False)

    setattr(test_conformance, MARK, _caller())
    return test_conformance


def _caller() -> tuple[str, int]:
    """The file and the line that call ``conformance``."""
    frame = inspect.currentframe()
    for _ in range(2):
        frame = frame and frame.f_back
    return (frame.f_code.co_filename, frame.f_lineno) if frame else ("", 0)


def _item_id(case: Case) -> str:
    kind = "" if case.selected.id is None else f"{case.selected.cls.kind}:"
    return f"{kind}{case.selected.name}::{case.check.id}"
