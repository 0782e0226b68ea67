"""Arguments and results of a part: memory, layout, rows and dtype."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import Call, quiet
from nnkit.testing.checks.common.calling import calls_of
from nnkit.testing.comparison import leaves
from nnkit.testing.failure import expect_close, expect_equal, fail, require
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


@CHECKS.check("PART-010/inputs-unmutated")
def inputs_unmutated(subject: Subject) -> None:
    """The arrays belong to the caller; a part that writes to them damages the data of all other users of them.

    Work on a copy; in-place numpy (`+=`, `out=`) only on arrays that the interface lets the part write to.
    """
    part = subject.make()
    for call in calls_of(subject):
        arguments = call.fresh()
        with quiet():
            call.run(part, arguments)
        for name, original in call.arrays.items():
            if name not in call.writes:
                message = f"{call.name} writes to its argument {name!r}"
                expect_equal(message, arguments[name], original, inputs=call.arrays)


def _on_other_values(subject: Subject) -> list[Call]:
    """The calls with values for which a shortcut may return an argument: all positive, small, zero."""
    if subject.cls.kind not in {"activation", "layer", "regularizer"}:
        return []
    changes = (np.abs, lambda array: array * array.dtype.type(0.01), np.zeros_like)
    return [
        attrs.evolve(call, arrays={n: change(a) if a.dtype.kind == "f" else a for n, a in call.arrays.items()})
        for call in calls_of(subject)
        for change in changes
    ]


@CHECKS.check("PART-011/outputs-not-aliased")
def outputs_not_aliased(subject: Subject) -> None:
    """A result that shares memory with an argument changes when the caller reuses its array.

    Return a new array: `.copy()`, or an operation that makes one.
    """
    part = subject.make()
    for call in (*calls_of(subject), *_on_other_values(subject)):
        arguments = call.fresh()
        with quiet():
            first, second = (
                [(path, leaf) for path, leaf in leaves(call.run(part, arrays)) if isinstance(leaf, np.ndarray)]
                for arrays in (arguments, call.fresh())
            )
        others = [(repr(name), a) for name, a in arguments.items() if name not in call.shares | call.writes]
        others += [(f"{path} of the next call", leaf) for path, leaf in second if leaf.size]
        for path, leaf in first:
            for name, other in others:
                if np.shares_memory(leaf, other):
                    fail(f"{path} of {call.name} shares memory with {name}", inputs=call.arrays)
            require(leaf.flags.writeable, f"{path} of {call.name} is read-only", inputs=call.arrays)


def _expect_result(
    message: str, part: Any, call: Call, arguments: dict[str, Array], expected: Any, tolerance: float = 0.0
) -> None:
    """Fail unless ``call`` with equal arguments in another memory gives the expected result."""
    with quiet():
        got = copy.deepcopy(call.run(part, arguments))
    expect_close(f"{call.name} gives another result {message}", got, expected, tolerance=tolerance, inputs=call.arrays)


@CHECKS.check("PART-012/read-only-inputs")
def read_only_inputs(subject: Subject) -> None:
    """Memory-mapped and shared data are read-only.

    Do not write to arguments, not even to restore them afterwards.
    """
    part = subject.make()
    for call in calls_of(subject):
        arguments = call.fresh()
        for name, array in arguments.items():
            array.flags.writeable = name in call.writes
        with quiet():
            expected = call.result(part)
        _expect_result("for read-only arguments", part, call, arguments, expected)


def _layouts(array: Array) -> Iterator[tuple[str, Array]]:
    wide = np.repeat(array, 2, axis=-1) if array.ndim else array
    if array.ndim:
        if wide.dtype.kind == "f":
            wide[..., 1::2] = np.nan
        yield "every second column of a wider one", wide[..., ::2]
        yield "a reversed view", np.ascontiguousarray(array[::-1])[::-1]
    if array.ndim > 1:
        yield "Fortran-ordered", np.asfortranarray(array)
        yield "a transposed view", np.ascontiguousarray(array.T).T


@CHECKS.check("PART-013/memory-layouts")
def memory_layouts(subject: Subject) -> None:
    """Slices, transposes and columns of a data frame are not contiguous.

    Address arrays by index, never by raw memory (`.ravel(order='K')`, `.view`, `.data`, reshape in place).
    """
    part = subject.make()
    for call in calls_of(subject):
        with quiet():
            expected = call.result(part)
        for name in call.arrays:
            for layout, view in () if name in call.writes else _layouts(call.arrays[name]):
                message, arguments = f"when {name!r} is {layout}", {**call.fresh(), name: view}
                _expect_result(message, part, call, arguments, expected, 64 * subject.eps)


def _row_calls(subject: Subject) -> list[Call]:
    return [call for call in calls_of(subject) if call.rows]


def _needs_row_calls(subject: Subject) -> str | None:
    return None if _row_calls(subject) else "its results are not by rows"


def _on_rows(
    part: Any, call: Call, rows: slice | Sequence[int]
) -> tuple[Mapping[str, Array], dict[str, Any], list[str]]:
    """The arguments cut to some rows, the leaves of the result on them, and the warnings."""
    arguments = {n: (a[rows] if n in call.rows else a).copy() for n, a in call.arrays.items()}
    with quiet() as noted:
        result = dict(leaves(call.run(part, {n: a.copy() for n, a in arguments.items()})))
    return arguments, result, noted.warned


@CHECKS.check("PART-014/zero-and-one-row", needs=_needs_row_calls)
def zero_and_one_row(subject: Subject) -> None:
    """The last batch of an epoch may have one row, a filtered one none.

    Reduce along axis 1, keep the axis of the samples, and divide by nothing that counts rows.
    """
    part = subject.make()
    for call in _row_calls(subject):
        whole = dict(leaves(call.result(part)))
        for count in (0, 1):
            arguments, result, warned = _on_rows(part, call, slice(0, count))
            require(not warned, f"{call.name} warns for {count} rows", inputs=arguments, got=warned)
            for path, leaf in result.items():
                if isinstance(whole.get(path), np.ndarray):
                    message = f"{path} of {call.name} has the wrong shape for {count} rows"
                    got, expected = np.shape(leaf), (count, *whole[path].shape[1:])
                    require(got == expected, message, inputs=arguments, got=got, expected=expected)


@CHECKS.check("PART-015/rows-apart", needs=_needs_row_calls)
def rows_apart(subject: Subject) -> None:
    """A sample's result must not depend on which other samples share its batch.

    Reduce along the axis of the units only; no mean, maximum or norm over axis 0, no 1/N.
    """
    part = subject.make()
    for call in _row_calls(subject):
        whole = dict(leaves(call.result(part)))
        count = min(call.arrays[name].shape[0] for name in call.rows)
        for rows in (*([n] for n in range(count)), [*range(count)][::-1], [0, 0, *range(count)]):
            arguments, result, _ = _on_rows(part, call, rows)
            message = f"{call.name} of rows {rows} differs from the same rows of the batch of {count}"
            for path, leaf in result.items():
                expect_close(message, leaf, whole[path][rows], tolerance=64 * subject.eps, inputs=arguments)


@CHECKS.check("PART-016/dtype-kept")
def dtype_kept(subject: Subject) -> None:
    """One float64 in a float32 network doubles its memory and halves its speed, unseen.

    Make constants of the input's dtype: `z.dtype.type(0.1)`, `np.zeros_like(z)`, `.astype(z.dtype, copy=False)`.
    """
    part = subject.make()
    for call in calls_of(subject):
        for path, leaf in leaves(call.result(part)) if call.floats else ():
            if isinstance(leaf, (np.ndarray, np.generic)) and leaf.dtype.kind in "fc":
                message = f"{path} of {call.name} has another dtype than the arguments"
                got, expected = leaf.dtype, subject.dtype
                require(got == expected, message, inputs=call.arrays, got=got, expected=expected)
