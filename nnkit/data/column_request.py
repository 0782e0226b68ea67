"""What is asked for a column plan: declared rules, and the rule of a column without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import attrs
import numpy as np

from nnkit.data.column_rules import RULES, Embedding, OneHot, Rule
from nnkit.data.column_values import NUMBER, date_formats, kind_of
from nnkit.data.table import Column, Words, row_name
from nnkit.errors import DataError, HyperparameterError, SpecError
from nnkit.interfaces.description import listed
from nnkit.spelling import parse, suggest

__all__ = ["AUTO", "ColumnsLike", "Undecided", "automatic_rule", "checked_request"]

AUTO = "auto"
MOST_CATEGORIES = 50
"""Text with more distinct values is embedded unless the column's rule is another."""

DECORATION = str.maketrans("", "", " $\N{EURO SIGN}\N{POUND SIGN}\N{YEN SIGN}%'.,+-")
"""Removes what people write around and between the digits of a number."""

OPTIONS = {"missing", "indicator", "parts", "format", "dimensions"}
"""The fields of rules that can be declared; the others are learned."""

ColumnsLike: TypeAlias = str | Mapping[str, Any]
"""``"auto"``, or the rule of some columns by name; the others follow ``"auto"``."""


@attrs.frozen
class Undecided:
    """Why a column without a declared rule has none, a rule to declare, and the row that the reason names."""

    reason: str
    rule: str
    row: int | None = None


def checked_request(request: Any) -> dict[str, Rule]:
    """The declared rules by column, with nothing learned yet.

    Raises:
        SpecError: When it is neither ``"auto"`` nor a mapping of rules.
    """
    if request == AUTO:
        return {}
    if not isinstance(request, Mapping):
        raise SpecError(
            f"columns is {request!r}; expected 'auto', or the rules of columns by name: {{'city': 'onehot'}}"
        )
    return {str(column): _rule(spec, str(column)) for column, spec in request.items()}


def _rule(spec: Any, column: str) -> Rule:
    """The rule of a text such as ``"number(missing='median')"``, or of a mapping with ``name``."""
    where = f"columns: the rule of {column!r}"
    if isinstance(spec, Rule):
        return spec
    if isinstance(spec, str):
        name, options = parse(spec)
    elif isinstance(spec, Mapping) and isinstance(spec.get("name"), str):
        name, options = spec["name"], {key: value for key, value in spec.items() if key != "name"}
    else:
        raise SpecError(f"{where} is {spec!r}; expected text such as \"number(missing='median')\"")
    if name not in RULES:
        near = suggest(name, RULES, count=1)
        hint = f" did you mean {near[0]!r}?" if near else ""
        raise SpecError(f"{where} is {name!r};{hint} the rules are {', '.join(RULES)}")
    allowed = OPTIONS & {field.name for field in attrs.fields(RULES[name])}
    wrong = next((option for option in options if option not in allowed), None)
    if wrong is not None:
        raise SpecError(f"{where}: {name} has no option {wrong!r}; it has {', '.join(sorted(allowed)) or 'none'}")
    try:
        return RULES[name](**options)
    except (HyperparameterError, DataError) as error:
        raise SpecError(f"{where}: {error}") from error


def automatic_rule(column: Column, whole: Column) -> Rule | Undecided:
    """The rule of a column without a declared one.

    Args:
        column: Its rows of training.
        whole: All of its rows, which are read alike.
    """
    kind = kind_of(column)
    if kind == "date":
        return Undecided('has dates; declare "date" (or "date(parts=[\'year\', \'month\'])"), or "drop"', "date")
    if kind in {"number", "boolean"}:
        return RULES[kind]()
    assert isinstance(column, Words)
    used = column.used()
    rules = [f"date(format={form!r})" for form in date_formats(used)]
    if rules:
        choices = ", or ".join(f'"{rule}"' for rule in (*rules, "drop"))
        return Undecided(f"has dates such as {used[0]!r}; declare {choices}", rules[0])
    return _among_numbers(cast("Words", whole)) or _category(used, int((column.codes >= 0).sum()))


def _among_numbers(column: Words) -> Undecided | None:
    """Where most rows have numbers and some a text without a digit, which may stand for a missing value."""
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.words))
    numeric = np.array(
        [NUMBER.fullmatch(word.strip().replace(",", ".")) is not None for word in column.words], dtype=bool
    )
    rows = int(counts[~numeric].sum())
    texts = [column.words[place] for place in np.flatnonzero(~numeric & (counts > 0))]
    if rows == 0 or 2 * rows >= counts.sum() or any(map(str.isdecimal, "".join(texts))):
        return None
    row = int(np.flatnonzero(np.isin(column.codes, np.flatnonzero(~numeric)))[0])
    where = f"{listed(map(repr, texts), 3)} in {f'{rows} rows, the first in ' * (rows > 1)}{row_name(row)}"
    return Undecided(
        f"has numbers, and {where}: replace it where it stands for a missing value (in an experiment file missing ="
        f' [{", ".join(map(_quoted, texts[:3]))}]), or declare "onehot" if these are categories',
        "onehot",
        row,
    )


def _category(used: list[str], rows: int) -> Rule | Undecided:
    if 2 * len(used) <= rows:
        return (Embedding if len(used) > MOST_CATEGORIES else OneHot)()
    numbers = all(word.translate(DECORATION).isdecimal() for word in used)
    return Undecided(
        f"has {len(used)} distinct texts in {rows} rows ({listed(map(repr, used), 2)}), too many to learn from"
        + ("; numbers are written as 1234.5, without signs and separators" if numbers else "")
        + '; declare "drop", or "embedding" or "onehot" if they are categories all the same',
        "drop",
    )


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
