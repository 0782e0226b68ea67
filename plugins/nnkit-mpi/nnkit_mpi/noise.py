"""Random numbers for one rank's rows of a batch, the same whatever the number of ranks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["RowNoise"]

SIZE_PLACES: Mapping[str, int] = {
    "beta": 2,
    "binomial": 2,
    "exponential": 1,
    "gamma": 2,
    "integers": 2,
    "laplace": 2,
    "normal": 2,
    "poisson": 1,
    "random": 0,
    "standard_exponential": 0,
    "standard_gamma": 1,
    "standard_normal": 0,
    "uniform": 2,
}
"""The methods that draw for each row, and the place of ``size`` among their arguments."""


class RowNoise(np.random.Generator):
    """A generator that draws for all rows of a batch and returns those of one rank.

    It draws from the given bit generator, which afterwards has the state that it has in one process. An array is taken
    to have the rows of the batch when its first dimension is the number of the rank's rows; all else is drawn as it is.

    Args:
        bit_generator: What the numbers come from; shared.
        rows: Rows of the batch.
        own: The rank's rows.

    Example:
        >>> alone, one = (np.random.default_rng(0) for _ in range(2))
        >>> of_rank = RowNoise(one.bit_generator, 4, slice(2, 4))
        >>> bool((of_rank.random((2, 3)) == alone.random((4, 3))[2:]).all()), of_rank.random() == alone.random()
        (True, True)
    """

    def __init__(self, bit_generator: np.random.BitGenerator, rows: int, own: slice) -> None:
        super().__init__(bit_generator)
        self.rows, self.own = rows, own


def _for_rows(name: str, place: int) -> Callable[..., Any]:
    """The method ``name`` of a generator, whose argument ``size`` has this place, for the rows of one rank."""
    draw = getattr(np.random.Generator, name)

    def method(self: RowNoise, *arguments: Any, **options: Any) -> Any:
        out = options.get("out")
        size = arguments[place] if len(arguments) > place else options.get("size")
        shape = np.shape(out) if out is not None else () if size is None else tuple(np.atleast_1d(size))
        if not shape or shape[0] != self.own.stop - self.own.start:
            return draw(self, *arguments, **options)
        options = {key: value for key, value in options.items() if key not in {"size", "out"}}
        rest = arguments[place + 1 :]
        drawn = draw(self, *arguments[:place], (self.rows, *shape[1:]), *rest, **options)[self.own]
        if out is None:
            return drawn
        out[...] = drawn
        return out

    method.__name__ = name
    return method


for _name, _place in SIZE_PLACES.items():
    setattr(RowNoise, _name, _for_rows(_name, _place))
