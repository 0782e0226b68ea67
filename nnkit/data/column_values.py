"""The values of one column: what they are, and as numbers, words or days."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import re
from collections.abc import Sequence
from typing import Literal

import numpy as np

from nnkit.arrays import Array
from nnkit.data.table import MISSING, Column, RowError, Words, row_name
from nnkit.errors import DataError

__all__ = ["BOOLEANS", "NUMBER", "as_days", "as_numbers", "as_words", "date_formats", "is_missing", "kind_of"]

NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf|infinity)", re.ASCII | re.IGNORECASE)
DATE = re.compile(r"\d{4}-\d\d?-\d\d?([T ]\d\d?:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")
DAYS = (
    *("%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y"),
    *("%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%B %d, %Y", "%b %d, %Y"),
)
TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p")
LOOKED_AT = 50
"""Words from which the form of dates is recognized."""

BOOLEANS = {"true": 1.0, "false": 0.0}


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
        row = int(infinite[0])
        raise RowError(f"column {name!r} has {numbers[row]} in {row_name(row)}; expected finite numbers", row)
    return numbers


def _number(word: str, name: str, column: Words) -> float:
    text = word.strip()
    if text.lower() in BOOLEANS:
        return BOOLEANS[text.lower()]
    if not NUMBER.fullmatch(text):
        if word not in column.used():
            return math.nan
        row = _first_row(column, word)
        raise RowError(
            f"column {name!r} has the text {word!r} in {row_name(row)}; expected numbers: replace it where it stands"
            " for a missing value (in an experiment file by the key missing), or declare 'onehot'",
            row,
        )
    return float(text)


def _first_row(column: Words, word: str) -> int:
    return int(np.flatnonzero(column.codes == column.words.index(word))[0])


def as_words(column: Column) -> Words:
    """The values as they are written."""
    if isinstance(column, Words):
        return column
    # Of nanoseconds numpy would make integers.
    return Words.of((column.astype("datetime64[us]") if column.dtype.kind == "M" else column).tolist())


def date_formats(words: Sequence[str]) -> list[str]:
    """The forms in which texts are dates, as for ``datetime.strptime``; none where they are not, or in ISO 8601.

    Example:
        >>> date_formats(["31.12.2024", "01.01.2025"]), date_formats(["01/02/2024"])
        (['%d.%m.%Y'], ['%m/%d/%Y', '%d/%m/%Y'])
    """
    some = [word.strip() for word in words[:LOOKED_AT]]
    if not some or not all(any(map(str.isdecimal, word)) and len(word) >= len("1.1.20") for word in some):
        return []
    forms = map("".join, itertools.product(DAYS, TIMES))
    return [form for form in forms if all(_has_form(word, form) for word in some)]


def _has_form(word: str, form: str) -> bool:
    try:
        dt.datetime.strptime(word, form)  # noqa: DTZ007  # only whether it can be read
    except ValueError:
        return False
    return True


def as_days(column: Column, name: str, form: str | None = None) -> Array:
    """Days since 1970, with the time of the day as fraction; NaN where a date is missing.

    Raises:
        DataError: For a value that is no date in this form, by default ISO 8601.
    """
    if isinstance(column, Words):
        used = set(column.used())
        moments = [_date(word, name, form, column) if word in used else "NaT" for word in column.words]
        column = column.taken(np.array(moments, dtype="datetime64[us]"), "NaT")
    if column.dtype.kind != "M":
        raise DataError(f"column {name!r} has numbers; expected dates such as 2026-11-30")
    microseconds = column.astype("datetime64[us]")
    days = microseconds.astype(np.int64) / 86_400e6
    return np.where(np.isnat(microseconds), np.nan, days)


def _date(word: str, name: str, form: str | None, column: Words) -> np.datetime64:
    try:
        if form is None:
            date, _, time = word.strip().replace(" ", "T").partition("T")
            day = "-".join(part.zfill(2) for part in date.split("-"))
            moment = dt.datetime.fromisoformat(f"{day}T{time}" if time else day)
        else:
            moment = dt.datetime.strptime(word.strip(), form)  # noqa: DTZ007  # dates of a table have no time zone
    except ValueError as error:
        expected = "dates such as 2026-11-30" if form is None else f"dates of the form {form}"
        forms = date_formats([word]) if form is None else []
        advice = f", or declare date(format={forms[0]!r})" if forms else ""
        row = _first_row(column, word)
        raise RowError(f"column {name!r} has {word!r} in {row_name(row)}; expected {expected}{advice}", row) from error
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return np.datetime64(moment, "us")
