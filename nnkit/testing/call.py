"""Calls: the methods of a part with arguments for them, so that general promises can be tried on any kind."""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array

__all__ = ["Call", "Quiet", "quiet"]


@attrs.frozen
class Call:
    """One call of a part.

    Args:
        name: How it reads in a failure: ``forward(z)``.
        run: The call itself; gets the part and fresh arrays by name.
        arrays: The arguments.
        writes: Arguments that the interface lets the call write to.
        shares: Arguments that the result may share memory with.
        rows: Arguments whose first axis is the samples; empty where the result is not by rows.
        floats: Whether every float of the result must have the dtype of the arguments.
    """

    name: str
    run: Callable[[Any, dict[str, Array]], Any]
    arrays: Mapping[str, Array]
    writes: frozenset[str] = frozenset()
    shares: frozenset[str] = frozenset()
    rows: frozenset[str] = frozenset()
    floats: bool = True

    def fresh(self) -> dict[str, Array]:
        """Copies of the arguments."""
        return {name: array.copy() for name, array in self.arrays.items()}

    def result(self, part: Any) -> Any:
        """The result on fresh copies, itself copied out of their reach."""
        return copy.deepcopy(self.run(part, self.fresh()))


@attrs.define
class Quiet:
    """What a part did besides its work."""

    warned: list[str] = attrs.field(factory=list)
    printed: str = ""
    settings: list[str] = attrs.field(factory=list)


@contextlib.contextmanager
def quiet(*, settings: bool = False) -> Iterator[Quiet]:
    """Run a part with every floating-point warning on, and note what it lets be seen.

    With ``settings`` also note which settings of the process it leaves changed; that takes longer.
    """
    noted = Quiet()
    out = io.StringIO()
    with (
        warnings.catch_warnings(record=True) as caught,
        np.errstate(divide="warn", over="warn", invalid="warn", under="ignore"),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
    ):
        warnings.simplefilter("always")
        before = _settings() if settings else {}
        yield noted
        after = _settings() if settings else {}
        noted.settings = [name for name in before if before[name] != after[name]]
    noted.warned = [f"{item.category.__name__}: {item.message}" for item in caught]
    noted.printed = out.getvalue()


def _settings() -> dict[str, Any]:
    return {
        "np.geterr()": np.geterr(),
        "np.geterrcall()": np.geterrcall(),
        "warnings.filters": list(warnings.filters),
        "np.get_printoptions()": np.get_printoptions(),
        "np.getbufsize()": np.getbufsize(),
    }
