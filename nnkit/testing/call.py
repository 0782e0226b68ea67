"""Calling the methods of a part: on copies, quietly, and as calls on which the promises of every kind are tried."""

import contextlib
import copy
import io
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.testing.failure import expect_close, expect_equal, require, show


@attrs.frozen
class Call:
    """One call of a part.

    Args:
        name: How it reads in a failure: ``forward(z)``.
        run: The call itself; gets the part and fresh arrays by name.
        arrays: The arguments.
        writes: Arguments that the interface lets the call write to.
        shares: Arguments that the result may share memory with.
        rows: Arguments whose first axis is the samples; empty where the result is not by rows.
        floats: Whether every float of the result must have the dtype of the arguments.
    """

    name: str
    run: Callable[[Any, dict[str, Array]], Any]
    arrays: Mapping[str, Array]
    writes: frozenset[str] = frozenset()
    shares: frozenset[str] = frozenset()
    rows: frozenset[str] = frozenset()
    floats: bool = True

    @property
    def shown(self) -> Mapping[str, Array]:
        """What failures show of it."""
        return self.arrays

    def fresh(self) -> dict[str, Array]:
        """Copies of the arguments."""
        return {name: array.copy() for name, array in self.arrays.items()}

    def result(self, part: Any) -> Any:
        """The result on fresh copies, itself copied out of their reach."""
        return copy.deepcopy(self.run(part, self.fresh()))


@attrs.define
class Quiet:
    """What a part did besides its work."""

    warned: list[str] = attrs.field(factory=list)
    printed: str = ""
    settings: list[str] = attrs.field(factory=list)


@contextlib.contextmanager
def quiet(*, settings: bool = False) -> Iterator[Quiet]:
    """Run a part with every floating-point warning on, and note what it lets be seen.

    With ``settings`` also note which settings of the process it leaves changed; that takes longer.
    """
    noted = Quiet()
    out = io.StringIO()
    with (
        warnings.catch_warnings(record=True) as caught,
        np.errstate(divide="warn", over="warn", invalid="warn", under="ignore"),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
    ):
        warnings.simplefilter("always")
        before = _settings() if settings else {}
        yield noted
        after = _settings() if settings else {}
        noted.settings = [name for name in before if before[name] != after[name]]
    noted.warned = [f"{item.category.__name__}: {item.message}" for item in caught]
    noted.printed = out.getvalue()


def _settings() -> dict[str, Any]:
    return {
        "np.geterr()": np.geterr(),
        "np.geterrcall()": np.geterrcall(),
        "warnings.filters": list(warnings.filters),
        "np.get_printoptions()": np.get_printoptions(),
        "np.getbufsize()": np.getbufsize(),
    }


def called(part: Any, method: str, *arrays: Array) -> Array:
    """The result of a method for copies of ``arrays``, as an array with memory of its own."""
    with quiet():
        return np.array(getattr(part, method)(*(array.copy() for array in arrays)))


@contextlib.contextmanager
def silent(action: str) -> Iterator[None]:
    """Fail with "<action> warns" when the block emits a warning."""
    with quiet() as noted:
        yield
    require(not noted.warned, f"{action} warns", got=noted.warned)


def method_call(method: str, arrays: Mapping[str, Array], *, by_row: bool = True, floats: bool = True) -> Call:
    """The call of ``method`` with ``arrays`` in their order; ``by_row`` when every first axis is the samples."""

    def run(part: Any, inputs: Mapping[str, Array]) -> Any:
        return getattr(part, method)(*(inputs[name] for name in arrays))

    rows = frozenset(arrays) if by_row else frozenset[str]()
    return Call(f"{method}({', '.join(arrays)})", run, arrays, rows=rows, floats=floats)


def affordable(size: int, run: Callable[[int], object]) -> int:
    """``size``, or a smaller one where ``run`` needs more than a quarter of a second or 64 MB before it.

    Args:
        size: The size of a check for large inputs.
        run: Runs the part at another size, whose time and memory are measured at 64, 128, 256 and so on.
    """
    tried = 64
    while tried < size:
        tracing = tracemalloc.is_tracing()
        tracemalloc.start()
        before, began = tracemalloc.get_traced_memory()[0], time.process_time()
        tracemalloc.reset_peak()
        with quiet():
            run(tried)
        seconds, memory = time.process_time() - began, tracemalloc.get_traced_memory()[1] - before
        if not tracing:
            tracemalloc.stop()
        if seconds > 0.25 or memory > 2**26:
            return tried
        tried *= 2
    return size


def expect_shape(message: str, array: Any, shape: tuple[int, ...]) -> None:
    """Raise ``CheckFailure`` unless ``array`` has this shape."""
    require(array.shape == shape, message, got=array.shape, expected=shape)


def expect_rows_alone(
    part: Any, method: str, inputs: Mapping[str, Array], *, tolerance: float, rows: Sequence[int] | None = None
) -> None:
    """Raise ``CheckFailure`` unless the method gives for each of ``rows`` (default: all) what it gives for it alone."""
    count = len(next(iter(inputs.values())))
    together = called(part, method, *inputs.values())
    for n in range(count) if rows is None else rows:
        row = {name: array[n : n + 1] for name, array in inputs.items()}
        message = f"{method} of {count} samples together differs from {method} of each alone"
        alone = called(part, method, *row.values())
        show({"samples": count, "row": n, **row} if count > 100 else inputs)
        expect_close(message, together[n : n + 1], alone, tolerance=tolerance)
    if rows is None:
        expect_shape(f"{method} does not return one row a sample", together, (count, *together.shape[1:]))


def expect_in_place(
    part: Any,
    method: str,
    arrays: Mapping[str, Array | None],
    expected: Mapping[str, Array],
    tolerance: float,
    *,
    scratch: Sequence[str] = ("work",),
    over: str | None = None,
    repeats: int = 1,
) -> None:
    """Raise ``CheckFailure`` unless an in-place method leaves what is expected, and writes to nothing else.

    Args:
        part: The part.
        method: Called with copies of the ``arrays``.
        arrays: The arguments in their order; ``None`` for one whose content must not matter.
        expected: The arguments that are written, as the call must leave them.
        tolerance: Relative and absolute.
        scratch: Arguments that may be written too.
        over: An argument whose memory is also that of the first one written.
        repeats: How often it is called with the same memory.
    """
    first, how = next(iter(expected)), method
    passed = {
        name: np.full_like(expected.get(name, expected[first]), np.nan) if array is None else array.copy()
        for name, array in arrays.items()
    }
    if over is not None:
        passed[first], how = passed[over], f"{method} with {first}={over}"
    for _ in range(repeats):
        with silent(how):
            getattr(part, method)(*passed.values())
        for name, result in passed.items():
            if name in expected:
                expect_close(
                    f"{name} of {how} differs from the plain method", result, expected[name], tolerance=tolerance
                )
            elif name not in {*scratch, over}:
                expect_equal(f"{how} writes to {name}", result, arrays[name])
