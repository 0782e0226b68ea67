"""Column plans: from a table as people have it to the matrix that a network reads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.data.column_request import AUTO, ColumnsLike, Undecided, automatic_rule, checked_request
from nnkit.data.column_rules import KINDS, RULES, Categorical, Drop, Embedding, Numeric, Rule
from nnkit.data.column_values import is_missing
from nnkit.data.frames import is_frame
from nnkit.data.table import RowError, Table, as_table
from nnkit.errors import DataError, HyperparameterError, ShapeError, SpecError, TrainingWarning, warn
from nnkit.interfaces.description import TablePlan, listed
from nnkit.spelling import suggest

__all__ = ["ColumnPlan", "complete_rows", "written_rules"]


@attrs.frozen(kw_only=True)
class ColumnPlan:
    """What each column of a table becomes, learned from the rows of training.

    Two plans are equal when they make the same matrix of every table.

    Args:
        rules: The learned rule of each column, in the order of the table.

    Example:
        >>> table = {"age": np.array([20.0, np.nan, 40.0]), "city": ["Oslo", "Rome", "Oslo"]}
        >>> plan = ColumnPlan.learn(table, {"city": "onehot"})
        >>> plan.outputs
        ('age', 'age is missing', 'city=Oslo', 'city=Rome')
        >>> plan.matrix(table)
        array([[20.,  0.,  1.,  0.],
               [30.,  1.,  0.,  1.],
               [40.,  0.,  1.,  0.]])
    """

    rules: tuple[tuple[str, Rule], ...]

    @classmethod
    def learn(
        cls,
        frame: Any,
        request: ColumnsLike = AUTO,
        *,
        name: str = "X",
        rows: Any = None,
        example: Callable[[Mapping[str, str]], str] | None = None,
    ) -> Self:
        """The plan of a frame or a mapping of arrays.

        Args:
            frame: The table.
            request: ``"auto"``, or the rule of some columns by name.
            name: The table's name in messages.
            rows: The rows of training, as places or a mask; all by default.
            example: How declared rules are written in messages; by default as the argument ``columns``.

        Raises:
            DataError: With every column that has no rule, why, and what to do.
        """
        declared = checked_request(request)
        table = as_table(frame, name)
        if not len(table):
            raise DataError(f"{name} is empty (shape {table.shape}); expected at least one sample")
        unknown = next((column for column in declared if column not in table.columns), None)
        if unknown is not None:
            near = suggest(unknown, table.columns, count=1)
            hint = f" did you mean {near[0]!r}?" if near else ""
            raise DataError(
                f"columns has a rule for {unknown!r}, which {name} does not have;{hint} its columns are "
                f"{listed(map(repr, table.columns))}"
            )
        rows = slice(None) if rows is None else rows
        for column, rule in declared.items():  # rows that a rule drops teach nothing
            complete = rule.complete(table[column])
            if complete is not None:
                rows = np.arange(len(table))[rows]
                rows = rows[complete[rows]]
        undecided: dict[str, Undecided] = {}
        rules: list[tuple[str, Rule]] = []
        for column in table.columns:
            part = table[column][rows]
            chosen = declared.get(column) or automatic_rule(part, table[column])
            if isinstance(chosen, Undecided):
                undecided[column] = chosen
                continue
            with _named(table, name):
                chosen.check(table[column], column)
                if not isinstance(chosen, Drop) and is_missing(part).all():
                    undecided[column] = Undecided('has no value in any row of training; declare "drop"', "drop")
                    continue
                rules.append((column, chosen.learned(part, column)))
        if undecided:
            reasons = "; ".join(
                f"column {column!r} {RowError(entry.reason, entry.row).at(table)}"
                for column, entry in undecided.items()
            )
            wanted = {column: entry.rule for column, entry in undecided.items()}
            raise DataError(f"{name}: {reasons}. For example: {(example or written_rules)(wanted)}")
        plan = cls(rules=tuple(rules))
        if not plan.outputs:
            raise DataError(f"{name} has no column left for the features; its columns are {listed(table.columns)}")
        twice = next((output for output in plan.outputs if plan.outputs.count(output) > 1), None)
        if twice is not None:
            raise DataError(f"{name} gives two inputs the name {twice!r}; rename a column")
        return plan

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a table must have."""
        return tuple(name for name, rule in self.rules if rule.outputs(name))

    @property
    def numeric(self) -> bool:
        """Whether every column that is used is of numbers: then arrays are read too, by the place of their columns."""
        return all(isinstance(rule, Numeric) for name, rule in self.rules if rule.outputs(name))

    @property
    def outputs(self) -> tuple[str, ...]:
        """A name for each column of the matrix."""
        return tuple(output for name, rule in self._placed for output in rule.outputs(name))

    @property
    def numbers(self) -> int:
        """How many of the first columns of the matrix are numbers; the others are 0 or 1, or indices."""
        return sum(len(rule.outputs(name)) for name, rule in self.rules if rule.kind == KINDS[0])

    @property
    def embedded(self) -> tuple[tuple[int, int, int], ...]:
        """Of each input that is an index: its column of the matrix, the number of categories, the length of its vector.

        They are the last columns of the matrix. The index after those of the categories stands for other values.
        """
        rules = [rule for _, rule in self._placed if isinstance(rule, Embedding)]
        first = len(self.outputs) - len(rules)
        return tuple((first + place, rule.size, rule.width) for place, rule in enumerate(rules))

    @property
    def _placed(self) -> tuple[tuple[str, Rule], ...]:
        """The rules in the order of the matrix: numbers, then inputs that are 0 or 1, then indices."""
        return tuple(sorted(self.rules, key=lambda item: KINDS.index(item[1].kind)))

    @property
    def ranges(self) -> dict[str, slice]:
        """The columns of the matrix that come from each column of the table."""
        ranges, start = {}, 0
        for name, rule in self._placed:
            width = len(rule.outputs(name))
            ranges[name] = slice(start, start + width)
            start += width
        return ranges

    @property
    def texts(self) -> frozenset[str]:
        """The columns whose values are compared as they are written: a reader must not turn them into numbers."""
        return frozenset(name for name, rule in self.rules if isinstance(rule, Categorical))

    def matrix(self, frame: Any, name: str = "X") -> Array:
        """The inputs of a network, ``(N, len(outputs))`` in float64; values that training did not have are warned of.

        Raises:
            DataError: When a column is missing, or has a value that its rule cannot read.
        """
        table, name = self._matched(frame, name)
        out = np.empty((len(table), len(self.outputs)))
        ranges, unseen = self.ranges, []
        for column, rule in self.rules:
            if rule.outputs(column):
                with _named(table, name):
                    other = rule.encode(table[column], column, out[:, ranges[column]])
                if other is not None:
                    unseen.append(f"{column!r} in {len(other)} rows ({listed(other.used(), 3)})")
        if unseen:
            warn(
                f"{name} has values that the column plan did not see in training, which count as other: "
                f"{', '.join(unseen)}",
                TrainingWarning,
            )
        return out

    def check(self, frame: Any, name: str = "X") -> None:
        """Check that every value can be read, without making the inputs.

        Raises:
            DataError: As ``matrix``.
        """
        table, name = self._matched(frame, name)
        for column, rule in self.rules:
            if rule.outputs(column):
                with _named(table, name):
                    rule.check(table[column], column)

    def _matched(self, frame: Any, name: str) -> tuple[Table, str]:
        """The columns of a frame, and its name in messages.

        Raises:
            DataError: When columns are missing, or additional.
        """
        table = self._table(frame, name)
        name = table.source or name
        missing = [column for column in self.columns if column not in table.columns]
        known = {column for column, _ in self.rules}
        additional = [column for column in table.columns if column not in known]
        if missing or additional:
            parts = [f"lacks {listed(map(repr, missing))}"] * bool(missing)
            parts += [f"has {listed(map(repr, additional))} in addition"] * bool(additional)
            raise DataError(f"{name} {' and '.join(parts)}; its column plan has {listed(map(repr, self.columns))}")
        return table, name

    def complete(self, frame: Any, name: str = "X") -> Array | None:
        """Which rows stay in training, ``(N,)``; ``None`` where no rule drops rows.

        Raises:
            DataError: When none stays.
        """
        table = self._table(frame, name)
        masks = [rule.complete(table[column]) for column, rule in self.rules if column in table.columns]
        present = [mask for mask in masks if mask is not None]
        if not present:
            return None
        complete: Array = np.logical_and.reduce(present)
        if not complete.any():
            raise DataError(f"{name}: missing='drop' leaves no row; declare another rule for missing values")
        return complete

    def _table(self, frame: Any, name: str) -> Table:
        """The columns of a frame; those of an array by their place, where every rule reads numbers."""
        table = as_table(frame, name)
        every = tuple(column for column, _ in self.rules)
        places = tuple(map(str, range(len(table.columns))))
        named = isinstance(frame, (Mapping, Table)) or is_frame(frame) or table.columns != places
        if named or every == places:
            return table
        if not self.numeric:
            raise DataError(
                f"{name} is {type(frame).__name__} without names, and the column plan has columns of other kinds than"
                f" numbers: pass a frame or a mapping with the columns {listed(map(repr, self.columns))}"
            )
        by_place = next((names for names in (self.columns, every) if len(names) == len(places)), None)
        if by_place is None:
            raise ShapeError(
                f"{name} has shape {table.shape}; expected (N, {len(self.columns)}), with the columns "
                f"{listed(map(repr, self.columns))}"
            )
        return Table(dict(zip(by_place, table.contents.values(), strict=True)))

    def lines(self, frame: Any = None) -> list[tuple[str, str, str, str]]:
        """For each column its name, rule, inputs, and what was learned; with a table also its missing values."""
        table = None if frame is None else as_table(frame, "X")
        lines = []
        for name, rule in self.rules:
            details = [rule.described()]
            if table is not None and rule.rule != "drop":
                count = int(is_missing(table[name]).sum())
                details.insert(0, f"{count:,} missing" if count else "")
                if isinstance(rule, Numeric) and count == 0:
                    numbers = rule.numbers(table[name], name)
                    details.append("one value" if numbers.min(initial=np.inf) == numbers.max(initial=-np.inf) else "")
            lines.append((name, rule.rule, str(len(rule.outputs(name))), ", ".join(filter(None, details))))
        return lines

    def to_config(self) -> list[dict[str, Any]]:
        """JSON-able data."""
        return [
            {"column": name, "rule": rule.rule}
            | {key: list(v) if isinstance(v, tuple) else v for key, v in attrs.asdict(rule, recurse=False).items()}
            for name, rule in self.rules
        ]

    @classmethod
    def from_config(cls, config: Any) -> Self:
        """The plan of ``to_config``.

        Raises:
            SpecError: When it is not one.
        """
        try:
            rules = []
            for entry in config:
                options = {
                    key: tuple(v) if isinstance(v, list) else v
                    for key, v in entry.items()
                    if key not in {"column", "rule"}
                }
                rules.append((str(entry["column"]), RULES[entry["rule"]](**options)))
        except (TypeError, KeyError, AttributeError, HyperparameterError, DataError) as error:
            raise SpecError(f"the column plan cannot be understood: {error!r}") from error
        return cls(rules=tuple(rules))


@contextlib.contextmanager
def _named(table: Table, name: str) -> Iterator[None]:
    """Within the block, errors of a column begin with the name of the table, and name the line of a row."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{name}: {error.at(table) if isinstance(error, RowError) else error}") from error


def written_rules(rules: Mapping[str, str]) -> str:
    """Declared rules as the argument ``columns``.

    Example:
        >>> written_rules({"name": "drop"})
        "columns={'name': 'drop'}"
    """
    return f"columns={dict(rules)!r}"


def complete_rows(plan: TablePlan | None, X: Any, *others: Any, name: str = "X") -> tuple[Any, ...]:
    """``X`` and what goes with its rows (targets, weights), without the rows that the plan leaves out of training.

    Example:
        >>> table = {"age": [1.0, None, 3.0]}
        >>> plan = ColumnPlan.learn(table, {"age": "number(missing='drop')"})
        >>> complete_rows(plan, table, [10, 20, 30])[1]
        [10, 30]
    """
    rows = None if plan is None else plan.complete(X, name)
    if rows is None or rows.all():
        return X, *others
    if any(other is not None and len(other) != len(rows) for other in others):
        raise DataError(
            f"{name} has {len(rows)} rows; targets and weights have {', '.join(str(len(o)) for o in others)}"
        )
    X = X[rows] if isinstance(X, np.ndarray) else as_table(X, name).rows(rows)
    return X, *(_rows(other, rows) for other in others)


def _rows(values: Any, rows: Array) -> Any:
    """Some of the rows of an array, a list, a frame or one column of it."""
    if values is None or isinstance(values, (list, tuple)):
        return values and [value for value, stays in zip(values, rows, strict=True) if stays]
    if hasattr(values, "iloc"):
        return values.iloc[np.flatnonzero(rows)]
    if hasattr(values, "filter") and not hasattr(values, "codes"):  # polars, pyarrow
        return values.filter(rows.tolist())
    return values[rows] if hasattr(values, "codes") else np.asarray(values)[rows]
