"""The one generator of checks, and ``check``, which runs them: the pytest door and the command use both."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.errors import SpecError, UnknownNameError
from nnkit.testing.comparison import shown
from nnkit.testing.failure import CheckFailure
from nnkit.testing.kinds import FAMILIES, checks_of, family_checks
from nnkit.testing.profiles import profile_ids
from nnkit.testing.record import Check
from nnkit.testing.report import Failure, Outcome, PartReport, Report
from nnkit.testing.selection import Selected, select
from nnkit.testing.subject import Subject, family_of

__all__ = ["DTYPES", "Case", "Settings", "all_checks", "cases", "check", "prove", "run_case", "settle"]

DTYPES = ("float64", "float32")


CONSTRUCTION = "PART-001/default-construction"

UNEXPECTED_WHY = "An announced failure that is mended would hide the next one of the same check."
UNEXPECTED_FIX = "Take the check out of expected_failures (--expect)."


def all_checks() -> tuple[Check, ...]:
    """Every check of every kind, those of all kinds first.

    Example:
        >>> "OPT-012/resume-equals-continuous" in {check.id for check in all_checks()}
        True
    """
    from nnkit.testing.checks.common import CHECKS

    return (*CHECKS.checks, *(found for family in FAMILIES for found in family_checks(family)))


@attrs.frozen(kw_only=True)
class Settings:
    """How to run.

    Args:
        dtypes: The dtypes that parts are tried in.
        seed: Of every random figure.
        thorough: Also figures that hypothesis looks for.
        profile: The name of a frozen set of checks, or ``None`` for all.
        only: Full ids; ``None`` for all.
        expected: Reasons by the id of a check that is allowed (and bound) to fail.
        command: The shell command that failures name to rerun one check.
    """

    dtypes: tuple[str, ...] = DTYPES
    seed: int = 0
    thorough: bool = False
    profile: str | None = None
    only: tuple[str, ...] | None = None
    expected: Mapping[str, str] = attrs.field(factory=dict)
    command: str = "python -m nnkit.testing"


@attrs.frozen(kw_only=True, eq=False)
class Case:
    """One check of one part: what one line of a report, or one item of pytest, is about."""

    selected: Selected
    check: Check
    subjects: tuple[Subject, ...]
    reasons: tuple[str, ...]
    level: str
    settings: Settings

    @property
    def id(self) -> str:
        """``acme-nn/lion::OPT-012/resume-equals-continuous``."""
        return f"{self.selected.name}::{self.check.id}"

    @property
    def applies(self) -> bool:
        """Whether there is anything to run."""
        return bool(self.subjects)


def settle(
    *,
    only: Iterable[str] | str | None = None,
    expected_failures: Mapping[str, str] | None = None,
    profile: str | None = None,
    dtypes: Iterable[Any] = DTYPES,
    seed: int = 0,
    thorough: bool = False,
    command: str = Settings().command,
) -> Settings:
    """The settings that these arguments of a door mean, their names made whole.

    Raises:
        UnknownNameError: When a check or the profile is unknown.
        SpecError: When an expected failure has no reason, or a dtype is none that parts are tried in.
    """
    if profile is not None:
        profile_ids(profile)
    return Settings(
        dtypes=_settle_dtypes(dtypes),
        seed=seed,
        thorough=thorough,
        profile=profile,
        only=_settle_only(only),
        expected=_settle_expected(expected_failures or {}),
        command=command,
    )


def _settle_dtypes(dtypes: Iterable[Any]) -> tuple[str, ...]:
    wanted = [dtypes] if isinstance(dtypes, (str, type, np.dtype)) else list(dtypes)
    found = tuple(np.dtype(one).name if isinstance(one, (type, np.dtype)) else str(one) for one in wanted)
    wrong = [one for one in found if one not in DTYPES]
    if wrong or not found:
        came = ", ".join(map(repr, wrong)) or "none"
        raise SpecError(f"dtypes: {came} given; parts are proven in {' and '.join(DTYPES)}: name one of them, or both")
    return found


def _settle_only(only: Iterable[str] | str | None) -> tuple[str, ...] | None:
    if only is None:
        return None
    wanted = [only] if isinstance(only, str) else list(only)
    found: list[str] = []
    for word in wanted:
        matches = [
            c.id for c in all_checks() if word.lower() in {c.id.lower(), c.number.lower(), c.id.partition("/")[2]}
        ]
        found += matches or _unknown_check(word)
    return tuple(found)


def _unknown_check(word: str) -> list[str]:
    from nnkit.registry.names import nearest

    ids = [one.id for one in all_checks()]
    close = nearest(word, [*ids, *(one.partition("/")[0] for one in ids)], 3)
    if word.isdecimal():  # the digits alone are those of a check of each kind
        close = [one.number for one in all_checks() if one.number.endswith(f"-{int(word):03}")]
    hint = f"; did you mean {', '.join(close)}?" if close else "."
    raise UnknownNameError(
        f"there is no check {word!r}{hint} A check is named by its whole id, or by either side of the slash "
        "(ACT-002/derivative-stencil, ACT-002, derivative-stencil); `python -m nnkit.testing --list` shows all"
    )


def _settle_expected(expected: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word, reason in expected.items():
        part, separator, identity = word.rpartition("::")
        matches = [one.id for one in all_checks() if identity in {one.id, one.number}] or _unknown_check(identity)
        if not isinstance(reason, str) or not reason.strip():
            raise SpecError(f"the expected failure {word!r} has no reason; write why it fails and when it will not")
        found[f"{part}{separator}{matches[0]}"] = reason
    return found


def cases(selected: Iterable[Selected], settings: Settings) -> Iterator[Case]:
    """Every check of every part, with the subjects that it applies to: the generator behind all doors."""
    frozen = None if settings.profile is None else profile_ids(settings.profile)
    for one in selected:
        grid = [
            Subject(
                cls=one.cls,
                hyperparameters=variant,
                dtype=np.dtype(dtype),
                seed=settings.seed,
                id=one.id,
                variants=one.variants,
                thorough=settings.thorough,
            )
            for dtype in settings.dtypes
            for variant in one.variants
        ]
        broken = {repr(variant) for variant in one.variants if not _can_be_made(grid, variant)}
        first = [subject for subject in grid if subject.dtype == grid[0].dtype]
        scopes = {"part": first[:1], "variant": first, "dtype": grid}
        for found in checks_of(one.cls):
            if settings.only is not None and found.id not in settings.only:
                continue
            applying, reasons = [], []
            for subject in scopes[found.scope]:
                if found.id != CONSTRUCTION and repr(subject.hyperparameters) in broken:
                    reasons.append(f"it cannot be made ({CONSTRUCTION} says why)")
                    continue
                try:
                    reason = found.needs(subject)
                except KeyboardInterrupt:
                    raise
                except BaseException:  # noqa: BLE001  # a part that cannot even be asked, or skips: the check says so
                    reason = None
                if reason is None:
                    applying.append(subject)
                else:
                    reasons.append(reason)
            level = found.level if frozen is None or found.id in frozen else "advisory"
            yield Case(
                selected=one,
                check=found,
                subjects=tuple(applying),
                reasons=tuple(dict.fromkeys(reasons)),
                level=level,
                settings=settings,
            )


def _can_be_made(grid: list[Subject], variant: Mapping[str, Any]) -> bool:
    try:
        next(subject for subject in grid if subject.hyperparameters is variant).make()
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  # whatever it is, the check of the construction reports it
        return False
    return True


def run_case(case: Case, rerun: str | None = None) -> Outcome:
    """Run one check on all its subjects; the first failure ends it."""
    if not case.applies:
        return Outcome(check=case.check, state="not applicable", reason="; ".join(case.reasons), level=case.level)
    began = time.perf_counter()
    failure = None
    for subject in case.subjects:
        failure = _try(case, subject, rerun)
        if failure is not None:
            break
    seconds = time.perf_counter() - began
    expected = case.settings.expected
    reason = expected.get(f"{case.selected.name}::{case.check.id}", expected.get(case.check.id))
    if reason is not None:
        if failure is not None:
            return Outcome(
                check=case.check, state="expected", reason=reason, failure=failure, seconds=seconds, level=case.level
            )
        passes = CheckFailure(f"it passes, although it is expected to fail ({reason})")
        failure = _failure(case, case.subjects[0], passes, rerun, why=UNEXPECTED_WHY, fix=UNEXPECTED_FIX)
        return Outcome(check=case.check, state="failed", failure=failure, seconds=seconds, level=case.level)
    if failure is None:
        return Outcome(check=case.check, state="passed", seconds=seconds, level=case.level)
    state: Any = "advice" if case.level == "advisory" else "failed"
    return Outcome(check=case.check, state=state, failure=failure, seconds=seconds, level=case.level)


def _try(case: Case, subject: Subject, rerun: str | None) -> Failure | None:
    try:
        with np.errstate(divide="warn", over="warn", invalid="warn", under="ignore"):
            case.check.run(subject)
            if subject.thorough:
                _search(case.check, subject)
    except CheckFailure as verdict:
        return _failure(case, subject, verdict, rerun)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001  # also a skip or an exit that a part tries: nothing is proven then
        return _failure(case, subject, _raised(error), rerun)
    return None


def _search(check: Check, subject: Subject) -> None:
    """Let hypothesis choose the figures; without it, take six other seeds."""
    try:
        from hypothesis import HealthCheck, given, settings, strategies
    except ModuleNotFoundError:
        for extra in range(1, 7):
            check.run(attrs.evolve(subject, seed=subject.seed + 7919 * extra))
        return

    @settings(max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(strategies.integers(0, 2**32 - 1))
    def run(seed: int) -> None:
        check.run(attrs.evolve(subject, seed=seed))

    run()


def _raised(error: BaseException) -> CheckFailure:
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if "nnkit/testing/" not in frame.filename.replace("\\", "/")]
    at = (outside or frames)[-1]
    verb = "skips" if type(error).__name__ in {"Skipped", "SkipTest"} else "raises"
    return CheckFailure(
        f"the part {verb}: {type(error).__name__}: {error}",
        got=f"{type(error).__name__} at {at.filename}:{at.lineno}, in {at.name}: {at.line}",
        expected="no exception",
    )


def _failure(
    case: Case,
    subject: Subject,
    verdict: CheckFailure,
    rerun: str | None,
    *,
    why: str | None = None,
    fix: str | None = None,
) -> Failure:
    command = rerun or _command(case)
    why, fix = why or case.check.why, fix or case.check.fix
    lines = [
        f"{case.check.id} FAILED for {case.selected.name} ({subject.label})",
        f"  what     {verdict.message}",
        f"  why      {why}",
    ]
    for name, value in verdict.inputs.items():
        lines.append(f"  input    {name} = {shown(value)}")
    if verdict.got:
        lines.append(f"  got      {verdict.got}")
    if verdict.expected:
        lines.append(f"  expected {verdict.expected}")
    lines += [f"  mend     {fix}", f"  rerun    {command}"]
    return Failure(
        id=case.check.id,
        part=case.selected.name,
        subject=subject.label,
        what=verdict.message,
        why=why,
        fix=fix,
        message="\n".join(lines),
        level=case.level,
        rerun=command,
    )


def _command(case: Case) -> str:
    seed = f" --seed {case.settings.seed}" if case.settings.seed else ""
    thorough = " --thorough" if case.settings.thorough else ""
    # A run without a core check proves nothing, so another one goes with a check that is not.
    numbers = [case.check.number, *([] if case.check.level == "core" else [CONSTRUCTION.partition("/")[0]])]
    if case.selected.target is None:
        only = repr(numbers[0] if len(numbers) == 1 else numbers)
        return f"nnkit.testing.check({case.selected.cls.__name__}, only={only}).raise_if_failed()"
    kind = f" --kind {case.selected.cls.kind}" if case.selected.id else ""
    checks = "".join(f" --check {number}" for number in numbers)
    return f"{case.settings.command} {case.selected.target}{kind}{checks}{seed}{thorough}"


def check(
    component: Any,
    *,
    kind: str | None = None,
    only: Iterable[str] | str | None = None,
    expected_failures: Mapping[str, str] | None = None,
    profile: str | None = None,
    dtypes: Iterable[str] = DTYPES,
    seed: int = 0,
    thorough: bool = False,
) -> Report:
    """Prove a part, or all parts of a distribution.

    Args:
        component: A class, an instance, ``"distribution"``, ``"distribution/name"``, a spec or
            ``"module:Class"``.
        kind: Only parts of this kind.
        only: Only these checks, each by its whole id or by one side of the slash (``"OPT-012"``).
        expected_failures: Reasons by check id; such a check must fail. ``"acme-nn/lion::OPT-012"``
            means one part alone.
        profile: A frozen set of checks; newer checks then only advise.
        dtypes: The dtypes to try.
        seed: Of every random figure.
        thorough: Also try twenty sets of figures that hypothesis chooses.

    Raises:
        UnknownNameError: When the component, a check or the profile is unknown.
        SpecError: When the component is no part, an expected failure has no reason, or a dtype is
            none that parts are tried in.

    Example:
        >>> report = check("nnkit/relu", kind="activation")
        >>> report.ok, report.counts["failed"]
        (True, 0)
    """
    settings = settle(
        only=only,
        expected_failures=expected_failures,
        profile=profile,
        dtypes=dtypes,
        seed=seed,
        thorough=thorough,
    )
    return prove([component], settings, kind=kind)


def prove(components: Iterable[Any], settings: Settings, *, kind: str | None = None) -> Report:
    """The one report on several components: what ``check`` and both commands run.

    Args:
        components: Each as for ``check``.
        settings: How to run.
        kind: Only parts of this kind.

    Raises:
        UnknownNameError: When a component is unknown.
        SpecError: When a component is no part.
    """
    selected = [found for component in components for found in select(component, kind=kind)]
    parts = tuple(
        PartReport(
            part=one.name,
            kind=family_of(one.cls),
            outcomes=tuple(run_case(case) for case in cases([one], settings)),
            asked=settings.only,
        )
        for one in selected
    )
    return Report(parts=parts, problems=tuple(idle_expectations(parts, settings)))


def idle_expectations(parts: Iterable[PartReport], settings: Settings) -> Iterator[str]:
    """Expected failures that no part could have had."""
    seen = {f"{part.part}::{o.check.id}" for part in parts for o in part.outcomes if o.state != "not applicable"}
    for word in settings.expected:
        named = word in seen if "::" in word else any(one.endswith(f"::{word}") for one in seen)
        if not named:
            yield f"the expected failure {word!r} belongs to no check that was run; remove it"
