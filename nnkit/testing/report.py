"""The report: what was tried on which part, and how it ended."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias, get_args

import attrs

from nnkit.markup import join, lines, table
from nnkit.testing.record import NO_VALUES, Check

State: TypeAlias = Literal["passed", "failed", "expected", "not applicable", "advice"]
"""``expected``: a failure that was announced with a reason; ``advice``: an advisory check that failed."""

STATES: tuple[State, ...] = get_args(State)
"""All of them, in the order of every summary."""

Grade: TypeAlias = Literal["consistent", "proven"]
"""``consistent``: every check passed; ``proven``: the values were also compared with an independent source."""

GRADES: tuple[Grade, ...] = get_args(Grade)
"""Both, the lower one first."""

UNGRADED = "a grade needs every check in both dtypes"
"""Why a run of selected checks gives no grade."""

BADGE = """<svg xmlns="http://www.w3.org/2000/svg" width="92" height="20" role="img" aria-label="nnkit: proven">
<title>nnkit: proven</title>
<rect width="42" height="20" fill="#555"/>
<rect x="42" width="50" height="20" fill="#2e7d32"/>
<g fill="#fff" font-family="Verdana,sans-serif" font-size="11" text-anchor="middle">
<text x="21" y="14">nnkit</text>
<text x="67" y="14">proven</text>
</g>
</svg>
"""
"""Written only for proven parts: every check passed, and the values were compared with an independent source."""


@attrs.frozen(kw_only=True)
class Failure:
    """One failed check.

    Args:
        id: The check's permanent id.
        part: The part that failed.
        subject: The dtype and hyperparameters that it failed with.
        what: What is wrong, in one sentence.
        why: What goes wrong for a user.
        fix: What to do.
        inputs: The inputs that show the fault, by name, as text.
        got: What the part returned.
        expected: What it should have returned.
        rerun: One line for the shell that reruns only this check.
        others: What else is wrong with other inputs, dtypes or hyperparameters, a sentence each.
    """

    id: str
    part: str
    subject: str
    what: str
    why: str
    fix: str
    inputs: Mapping[str, str]
    got: str
    expected: str
    rerun: str
    others: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The text as printed; of more than five other faults, five and the number of the rest."""
        lines = [("what", self.what), ("why", self.why)]
        lines += [("input", f"{name} = {value}") for name, value in self.inputs.items()]
        lines += [("got", self.got), ("expected", self.expected), ("fix", self.fix), ("rerun", self.rerun)]
        lines += [("also", text) for text in self.others[:5]]
        lines += [("also", f"{len(self.others) - 5} more")] if len(self.others) > 5 else []
        head = f"{self.id} FAILED for {self.part} ({self.subject})"
        return "\n".join([head, *(f"  {label:8} {text}" for label, text in lines if text)])

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

    def to_dict(self) -> dict[str, object]:
        """The outcome as plain data."""
        failure = {"failure": {**attrs.asdict(self.failure), "message": str(self.failure)}} if self.failure else {}
        plain = {"id": self.check.id, "level": self.check.level, "state": self.state, "reason": self.reason}
        return {**plain, "seconds": round(self.seconds, 4), **failure}


@attrs.frozen(kw_only=True)
class PartReport:
    """All outcomes of one part.

    Args:
        part: Its name.
        kind: Its kind.
        outcomes: One for each check of the part that was asked for.
        asked: The ids of the checks that were asked for; ``None`` for all.
        complete: Whether every check was tried in both dtypes.
    """

    part: str
    kind: str
    outcomes: tuple[Outcome, ...]
    asked: tuple[str, ...] | None = None
    complete: bool = True

    @property
    def counts(self) -> dict[str, int]:
        """How many checks ended in which state."""
        counter = Counter(outcome.state for outcome in self.outcomes)
        return {state: counter[state] for state in STATES}

    @property
    def seconds(self) -> float:
        """Time spent in checks."""
        return sum(outcome.seconds for outcome in self.outcomes)

    @property
    def problem(self) -> str | None:
        """Why nothing is proven, although nothing failed: no core check was executed."""
        if any(outcome.check.level == "core" and outcome.state != "not applicable" for outcome in self.outcomes):
            return None
        outcomes = {outcome.check.id: outcome for outcome in self.outcomes}

        def why(identity: str) -> str:
            if identity not in outcomes:
                return f"{identity} is no check of {'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind}"
            own = outcomes[identity]
            applies = own.state != "not applicable"
            return f"{identity} is {own.check.level}" if applies else f"{identity} does not apply ({own.reason})"

        words = "; ".join(map(why, self.asked or ()))
        return f"{self.part}: no core check was executed, so nothing is proven{': ' if words else ''}{words}"

    @property
    def unverified(self) -> str | None:
        """Why the part is not proven although no check failed; ``None`` when its reference values were reached."""
        announced = [outcome.check.number for outcome in self.outcomes if outcome.state == "expected"]
        if announced:
            return f"except {', '.join(announced)}, expected to fail"
        compared = next((outcome for outcome in self.outcomes if outcome.check.number.endswith("-REF")), None)
        if compared is not None and compared.state == "passed":
            return None
        reason = NO_VALUES if compared is None else compared.reason
        why = "no reference values" if reason == NO_VALUES else f"reference values not compared ({reason})"
        return f"{why}, so the formula itself is unverified"

    @property
    def hint(self) -> str | None:
        """Where to begin when several checks failed: with the first, for one fault fails many checks."""
        first, *others = [outcome.check.id for outcome in self.outcomes if outcome.state == "failed"] or [""]
        words = f"{self.part}: begin with {first}; the other {len(others)} may have the same cause"
        return words if others else None

    @property
    def verdict(self) -> str:
        """The grade, with the reason why it is not more; empty where there is none."""
        return (f"{self.grade}; {self.unverified}" if self.unverified else "proven") if self.grade else ""

    @property
    def grade(self) -> Grade | None:
        """The grade of the part; ``None`` when a check failed, or not all were run."""
        if not self.complete or self.problem or self.counts["failed"]:
            return None
        return "consistent" if self.unverified else "proven"

    def failures(self, state: State) -> Iterator[Failure]:
        """The failures that ended in ``state``."""
        return (outcome.failure for outcome in self.outcomes if outcome.state == state and outcome.failure)

    def __str__(self) -> str:
        """One line."""
        always = {"passed", "failed"}
        counts = ", ".join(f"{count} {state}" for state, count in self.counts.items() if count or state in always)
        return f"{self.part}: {counts}" + (f": {self.verdict}" if self.verdict else "")


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
        """A core check was executed on every part, and nothing failed."""
        return bool(self.parts) and not self.failures and not self.all_problems

    @property
    def grade(self) -> Grade | None:
        """The lowest grade of all parts; ``None`` when the report is not good, or a part has no grade."""
        grades = [part.grade for part in self.parts]
        if not self.ok or None in grades:
            return None
        return "consistent" if "consistent" in grades else "proven"

    def meets(self, required: Grade = "consistent") -> bool:
        """Whether the report is good, and every part proven where ``required`` is ``"proven"``."""
        return self.ok and (required == "consistent" or self.grade == "proven")

    def verdict(self, required: Grade = "consistent") -> str:
        """The last line of a command: the grade of all parts, or which required grade was not reached and why.

        Args:
            required: The grade that was asked for.
        """
        if not self.ok:
            return f"NOT {required}"
        missed = "" if self.meets(required) else f"NOT {required}: "
        if self.grade is None:
            return f"{missed}passed; {UNGRADED}"
        reasons = Counter(part.verdict for part in self.parts)
        alone = len(reasons) == 1
        return missed + "; ".join(words if alone else f"{count} {words}" for words, count in reasons.items())

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Every failed check that counts, in order."""
        return tuple(failure for part in self.parts for failure in part.failures("failed"))

    @property
    def advice(self) -> tuple[Failure, ...]:
        """Every failed advisory check."""
        return tuple(failure for part in self.parts for failure in part.failures("advice"))

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
        return sum(part.seconds for part in self.parts)

    @property
    def details(self) -> str:
        """Every failure in full, then where to begin, advice and problems, a line each."""
        lines = [f"{failure}\n" for failure in self.failures]
        lines += [f"hint    {part.hint}" for part in self.parts if part.hint]
        lines += [f"advice  {failure.advice}" for failure in self.advice]
        return "\n".join([*lines, *(f"problem {problem}" for problem in self.all_problems)])

    def __str__(self) -> str:
        """The details, then one line a part."""
        return "\n".join([*([self.details] if self.details else []), *map(str, self.parts)])

    def _repr_html_(self) -> str:
        """A row a part, then the details."""
        rows = [[part.part, part.kind, *part.counts.values(), part.grade or "none"] for part in self.parts]
        return join([table(rows, ["part", "kind", *STATES, "grade"], numbers_from=2), lines(self.details)])

    def to_dict(self) -> dict[str, object]:
        """The report as plain data."""
        return {
            "format": 1,
            "ok": self.ok,
            "grade": self.grade,
            "counts": self.counts,
            "problems": list(self.all_problems),
            "parts": [
                {
                    "part": part.part,
                    "grade": part.grade,
                    "unverified": part.unverified if part.grade else None,
                    "counts": part.counts,
                    "checks": [outcome.to_dict() for outcome in part.outcomes],
                }
                for part in self.parts
            ],
        }

    def to_json(self) -> str:
        """The report as JSON."""
        return json.dumps(self.to_dict(), indent=2)

    def raise_if_failed(self) -> None:
        """Raise unless the report is good.

        Raises:
            AssertionError: With the whole report as its text.
        """
        if not self.ok:
            raise AssertionError(str(self))
