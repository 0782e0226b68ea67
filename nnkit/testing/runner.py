"""Every check of every part, with the subjects on which it is run; and ``check``, the entry point from Python."""

import re
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping

import attrs
import numpy as np

from nnkit.testing.catalog import checks_of
from nnkit.testing.failure import CheckFailure, show, shown
from nnkit.testing.record import Check, Subject, family_of
from nnkit.testing.report import Failure, Outcome, PartReport, Report, State
from nnkit.testing.selection import DTYPES, Component, DTypeName, Selected, Settings, select

CONSTRUCTION = "PART-001/default-construction"


@attrs.frozen(kw_only=True, eq=False)
class Case:
    """One check of one part: one line of a report, or one item of pytest.

    Args:
        selected: The part.
        check: The check.
        subjects: What it is run on; empty where it does not apply.
        reasons: Why it does not apply to other subjects.
        settings: How to run.
    """

    selected: Selected
    check: Check
    subjects: tuple[Subject, ...]
    reasons: tuple[str, ...]
    settings: Settings

    @property
    def id(self) -> str:
        """``acme-nn/lion::OPT-012/resume-equals-continuous``."""
        return f"{self.selected.name}::{self.check.id}"

    @property
    def reason(self) -> str | None:
        """Why there is nothing to run; ``None`` where there is."""
        return None if self.subjects else "; ".join(self.reasons)


def cases(selected: Iterable[Selected], settings: Settings) -> Iterator[Case]:
    """Every check of every part, with the subjects that it applies to."""
    for part in selected:
        first = [
            Subject(
                cls=part.cls,
                hyperparameters=variant,
                seed=settings.seed,
                id=part.id,
                variants=part.variants,
                thorough=settings.thorough,
            )
            for variant in part.variants
        ]
        grid = [attrs.evolve(subject, dtype=dtype) for dtype in settings.dtypes for subject in first]
        broken = {repr(subject.hyperparameters) for subject in first if not _can_be_made(subject)}
        scopes = {"part": first[:1], "variant": first, "dtype": grid}
        for check in checks_of(part.cls):
            if settings.only is not None and check.id not in settings.only:
                continue
            reasons: dict[str, None] = {}
            subjects = []
            for subject in scopes[check.scope]:
                impossible = check.id != CONSTRUCTION and repr(subject.hyperparameters) in broken
                reason = f"it cannot be made ({CONSTRUCTION} says why)" if impossible else _why_not(check, subject)
                if reason is None:
                    subjects.append(subject)
                else:
                    reasons[reason] = None
            yield Case(selected=part, check=check, subjects=tuple(subjects), reasons=tuple(reasons), settings=settings)


def _why_not(check: Check, subject: Subject) -> str | None:
    try:
        return check.why_not(subject)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  # a part that fails or skips here fails in the check, which reports it
        return None


def _can_be_made(subject: Subject) -> bool:
    try:
        subject.make()
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  # the check of the construction reports it
        return False
    return True


UNEXPECTED_WHY = "An expected failure that is fixed would hide the next one of the same check."
UNEXPECTED_FIX = "Take the check out of expected_failures (--expect)."


def check(
    component: Component,
    *,
    kind: str | None = None,
    only: Iterable[str] | str | None = None,
    expected_failures: Mapping[str, str] | None = None,
    dtypes: Iterable[DTypeName] | DTypeName = DTYPES,
    seed: int = 0,
    thorough: bool = False,
) -> Report:
    """Prove a part, or all parts of a distribution.

    Args:
        component: A class, an instance, ``"distribution"``, ``"distribution/name"``, a spec or
            ``"module:Class"``.
        kind: Only parts of this kind.
        only: Only these checks, each by its full id or by one side of the slash (``"OPT-012"``).
        expected_failures: Reasons by check id; such a check must fail. ``"acme-nn/lion::OPT-012"``
            means one part alone.
        dtypes: The dtypes to try.
        seed: Seed of every random array.
        thorough: Also try twenty sets of arrays that hypothesis chooses.

    Raises:
        UnknownNameError: When the component or a check is unknown.
        SpecError: When the component is no part, an expected failure has no reason, or parts are
            not tried in a dtype.

    Example:
        >>> report = check("nnkit/relu", kind="activation")
        >>> report.ok, report.counts["failed"]
        (True, 0)
    """
    settings = Settings(only=only, expected=expected_failures, dtypes=dtypes, seed=seed, thorough=thorough)
    return prove([component], settings, kind=kind)


def prove(components: Iterable[Component], settings: Settings, *, kind: str | None = None) -> Report:
    """One report on several components, which ``check`` and both commands make.

    Args:
        components: Each as for ``check``.
        settings: How to run.
        kind: Only parts of this kind.

    Raises:
        UnknownNameError: When a component is unknown.
        SpecError: When a component is no part.
    """
    parts = tuple(
        PartReport(
            part=part.name,
            kind=family_of(part.cls),
            outcomes=tuple(run_case(case) for case in cases([part], settings)),
            asked=settings.only,
            complete=settings.complete,
        )
        for component in components
        for part in select(component, kind=kind)
    )
    run = [(part.part, o.check.id) for part in parts for o in part.outcomes if o.state != "not applicable"]
    return Report(parts=parts, problems=tuple(settings.idle_expectations(run)))


def run_case(case: Case, rerun: str | None = None) -> Outcome:
    """Run one check on all its subjects, each with all inputs; the first failure names the others."""
    if case.reason is not None:
        return Outcome(check=case.check, state="not applicable", reason=case.reason)
    began = time.perf_counter()
    failure = _together([failure for subject in case.subjects for failure in _try(case, subject, rerun)])
    state: State = "passed" if failure is None else "advice" if case.check.level == "advisory" else "failed"
    reason = case.settings.expectation(case.selected.name, case.check.id)
    if reason is not None and failure is not None:
        state = "expected"
    elif reason is not None:
        passes = CheckFailure(f"it passes, although it is expected to fail ({reason})")
        failure = _failure(case, case.subjects[0], passes, rerun)
        failure = attrs.evolve(failure, why=UNEXPECTED_WHY, fix=UNEXPECTED_FIX)
        state = "failed"
    return Outcome(
        check=case.check, state=state, reason=reason or "", failure=failure, seconds=time.perf_counter() - began
    )


def _together(failures: list[Failure]) -> Failure | None:
    """The first failure, with the others that say something else: more than another step, size or element."""
    distinct: dict[str, str] = {}
    for failure in failures:
        distinct.setdefault(re.sub(r"\d+", "", failure.what), f"{failure.what} ({failure.subject})")
    return attrs.evolve(failures[0], others=tuple(distinct.values())[1:]) if failures else None


def _try(case: Case, subject: Subject, rerun: str | None) -> list[Failure]:
    """The failures of a check on one subject, one an input at most."""
    with np.errstate(divide="warn", over="warn", invalid="warn", under="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a check that looks at warnings records them itself
        errors = case.check.failures(subject)
        # A failure is made at once: what it shows is what is being tried.
        failures = [_failure(case, subject, _as_failure(error), rerun) for error in errors]
        if subject.thorough and not failures:
            failures = [_failure(case, subject, _as_failure(error), rerun) for error in _search(case.check, subject)]
    show()
    return failures


def _search(check: Check, subject: Subject) -> Iterator[BaseException]:
    """What a check raises with arrays that hypothesis chooses; without it, with six other seeds."""
    try:
        from hypothesis import HealthCheck, given, settings, strategies
    except ModuleNotFoundError:
        for extra in range(1, 7):
            yield from check.failures(attrs.evolve(subject, seed=subject.seed + 7919 * extra))
        return

    @settings(max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(strategies.integers(0, 2**32 - 1))
    def run(seed: int) -> None:
        check.try_on(attrs.evolve(subject, seed=seed))

    try:
        run()
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001  # as in ``Check.try_on``
        yield error


def _as_failure(error: BaseException) -> CheckFailure:
    """What a check raised, as a failure that says where the part raised it."""
    if isinstance(error, CheckFailure):
        return error
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if "nnkit/testing/" not in frame.filename.replace("\\", "/")]
    at = (outside or frames)[-1]
    verb = "skips" if type(error).__name__ in {"Skipped", "SkipTest"} else "raises"
    return CheckFailure(
        f"the part {verb}: {type(error).__name__}: {error}",
        got=f"{type(error).__name__} at {at.filename}:{at.lineno}, in {at.name}: {at.line}",
        expected="no exception",
    )


def _failure(case: Case, subject: Subject, failure: CheckFailure, rerun: str | None) -> Failure:
    return Failure(
        id=case.check.id,
        part=case.selected.name,
        subject=subject.label,
        what=failure.message,
        why=case.check.why,
        fix=case.check.fix,
        inputs={name: shown(value) for name, value in failure.inputs.items()},
        got=failure.got,
        expected=failure.expected,
        rerun=rerun or _command(case),
    )


def _command(case: Case) -> str:
    settings, selected = case.settings, case.selected
    # A run without a core check proves nothing, so a core check goes with one that is not.
    numbers = [case.check.number, *([] if case.check.level == "core" else [CONSTRUCTION.partition("/")[0]])]
    if selected.target is None:
        only = repr(numbers[0] if len(numbers) == 1 else numbers)
        return f"nnkit.testing.check({selected.cls.__name__}, only={only}).raise_if_failed()"
    words = [settings.command, selected.target, *([f"--kind {selected.cls.kind}"] if selected.id else [])]
    words += [f"--check {number}" for number in numbers]
    words += [f"--seed {settings.seed}"] if settings.seed else []
    words += ["--thorough"] if settings.thorough else []
    return " ".join(words)
