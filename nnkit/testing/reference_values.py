"""Values from an independent source: the part's `examples`, and its `reference`, a second implementation."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example
from nnkit.testing.call import quiet
from nnkit.testing.failure import expect_close, leaves, require, show
from nnkit.testing.record import NO_VALUES, Inputs, Subject, applies_if, resolve_parts

Run = Callable[[Any, str, Mapping[str, Any]], Any]

WIDEST = 1e-2
"""The largest relative tolerance of an example."""

needs_reference_values = applies_if(lambda s: s.cls.reference is not None or s.cls.examples, NO_VALUES)
"""PART-023 reports their absence."""


def _as_array(value: Any, dtype: np.dtype[Any], *, integers: bool = False) -> Any:
    """A nested list or an array of an example as an array; anything else unchanged."""
    if isinstance(value, Mapping):
        return {name: _as_array(item, dtype) for name, item in value.items()}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biu":
        return value
    if isinstance(value, (list, tuple, np.ndarray)):
        return np.asarray(value, dtype=np.intp if integers else dtype)
    return value


def _plain_run(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    arguments = dict(inputs)
    function = getattr(part, method)
    names = inspect.signature(function).parameters
    if "a" in names and "a" not in arguments and "z" in arguments:
        arguments["a"] = part.forward(arguments["z"])
    return function(**arguments)


def asked_for(reference: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments that the signature of a reference names."""
    names = inspect.signature(reference).parameters
    every = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in names.values())
    return {name: value for name, value in offered.items() if every or name in names}


def reference_arguments(subject: Subject, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters that the reference asks for, completed by the part's own defaults."""
    part = resolve_parts(subject.cls(**hyperparameters))
    reference = subject.cls.reference
    if reference is None or not attrs.has(subject.cls):
        return {}
    fields = {field.alias: getattr(part, field.name) for field in attrs.fields(subject.cls) if field.init}
    return asked_for(reference, fields)


Compared: TypeAlias = Example | Mapping[str, Any] | list[Mapping[str, Any]]
"""What a part is compared with: an example, its reference at one point, or the values that the reference has at all."""

Points: TypeAlias = Callable[[Subject], list[dict[str, Any]]]


def compared_with(points: Points = lambda _subject: [], *, examples: bool = True) -> Inputs:
    """The examples (with the defaults alone), and each of the points at which the reference is asked.

    Args:
        points: Arguments for the reference.
        examples: Whether the examples are compared, too.
    """

    def cases(subject: Subject) -> list[Compared]:
        own = subject.cls.examples if examples and subject.hyperparameters == subject.variants[0] else ()
        asked = points(subject) if subject.cls.reference is not None else []
        return [*own, *asked, *([asked] if asked else [])]

    return Inputs(("compared",), cases)


def examples_with(points: Callable[[Subject], Iterable[tuple[dict[str, Any], Any]]]) -> Inputs:
    """The examples (with the defaults alone), and one of what the reference says at each point.

    Args:
        points: The inputs of an example, and the argument for the reference that means the same.
    """

    def cases(subject: Subject) -> Iterator[Example]:
        fields, reference = subject.hyperparameters, subject.cls.reference
        yield from subject.cls.examples if fields == subject.variants[0] else ()
        arguments = reference_arguments(subject, fields)
        for inputs, argument in () if reference is None else points(subject):
            expected = reference(argument, **arguments)
            yield Example(inputs=inputs, expected=expected, source="its own reference", hyperparameters=fields)

    return Inputs(("example",), cases)


def expect_values(
    subject: Subject,
    method: str,
    compared: Compared,
    *,
    run: Run = _plain_run,
    run_named: Run | None = None,
    integers: frozenset[str] = frozenset(),
) -> None:
    """Compare the part with an example or with its reference.

    Args:
        subject: The part.
        method: The kind's first method.
        compared: One of the inputs of ``compared_with``.
        run: Calls a method of the part with the arguments of an example.
        run_named: The same for an example that expects results by name, where ``run`` returns only one.
        integers: Arguments that contain integers.
    """
    show()
    if isinstance(compared, Example):
        named = run_named is not None and isinstance(compared.expected, Mapping)
        _expect_example(subject, compared, method, run_named if named and run_named else run, integers)
    elif isinstance(compared, Mapping):
        _expect_reference(subject, method, compared, run)
    else:
        says = any(np.isfinite(value).any() for point in compared for _, value in leaves(_referred(subject, point)))
        require(says, "the reference returns no finite number, so nothing is compared with it")


def require_comparison(example: Example) -> None:
    """Raise ``CheckFailure`` where comparing a part with ``example`` would verify nothing."""
    require(str(example.source).strip(), "an example names no source", got=example.source)
    require(list(leaves(example.expected)), "an example expects nothing", got=example.expected)
    message = "the tolerance of an example is too wide to verify a value"
    require(0.0 <= example.tolerance <= WIDEST, message, got=example.tolerance, expected=f"at most {WIDEST:g}")


def _floats(arguments: Any) -> Iterator[Array]:
    """The float arrays in ``arguments``."""
    return (v for _, v in leaves(arguments) if isinstance(v, np.ndarray) and v.dtype.kind == "f")


def _largest(arguments: Any) -> float:
    """The largest absolute value in any float array; 1 where there is none."""
    return max((float(np.abs(np.nan_to_num(array)).max(initial=0.0)) for array in _floats(arguments)), default=1.0)


def _expect_example(subject: Subject, example: Example, method: str, run: Run, integers: frozenset[str]) -> None:
    require_comparison(example)
    part = resolve_parts(subject.cls(**example.hyperparameters))
    inputs = {
        name: _as_array(value, subject.dtype, integers=name in integers) for name, value in example.inputs.items()
    }
    method = example.method or method
    with quiet():
        got = run(part, method, inputs)
    if isinstance(example.expected, Mapping):
        actual = dict(leaves(attrs.asdict(got) if attrs.has(type(got)) else got))
        expected = dict(leaves(_as_array(example.expected, np.dtype(np.float64))))
    else:
        actual, expected = {"result": got}, {"result": example.expected}
    require(set(expected) <= set(actual), "an example has other results", got=sorted(actual), expected=sorted(expected))
    double, largest = subject.dtype == np.float64, min(_largest(inputs), 100.0)
    shown = {**inputs, **({"hyperparameters": dict(example.hyperparameters)} if example.hyperparameters else {})}
    for path, value in expected.items():
        wanted = np.asarray(value, dtype=np.float64)
        if double:
            rtol, atol = example.tolerance, np.where(wanted == 0.0, example.tolerance, 0.0)
        else:
            size = np.abs(np.nan_to_num(wanted)).max(initial=0.0) + largest
            rtol, atol = max(example.tolerance, 128 * subject.eps), np.full(wanted.shape, 64 * subject.eps * size)
        message = f"{method} differs from the value of {example.source}"
        expect_close(message, actual[path], wanted, rtol=rtol, atol=atol, inputs=shown)


def _copied(arguments: Mapping[str, Any], dtype: np.dtype[Any] | None = None) -> dict[str, Any]:
    """Copies of the arrays, those of floats in ``dtype``."""
    return {
        name: np.array(value, dtype=dtype if value.dtype.kind == "f" else None)
        if isinstance(value, np.ndarray)
        else value
        for name, value in arguments.items()
    }


def _referred(subject: Subject, point: Mapping[str, Any]) -> Any:
    """What the reference returns, in float64."""
    reference: Any = subject.cls.reference
    with quiet():
        arguments = reference_arguments(subject, subject.hyperparameters)
        return reference(**_copied(point, np.dtype(np.float64)), **arguments)


def _expect_reference(subject: Subject, method: str, point: Mapping[str, Any], run: Run) -> None:
    """Compare the part with its reference at one point."""
    expected = _referred(subject, point)
    with quiet():
        got = run(subject.make(), method, _copied(point))
    if subject.dtype == np.float64:
        rtol, bound = 1e-8, 1e-11
    else:
        rtol, bound = 512 * subject.eps, 256 * subject.eps * (1.0 + min(_largest(point), 10.0))
    for (path, theirs), (_, ours) in zip(leaves(expected), leaves(got), strict=True):
        wanted, actual = np.asarray(theirs, dtype=np.float64), np.asarray(ours, dtype=np.float64)
        message, shapes = f"{method} and the reference differ in shape", (actual.shape, wanted.shape)
        require(shapes[0] == shapes[1], message, inputs=point, got=shapes[0], expected=shapes[1])
        by_row = all(
            isinstance(v, np.ndarray) and v.ndim and len(v) == len(wanted) for v in point.values() if wanted.ndim
        )
        expect_close(
            f"{method} differs from the part's own reference ({path})",
            actual,
            wanted,
            rtol=rtol,
            # The naive form of the reference overflows where the part need not.
            atol=np.where(np.isfinite(wanted), bound, np.inf),
            inputs=point,
            rows=tuple(point) if by_row else (),
        )
