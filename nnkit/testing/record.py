"""What a check is: a record with a permanent id, the reason for it, what to do, and the function that runs it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Literal, TypeAlias

import attrs

from nnkit.testing.failure import show
from nnkit.testing.subject import Subject

Level: TypeAlias = Literal["core", "strict", "advisory"]
Scope: TypeAlias = Literal["part", "variant", "dtype"]
NO_VALUES = "it declares neither examples nor a reference"
"""Why the comparison with reference values does not apply to a part."""

Needs: TypeAlias = Callable[[Subject], str | None]
"""Why a check does not apply to a subject, in words, or ``None`` where it does."""


@attrs.frozen(kw_only=True)
class Check:
    """One promise of an interface, and how it is tried.

    Args:
        id: Permanent: letters of the kind, a number, a few words: ``OPT-012/resume-equals-continuous``.
        why: What goes wrong for a user when the promise is broken.
        fix: Where to look, and what to write instead.
        run: Tries one subject; raises ``CheckFailure`` (or whatever the part raises) when it fails. A function
            with a second parameter is passed a new part.
        level: ``core`` is the contract, ``strict`` is quality, ``advisory`` is printed and fails nothing.
        needs: What a subject must have for the check to apply to it.
        scope: Tried once a ``part`` or once a ``variant``, both in float64 whatever dtypes are asked for, or once a
            variant and ``dtype``.
    """

    id: str
    why: str
    fix: str
    run: Callable[..., None]
    level: Level = "core"
    needs: tuple[Needs, ...] = ()
    scope: Scope = "dtype"

    @property
    def number(self) -> str:
        """The part of the id before the slash, which is enough to name it."""
        return self.id.partition("/")[0]

    def try_on(self, subject: Subject) -> None:
        """Run the check on ``subject``."""
        show()
        if len(inspect.signature(self.run).parameters) > 1:
            self.run(subject, subject.make())
        else:
            self.run(subject)

    def why_not(self, subject: Subject) -> str | None:
        """Why the check does not apply to ``subject``; ``None`` where it does."""
        return next((reason for needs in self.needs if (reason := needs(subject)) is not None), None)


def check(
    id: str,  # noqa: A002  # the word that the record, the report and the docs use
    *,
    level: Level = "core",
    needs: Needs | tuple[Needs, ...] = (),
    scope: Scope = "dtype",
) -> Callable[[Callable[..., None]], Check]:
    """Make the decorated function a check; its docstring is ``why``, an empty line, and ``fix``."""

    def record(run: Callable[..., None]) -> Check:
        why, _, fix = (inspect.getdoc(run) or "").partition("\n\n")
        conditions = needs if isinstance(needs, tuple) else (needs,)
        return Check(id=id, why=why, fix=fix.replace("\n", " "), run=run, level=level, needs=conditions, scope=scope)

    return record


def applies_if(condition: Callable[[Subject], object], otherwise: str) -> Needs:
    """A check for subjects that meet ``condition``; ``otherwise`` says why it does not apply to others."""
    return lambda subject: None if condition(subject) else otherwise


def needs_offer(method: str) -> Needs:
    """A check for parts that offer the optional ``method``."""
    return applies_if(lambda subject: subject.offers(method), f"it offers no {method}")


def needs_trait(trait: str, words: str) -> Needs:
    """A check for parts that declare ``trait``, as a class or for the hyperparameters they have."""
    return applies_if(lambda subject: getattr(subject.make(), trait), f"it does not declare {words}")


needs_float32 = applies_if(lambda subject: subject.dtype == "float32", "it is about float32")
needs_unordered = applies_if(lambda subject: not subject.make().ordered, "it declares that its columns are ordered")
