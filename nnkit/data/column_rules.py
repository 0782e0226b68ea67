"""The rules of a column plan: what a column of a table becomes as inputs of a network."""

from __future__ import annotations

import datetime as dt
import math
import re
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, Self, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.data.table import MISSING, Column, Words
from nnkit.errors import DataError
from nnkit.interfaces.fields import choice, flag

__all__ = ["RULES", "Boolean", "Date", "Drop", "Number", "Numeric", "OneHot", "Rule", "is_missing", "kind_of"]

NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf|infinity)", re.ASCII | re.IGNORECASE)
DATE = re.compile(r"\d{4}-\d\d?-\d\d?([T ]\d\d?:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")
BOOLEANS = {"true": 1.0, "false": 0.0}
OTHER, NO_VALUE = "other", "missing"


@attrs.frozen(kw_only=True)
class Rule(ABC):
    """What becomes of one column, learned from the rows of training.

    Options come first; what is learned has the default ``None`` and is filled in by ``learned``.
    """

    rule: ClassVar[str]

    @abstractmethod
    def learned(self, column: Column, name: str) -> Self:
        """The same rule with everything that it learns from the column.

        Raises:
            DataError: When the column does not suit the rule.
        """

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
            raise DataError(
                f"column {name!r} has no value in row {missing[0]} ({len(missing)} such rows), and its rule does not"
                " replace missing values: drop these rows, or declare missing='median' for numbers"
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

    def learned(self, column: Column, name: str) -> Self:
        numbers = self.numbers(column, name)
        present = numbers[~np.isnan(numbers)]
        if not len(present):
            raise DataError(f"column {name!r} has no value in any row of training; declare it as 'drop'")
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

    rule = "number"

    def numbers(self, column: Column, name: str) -> Array:
        return as_numbers(column, name)


@final
@attrs.frozen(kw_only=True)
class Boolean(Numeric):
    """One input: 0 for ``False``, 1 for ``True``. The options are those of ``Numeric``."""

    rule = "boolean"

    def numbers(self, column: Column, name: str) -> Array:
        numbers = as_numbers(column, name)
        wrong = np.flatnonzero(~np.isin(numbers, (0.0, 1.0)) & ~np.isnan(numbers))
        if len(wrong):
            raise DataError(f"column {name!r} has {numbers[wrong[0]]:g} in row {wrong[0]}; expected True and False")
        return numbers


@final
@attrs.frozen(kw_only=True)
class OneHot(Rule):
    """One input a category, 1 where the row has it; all are 0 for other values, which training did not have.

    Args:
        missing: ``"category"`` makes missing values a category, if any is missing in training; ``"drop"`` leaves rows
            without a value out of training, ``"refuse"`` accepts none.
        categories: Learned: the values in training, sorted.
        flagged: Learned: whether missing values are a category.
    """

    rule = "onehot"
    missing: str = choice("category", ("category", "drop", "refuse"))
    categories: tuple[str, ...] | None = None
    flagged: bool = False

    def learned(self, column: Column, name: str) -> Self:
        words = as_words(column)
        categories = tuple(sorted(words.used()))
        if not categories:
            raise DataError(f"column {name!r} has no value in any row of training; declare it as 'drop'")
        flagged = self.missing == "category" and bool((words.codes == MISSING).any())
        return attrs.evolve(self, categories=categories, flagged=flagged)

    def outputs(self, name: str) -> tuple[str, ...]:
        categories = self.categories or ()
        return tuple(f"{name}={word}" for word in (*categories, *([NO_VALUE] if self.flagged else [])))

    def encode(self, column: Column, name: str, out: Array) -> Words | None:
        words = as_words(column)
        if self.missing != "category":
            self.refuse_missing(column, name)
        places = {word: place for place, word in enumerate(self.categories or ())}
        unseen = len(places) + 1
        place = words.taken(
            np.array([places.get(word, unseen) for word in words.words], dtype=np.intp),
            len(places) if self.flagged else unseen,
        )
        out[:] = place[:, None] == np.arange(out.shape[1])
        other = place == unseen
        if not other.any():
            return None
        named = Words(words.codes[other], words.words)
        return named if named.used() else Words(np.zeros(int(other.sum()), dtype=np.int32), (NO_VALUE,))

    def described(self) -> str:
        return f"{len(self.categories or ())} categories" + (", or missing" if self.flagged else "")


PARTS = ("elapsed", "year", "month", "day", "weekday", "hour")


def _as_parts(parts: Any) -> tuple[str, ...]:
    return (parts,) if isinstance(parts, str) else tuple(parts)


@final
@attrs.frozen(kw_only=True)
class Date(Rule):
    """One input a part of the date: ``elapsed`` (days since the first in training), year, month, day, weekday, hour.

    Args:
        parts: Which.
        missing: ``"median"`` of the dates in training, ``"drop"`` or ``"refuse"``.
        start: Learned: the first date, in days since 1970.
        fill: Learned: the replacement, in days since 1970.
    """

    rule = "date"
    parts: tuple[str, ...] = attrs.field(default=("elapsed", "month", "weekday"), converter=_as_parts)
    missing: str = choice("refuse", ("median", "drop", "refuse"))
    start: float | None = None
    fill: float | None = None

    @parts.validator
    def _check_parts(self, attribute: attrs.Attribute[Any], value: tuple[str, ...]) -> None:
        if not value or not set(value) <= set(PARTS):
            raise DataError(f"date has the parts {value!r}; expected some of {', '.join(PARTS)}")

    def learned(self, column: Column, name: str) -> Self:
        days = as_days(column, name)
        present = days[~np.isnan(days)]
        if not len(present):
            raise DataError(f"column {name!r} has no value in any row of training; declare it as 'drop'")
        fill = float(np.median(present)) if self.missing == "median" else None
        return attrs.evolve(self, start=float(np.floor(present.min())), fill=fill)

    def outputs(self, name: str) -> tuple[str, ...]:
        return tuple(f"{name} {part}" for part in self.parts)

    def encode(self, column: Column, name: str, out: Array) -> Words | None:
        days = as_days(column, name)
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

    rule = "drop"

    def learned(self, column: Column, name: str) -> Self:
        return self

    def outputs(self, name: str) -> tuple[str, ...]:
        return ()

    def encode(self, column: Column, name: str, out: Array) -> Words | None:
        return None

    def described(self) -> str:
        return "not used"


RULES: dict[str, type[Rule]] = {rule.rule: rule for rule in (Number, Boolean, OneHot, Date, Drop)}


def kind_of(column: Column) -> Literal["number", "boolean", "date", "text"]:
    """What a column holds."""
    if isinstance(column, Words):
        used = column.used()
        if used and all(word.lower() in BOOLEANS for word in used):
            return "boolean"
        return "date" if used and all(map(DATE.fullmatch, used)) else "text"
    return {"M": "date", "b": "boolean"}.get(column.dtype.kind, "number")  # type: ignore[return-value]


def is_missing(column: Column) -> Array:
    """Where there is no value, ``(N,)``."""
    if isinstance(column, Words):
        return np.asarray(column.codes == MISSING)
    return np.isnat(column) if column.dtype.kind == "M" else np.isnan(np.asarray(column, dtype=np.float64))


def as_numbers(column: Column, name: str) -> Array:
    """The numbers, NaN where they are missing.

    Raises:
        DataError: For a word that is no number; for infinity.
    """
    if isinstance(column, Words):
        column = column.taken(np.array([_number(word, name, column) for word in column.words]), np.nan)
    if column.dtype.kind == "M":
        raise DataError(f"column {name!r} has dates; expected numbers: declare it as 'date'")
    numbers = np.asarray(column, dtype=np.float64)
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        raise DataError(f"column {name!r} has {numbers[infinite[0]]} in row {infinite[0]}; expected finite numbers")
    return numbers


def _number(word: str, name: str, column: Words) -> float:
    text = word.strip()
    if text.lower() in BOOLEANS:
        return BOOLEANS[text.lower()]
    if not NUMBER.fullmatch(text):
        if word not in column.used():
            return math.nan
        row = int(np.flatnonzero(column.codes == column.words.index(word))[0])
        raise DataError(f"column {name!r} has the text {word!r} in row {row}; expected numbers, or declare 'onehot'")
    return float(text)


def as_words(column: Column) -> Words:
    """The values as they are written."""
    return column if isinstance(column, Words) else Words.of(column.tolist())


def as_days(column: Column, name: str) -> Array:
    """Days since 1970, with the time of the day as fraction; NaN where a date is missing.

    Raises:
        DataError: For a value that is no date in ISO 8601.
    """
    if isinstance(column, Words):
        column = column.taken(np.array([_date(word, name) for word in column.words], dtype="datetime64[us]"), "NaT")
    if column.dtype.kind != "M":
        raise DataError(f"column {name!r} has numbers; expected dates such as 2026-11-30")
    microseconds = column.astype("datetime64[us]")
    days = microseconds.astype(np.int64) / 86_400e6
    return np.where(np.isnat(microseconds), np.nan, days)


def _date(word: str, name: str) -> np.datetime64:
    date, _, time = word.strip().replace(" ", "T").partition("T")
    try:
        day = "-".join(part.zfill(2) for part in date.split("-"))
        moment = dt.datetime.fromisoformat(f"{day}T{time}" if time else day)
    except ValueError as error:
        raise DataError(f"column {name!r} has {word!r}; expected dates such as 2026-11-30") from error
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return np.datetime64(moment, "us")
