"""The rules of a column plan: what a column of a table becomes as inputs of a network."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.data.column_values import as_days, as_numbers, as_words, is_missing
from nnkit.data.table import MISSING, Column, RowError, Words, row_name
from nnkit.errors import DataError
from nnkit.interfaces.fields import choice, flag, integer

__all__ = ["KINDS", "RULES", "Boolean", "Date", "Drop", "Embedding", "Number", "Numeric", "OneHot", "Rule"]

NO_VALUE = "missing"
KINDS = ("number", "indicator", "index")


@attrs.frozen(kw_only=True)
class Rule(ABC):
    """What becomes of one column, learned from the rows of training.

    Options come first; what is learned has the default ``None`` and is filled in by ``learned``.
    """

    kind: ClassVar[str] = "number"
    """What its inputs are, one of ``KINDS``."""

    replacing: ClassVar[str] = "missing='median'"
    """The option that replaces missing values, as it is declared."""

    @property
    def rule(self) -> str:
        """Its name in a request."""
        return type(self).__name__.lower()

    def check(self, column: Column, name: str) -> None:
        """Check that every value can be read, and none is missing where the rule accepts none.

        Raises:
            DataError: Names the first row.
        """
        if getattr(self, "missing", None) == "refuse":
            self.refuse_missing(column, name)

    @abstractmethod
    def learned(self, column: Column, name: str) -> Self:
        """The same rule with everything that it learns from a column that was checked and has values."""

    @abstractmethod
    def outputs(self, name: str) -> tuple[str, ...]:
        """A name for each input of the network."""

    @abstractmethod
    def encode(self, column: Column, name: str, out: Array) -> Words | None:
        """Write the inputs into ``out`` ``(N, len(outputs))``; the values that training did not have, if any.

        Raises:
            DataError: When a value cannot be read, or is missing where it must not be.
        """

    @abstractmethod
    def described(self) -> str:
        """What was learned, in a few words."""

    def complete(self, column: Column) -> Array | None:
        """Which rows stay, ``(N,)``; ``None`` where no row is dropped."""
        return ~is_missing(column) if getattr(self, "missing", None) == "drop" else None

    def refuse_missing(self, column: Column, name: str) -> None:
        """Refuse missing values where no rule replaces them.

        Raises:
            DataError: Names the first row.
        """
        missing = np.flatnonzero(is_missing(column))
        if len(missing):
            row = int(missing[0])
            raise RowError(
                f"column {name!r} has no value in {row_name(row)}, {len(missing)} such rows, and its rule does not"
                f" replace missing values: drop these rows, or declare {self.replacing}",
                row,
            )


@attrs.frozen(kw_only=True)
class Numeric(Rule):
    """One number a row, and a second input that is 1 where it is missing.

    Args:
        missing: What replaces a missing value: ``"median"`` or ``"mean"`` of the training rows; ``"drop"`` leaves rows
            without a value out of training, ``"refuse"`` accepts none.
        indicator: Whether a second input is 1 where the value is missing, if any is missing in training.
        fill: Learned: the replacement.
        flagged: Learned: whether there is a second input.
    """

    missing: str = choice("median", ("median", "mean", "drop", "refuse"))
    indicator: bool = flag(True)
    fill: float | None = None
    flagged: bool = False

    @abstractmethod
    def numbers(self, column: Column, name: str) -> Array:
        """The numbers of the column, NaN where they are missing."""

    def check(self, column: Column, name: str) -> None:
        super().check(column, name)
        self.numbers(column, name)

    def learned(self, column: Column, name: str) -> Self:
        numbers = self.numbers(column, name)
        present = numbers[~np.isnan(numbers)]
        if self.missing in {"drop", "refuse"}:
            return self
        fill = float(np.median(present) if self.missing == "median" else present.mean())
        return attrs.evolve(self, fill=fill, flagged=self.indicator and len(present) < len(numbers))

    def outputs(self, name: str) -> tuple[str, ...]:
        return (name, f"{name} is missing") if self.flagged else (name,)

    def encode(self, column: Column, name: str, out: Array) -> Words | None:
        numbers = self.numbers(column, name)
        missing = np.isnan(numbers)
        if self.fill is None:
            self.refuse_missing(column, name)
        out[:, 0] = np.where(missing, 0.0 if self.fill is None else self.fill, numbers)
        if self.flagged:
            out[:, 1] = missing
        elif missing.any() and self.fill is not None:
            return Words(np.zeros(int(missing.sum()), dtype=np.int32), (f"missing, taken as {self.fill:g}",))
        return None

    def described(self) -> str:
        if self.fill is None:
            return f"missing values: {self.missing}"
        return f"{self.missing} {self.fill:.6g} where missing" if self.flagged else ""


@final
@attrs.frozen(kw_only=True)
class Number(Numeric):
    """One input: the number. The options are those of ``Numeric``."""

    def numbers(self, column: Column, name: str) -> Array:
        return as_numbers(column, name)


@final
@attrs.frozen(kw_only=True)
class Boolean(Numeric):
    """One input: 0 for ``False``, 1 for ``True``. The options are those of ``Numeric``."""

    kind = "indicator"

    def numbers(self, column: Column, name: str) -> Array:
        numbers = as_numbers(column, name)
        wrong = np.flatnonzero(~np.isin(numbers, (0.0, 1.0)) & ~np.isnan(numbers))
        if len(wrong):
            row = int(wrong[0])
            raise RowError(
                f"column {name!r} has {numbers[row]:g} in {row_name(row)}; expected True and False: declare 'number'",
                row,
            )
        return numbers


@attrs.frozen(kw_only=True)
class Categorical(Rule):
    """Categories, compared as they are written; other values, which training did not have, are counted.

    Args:
        missing: ``"category"`` makes missing values a category, if any is missing in training; ``"drop"`` leaves rows
            without a value out of training, ``"refuse"`` accepts none.
        categories: Learned: the values in training, sorted.
        flagged: Learned: whether missing values are a category.
    """

    replacing = "missing='category'"

    missing: str = choice("category", ("category", "drop", "refuse"))
    categories: tuple[str, ...] | None = None
    flagged: bool = False

    def learned(self, column: Column, name: str) -> Self:
        words = as_words(column)
        categories = tuple(sorted(words.used()))
        flagged = self.missing == "category" and bool((words.codes == MISSING).any())
        return attrs.evolve(self, categories=categories, flagged=flagged)

    @property
    def size(self) -> int:
        """The number of categories, that of missing values included."""
        return len(self.categories or ()) + self.flagged

    @abstractmethod
    def write(self, places: Array, out: Array) -> None:
        """Write the inputs: the place of each row's category, and ``size`` for other values."""

    def encode(self, column: Column, name: str, out: Array) -> Words | None:
        words = as_words(column)
        if self.missing != "category":
            self.refuse_missing(column, name)
        known = {word: place for place, word in enumerate(self.categories or ())}
        places = words.taken(
            np.array([known.get(word, self.size) for word in words.words], dtype=np.intp),
            len(known) if self.flagged else self.size,
        )
        self.write(places, out)
        other = places == self.size
        if not other.any():
            return None
        unseen = Words(words.codes[other], words.words)
        return unseen if unseen.used() else Words(np.zeros(int(other.sum()), dtype=np.int32), (NO_VALUE,))

    def described(self) -> str:
        return f"{len(self.categories or ())} categories" + (", or missing" if self.flagged else "")


@final
@attrs.frozen(kw_only=True)
class OneHot(Categorical):
    """One input a category, 1 where the row has it; all are 0 for other values. See ``Categorical``."""

    kind = "indicator"

    def outputs(self, name: str) -> tuple[str, ...]:
        categories = self.categories or ()
        return tuple(f"{name}={word}" for word in (*categories, *([NO_VALUE] if self.flagged else [])))

    def write(self, places: Array, out: Array) -> None:
        out[:] = places[:, None] == np.arange(out.shape[1])


@final
@attrs.frozen(kw_only=True)
class Embedding(Categorical):
    """One input, the index of the category, which the network replaces by a trained vector.

    The index after those of the categories stands for other values, whose vector is the mean of all vectors.

    Args:
        missing: As for ``Categorical``.
        categories: Learned: the values in training, sorted.
        flagged: Learned: whether missing values are a category.
        dimensions: The length of the vector; by default the square root of the number of categories, 16 at most.

    Source:
        Guo & Berkhahn (2016), "Entity Embeddings of Categorical Variables".
    """

    kind = "index"

    dimensions: int | None = integer(None, ge=1, optional=True)

    @property
    def width(self) -> int:
        """The length of the vector."""
        return self.dimensions or min(16, math.ceil(math.sqrt(self.size)))

    def outputs(self, name: str) -> tuple[str, ...]:
        return (name,)

    def write(self, places: Array, out: Array) -> None:
        out[:, 0] = places

    def described(self) -> str:
        return f"{super().described()}, as vectors of {self.width}"


PARTS = ("elapsed", "year", "month", "day", "weekday", "hour")


def _as_parts(parts: Any) -> tuple[str, ...]:
    return (parts,) if isinstance(parts, str) else tuple(parts)


def _check_format(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, str) or "%" not in value:
        raise DataError(f"date has the format {value!r}; expected text such as '%d.%m.%Y'")


@final
@attrs.frozen(kw_only=True)
class Date(Rule):
    """One input a part of the date: ``elapsed`` (days since the first in training), year, month, day, weekday, hour.

    Args:
        parts: Which.
        format: How dates are written, as for ``datetime.strptime``; ISO 8601 (``2026-11-30``) when left out.
        missing: ``"median"`` of the dates in training, ``"drop"`` or ``"refuse"``.
        start: Learned: the first date, in days since 1970.
        fill: Learned: the replacement, in days since 1970.
    """

    parts: tuple[str, ...] = attrs.field(default=("elapsed", "month", "weekday"), converter=_as_parts)
    format: str | None = attrs.field(default=None, validator=attrs.validators.optional(_check_format))
    missing: str = choice("refuse", ("median", "drop", "refuse"))
    start: float | None = None
    fill: float | None = None

    @parts.validator
    def _check_parts(self, attribute: attrs.Attribute[Any], value: tuple[str, ...]) -> None:
        if not value or not set(value) <= set(PARTS):
            raise DataError(f"date has the parts {value!r}; expected some of {', '.join(PARTS)}")

    def check(self, column: Column, name: str) -> None:
        super().check(column, name)
        as_days(column, name, self.format)

    def learned(self, column: Column, name: str) -> Self:
        days = as_days(column, name, self.format)
        present = days[~np.isnan(days)]
        fill = float(np.median(present)) if self.missing == "median" else None
        return attrs.evolve(self, start=float(np.floor(present.min())), fill=fill)

    def outputs(self, name: str) -> tuple[str, ...]:
        return tuple(f"{name} {part}" for part in self.parts)

    def encode(self, column: Column, name: str, out: Array) -> Words | None:
        days = as_days(column, name, self.format)
        if self.fill is None:
            self.refuse_missing(column, name)
        days = np.where(np.isnan(days), self.fill or 0.0, days)
        whole = np.floor(days)
        date = whole.astype("datetime64[D]")
        month = date.astype("datetime64[M]")
        values = {
            "elapsed": days - (self.start or 0.0),
            "year": date.astype("datetime64[Y]").astype(np.float64) + 1970,
            "month": month.astype(np.float64) % 12 + 1,
            "day": (date - month.astype("datetime64[D]")).astype(np.float64) + 1,
            "weekday": (whole + 3) % 7,  # 1970-01-01 was a Thursday; Monday is 0
            "hour": (days - whole) * 24,
        }
        for place, part in enumerate(self.parts):
            out[:, place] = values[part]
        return None

    def described(self) -> str:
        return f"{', '.join(self.parts)}, from {np.datetime64(int(self.start or 0), 'D')}"


@final
@attrs.frozen(kw_only=True)
class Drop(Rule):
    """No input."""

    def learned(self, column: Column, name: str) -> Self:
        return self

    def outputs(self, name: str) -> tuple[str, ...]:
        return ()

    def encode(self, column: Column, name: str, out: Array) -> Words | None:
        return None

    def described(self) -> str:
        return "not used"


RULES: dict[str, type[Rule]] = {
    rule.__name__.lower(): rule for rule in (Number, Boolean, OneHot, Embedding, Date, Drop)
}
