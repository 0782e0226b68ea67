"""Parameters, and passes through a layer under proof."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import Call, quiet
from nnkit.testing.comparison import difference
from nnkit.testing.points import normal
from nnkit.testing.subject import Subject

SIZES = ((1, 1), (3, 2), (2, 5), (5, 3), (7, 4))
"""``(N, D_in)``."""


# -- parameters and passes -------------------------------------------------------------------


def parameters(subject: Subject, layer: Any, inputs: int, label: str) -> dict[str, Array]:
    """Parameters off their starting values, and buffers as some training leaves them."""
    rng = subject.rng(f"parameters/{label}/{inputs}")
    found: dict[str, Array] = {}
    for spec in layer.parameter_specs(inputs):
        start = _initial(spec, rng)
        if spec.role != "buffer":
            start = start + rng.normal(0.0, 0.5, spec.shape)
        found[spec.name] = np.asarray(start, dtype=subject.dtype)
    if any(spec.role == "buffer" for spec in layer.parameter_specs(inputs)):
        data = np.asarray(rng.normal(0.7, 1.3, (12, inputs)), dtype=subject.dtype)
        with quiet():
            if layer.offers("adapt"):
                layer.adapt(found, data, None)
            for start_row in (0, 6):
                layer.forward(found, data[start_row : start_row + 6], training=True, rng=np.random.default_rng(1))
    return found


def _initial(spec: Any, rng: np.random.Generator) -> Array:
    if spec.initializer is None:
        return rng.normal(0.0, 0.5, spec.shape) if spec.role != "buffer" else np.ones(spec.shape)
    from nnkit import plugins

    made = plugins.create("initializer", spec.initializer)
    start: Array = made.sample(spec.shape, spec.fan_in, spec.fan_out, rng, np.dtype(np.float64))
    return start


def copied(values: Mapping[str, Array]) -> dict[str, Array]:
    return {name: array.copy() for name, array in values.items()}


def buffered(layer: Any, inputs: int) -> set[str]:
    return {spec.name for spec in layer.parameter_specs(inputs) if spec.role == "buffer"}


def generator_of(subject: Subject) -> np.random.Generator:
    return np.random.default_rng(31 + subject.seed)


def forward(
    subject: Subject, layer: Any, values: Mapping[str, Array], x: Array, *, training: bool
) -> tuple[Array, Any]:
    """A forward pass on copies, with a generator that always begins alike."""
    with quiet():
        y, cache = layer.forward(copied(values), x.copy(), training=training, rng=generator_of(subject))
    return y, cache


def weighed(subject: Subject, layer: Any, values: dict[str, Array], x: Array, grad: Array, *, training: bool) -> Array:
    """``sum(grad * y)`` on the very arrays given: what a stencil asks hundreds of times, within one ``quiet``."""
    y = layer.forward(values, x, training=training, rng=generator_of(subject))[0]
    return np.asarray((y * grad).sum())


def backward(layer: Any, values: Mapping[str, Array], cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
    """A backward pass on copies."""
    with quiet():
        grad_x, found = layer.backward(copied(values), cache, grad.copy())
    return grad_x, dict(found)


def situations(subject: Subject, label: str) -> Iterator[tuple[Any, dict[str, Array], Array, Array, bool]]:
    """Layer, parameters, input, output gradient, and whether in training; for several sizes."""
    layer = subject.make()
    for rows, inputs in SIZES:
        values = parameters(subject, layer, inputs, label)
        x = normal(subject, f"{label}/x/{rows}/{inputs}", (rows, inputs), 1.3)
        grad = normal(subject, f"{label}/grad/{rows}/{inputs}", (rows, layer.outputs(inputs)))
        for training in (False, True):
            yield layer, values, x, grad, training


def gathers(subject: Subject, layer: Any, values: Mapping[str, Array], x: Array) -> bool:
    """Whether a training pass puts what it sees into buffers and answers from them: its statistics are data."""
    inputs = x.shape[1]
    if not buffered(layer, inputs) or not subject.cls.row_independent:
        return False
    touched = copied(values)
    with quiet():
        y, _ = layer.forward(touched, x.copy(), training=True, rng=generator_of(subject))
        shifted = {
            n: (a + a.dtype.type(0.25) if n in buffered(layer, inputs) else a) for n, a in copied(values).items()
        }
        z, _ = layer.forward(shifted, x.copy(), training=True, rng=generator_of(subject))
    moved = any(difference(touched[name], values[name]) is not None for name in buffered(layer, inputs))
    return moved and difference(z, y, tolerance=1e-6) is not None


def calls(subject: Subject) -> list[Call]:
    """Forward in both modes, backward, and backward_rows where it is offered."""
    layer = subject.make()
    inputs = 3
    values = parameters(subject, layer, inputs, "calls")
    x = normal(subject, "calls/x", (4, inputs), 1.3)
    grad = normal(subject, "calls/grad", (4, layer.outputs(inputs)))
    named = {f"parameter {name}": array for name, array in values.items()}
    buffers = frozenset(f"parameter {name}" for name in buffered(layer, inputs))
    found = []

    def given(arrays: Mapping[str, Array]) -> dict[str, Array]:
        prefix = "parameter "
        return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}

    for training in (False, True):
        mode = "training" if training else "inference"

        def run(part: Any, arrays: Mapping[str, Array], training: bool = training) -> Any:
            return part.forward(given(arrays), arrays["x"], training=training, rng=generator_of(subject))[0]

        def back(part: Any, arrays: Mapping[str, Array], training: bool = training) -> Any:
            _, cache = part.forward(given(arrays), arrays["x"], training=training, rng=generator_of(subject))
            grad_x, grads = part.backward(given(arrays), cache, arrays["grad"])
            return {"grad_x": grad_x, **{f"grad_{name}": value for name, value in grads.items()}}

        writes = buffers if training else frozenset()
        rows = frozenset() if training else frozenset({"x"})
        found.append(Call(f"forward in {mode}", run, {"x": x, **named}, writes=writes, rows=rows))
        found.append(Call(f"backward in {mode}", back, {"x": x, "grad": grad, **named}, writes=writes))
    if layer.offers("backward_rows"):
        grads = normal(subject, "calls/grads", (4, 2, layer.outputs(inputs)))

        def by_row(part: Any, arrays: Mapping[str, Array]) -> Any:
            _, cache = part.forward(given(arrays), arrays["x"], training=False, rng=None)
            grad_x, by_name = part.backward_rows(given(arrays), cache, arrays["grads"])
            return {"grad_x": grad_x, **{f"grad_{name}": value for name, value in by_name.items()}}

        found.append(
            Call(
                "backward_rows in inference",
                by_row,
                {"x": x, "grads": grads, **named},
                rows=frozenset({"x", "grads"}),
                shares=frozenset({"grads"}),
            )
        )
    return found
