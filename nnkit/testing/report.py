"""The report: what was tried on which part, and how it ended."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from nnkit.testing.record import Check

__all__ = ["STATES", "Failure", "Outcome", "PartReport", "Report", "State", "begin_with", "nothing_proven"]

State: TypeAlias = Literal["passed", "failed", "expected", "not applicable", "advice"]
"""``expected``: a failure that was announced with a reason; ``advice``: an advisory check that failed."""

STATES: tuple[State, ...] = ("passed", "failed", "expected", "not applicable", "advice")
"""All of them, in the order of every summary."""


def nothing_proven(
    part: str, kind: str, checks: Iterable[tuple[str, str, str | None]], asked: Iterable[str] | None = None
) -> str | None:
    """Why these checks prove nothing of a part: no core check among them is executed; ``None`` when one is.

    Args:
        part: The part.
        kind: Its kind.
        checks: Of each check of the part its id, its level, and why it does not apply (``None``: it is executed).
        asked: The ids that were asked for; ``None`` for all.

    Example:
        >>> nothing_proven("Wave", "activation", [("ACT-029/largest-numbers", "advisory", None)])
        'Wave: no core check was executed, so nothing is proven'
        >>> nothing_proven("Wave", "activation", [], ["OPT-001/descends"])
        'Wave: no core check was executed, so nothing is proven: OPT-001/descends is no check of an activation'
    """
    found = {identity: (level, reason) for identity, level, reason in checks}
    if any(level == "core" and reason is None for level, reason in found.values()):
        return None

    def why(identity: str) -> str:
        if identity not in found:
            return f"{identity} is no check of {'an' if kind[0] in 'aeiou' else 'a'} {kind}"
        level, reason = found[identity]
        return f"{identity} is {level}" if reason is None else f"{identity} does not apply ({reason})"

    reasons = "; ".join(why(identity) for identity in asked or ())
    return f"{part}: no core check was executed, so nothing is proven{': ' if reasons else ''}{reasons}"


def begin_with(part: str, failed: Sequence[str]) -> str | None:
    """Where to begin when several checks of a part failed: with the first, for one fault is seen by many checks.

    Args:
        part: The part.
        failed: The ids of its failed checks, in the order of the kit.
    """
    first, *others = failed or ("",)
    return f"{part}: begin with {first}; the other {len(others)} may have the same cause" if others else None


@attrs.frozen(kw_only=True)
class Failure:
    """One failed check.

    Args:
        id: The check's permanent id.
        part: The part that failed.
        subject: The dtype and hyperparameters that it failed with.
        what: What is wrong, in one sentence.
        why: What goes wrong for a user.
        fix: How to mend it.
        message: The whole text as printed.
        level: core, strict or advisory.
        rerun: One line for the shell that reruns just this.
    """

    id: str
    part: str
    subject: str
    what: str
    why: str
    fix: str
    message: str
    level: str
    rerun: str

    def __str__(self) -> str:
        """The text as printed."""
        return self.message

    @property
    def advice(self) -> str:
        """The text as printed where the check only advises: one line."""
        return f"{self.id} for {self.part}: {self.what}. {self.fix}"


@attrs.frozen(kw_only=True)
class Outcome:
    """How one check ended on one part."""

    check: Check
    state: State
    reason: str = ""
    failure: Failure | None = None
    seconds: float = 0.0
    level: str = "core"


@attrs.frozen(kw_only=True)
class PartReport:
    """All outcomes of one part.

    Args:
        part: Its name.
        kind: Its kind.
        outcomes: One for each check that was looked at.
        asked: The ids of the checks that were asked for; ``None`` for all.
    """

    part: str
    kind: str
    outcomes: tuple[Outcome, ...]
    asked: tuple[str, ...] | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many checks ended in which state."""
        found = Counter(outcome.state for outcome in self.outcomes)
        return {state: found[state] for state in STATES}

    @property
    def problem(self) -> str | None:
        """Why nothing is proven, although nothing failed."""
        seen = ((o.check.id, o.level, o.reason if o.state == "not applicable" else None) for o in self.outcomes)
        return nothing_proven(self.part, self.kind, seen, self.asked)

    def __str__(self) -> str:
        """One line."""
        figures = ", ".join(f"{count} {state}" for state, count in self.counts.items() if count or state == "failed")
        return f"{self.part}: {figures}"


@attrs.frozen(kw_only=True)
class Report:
    """What ``check`` returns.

    Args:
        parts: One report a part.
        problems: Why the report cannot be good, apart from failed checks.
    """

    parts: tuple[PartReport, ...]
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Something was proven, and nothing failed."""
        return bool(self.parts) and not self.failures and not self.all_problems

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Every failed check that counts, in order."""
        return tuple(o.failure for p in self.parts for o in p.outcomes if o.state == "failed" and o.failure)

    @property
    def advice(self) -> tuple[Failure, ...]:
        """Every failed advisory check."""
        return tuple(o.failure for p in self.parts for o in p.outcomes if o.state == "advice" and o.failure)

    @property
    def all_problems(self) -> tuple[str, ...]:
        """Every reason besides failed checks for which the report is not good."""
        own = [part.problem for part in self.parts if part.problem]
        return (*self.problems, *own, *(() if self.parts else ("no part was selected, so nothing is proven",)))

    @property
    def counts(self) -> dict[str, int]:
        """How many checks ended in which state, over all parts."""
        return {state: sum(part.counts[state] for part in self.parts) for state in STATES}

    @property
    def seconds(self) -> float:
        """Time spent in checks."""
        return sum(outcome.seconds for part in self.parts for outcome in part.outcomes)

    @property
    def details(self) -> str:
        """Every failure in full, then where to begin, advice and problems, a line each."""
        return "\n".join(self._details())

    def _details(self) -> Iterator[str]:
        yield from (f"{failure}\n" for failure in self.failures)
        for part in self.parts:
            begin = begin_with(part.part, [o.check.id for o in part.outcomes if o.state == "failed"])
            if begin is not None:
                yield f"hint    {begin}"
        yield from (f"advice  {failure.advice}" for failure in self.advice)
        yield from (f"problem {problem}" for problem in self.all_problems)

    def __str__(self) -> str:
        """The details, then one line a part."""
        return "\n".join([*self._details(), *map(str, self.parts)])

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "format": 1,
            "ok": self.ok,
            "counts": self.counts,
            "problems": list(self.all_problems),
            "parts": [
                {
                    "part": part.part,
                    "counts": part.counts,
                    "checks": [
                        {
                            "id": outcome.check.id,
                            "level": outcome.level,
                            "state": outcome.state,
                            "reason": outcome.reason,
                            "seconds": round(outcome.seconds, 4),
                            **({"failure": attrs.asdict(outcome.failure)} if outcome.failure else {}),
                        }
                        for outcome in part.outcomes
                    ],
                }
                for part in self.parts
            ],
        }

    def to_json(self) -> str:
        """The report as JSON."""
        return json.dumps(self.to_dict(), indent=2)

    def raise_if_failed(self) -> None:
        """Raise an ``AssertionError`` that carries the whole text, unless the report is good."""
        if not self.ok:
            raise AssertionError(f"\n{self}")
