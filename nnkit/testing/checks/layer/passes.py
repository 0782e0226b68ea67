"""A layer under test with parameters and a batch, and passes through it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import Call, quiet
from nnkit.testing.derivatives import expect_slope
from nnkit.testing.failure import difference, require, show
from nnkit.testing.record import Subject, inputs, normal

SIZES = ((1, 1), (3, 2), (2, 5), (5, 3), (7, 4))
"""``(N, D_in)``."""

FRESH = 5
"""The number of columns for which buffers are those of a new network; for others, some training has left them."""


def copied(values: Mapping[str, Array]) -> dict[str, Array]:
    """A copy of every array."""
    return {name: array.copy() for name, array in values.items()}


def width(layer: Any, inputs: int) -> int:
    """The first number of columns from ``inputs`` on that the layer accepts, else the nearest below."""
    wanted = [*range(inputs, inputs + 64), *range(inputs - 1, 0, -1)]
    accepted: int | None = next((columns for columns in wanted if layer.accepts(columns) is None), None)
    reason = f"{type(layer).__name__} accepts no number of inputs near {inputs}: {layer.accepts(inputs)}"
    require(accepted is not None, reason, inputs={"inputs": inputs})
    assert accepted is not None
    return accepted


def valid(layer: Any, x: Array) -> Array:
    """``x`` with indices in their range wherever the layer reads indices and there are other numbers."""
    for column, count in layer.index_columns(x.shape[1]).items():
        values, limit = x[:, column], count or 100
        wrong = ~((values == np.floor(values)) & (values >= 0) & (values < limit))
        values[wrong] = np.floor(np.abs(values[wrong]) * 1e3) % limit
    return x


def adapt(layer: Any, values: Mapping[str, Array], *windows: tuple[Array, Array | None]) -> None:
    """Set the buffers in ``values`` from the rows of all windows."""
    state = layer.adapt_start(windows[0][0].shape[1])
    for x, weight in windows:
        layer.adapt_add(state, x, weight)
    layer.adapt_finish(state, values)


def buffered(layer: Any, inputs: int) -> set[str]:
    """The names of the layer's buffers."""
    return {spec.name for spec in layer.parameter_specs(inputs) if spec.role == "buffer"}


def generator_of(subject: Subject) -> np.random.Generator:
    """A new generator, the same for the same seed."""
    return np.random.default_rng(31 + subject.seed)


@attrs.frozen(kw_only=True)
class Situation:
    """A layer with parameters, one batch, the gradient of its outputs, and whether it is training.

    Passes run on copies, with a generator that always begins alike.
    """

    subject: Subject
    layer: Any
    values: dict[str, Array]
    x: Array
    grad: Array
    training: bool = False

    @property
    def shown(self) -> dict[str, Any]:
        """What a failure shows."""
        return {"x": self.x, "grad": self.grad, "training": self.training}

    @property
    def buffers(self) -> set[str]:
        return buffered(self.layer, self.x.shape[1])

    @property
    def trained(self) -> list[str]:
        """The names of the parameters that are no buffers."""
        return [spec.name for spec in self.layer.parameter_specs(self.x.shape[1]) if spec.role != "buffer"]

    @property
    def rng(self) -> np.random.Generator:
        return generator_of(self.subject)

    def evolve(self, **changes: Any) -> Situation:
        """The same with some fields changed; ``x`` remains such as the layer accepts."""
        if "x" in changes:
            changes["x"] = valid(self.layer, np.array(changes["x"]))
        return attrs.evolve(self, **changes)

    @property
    def real(self) -> Array:
        """1 for columns that are numbers, 0 for indices."""
        mask = np.ones(self.x.shape[1])
        mask[list(self.layer.index_columns(self.x.shape[1]))] = 0.0
        return mask

    def rows(self, rows: slice) -> Situation:
        """The same with some of the rows."""
        return self.evolve(x=self.x[rows], grad=self.grad[rows])

    def pass_on(self, values: dict[str, Array], *, training: bool, rng: np.random.Generator | None) -> Array:
        """The output of a forward pass, on ``values`` themselves and with this generator."""
        with quiet():
            return np.array(self.layer.forward(values, self.x.copy(), training=training, rng=rng)[0])

    def forward(self) -> tuple[Array, Any]:
        """The outputs and the cache."""
        with quiet():
            y, cache = self.layer.forward(copied(self.values), self.x.copy(), training=self.training, rng=self.rng)
        return y, cache

    @property
    def y(self) -> Array:
        """The outputs."""
        return self.forward()[0]

    def backward(self, cache: Any) -> dict[str, Array]:
        """The gradients by name of parameter, that of the inputs as ``grad_x``."""
        with quiet():
            grad_x, gradients = self.layer.backward(copied(self.values), cache, self.grad.copy())
        return {"grad_x": grad_x, **gradients}

    def gradients(self) -> dict[str, Array]:
        """Those of a forward and a backward pass."""
        return self.backward(self.forward()[1])

    def gathers(self) -> bool:
        """Whether a training pass writes what it computes to buffers and reads them: its statistics are data."""
        if not self.buffers or not self.layer.row_independent:
            return False
        touched, shifted = copied(self.values), copied(self.values)
        for name in self.buffers:
            shifted[name] += shifted[name].dtype.type(0.25)
        y, z = (self.pass_on(values, training=True, rng=self.rng) for values in (touched, shifted))
        written = any(difference(touched[name], self.values[name]) is not None for name in self.buffers)
        return written and difference(z, y, tolerance=1e-6) is not None

    def expect_gradient(
        self, message: str, name: str, gradient: Array, direction: Array, step: float, shown: Mapping[str, Any]
    ) -> None:
        """Raise ``CheckFailure`` unless ``gradient``, in ``name``, is that of ``sum(grad * y)`` along ``direction``."""
        if name == "grad_x":
            direction = direction * self.real
            require(not gradient[:, self.real == 0.0].any(), "the gradient of an index is not 0", got=gradient)

        def along(t: float) -> Array:
            x = self.x + t * direction if name == "grad_x" else self.x.copy()
            values = {n: a + t * direction if n == name else a.copy() for n, a in self.values.items()}
            y = self.layer.forward(values, x, training=self.training, rng=self.rng)[0]
            return np.asarray((y * self.grad).sum())

        show(self.shown, shown)
        expect_slope(message, (gradient * direction).sum(), along, step, levels=8, rtol=1e-7, atol=1e-9)


def situation(
    subject: Subject, label: str, rows: int, inputs: int, *, training: bool = False, layer: Any = None
) -> Situation:
    """A layer (default: the subject's) with random parameters and a random batch."""
    layer = subject.make() if layer is None else layer
    inputs = width(layer, inputs)
    return Situation(
        subject=subject,
        layer=layer,
        values=_parameters(subject, layer, inputs, label),
        x=valid(layer, normal(subject, f"{label}/x/{rows}/{inputs}", (rows, inputs), 1.3)),
        grad=normal(subject, f"{label}/grad/{rows}/{inputs}", (rows, layer.outputs(inputs))),
        training=training,
    )


@inputs("one", cases=[(*size, training) for size in SIZES for training in (False, True)])
def situations(subject: Subject, label: str, rows: int, columns: int, training: bool) -> Situation:
    """Several sizes, in inference and in training."""
    return situation(subject, label, rows, columns, training=training)


inferences = attrs.evolve(situations, cases=[(*size, False) for size in SIZES])
"""Several sizes, in inference alone."""


def _parameters(subject: Subject, layer: Any, inputs: int, label: str) -> dict[str, Array]:
    """Parameters away from their starting values, and buffers as a new network or some training leaves them."""
    rng = subject.rng(f"parameters/{label}/{inputs}")
    values: dict[str, Array] = {}
    for spec in layer.parameter_specs(inputs):
        start = _initial(spec, rng)
        if spec.role != "buffer":
            start = start + rng.normal(0.0, 0.5, spec.shape)
        values[spec.name] = np.asarray(start, dtype=subject.dtype)
    if buffered(layer, inputs):
        data = valid(layer, np.asarray(rng.normal(0.7, 1.3, (12, inputs)), dtype=subject.dtype))
        with quiet():
            if layer.offers("adapt_start"):
                adapt(layer, values, (data, None))
            for rows in () if inputs == FRESH else (data[:6], data[6:]):
                layer.forward(values, rows, training=True, rng=np.random.default_rng(1))
    return values


def _initial(spec: Any, rng: np.random.Generator) -> Array:
    if spec.initializer is None:
        return rng.normal(0.0, 0.5, spec.shape) if spec.role != "buffer" else np.ones(spec.shape)
    from nnkit import registry

    initializer = registry.create("initializer", spec.initializer)
    return np.asarray(initializer.sample(spec.shape, spec.fan_in, spec.fan_out, rng, np.dtype(np.float64)))


def calls(subject: Subject) -> list[Call]:
    """Forward in both modes, backward, and backward_rows where it is offered."""
    one, prefix = situation(subject, "calls", 4, 3), "parameter "
    named = {prefix + name: array for name, array in one.values.items()}
    found = []

    def forward(part: Any, arrays: Mapping[str, Array], training: bool) -> tuple[dict[str, Array], Any]:
        values = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        return values, part.forward(values, arrays["x"], training=training, rng=generator_of(subject))

    def by_name(grad_x: Array, gradients: Mapping[str, Array]) -> dict[str, Array]:
        return {"grad_x": grad_x, **{f"grad_{name}": value for name, value in gradients.items()}}

    for mode in ("inference", "training"):
        training = mode == "training"

        def run(part: Any, arrays: Mapping[str, Array], training: bool = training) -> Any:
            return forward(part, arrays, training)[1][0]

        def back(part: Any, arrays: Mapping[str, Array], training: bool = training) -> Any:
            values, (_, cache) = forward(part, arrays, training)
            return by_name(*part.backward(values, cache, arrays["grad"]))

        writes = frozenset(prefix + name for name in one.buffers) if training else frozenset()
        rows = frozenset() if training else frozenset({"x"})
        found.append(Call(f"forward in {mode}", run, {"x": one.x, **named}, writes=writes, rows=rows))
        found.append(Call(f"backward in {mode}", back, {"x": one.x, "grad": one.grad, **named}, writes=writes))
    if one.layer.offers("backward_rows"):

        def by_row(part: Any, arrays: Mapping[str, Array]) -> Any:
            values, (_, cache) = forward(part, arrays, training=False)
            return by_name(*part.backward_rows(values, cache, arrays["grads"]))

        arrays = {"x": one.x, "grads": normal(subject, "calls/grads", (4, 2, one.grad.shape[1])), **named}
        rows, shares = frozenset({"x", "grads"}), frozenset({"grads"})
        found.append(Call("backward_rows in inference", by_row, arrays, rows=rows, shares=shares))
    return found
