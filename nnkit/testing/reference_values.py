"""Figures from elsewhere: the part's `examples`, and its `reference`, an independent implementation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example
from nnkit.testing.call import quiet
from nnkit.testing.comparison import difference, leaves
from nnkit.testing.failure import expect_close, fail, require
from nnkit.testing.subject import Subject, resolve_parts

__all__ = ["expect_reference_values", "figure", "needs_reference_values", "reference_arguments"]

Run = Callable[[Any, str, Mapping[str, Any]], Any]


def needs_reference_values(subject: Subject) -> str | None:
    """Not applicable where the part declares none; PART-023 reports their absence."""
    if subject.cls.reference is not None or subject.cls.examples:
        return None
    return "it declares neither examples nor a reference"


def figure(value: Any, dtype: np.dtype[Any], *, whole: bool = False) -> Any:
    """A number, a nested list or an array of an example as an array; anything else as it is."""
    if isinstance(value, Mapping):
        return {name: figure(item, dtype) for name, item in value.items()}
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "biu":
        return value
    if isinstance(value, (list, tuple, np.ndarray)):
        return np.asarray(value, dtype=np.intp if whole else dtype)
    return value


def _plain_run(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    given = dict(inputs)
    function = getattr(part, method)
    names = inspect.signature(function).parameters
    if "a" in names and "a" not in given and "z" in given:
        given["a"] = part.forward(given["z"])
    return function(**given)


def reference_arguments(subject: Subject, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters that the reference asks for, with the part's own defaults filled in."""
    part = resolve_parts(subject.cls(**hyperparameters))
    reference = subject.cls.reference
    if reference is None or not attrs.has(subject.cls):
        return {}
    names = inspect.signature(reference).parameters
    every = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in names.values())
    return {
        field.alias: getattr(part, field.name)
        for field in attrs.fields(subject.cls)
        if field.init and (every or field.alias in names)
    }


def expect_reference_values(
    subject: Subject,
    method: str,
    points: list[dict[str, Any]],
    *,
    run: Run = _plain_run,
    run_named: Run | None = None,
    whole: frozenset[str] = frozenset(),
) -> None:
    """Hold the part against its examples (once, with the defaults) and against its reference.

    Args:
        subject: The part.
        method: The kind's first method.
        points: Arguments for the reference.
        run: Calls a method of the part with the arguments of an example.
        run_named: The same for an example that expects results by name, where ``run`` gives but one.
        whole: Arguments that hold whole numbers.
    """
    if subject.hyperparameters == subject.variants[0]:
        for example in subject.cls.examples:
            named = run_named is not None and isinstance(example.expected, Mapping)
            _check_example(subject, example, method, run_named if named and run_named else run, whole)
    if subject.cls.reference is not None:
        for given in points:
            _check_reference(subject, method, given, run)


def _check_example(subject: Subject, example: Example, method: str, run: Run, whole: frozenset[str]) -> None:
    part = resolve_parts(subject.cls(**example.hyperparameters))
    inputs = {name: figure(value, subject.dtype, whole=name in whole) for name, value in example.inputs.items()}
    called = example.method or method
    with quiet():
        got = run(part, called, inputs)
    if isinstance(example.expected, Mapping) and attrs.has(type(got)):
        got = attrs.asdict(got)
    double = subject.dtype == np.float64
    rtol = example.tolerance if double else max(example.tolerance, 128 * subject.eps)
    sizes = [
        float(np.abs(np.nan_to_num(v)).max(initial=0.0))
        for _, v in leaves(inputs)
        if isinstance(v, np.ndarray) and v.dtype.kind == "f"
    ]
    ours, theirs = (
        dict(leaves(got)),
        dict(leaves(figure(example.expected, np.dtype(np.float64)))),
    )
    if not isinstance(example.expected, Mapping):
        ours, theirs = {"result": got}, {"result": example.expected}
    require(set(theirs) <= set(ours), "an example has other results", got=sorted(ours), expected=sorted(theirs))
    for path, expected in theirs.items():
        wanted = np.asarray(expected, dtype=np.float64)
        if double:
            atol = np.where(wanted == 0.0, example.tolerance, 0.0)
        else:
            atol = np.full(
                wanted.shape,
                64
                * subject.eps
                * (np.abs(np.nan_to_num(wanted)).max(initial=0.0) + min(max(sizes, default=1.0), 100.0)),
            )
        expect_close(
            f"{called} differs from the figure of {example.source}",
            ours[path],
            wanted,
            rtol=rtol,
            atol=atol,
            inputs={
                **inputs,
                **({"hyperparameters": dict(example.hyperparameters)} if example.hyperparameters else {}),
            },
        )


def _check_reference(subject: Subject, method: str, given: dict[str, Any], run: Run) -> None:
    hyperparameters = reference_arguments(subject, subject.hyperparameters)
    reference: Any = subject.cls.reference
    wide = {
        n: (v.astype(np.float64) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v) for n, v in given.items()
    }
    with quiet():
        expected = reference(
            **{n: (v.copy() if isinstance(v, np.ndarray) else v) for n, v in wide.items()}, **hyperparameters
        )
        got = run(subject.make(), method, {n: (v.copy() if isinstance(v, np.ndarray) else v) for n, v in given.items()})
    for (path, theirs), (_, ours) in zip(leaves(expected), leaves(got), strict=True):
        wanted = np.asarray(theirs, dtype=np.float64)
        found = np.asarray(ours, dtype=np.float64)
        require(
            found.shape == wanted.shape,
            f"{method} and the reference differ in shape",
            inputs=given,
            got=found.shape,
            expected=wanted.shape,
        )
        size = max(
            [
                float(np.abs(v).max(initial=0.0))
                for v in wide.values()
                if isinstance(v, np.ndarray) and v.dtype.kind == "f"
            ],
            default=1.0,
        )
        if subject.dtype == np.float64:
            atol: Array = np.full(wanted.shape, 1e-11)
            rtol = 1e-8
        else:
            atol = np.full(wanted.shape, 256 * subject.eps * (1.0 + min(size, 10.0)))
            rtol = 512 * subject.eps
        atol[~np.isfinite(wanted)] = np.inf  # the naive form overflows where the part need not
        off = difference(found, wanted, rtol=rtol, atol=atol)
        if off is not None:
            shown_inputs = dict(given)
            if off.index and all(
                isinstance(v, np.ndarray) and v.ndim and v.shape[0] == wanted.shape[0] for v in given.values()
            ):
                n = off.index[0]
                shown_inputs = {name: v[n : n + 1] for name, v in given.items()}
            fail(
                f"{method} differs from the part's own reference ({path})",
                inputs=shown_inputs,
                got=off.got,
                expected=off.expected,
            )
