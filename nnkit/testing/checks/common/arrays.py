"""Arrays that a part is given, and those it gives."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import Call, quiet
from nnkit.testing.checks.common.calling import calls_for
from nnkit.testing.comparison import leaves
from nnkit.testing.failure import expect_close, expect_equal, fail, require
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


# -- arrays ----------------------------------------------------------------------------------


def _has_calls(subject: Subject) -> str | None:
    return None if calls_for(subject) else "it has no calls with arrays"


@CHECKS.check(
    "PART-010/inputs-unmutated",
    why="The arrays belong to the caller; a part that writes to them damages the data of everybody else.",
    fix="Work on a copy; in-place numpy (`+=`, `out=`) only on arrays that the interface lets the part write to.",
)
def inputs_unmutated(subject: Subject) -> None:
    part = subject.make()
    for call in calls_for(subject):
        given = call.fresh()
        with quiet():
            call.run(part, given)
        for name, original in call.arrays.items():
            if name not in call.writes:
                expect_equal(f"{call.name} writes to its argument {name!r}", given[name], original, inputs=call.arrays)


def _on_other_figures(subject: Subject) -> list[Call]:
    """The calls with figures for which a shortcut may hand an argument on: all positive, small, zero."""
    if subject.cls.kind not in {"activation", "layer", "regularizer"}:
        return []
    found = []
    for call in calls_for(subject):
        for change in (np.abs, lambda array: array * array.dtype.type(0.01), np.zeros_like):
            arrays = {name: change(a) if a.dtype.kind == "f" else a for name, a in call.arrays.items()}
            found.append(attrs.evolve(call, arrays=arrays))
    return found


@CHECKS.check(
    "PART-011/outputs-not-aliased",
    why="A result that shares memory with an argument changes when the caller reuses its array.",
    fix="Return a new array: `.copy()`, or an operation that makes one.",
)
def outputs_not_aliased(subject: Subject) -> None:
    part = subject.make()
    for call in (*calls_for(subject), *_on_other_figures(subject)):
        given = call.fresh()
        with quiet():
            first = call.run(part, given)
            second = call.run(part, call.fresh())
        for path, leaf in leaves(first):
            if not isinstance(leaf, np.ndarray):
                continue
            for name, array in given.items():
                if name not in call.shares | call.writes and np.shares_memory(leaf, array):
                    fail(f"{path} of {call.name} shares memory with {name!r}", inputs=call.arrays)
            require(leaf.flags.writeable, f"{path} of {call.name} is read-only", inputs=call.arrays)
            for other_path, other in leaves(second):
                if isinstance(other, np.ndarray) and other.size and np.shares_memory(leaf, other):
                    fail(f"{path} of {call.name} shares memory with {other_path} of the next call", inputs=call.arrays)


@CHECKS.check(
    "PART-012/read-only-inputs",
    why="Memory-mapped and shared data are read-only.",
    fix="Do not write to arguments, not even to restore them afterwards.",
)
def read_only_inputs(subject: Subject) -> None:
    part = subject.make()
    for call in calls_for(subject):
        given = call.fresh()
        for name, array in given.items():
            array.flags.writeable = name in call.writes
        with quiet():
            expect_equal(
                f"{call.name} gives another result for read-only arguments",
                copy.deepcopy(call.run(part, given)),
                call.result(part),
                inputs=call.arrays,
            )


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


@CHECKS.check(
    "PART-013/memory-layouts",
    why="Slices, transposes and columns of a data frame are not contiguous.",
    fix="Address arrays by index, never by raw memory (`.ravel(order='K')`, `.view`, `.data`, reshape in place).",
)
def memory_layouts(subject: Subject) -> None:
    part = subject.make()
    tolerance = 64 * subject.eps
    for call in calls_for(subject):
        plain = call.result(part)
        for name in call.arrays:
            if name in call.writes:
                continue
            for how, view in _layouts(call.arrays[name]):
                given = {**call.fresh(), name: view}
                with quiet():
                    expect_close(
                        f"{call.name} gives another result when {name!r} is {how}",
                        copy.deepcopy(call.run(part, given)),
                        plain,
                        tolerance=tolerance,
                        inputs=call.arrays,
                    )


def _has_row_calls(subject: Subject) -> str | None:
    return None if any(call.rows for call in calls_for(subject)) else "its results are not by rows"


@CHECKS.check(
    "PART-014/zero-and-one-row",
    why="The last batch of an epoch may have one row, a filtered one none.",
    fix="Reduce along axis 1, keep the axis of the samples, and divide by nothing that counts rows.",
    needs=_has_row_calls,
)
def zero_and_one_row(subject: Subject) -> None:
    part = subject.make()
    for call in calls_for(subject):
        if not call.rows:
            continue
        plain = dict(leaves(call.result(part)))
        for count in (0, 1):
            given = {n: (a[:count].copy() if n in call.rows else a.copy()) for n, a in call.arrays.items()}
            with quiet() as noted:
                result = dict(leaves(call.run(part, {n: a.copy() for n, a in given.items()})))
            require(not noted.warned, f"{call.name} warns for {count} rows", inputs=given, got=noted.warned)
            for path, leaf in result.items():
                if not isinstance(plain.get(path), np.ndarray):
                    continue
                expected = (count, *plain[path].shape[1:])
                require(
                    np.shape(leaf) == expected,
                    f"{path} of {call.name} has the wrong shape for {count} rows",
                    inputs=given,
                    got=np.shape(leaf),
                    expected=expected,
                )


@CHECKS.check(
    "PART-015/rows-apart",
    why="A sample's result must not depend on which other samples share its batch.",
    fix="Reduce along the axis of the units only; no mean, maximum or norm over axis 0, no 1/N.",
    needs=_has_row_calls,
)
def rows_apart(subject: Subject) -> None:
    part = subject.make()
    tolerance = 64 * subject.eps
    for call in calls_for(subject):
        if not call.rows:
            continue
        whole = dict(leaves(call.result(part)))
        count = min(call.arrays[name].shape[0] for name in call.rows)
        selections = [[n] for n in range(count)] + [list(range(count))[::-1], [0, 0, *range(count)]]
        for chosen in selections:
            given = {n: (a[chosen].copy() if n in call.rows else a.copy()) for n, a in call.arrays.items()}
            with quiet():
                result = dict(leaves(call.run(part, {n: a.copy() for n, a in given.items()})))
            for path, leaf in result.items():
                expect_close(
                    f"{call.name} of rows {chosen} differs from the same rows of the whole batch of {count}",
                    leaf,
                    whole[path][chosen],
                    tolerance=tolerance,
                    inputs=given,
                )


@CHECKS.check(
    "PART-016/dtype-kept",
    why="One float64 in a float32 network doubles its memory and halves its speed, unseen.",
    fix="Make constants of the input's dtype: `z.dtype.type(0.1)`, `np.zeros_like(z)`, `.astype(z.dtype, copy=False)`.",
)
def dtype_kept(subject: Subject) -> None:
    part = subject.make()
    for call in calls_for(subject):
        if not call.floats:
            continue
        for path, leaf in leaves(call.result(part)):
            dtype = getattr(leaf, "dtype", None)
            if isinstance(leaf, (np.ndarray, np.generic)) and leaf.dtype.kind in "fc":
                require(
                    dtype == subject.dtype,
                    f"{path} of {call.name} has another dtype than the arguments",
                    inputs=call.arrays,
                    got=dtype,
                    expected=subject.dtype,
                )
