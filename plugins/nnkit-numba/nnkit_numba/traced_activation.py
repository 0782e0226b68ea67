"""Loops for elementwise activations without a kernel: nnkit-export traces the formula, numba compiles it.

The two formulas of a part, ``forward`` and ``derivative``, are recorded as operations on one number and written
as a module of Python into the folder where numba keeps its results, named after its content. Only operations
of which LLVM makes vectors are accepted; with a function of the C library in it a loop gains little or loses. Both
loops are compared with the part on fixed points, tails, infinities and NaN among them, before they are used.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple, TypeVar

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.files.atomic import write_atomically
from nnkit.interfaces import Elementwise
from nnkit.layers.activation import ActivationLayer
from nnkit.layers.dense import Dense
from nnkit_numba import elementwise
from nnkit_numba.shared_dense import KINDS

__all__ = ["traced", "traced_layer"]

AnyLayer = TypeVar("AnyLayer", Dense, ActivationLayer)

LOG = logging.getLogger("nnkit.numba")

COMMON: Final = {
    *("add", "subtract", "multiply", "negative", "absolute", "maximum", "minimum", "where"),
    *("isnan", "less", "less_equal", "equal", "logical_and", "logical_or", "logical_not"),
}
"""Operations that nnkit-export writes in Python as they are compiled."""

FORMS: Final = {
    "divide": "{0} / {1}",
    "sign": "ONE if {0} > ZERO else (-ONE if {0} < ZERO else {0})",
    "exp": "square(exponential(HALF * {0}))",
    "sqrt": "math.sqrt({0})",
    "floor": "np.floor({0})",
    "trunc": "np.trunc({0})",
    "rint": "np.rint({0})",
}
"""The others of which LLVM makes vectors. ``exp`` is a square: so it also overflows to infinity."""

HEAD: Final = """
import math

import numpy as np
from numba import njit

from nnkit_numba.elementwise import exponential

ZERO, HALF, ONE = np.{dtype}(0.0), np.{dtype}(0.5), np.{dtype}(1.0)
COMPILE = dict(cache=True, error_model="numpy", fastmath={{"contract"}}, nogil=True)


@njit(**COMPILE)
def square(x):
    return x * x
"""

LOOP: Final = """

@njit(**COMPILE)
def {name}({arrays}):
    for n in range({first}.shape[0]):
        for j in range({first}.shape[1]):
{body}
"""

POINTS: Final = np.concatenate(
    [np.linspace(-20, 20, 321), [-np.inf, -1e30, -100, -1e-30, -0.0, 1e-30, 100, 1e30, np.inf]]
)
"""Where a loop is compared with the part, a NaN beside them."""

TOLERANCE: Final = 16.0
"""In ulp of the part's value, or of 1 where that is less."""


class Loops(NamedTuple):
    """Both passes of an activation, compiled."""

    activate: Callable[[Array], None]
    """``z[n, j] = a``."""
    through: Callable[[Array, Array, Array], None]
    """``grad[n, j] *= da/dz`` of ``z`` and ``a``."""


def traced(part: Elementwise) -> Elementwise | None:
    """The same part with loops as its in-place variants; ``None`` without nnkit-export, and for compiled ones."""
    cls = type(part)
    if cls in KINDS or not attrs.has(cls) or importlib.util.find_spec("nnkit_export") is None:
        return None
    counterpart: Elementwise = _with_loops(cls)(
        **{str(field.alias): getattr(part, field.name) for field in attrs.fields(cls) if field.init}
    )
    try:
        loops = _loops_by_dtype(part)
    except TypeError:  # it has a field that cannot be hashed
        loops = {}
    object.__setattr__(counterpart, "_loops", loops)
    return counterpart


def traced_layer(layer: AnyLayer) -> AnyLayer | None:
    """A layer with its activation traced; ``None`` where nothing changes."""
    activation = traced(layer.activation) if isinstance(layer.activation, Elementwise) else None
    return None if activation is None else attrs.evolve(layer, activation=activation)


@functools.lru_cache(maxsize=64)
def _loops_by_dtype(part: Elementwise) -> dict[str, Loops | None]:
    """Where the loops of equal parts are kept: tracing a formula again would cost each ``fit`` some milliseconds."""
    return {}


@functools.cache
def _with_loops(cls: Any) -> Any:
    """A subclass of an activation whose in-place variants run loops, where there are some for the dtype."""

    def forward_into(self: Any, z: Array, out: Array, work: Array) -> None:
        loops = loops_of(self, z.dtype)
        if loops is None:
            plain_forward(self, z, out, work)
            return
        if out is not z:
            np.copyto(out, z)
        loops.activate(out)

    def vjp_into(self: Any, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        loops = loops_of(self, z.dtype)
        if loops is None:
            plain_vjp(self, z, a, grad, out, work)
            return
        if out is not grad:
            np.copyto(out, grad)
        loops.through(z, a, out)

    def loops_of(self: Any, dtype: np.dtype[Any]) -> Loops | None:
        if dtype.char not in self._loops:
            self._loops[dtype.char] = _loops(self, dtype)
        loops: Loops | None = self._loops[dtype.char]
        return loops

    plain_forward, plain_vjp = cls.forward_into, cls.vjp_into
    own = {"__slots__": ("_loops",), "__module__": cls.__module__, "__doc__": cls.__doc__}
    return type(cls)(cls.__name__, (cls,), {**own, "forward_into": forward_into, "vjp_into": vjp_into})


def _loops(part: Elementwise, dtype: np.dtype[Any]) -> Loops | None:
    """Both loops, compared with the part; ``None``, with a line in the log, where they cannot be used."""
    from nnkit_export import ExportError, graph_of_derivative, graph_of_part

    name = type(part).__name__
    try:
        source = HEAD.format(dtype=dtype.name)
        source += _loop("activate", ("z",), graph_of_part(part, 1, dtype), "z[n, j] = {}", {"x": "z[n, j]"})
        reads = {array: f"{array}[n, j]" for array in "za"}
        source += _loop("through", ("z", "a", "grad"), graph_of_derivative(part, dtype), "grad[n, j] *= {}", reads)
        module = _module(source)
        loops = Loops(module.activate, module.through)
        _compare(part, dtype, loops)
    except (ExportError, _NoLoopError, OSError) as error:
        LOG.debug("no loop for %s in %s: %s", name, dtype, error)
        return None
    except Exception as error:  # noqa: BLE001  # training must go on after any error of numba or LLVM
        LOG.warning("the loop for %s in %s cannot be used: %s: %s", name, dtype, type(error).__name__, error)
        return None
    LOG.debug("%s in %s runs as a loop", name, dtype)
    return loops


class _NoLoopError(Exception):
    """Why a formula gets no loop."""


def _loop(name: str, arrays: tuple[str, ...], graph: Any, result: str, reads: dict[str, str]) -> str:
    """A function over the rows of arrays that applies the formula of a graph to each element."""
    names: dict[Any, str] = {}
    lines: list[str] = []
    for node in graph.nodes:
        own = f"v{len(names)}"
        if node.op == "input":
            expression = reads[node.value]
        elif node.op == "constant":
            expression = _literal(node)
        elif node.op == "cast" and node.dtype.kind == "f":
            expression = f"np.{node.dtype.name}({names[node.inputs[0]]})"
        else:
            expression = _form(node.op).format(*(names[operand] for operand in node.inputs))
        names[node] = own
        lines.append(f"{own} = {expression}")
    lines.append(result.format(names[graph.outputs["y"]]))
    body = "".join(f"{'':12}{line}\n" for line in lines)
    return LOOP.format(name=name, arrays=", ".join(arrays), first=arrays[0], body=body)


def _form(op: str) -> str:
    from nnkit_export.python import FORMS as WRITTEN

    if op in COMMON:
        return WRITTEN[op]
    if op not in FORMS:
        raise _NoLoopError(f"{op} is not among the operations of which vectors are made")
    return FORMS[op]


def _literal(node: Any) -> str:
    if node.value.size != 1:
        raise _NoLoopError("it has a constant for each column")
    value = node.value.item()
    if isinstance(value, bool):
        return repr(value)
    return f"np.{node.dtype.name}({value!r})" if np.isfinite(value) else f"np.{node.dtype.name}(float('{value}'))"


def _module(source: str) -> ModuleType:
    """The module with this source, which numba's cache needs as a file; another process may write the same."""
    used = Path(elementwise.__file__).read_bytes()  # its code becomes a part of the loop
    name = f"nnkit_numba_{hashlib.sha256(source.encode() + used).hexdigest()[:24]}"
    if name not in sys.modules:
        relu: Any = elementwise.relu
        path = Path(relu.stats.cache_path) / "traced" / f"{name}.py"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, lambda file: file.write(source.encode()), durable=False)
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # before it is complete, as import does it
        spec.loader.exec_module(module)
    return sys.modules[name]


def _compare(part: Elementwise, dtype: np.dtype[Any], loops: Loops) -> None:
    """Raise an error where a loop differs from the part by more than rounding."""
    z = np.append(POINTS, np.nan).astype(dtype)[:, None].copy()
    with np.errstate(all="ignore"):
        a = part.forward(z)
        expected = a, part.derivative(z, a)
        got = z.copy(), np.ones_like(z)
        loops.activate(got[0])
        loops.through(z, a, got[1])
    allowed = TOLERANCE * np.finfo(dtype).eps
    for wanted, found, what in zip(expected, got, ("activation", "derivative"), strict=True):
        close = np.isclose(found, wanted, rtol=allowed, atol=allowed, equal_nan=True)
        if not close.all():
            at = np.flatnonzero(~close)[0]
            raise _NoLoopError(f"its {what} is {found[at, 0]!r} for {z[at, 0]!r}; the part's is {wanted[at, 0]!r}")
