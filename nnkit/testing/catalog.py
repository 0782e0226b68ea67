"""All checks: those of a kind, those of a class, those that a name means, and the calls that common checks try."""

import functools
import importlib
from types import ModuleType

import attrs

from nnkit.errors import UnknownNameError
from nnkit.interfaces import Part
from nnkit.registry import implementations
from nnkit.registry.kinds import KINDS
from nnkit.spelling import suggest
from nnkit.testing.call import Call
from nnkit.testing.record import Check, Subject, family_of

FAMILIES = tuple(family for kind in KINDS for family in ((kind, "solver") if kind == "optimizer" else (kind,)))
"""The kinds, solvers apart from optimizers."""


def _module(family: str) -> ModuleType:
    return importlib.import_module(f"nnkit.testing.checks.{family}")


@functools.cache
def family_checks(family: str) -> tuple[Check, ...]:
    """The checks of one kind alone, or those of every kind (``common``), in the order of their files."""
    module = _module(family)
    files = getattr(module, "MODULES", (module,))
    checks = [value for file in files for value in vars(file).values() if isinstance(value, Check)]
    return tuple(map(getattr(module, "adapted", attrs.evolve), checks))


def installed_checks(family: str) -> tuple[Check, ...]:
    """The checks that installed packages add for one kind, by the hook ``nnkit_checks``."""
    checks: list[Check] = []
    for implementation in implementations("nnkit_checks"):
        with implementation.skipped_on_failure():
            checks += [one for added in implementation.call(family=family) for one in added]
    return tuple(checks)


def calls_of(subject: Subject) -> list[Call]:
    """The calls of the subject that the checks of every kind run."""
    calls: list[Call] = _module(family_of(subject.cls)).calls(subject)
    return calls


def all_checks() -> tuple[Check, ...]:
    """Every check of every kind, those of all kinds first, those of installed packages last.

    Example:
        >>> "OPT-012/resume-equals-continuous" in {check.id for check in all_checks()}
        True
    """
    own = [check for family in ("common", *FAMILIES) for check in family_checks(family)]
    added = dict.fromkeys(check for family in FAMILIES for check in installed_checks(family))
    return (*own, *added)


def checks_of(cls: type[Part]) -> tuple[Check, ...]:
    """Every check of a part of this class: those of every kind, those of its own, those of installed packages."""
    family = family_of(cls)
    return (*family_checks("common"), *family_checks(family), *installed_checks(family))


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
    if name.isdecimal():  # the digits alone are those of a check of each kind
        close = [check.number for check in checks if check.number.endswith(f"-{int(name):03}")]
    else:
        close = suggest(name, [*(check.id for check in checks), *(check.number for check in checks)])
    hint = f"; did you mean {', '.join(close)}?" if close else "."
    raise UnknownNameError(
        f"there is no check {name!r}{hint} A check is named by its full id, or by either side of the slash "
        "(ACT-002/derivative-stencil, ACT-002, derivative-stencil); `python -m nnkit.testing --list` shows all"
    )
