"""The report: what was tried on which part, and how it ended."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Literal, TypeAlias

import attrs

from nnkit.testing.record import Check

__all__ = ["Failure", "Outcome", "PartReport", "Report", "State"]

State: TypeAlias = Literal["passed", "failed", "expected", "not applicable", "advice"]
"""``expected``: a failure that was announced with a reason; ``advice``: an advisory check that failed."""

_STATES: tuple[State, ...] = ("passed", "failed", "expected", "not applicable", "advice")


@attrs.frozen(kw_only=True)
class Failure:
    """One failed check.

    Args:
        id: The check's permanent id.
        part: The part that failed.
        subject: The dtype and hyperparameters that it failed with.
        why: What goes wrong for a user.
        fix: How to mend it.
        message: The whole text as printed.
        level: core, strict or advisory.
        rerun: One line for the shell that reruns just this.
    """

    id: str
    part: str
    subject: str
    why: str
    fix: str
    message: str
    level: str
    rerun: str

    def __str__(self) -> str:
        """The text as printed."""
        return self.message


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
    """All outcomes of one part."""

    part: str
    outcomes: tuple[Outcome, ...]
    selective: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """How many checks ended in which state."""
        found = Counter(outcome.state for outcome in self.outcomes)
        return {state: found[state] for state in _STATES}

    @property
    def executed_core(self) -> int:
        """How many core checks were really run."""
        return sum(outcome.level == "core" and outcome.state != "not applicable" for outcome in self.outcomes)

    @property
    def problem(self) -> str | None:
        """Why nothing is proven, although nothing failed."""
        executed = sum(outcome.state != "not applicable" for outcome in self.outcomes)
        if self.selective and executed == 0:
            return f"{self.part}: none of the checks asked for applies to it, so nothing is proven"
        if not self.selective and self.executed_core == 0:
            return f"{self.part}: no core check was executed, so nothing is proven"
        return None

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
        return {state: sum(part.counts[state] for part in self.parts) for state in _STATES}

    @property
    def seconds(self) -> float:
        """Time spent in checks."""
        return sum(outcome.seconds for part in self.parts for outcome in part.outcomes)

    def __str__(self) -> str:
        """Every failure in full, then one line a part."""
        texts = [str(failure) for failure in self.failures]
        notes = [f"advice  {failure.id} for {failure.part}: {failure.fix}" for failure in self.advice]
        problems = [f"problem {problem}" for problem in self.all_problems]
        lines = [str(part) for part in self.parts]
        return "\n".join([*(f"{text}\n" for text in texts), *notes, *problems, *lines])

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
