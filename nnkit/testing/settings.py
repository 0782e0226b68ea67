"""How checks are run: dtypes, seed, which checks, and which of them are expected to fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import attrs
import numpy as np

from nnkit.errors import SpecError
from nnkit.testing.catalog import check_ids

DTYPES = ("float64", "float32")

DTypeName: TypeAlias = str | type[np.generic] | np.dtype[Any]
"""A dtype as numpy accepts it; ``Any`` stands for the scalar type, which numpy leaves open."""


@attrs.frozen(kw_only=True)
class Settings:
    """How to run.

    Args:
        dtypes: The dtypes that parts are tried in.
        seed: Seed of every random array.
        thorough: Whether hypothesis chooses further arrays.
        only: Full ids; ``None`` for all.
        expected: Reasons by the id of a check that is expected to fail (and must).
        command: The shell command with which failures say how to rerun one check.
    """

    dtypes: tuple[str, ...] = DTYPES
    seed: int = 0
    thorough: bool = False
    only: tuple[str, ...] | None = None
    expected: Mapping[str, str] = attrs.field(factory=dict)
    command: str = "python -m nnkit.testing"

    @property
    def complete(self) -> bool:
        """Whether every check is run in both dtypes, so that a part can be graded."""
        return self.only is None and {*self.dtypes} == {*DTYPES}

    def expectation(self, part: str, check: str) -> str | None:
        """Why this check of this part is expected to fail; ``None`` when it is not."""
        return self.expected.get(f"{part}::{check}", self.expected.get(check))

    def idle_expectations(self, run: Iterable[tuple[str, str]]) -> list[str]:
        """A sentence for each expected failure that belongs to none of the checks that are run.

        Args:
            run: Part and check of each.
        """
        names = {name for part, check in run for name in (check, f"{part}::{check}")}
        idle = [name for name in self.expected if name not in names]
        return [f"the expected failure {name!r} belongs to no check that was run; remove it" for name in idle]


def settle(
    *,
    only: Iterable[str] | str | None = None,
    expected_failures: Mapping[str, str] | None = None,
    dtypes: Iterable[DTypeName] | DTypeName = DTYPES,
    seed: int = 0,
    thorough: bool = False,
    command: str = Settings().command,
) -> Settings:
    """The settings that these arguments of an entry point mean, with the names of checks as full ids.

    Raises:
        UnknownNameError: When a check is unknown.
        SpecError: When an expected failure has no reason, or parts are not tried in a dtype.
    """
    words = [only] if isinstance(only, str) else only
    return Settings(
        dtypes=_settle_dtypes(dtypes),
        seed=seed,
        thorough=thorough,
        only=None if words is None else tuple(identity for word in words for identity in check_ids(word)),
        expected=_settle_expected(expected_failures or {}),
        command=command,
    )


def _settle_dtypes(dtypes: Iterable[DTypeName] | DTypeName) -> tuple[str, ...]:
    words = [dtypes] if isinstance(dtypes, (str, type, np.dtype)) else list(dtypes)
    names = tuple(word if isinstance(word, str) else np.dtype(word).name for word in words)
    wrong = [name for name in names if name not in DTYPES]
    if wrong or not names:
        came = ", ".join(map(repr, wrong)) or "none"
        raise SpecError(f"dtypes: {came} given; parts are proven in {' and '.join(DTYPES)}: name one of them, or both")
    return names


def _settle_expected(expected: Mapping[str, str]) -> dict[str, str]:
    settled: dict[str, str] = {}
    for word, reason in expected.items():
        part, separator, name = word.rpartition("::")
        ids = check_ids(name)
        if not isinstance(reason, str) or not reason.strip():
            raise SpecError(f"the expected failure {word!r} has no reason; write why it fails and when it will not")
        settled |= {f"{part}{separator}{identity}": reason for identity in ids}
    return settled
