"""What a call of a part may do: memory, layout, rows and dtype of its arrays, and what it must leave unchanged."""

import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import Call, quiet
from nnkit.testing.catalog import calls_of
from nnkit.testing.failure import expect_close, expect_equal, leaves, require, show
from nnkit.testing.record import Inputs, Subject, applies_if, check

__all__ = ["expect_same_behaviour", "results_of"]

CALLS = Inputs(("call",), calls_of)
"""Every call of the part."""


def results_of(part: Any, calls: list[Call]) -> list[Any]:
    """The result of every call."""
    with quiet():
        return [call.result(part) for call in calls]


def expect_same_behaviour(subject: Subject, other: Any, description: str) -> None:
    """Fail unless ``other`` gives the results of the subject's part in every call."""
    for call in CALLS(subject, ""):
        (got,), (expected,) = results_of(other, [call]), results_of(subject.make(), [call])
        expect_equal(f"{call.name} of {description} differs", got, expected)


@check("PART-010/inputs-unmutated", on=CALLS)
def inputs_unmutated(subject: Subject, part: Any, call: Call) -> None:
    """The arrays belong to the caller; a part that writes to them damages the data of all other users of them.

    Work on a copy; in-place numpy (`+=`, `out=`) only on arrays that the interface lets the part write to.
    """
    arguments = call.fresh()
    with quiet():
        call.run(part, arguments)
    for name, original in call.arrays.items():
        if name not in call.writes:
            expect_equal(f"{call.name} writes to its argument {name!r}", arguments[name], original)


def _with_other_values(subject: Subject) -> list[Call]:
    """The calls, also with values for which a shortcut may return an argument: all positive, small, zero."""
    calls = calls_of(subject)
    if subject.cls.kind not in {"activation", "layer", "regularizer"}:
        return calls
    changes = (np.abs, lambda array: array * array.dtype.type(0.01), np.zeros_like)
    return calls + [
        attrs.evolve(call, arrays={n: change(a) if a.dtype.kind == "f" else a for n, a in call.arrays.items()})
        for call in calls
        for change in changes
    ]


@check("PART-011/outputs-not-aliased", on=attrs.evolve(CALLS, cases=_with_other_values))
def outputs_not_aliased(subject: Subject, part: Any, call: Call) -> None:
    """A result that shares memory with an argument changes when the caller reuses its array.

    Return a new array: `.copy()`, or an operation that makes one.
    """
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
            require(not np.shares_memory(leaf, other), f"{path} of {call.name} shares memory with {name}")
        require(leaf.flags.writeable, f"{path} of {call.name} is read-only")


def _expect_result(
    message: str, part: Any, call: Call, arguments: dict[str, Array], expected: Any, tolerance: float = 0.0
) -> None:
    """Fail unless ``call`` with equal arguments in another memory gives the expected result."""
    with quiet():
        got = copy.deepcopy(call.run(part, arguments))
    expect_close(f"{call.name} gives another result {message}", got, expected, tolerance=tolerance)


@check("PART-012/read-only-inputs", on=CALLS)
def read_only_inputs(subject: Subject, part: Any, call: Call) -> None:
    """Memory-mapped and shared data are read-only.

    Do not write to arguments, not even to restore them afterwards.
    """
    arguments = call.fresh()
    for name, array in arguments.items():
        array.flags.writeable = name in call.writes
    (expected,) = results_of(part, [call])
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


@check("PART-013/memory-layouts", on=CALLS)
def memory_layouts(subject: Subject, part: Any, call: Call) -> None:
    """Slices, transposes and columns of a data frame are not contiguous.

    Address arrays by index, never by raw memory (`.ravel(order='K')`, `.view`, `.data`, reshape in place).
    """
    (expected,) = results_of(part, [call])
    for name, array in call.arrays.items():
        for layout, view in () if name in call.writes else _layouts(array):
            message, arguments = f"when {name!r} is {layout}", {**call.fresh(), name: view}
            _expect_result(message, part, call, arguments, expected, 64 * subject.eps)


ROW_CALLS = attrs.evolve(CALLS, cases=lambda subject: [call for call in calls_of(subject) if call.rows])
"""The calls whose results are by rows."""

_needs_row_calls = applies_if(ROW_CALLS.cases_of, "its results are not by rows")


def _on_rows(
    part: Any, call: Call, rows: slice | Sequence[int]
) -> tuple[Mapping[str, Array], dict[str, Any], list[str]]:
    """The arguments cut to some rows, the leaves of the result on them, and the warnings."""
    arguments = {n: (a[rows] if n in call.rows else a).copy() for n, a in call.arrays.items()}
    show(arguments)
    with quiet() as noted:
        result = dict(leaves(call.run(part, {n: a.copy() for n, a in arguments.items()})))
    return arguments, result, noted.warned


@check("PART-014/zero-and-one-row", needs=_needs_row_calls, on=ROW_CALLS)
def zero_and_one_row(subject: Subject, part: Any, call: Call) -> None:
    """The last batch of an epoch may have one row, a filtered one none.

    Reduce along axis 1, keep the axis of the samples, and divide by nothing that counts rows.
    """
    whole = dict(leaves(call.result(part)))
    for count in (0, 1):
        arguments, result, warned = _on_rows(part, call, slice(0, count))
        require(not warned, f"{call.name} warns for {count} rows", inputs=arguments, got=warned)
        for path, leaf in result.items():
            if isinstance(whole.get(path), np.ndarray):
                message = f"{path} of {call.name} has the wrong shape for {count} rows"
                got, expected = np.shape(leaf), (count, *whole[path].shape[1:])
                require(got == expected, message, inputs=arguments, got=got, expected=expected)


@check("PART-015/rows-apart", needs=_needs_row_calls, on=ROW_CALLS)
def rows_apart(subject: Subject, part: Any, call: Call) -> None:
    """A sample's result must not depend on which other samples share its batch.

    Reduce along the axis of the units only; no mean, maximum or norm over axis 0, no 1/N.
    """
    whole = dict(leaves(call.result(part)))
    count = min(call.arrays[name].shape[0] for name in call.rows)
    for rows in (*([n] for n in range(count)), [*range(count)][::-1], [0, 0, *range(count)]):
        arguments, result, _ = _on_rows(part, call, rows)
        message = f"{call.name} of rows {rows} differs from the same rows of the batch of {count}"
        for path, leaf in result.items():
            expect_close(message, leaf, whole[path][rows], tolerance=64 * subject.eps, inputs=arguments)


@check("PART-016/dtype-kept", on=CALLS)
def dtype_kept(subject: Subject, part: Any, call: Call) -> None:
    """One float64 in a float32 network doubles its memory and halves its speed, unseen.

    Make constants of the input's dtype: `z.dtype.type(0.1)`, `np.zeros_like(z)`, `.astype(z.dtype, copy=False)`.
    """
    for path, leaf in leaves(call.result(part)) if call.floats else ():
        if isinstance(leaf, (np.ndarray, np.generic)) and leaf.dtype.kind in "fc":
            message = f"{path} of {call.name} has another dtype than the arguments"
            require(leaf.dtype == subject.dtype, message, got=leaf.dtype, expected=subject.dtype)


@check("PART-017/pure")
def pure(subject: Subject, part: Any) -> None:
    """The same arguments must give the same result, or no run can be repeated.

    Keep nothing between calls: no cache, counter or default argument that changes, no unseeded generator.
    """
    calls = calls_of(subject)
    before = results_of(part, calls)
    for round_ in (2, 3):
        for call, first in zip(calls[::-1], before[::-1], strict=True):
            show(call.shown)
            message = f"{call.name} gives another result when it is called again (round {round_})"
            expect_equal(message, results_of(part, [call]), [first])
    for call, first in zip(calls, before, strict=True):
        arguments = call.fresh()
        with quiet():
            call.run(part, arguments)
            for name, array in arguments.items():  # the caller fills the same memory with its next batch
                np.copyto(array, np.roll(call.arrays[name], 1, axis=0))
            changed = {name: array.copy() for name, array in arguments.items()}
            reused = copy.deepcopy(call.run(part, arguments))
            got, expected = [reused, call.result(part)], [call.run(subject.make(), changed), first]
        show(call.shown)
        expect_equal(f"{call.name} remembers the arguments of an earlier call", got, expected)


@check("PART-018/instances-apart")
def instances_apart(subject: Subject) -> None:
    """Two networks with the same kind of part train side by side.

    Keep no class attribute, module global or mutable default that a call writes to.
    """
    calls = calls_of(subject)
    alone = results_of(subject.make(), calls)
    one, two = subject.make(), subject.make()
    others = [attrs.evolve(subject, hyperparameters=variant) for variant in subject.variants]
    strangers = [(other.make(), calls_of(attrs.evolve(other, seed=other.seed + 1))) for other in others]
    for position, (call, expected) in enumerate(zip(calls, alone, strict=True)):
        with quiet():
            for part, theirs in strangers:
                if position < len(theirs):
                    theirs[position].result(part)
            results = [call.result(one), call.result(two)]
        show(call.shown)
        expect_equal(f"{call.name} changes when other instances are used in between", results, [expected] * 2)


@check("PART-019/no-global-random", scope="variant")
def no_global_random(subject: Subject) -> None:
    """A draw from the global generator makes runs depend on everything that ran before.

    Draw only from the numpy.random.Generator that is passed to the method; never seed anything.
    """
    original = np.random.get_state(), random.getstate()  # noqa: NPY002  # it is what must not change
    try:
        for seed in (1, 2):
            np.random.seed(seed)  # noqa: NPY002  # so that a part that reads it shows
            random.seed(seed)
            numpy_before, python_before = np.random.get_state(), random.getstate()  # noqa: NPY002
            part = subject.make()
            for call in CALLS(subject, ""):
                with quiet():
                    call.result(part)
                numpy_after = np.random.get_state()  # noqa: NPY002
                unchanged = all(np.array_equal(a, b) for a, b in zip(numpy_before, numpy_after, strict=True))
                require(unchanged, f"{call.name} reads or seeds numpy's global generator")
                require(random.getstate() == python_before, f"{call.name} reads or seeds Python's global generator")
    finally:
        np.random.set_state(original[0])  # noqa: NPY002
        random.setstate(original[1])


@check("PART-020/settings-restored", scope="variant")
def settings_restored(subject: Subject) -> None:
    """A part that changes numpy's error state or the warning filters changes the whole program.

    Use `with np.errstate(...)`, which restores itself; never np.seterr or warnings.simplefilter.
    """
    with quiet(settings=True) as noted:
        part = subject.make()
    require(not noted.settings, f"making the part leaves {noted.settings} changed")
    for call in CALLS(subject, ""):
        with quiet(settings=True) as noted:
            call.result(part)
        require(not noted.settings, f"{call.name} leaves {noted.settings} changed")


@check("PART-021/silent", on=CALLS)
def silent(subject: Subject, part: Any, call: Call) -> None:
    """Warnings are errors in many test suites, and prints break every pipe.

    Choose a formula without overflow and 0/0 (or a narrow `with np.errstate`); remove the print.
    """
    with quiet() as noted:
        call.result(part)
    require(not noted.warned, f"{call.name} warns", got=noted.warned)
    require(not noted.printed, f"{call.name} prints", got=repr(noted.printed))
