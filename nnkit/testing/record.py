"""What a check is: a record with a permanent id, the reason for it, what to do, and the function that runs it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Literal, TypeAlias

import attrs

from nnkit.testing.subject import Subject

__all__ = ["Check", "CheckList", "Level", "Scope", "always"]

Level: TypeAlias = Literal["core", "strict", "advisory"]
Scope: TypeAlias = Literal["part", "variant", "dtype"]


def always(subject: Subject) -> str | None:
    """For checks that every part of the kind must pass."""
    return None


@attrs.frozen(kw_only=True)
class Check:
    """One promise of an interface, and how it is tried.

    Args:
        id: Permanent: letters of the kind, a number, a few words: ``OPT-012/resume-equals-continuous``.
        why: What goes wrong for a user when the promise is broken.
        fix: Where to look, and what to write instead.
        run: Tries one subject; raises ``CheckFailure`` (or whatever the part raises) when it fails.
        level: ``core`` is the contract, ``strict`` is quality, ``advisory`` is printed and fails nothing.
        needs: Why the check does not apply to a subject, in words, or ``None`` where it does.
        scope: Tried once a ``part``, once a ``variant`` (float64), or once a variant and ``dtype``.
    """

    id: str
    why: str
    fix: str
    run: Callable[[Subject], None]
    level: Level = "core"
    needs: Callable[[Subject], str | None] = always
    scope: Scope = "dtype"

    @property
    def number(self) -> str:
        """The part of the id before the slash, which is enough to name it."""
        return self.id.partition("/")[0]


class CheckList:
    """The checks of one kind in their order, filled by a decorator."""

    def __init__(self) -> None:
        self.checks: list[Check] = []

    @classmethod
    def joined(cls, *lists: CheckList) -> CheckList:
        """One list with the checks of several, in their order."""
        joined = cls()
        joined.checks = [check for checks in lists for check in checks.checks]
        return joined

    def check(
        self,
        id: str,  # noqa: A002  # the word that the record, the report and the docs use
        *,
        level: Level = "core",
        needs: Callable[[Subject], str | None] = always,
        scope: Scope = "dtype",
    ) -> Callable[[Callable[[Subject], None]], Callable[[Subject], None]]:
        """Append the decorated function as a check; its docstring is ``why``, an empty line, and ``fix``."""

        def keep(run: Callable[[Subject], None]) -> Callable[[Subject], None]:
            why, _, fix = (inspect.getdoc(run) or "").partition("\n\n")
            fix = fix.replace("\n", " ")
            self.checks.append(Check(id=id, why=why, fix=fix, run=run, level=level, needs=needs, scope=scope))
            return run

        return keep
