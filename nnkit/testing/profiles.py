"""Profiles: named, frozen sets of checks. A check that is newer than the profile advises and fails nothing.

A set is never edited once it is released: a new check goes into the next profile.
"""

from __future__ import annotations

from nnkit.errors import UnknownNameError
from nnkit.testing.frozen import FROZEN

__all__ = ["PROFILES", "profile_ids"]

PROFILES: dict[str, frozenset[str]] = {name: frozenset(ids) for name, ids in FROZEN.items()}
"""The ids of each profile's checks."""


def profile_ids(name: str) -> frozenset[str]:
    """The checks of the profile ``name``.

    Raises:
        UnknownNameError: When there is no such profile.

    Example:
        >>> "OPT-012/resume-equals-continuous" in profile_ids("2026.1")
        True
    """
    if name not in PROFILES:
        raise UnknownNameError(f"there is no profile {name!r}; the profiles are {', '.join(PROFILES)}")
    return PROFILES[name]
