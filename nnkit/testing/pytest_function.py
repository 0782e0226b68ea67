"""The entry point from pytest: ``test_conformance = nnkit.testing.conformance("acme-nn")`` is the whole test file.

The assignment is a test function with one item for each check of each part. What cannot be selected
becomes an item that fails with the reason, so a mistyped name can never look like a green run.
"""

import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import attrs
import pytest

from nnkit.errors import NNKitError
from nnkit.testing.record import family_of
from nnkit.testing.report import GRADES, UNGRADED, Grade, Outcome, PartReport
from nnkit.testing.runner import Case, cases, run_case
from nnkit.testing.selection import DTYPES, Component, DTypeName, Selected, Settings, select

MARK = "__nnkit_conformance__"
"""Set on the test functions made here: the file and the line of the call, for the plugin that finds lost proofs."""


@attrs.frozen(eq=False)
class Selection:
    """The item that looks at what was selected: something of each part must be provable.

    Args:
        parts: What was selected.
        cases: Every check of every part, applicable or not.
        problems: Why the selection as a whole is bad.
        settings: How to run.
        required: The grade that every part must reach.
    """

    parts: tuple[Selected, ...]
    cases: tuple[Case, ...]
    problems: tuple[str, ...]
    settings: Settings
    required: Grade = "consistent"

    def verify(self) -> None:
        """Fail with every reason at once."""
        problems = [*self.problems]
        for part in self.parts:
            own = tuple(_announced(case) for case in self.cases if case.selected is part)
            report = PartReport(part=part.name, kind=family_of(part.cls), outcomes=own, asked=self.settings.only)
            problem = report.problem
            if problem is None and self.required == "proven":
                reason = report.unverified if self.settings.complete else UNGRADED
                problem = f"{part.name} cannot be proven: {reason}" if reason else None
            problems += [] if problem is None else [problem]
        run = [(case.selected.name, case.check.id) for case in self.cases if case.reason is None]
        problems += self.settings.idle_expectations(run)
        if problems:
            pytest.fail("\n".join(problems), pytrace=False)

    def properties(self) -> list[tuple[str, object]]:
        """What the summary needs: the checks that do not apply, and of how many a part's grade consists."""
        idle = [(case.selected.name, case.check.id, case.reason) for case in self.cases if case.reason is not None]
        totals = Counter(case.selected.name for case in self.cases) if self.settings.complete else {}
        return [
            *(("nnkit", (part, identity, "not applicable", reason)) for part, identity, reason in idle),
            *(("nnkit-total", (part.name, totals.get(part.name))) for part in self.parts),
        ]


def _announced(case: Case) -> Outcome:
    """How a check will end at best."""
    if case.reason is not None:
        return Outcome(check=case.check, state="not applicable", reason=case.reason)
    expected = case.settings.expectation(case.selected.name, case.check.id)
    return Outcome(check=case.check, state="passed" if expected is None else "expected", reason=expected or "")


def conformance(
    *components: Component,
    kind: str | None = None,
    only: Iterable[str] | str | None = None,
    expected_failures: Mapping[str, str] | None = None,
    dtypes: Iterable[DTypeName] | DTypeName = DTYPES,
    seed: int = 0,
    require: Grade = "consistent",
) -> Callable[..., None]:
    """A test function that proves parts, one item a check; assign it to a name that begins with ``test``.

    Args:
        components: What to prove, as for ``nnkit.testing.check``: usually the name of your distribution.
        kind: Only parts of this kind.
        only: Only these checks, each by its full id or by one side of the slash (``"OPT-012"``).
        expected_failures: Reasons by check id; such a check must fail.
        dtypes: The dtypes to try.
        seed: Seed of every random array.
        require: The grade that every part must reach: ``"consistent"``, or ``"proven"``, for which it must declare
            reference values.

    Example:
        >>> test_conformance = conformance("nnkit/relu", kind="activation")
    """
    parts: list[Selected] = []
    every_case: list[Case] = []
    problems: list[str] = []
    settings = Settings()
    try:
        settings = Settings(only=only, expected=expected_failures, dtypes=dtypes, seed=seed)
        for component in components:
            parts += select(component, kind=kind)
        every_case += cases(parts, settings)
    except NNKitError as error:
        problems.append(f"{type(error).__name__}: {error}")
    if require not in GRADES:
        problems.append(f"require={require!r}: expected {' or '.join(map(repr, GRADES))}")
    if not components:
        problems.append('conformance() names nothing to prove; write conformance("your-distribution")')
    selection = Selection(tuple(parts), tuple(every_case), tuple(problems), settings, require)
    items = [pytest.param(selection, id="selection")]
    items += [pytest.param(case, id=_item_id(case)) for case in every_case if case.reason is None]

    @pytest.mark.parametrize("item", items)
    def test_conformance(item: Selection | Case, request: pytest.FixtureRequest) -> None:
        properties = request.node.user_properties
        if isinstance(item, Selection):
            properties.extend(item.properties())
            item.verify()
            return
        if request.config.getoption("--thorough", default=False):
            item = attrs.evolve(item, subjects=tuple(attrs.evolve(one, thorough=True) for one in item.subjects))
        outcome = run_case(item, rerun=f'pytest "{request.node.nodeid}"')
        failure = outcome.failure
        text = failure.advice if failure is not None and outcome.state == "advice" else outcome.reason
        properties.append(("nnkit", (item.selected.name, item.check.id, outcome.state, text)))
        if outcome.state == "failed":
            pytest.fail(str(outcome.failure), pytrace=False)

    frame = inspect.currentframe()
    caller = frame.f_back if frame is not None else None
    setattr(test_conformance, MARK, (caller.f_code.co_filename, caller.f_lineno) if caller is not None else ("", 0))
    return test_conformance


def _item_id(case: Case) -> str:
    kind = "" if case.selected.id is None else f"{case.selected.cls.kind}:"
    return f"{kind}{case.id}"
