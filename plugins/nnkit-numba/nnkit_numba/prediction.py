"""A network of dense layers as one compiled call, for any number of rows and of threads.

Weights that do not change are packed once; those that may are read where they are.

Few rows of a large network are divided by columns, one layer a phase, so that each thread reads its own part of the
weights, and by rows in a layer with few columns. Many rows are divided by rows, which a thread computes through all
layers; weights that may change are packed for them anew. Small work stays on the calling thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit_numba.atomics import array_at, call, fetch, keep
from nnkit_numba.compiling import compiled, kernel, task
from nnkit_numba.denormals import flush_denormals, restore_denormals
from nnkit_numba.elementwise import NONE, SOFTMAX, activate_row, softmax_row
from nnkit_numba.panels import LINE, ROWS, WIDTH, aligned, multiply, packed, panels_of
from nnkit_numba.slicing import stretch
from nnkit_numba.team import perform, team

__all__ = ["PackedLayer", "predicting"]

LEAST = 4 * 65_536
"""Multiplications of a call from which on it is shared out."""

FEW = 64
"""Rows of each thread up to which layers are cut by columns."""

MANY = 1024
"""Rows from which on weights that may change are packed for a call."""

LARGEST = 8 << 20
"""Bytes of weights that may change up to which reading them where they are is no slower than the BLAS."""

BLOCK = 524_288
"""Bytes of the widest array of the rows that go through all layers together."""

# The words of a plan: its head, then those of each layer. STRIDE is the length of a buffer's rows.
LAYERS, OUTPUTS, HEAD, STRIDE, WEIGHTS, SIZE, LAYER_TASK, LIVE, HEAD_WORDS = range(9)
# ROW and LENGTH are the distances of the matrix's rows and panels; from WHOLE on, the panels reach beyond its rows.
MATRIX, ROW, LENGTH, BIAS, DEPTH, UNITS, PANELS, WHOLE, KIND, LAYER_WORDS = range(10)

# The words of a call's arguments: addresses of the plan and of four arrays, the number of rows, and whether a sum of
# the first layer is not finite: none is that a number enters which is not.
PLAN, X, OUT, BUFFER, OTHER, COUNT, BROKEN, WORDS = range(8)


@attrs.frozen(eq=False)
class PackedLayer:
    """One dense layer.

    Args:
        weight: ``(D_in, D_out)``.
        bias: ``(D_out,)``, or ``None``.
        kind: Its activation, a number of ``nnkit_numba.elementwise``.
    """

    weight: Array
    bias: Array | None
    kind: int


@kernel
def _head(plan: Any) -> Any:
    return array_at(plan, (HEAD_WORDS,), 0)


@kernel
def _words(plan: Any, layer: Any) -> Any:
    return array_at(plan + 8 * (HEAD_WORDS + layer * LAYER_WORDS), (LAYER_WORDS,), 0)


@kernel
def _output(w: Any, z: Any, part: Any, parts: Any, one: Any) -> None:
    """A part of the rows of the prediction, from the last layer's result, whose rows are longer."""
    head = _head(w[PLAN])
    outputs = head[OUTPUTS]
    result, prediction = array_at(z, (w[COUNT], head[STRIDE]), one), array_at(w[OUT], (w[COUNT], outputs), one)
    first, last = stretch(w[COUNT], part, parts, 1)
    if head[HEAD] == SOFTMAX:
        for n in range(first, last):
            softmax_row(result[n, :outputs], prediction[n])
    else:
        for n in range(first, last):
            for k in range(outputs):
                prediction[n, k] = result[n, k]


@kernel
def _last_columns(own: Any, x: Any, x_row: Any, rows: Any, result: Any, stride: Any, one: Any) -> None:
    """The columns of a matrix that is read where it is and that do not fill a panel."""
    depth, row, place = own[DEPTH], own[ROW], own[WHOLE] * own[LENGTH]
    width = WIDTH // array_at(result, (1,), one).itemsize
    before = own[WHOLE] * width
    columns = own[UNITS] - before
    weights, biases = array_at(own[MATRIX], (depth, row), one), array_at(own[BIAS], (own[UNITS],), one)
    panel = np.zeros((depth + 1, width), weights.dtype)
    for k in range(depth):
        for j in range(columns):
            panel[k, j] = weights[k, before + j]
    panel[depth, :columns] = biases[before:]
    start = panel.ctypes.data
    multiply(
        x, x_row, rows, start, width, 0, depth, start + depth * WIDTH, result + place, stride, 0, 1, 1, one,
    )  # fmt: skip
    keep(panel)


@kernel
def _layer(arguments: Any, layer: Any, part: Any, parts: Any, one: Any) -> None:
    """A part of the columns of ``z = activation(x @ weight + bias)``; after the last layer, of the output's rows."""
    w = array_at(arguments, (WORDS,), 0)
    head = _head(w[PLAN])
    even = layer % 2 == 0
    source, result = (w[OTHER], w[BUFFER]) if even else (w[BUFFER], w[OTHER])
    if layer == head[LAYERS]:
        _output(w, source, part, parts, one)
        return
    own, stride, size = _words(w[PLAN], layer), head[STRIDE], head[SIZE]
    by_rows = own[PANELS] < parts
    first, last = (0, own[PANELS]) if by_rows else stretch(own[PANELS], part, parts, 1)
    start, end = stretch(w[COUNT], part, parts, ROWS) if by_rows else (0, w[COUNT])
    rows = end - start
    if first >= last or rows <= 0:
        return
    x, x_row = (source, stride) if layer else (w[X], own[DEPTH])
    x, result = x + start * x_row * size, result + start * stride * size
    if layer and parts > 1:  # the other threads wrote some of it: all lines are asked for at once
        for n in range(rows):
            for place in range(0, own[DEPTH] * size, LINE):
                fetch(x + n * x_row * size + place)
    multiply(
        x, x_row, rows, own[MATRIX], own[ROW], own[LENGTH], own[DEPTH], own[BIAS], result, stride,
        first, min(last, own[WHOLE]), head[LIVE], one,
    )  # fmt: skip
    if last > own[WHOLE]:
        _last_columns(own, x, x_row, rows, result, stride, one)
    if head[LIVE] and layer == 0 and first == 0:
        z = array_at(result, (rows, stride), one)
        for n in range(rows):
            if not np.isfinite(z[n, 0]):
                w[BROKEN] = 1
    if own[KIND] != NONE:
        place, units = first * WIDTH, min(last * WIDTH // size, own[UNITS]) - first * WIDTH // size
        for n in range(rows):
            activate_row(array_at(result + n * stride * size + place, (units,), one), own[KIND])


@task
def layer_float32(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """A layer a phase, the prediction in the last."""
    _layer(arguments, phase, part, parts, np.float32(1))


@task
def layer_float64(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """A layer a phase, the prediction in the last."""
    _layer(arguments, phase, part, parts, np.float64(1))


LAYER_TASKS = {"f": layer_float32, "d": layer_float64}
"""By the character of the dtype."""


@kernel
def _rows(arguments: Any, part: Any, parts: Any) -> None:
    """A part of the rows through all layers, block by block."""
    w = array_at(arguments, (WORDS,), 0)
    head = _head(w[PLAN])
    size, inputs = head[SIZE], _words(w[PLAN], 0)[DEPTH]
    first, last = stretch(w[COUNT], part, parts, ROWS)
    block = min(last - first, max(1, BLOCK // (ROWS * head[STRIDE] * size)) * ROWS)
    buffers = np.empty(2 * block * head[STRIDE] * size, np.uint8)
    own = np.empty(WORDS, np.int64)
    own[PLAN], own[BUFFER], own[BROKEN] = w[PLAN], buffers.ctypes.data, 0
    own[OTHER] = own[BUFFER] + block * head[STRIDE] * size
    for start in range(first, last, block):
        own[X], own[OUT] = w[X] + start * inputs * size, w[OUT] + start * head[OUTPUTS] * size
        own[COUNT] = min(block, last - start)
        for phase in range(head[LAYERS] + 1):
            call(head[LAYER_TASK], own.ctypes.data, phase, 0, 1)
    if own[BROKEN]:
        w[BROKEN] = 1
    keep(buffers)
    keep(own)


@task
def rows_through_layers(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """A part of the rows, for any dtype."""
    _rows(arguments, part, parts)


@kernel
def predicted(x: Any, plan: Any, mail: Any, rows_task: Any, parts: Any) -> Any:
    """The prediction of rows ``(N, D)``, new; with ``parts`` 1 on this thread alone.

    Without any row where the plan says that ``x`` is checked, and one may contain a value that is not finite.
    """
    head = _head(plan)
    rows = x.shape[0]
    out = np.empty((rows, head[OUTPUTS]), x.dtype)
    w = np.empty(WORDS, np.int64)
    w[PLAN], w[X], w[OUT], w[COUNT], w[BROKEN] = plan, x.ctypes.data, out.ctypes.data, rows, 0
    if parts == 1 or rows * head[WEIGHTS] <= LEAST:
        before = flush_denormals()
        _rows(w.ctypes.data, 0, 1)
        restore_denormals(before)
    elif rows > FEW * parts:
        perform(mail, rows_task, w.ctypes.data, 1, parts)
    else:
        buffers = np.empty((2, rows * head[STRIDE]), x.dtype)
        w[BUFFER], w[OTHER] = buffers[0].ctypes.data, buffers[1].ctypes.data
        perform(mail, head[LAYER_TASK], w.ctypes.data, head[LAYERS] + 1, parts)
        keep(buffers)
    broken = w[BROKEN]
    keep(w)
    return out[:0] if broken else out


def predicting(layers: Sequence[PackedLayer], head: int, *, live: bool) -> Callable[[Array], Array | None] | None:
    """The layers as one function ``x -> prediction``; ``None`` when it cannot be compiled.

    Args:
        layers: In their order.
        head: ``SOFTMAX``, or ``NONE`` where the last layer's own activation is the output's.
        live: Whether the weights may change, and are read by each call; the function returns ``None`` then where a
            value of ``x`` is not finite, or sums overflow.
    """
    dtype = layers[0].weight.dtype
    if live and sum(layer.weight.nbytes for layer in layers) > LARGEST:
        return None
    layer_task, rows_task, threads = LAYER_TASKS[dtype.char](), rows_through_layers(), team()
    if layer_task is None or rows_task is None:
        return None
    mail, parts = (0, 1) if threads is None else (threads.mail, threads.size)
    kept = _plan(layers, head, layer_task, live=live, packs=not live)
    place = int(kept[0].ctypes.data)
    run = compiled(predicted, np.empty((1, 1), dtype), place, mail, rows_task, parts)
    if run is None:
        return None

    def predict(x: Array, _alive: list[Array] = kept) -> Array | None:
        prediction: Array = run(x, place, mail, rows_task, parts)
        return prediction if len(prediction) else None

    def packing(x: Array) -> Array | None:
        if len(x) < MANY:
            return predict(x)
        anew = _plan(layers, head, layer_task, live=True, packs=True)
        prediction: Array = run(x, int(anew[0].ctypes.data), mail, rows_task, parts)
        return prediction if len(prediction) else None

    return packing if live else predict


def _plan(layers: Sequence[PackedLayer], head: int, layer_task: int, *, live: bool, packs: bool) -> list[Array]:
    """The plan, and what it holds addresses of."""
    dtype = layers[0].weight.dtype
    width = WIDTH // dtype.itemsize
    widest = max(panels_of(layer.weight.shape[1], dtype.itemsize) for layer in layers) * width
    plan = np.zeros(HEAD_WORDS + len(layers) * LAYER_WORDS, np.int64)
    plan[:HEAD_WORDS] = (
        len(layers), layers[-1].weight.shape[1], head, widest,
        sum(layer.weight.size for layer in layers), dtype.itemsize, layer_task, live,
    )  # fmt: skip
    kept = [plan]
    for index, layer in enumerate(layers):
        depth, units = layer.weight.shape
        panels = panels_of(units, dtype.itemsize)
        if packs:
            matrix, row, length, whole = packed(layer.weight), width, depth * WIDTH, panels
            bias = aligned((widest,), dtype)
            bias[:units] = 0.0 if layer.bias is None else layer.bias
        else:
            matrix, row, length, whole = layer.weight, units, WIDTH, units // width
            bias = np.zeros(widest, dtype) if layer.bias is None else layer.bias
        kept += matrix, bias
        words = matrix.ctypes.data, row, length, bias.ctypes.data, depth, units, panels, whole, layer.kind
        plan[HEAD_WORDS + index * LAYER_WORDS :][:LAYER_WORDS] = words
    return kept
