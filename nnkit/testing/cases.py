"""The one generator of checks: every check of every part, with the subjects on which it is run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs
import numpy as np

from nnkit.testing.catalog import checks_of
from nnkit.testing.record import Check
from nnkit.testing.selection import Selected
from nnkit.testing.settings import Settings
from nnkit.testing.subject import Subject

__all__ = ["CONSTRUCTION", "Case", "cases"]

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
        grid = [
            Subject(
                cls=part.cls,
                hyperparameters=variant,
                dtype=np.dtype(dtype),
                seed=settings.seed,
                id=part.id,
                variants=part.variants,
                thorough=settings.thorough,
            )
            for dtype in settings.dtypes
            for variant in part.variants
        ]
        broken = {repr(subject.hyperparameters) for subject in grid if not _can_be_made(subject)}
        first = grid[: len(part.variants)]
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
        return check.needs(subject)
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
