"""All checks: those of a class, and those that a name means."""

from __future__ import annotations

from nnkit.errors import UnknownNameError
from nnkit.interfaces import Part
from nnkit.testing.checks.common import CHECKS
from nnkit.testing.kinds import FAMILIES, family_checks
from nnkit.testing.record import Check
from nnkit.testing.subject import family_of

__all__ = ["all_checks", "check_ids", "checks_of"]


def all_checks() -> tuple[Check, ...]:
    """Every check of every kind, those of all kinds first.

    Example:
        >>> "OPT-012/resume-equals-continuous" in {check.id for check in all_checks()}
        True
    """
    return (*CHECKS.checks, *(check for family in FAMILIES for check in family_checks(family)))


def checks_of(cls: type[Part]) -> tuple[Check, ...]:
    """Every check of a part of this class: those of every kind, then those of its own."""
    return (*CHECKS.checks, *family_checks(family_of(cls)))


def check_ids(name: str) -> list[str]:
    """The ids of the checks called ``name``: a full id, or one side of its slash, in upper or lower case.

    Raises:
        UnknownNameError: When there is none.

    Example:
        >>> check_ids("opt-012")
        ['OPT-012/resume-equals-continuous']
    """
    word, checks = name.lower(), all_checks()
    ids = [c.id for c in checks if word in {c.id.lower(), c.number.lower(), c.id.partition("/")[2]}]
    if ids:
        return ids
    from nnkit.spelling import suggest

    if name.isdecimal():  # the digits alone are those of a check of each kind
        close = [check.number for check in checks if check.number.endswith(f"-{int(name):03}")]
    else:
        close = suggest(name, [*(check.id for check in checks), *(check.number for check in checks)])
    hint = f"; did you mean {', '.join(close)}?" if close else "."
    raise UnknownNameError(
        f"there is no check {name!r}{hint} A check is named by its full id, or by either side of the slash "
        "(ACT-002/derivative-stencil, ACT-002, derivative-stencil); `python -m nnkit.testing --list` shows all"
    )
