"""Checks of layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import NNKitError, NotOfferedError
from nnkit.testing.call import Call, compare, quiet
from nnkit.testing.failure import close, fail, require, same
from nnkit.testing.figures import check_figures, has_figures
from nnkit.testing.numerics import slope
from nnkit.testing.points import normal
from nnkit.testing.record import Shelf
from nnkit.testing.subject import Subject

SHELF = Shelf()

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


def _copy(values: Mapping[str, Array]) -> dict[str, Array]:
    return {name: array.copy() for name, array in values.items()}


def _buffers(layer: Any, inputs: int) -> set[str]:
    return {spec.name for spec in layer.parameter_specs(inputs) if spec.role == "buffer"}


def _generator(subject: Subject) -> np.random.Generator:
    return np.random.default_rng(31 + subject.seed)


def forward(
    subject: Subject, layer: Any, values: Mapping[str, Array], x: Array, *, training: bool
) -> tuple[Array, Any]:
    """A forward pass on copies, with a generator that always begins alike."""
    with quiet():
        y, cache = layer.forward(_copy(values), x.copy(), training=training, rng=_generator(subject))
    return y, cache


def _weighed(subject: Subject, layer: Any, values: dict[str, Array], x: Array, grad: Array, *, training: bool) -> Array:
    """``sum(grad * y)`` on the very arrays given: what a stencil asks hundreds of times, within one ``quiet``."""
    y = layer.forward(values, x, training=training, rng=_generator(subject))[0]
    return np.asarray((y * grad).sum())


def backward(layer: Any, values: Mapping[str, Array], cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
    """A backward pass on copies."""
    with quiet():
        grad_x, found = layer.backward(_copy(values), cache, grad.copy())
    return grad_x, dict(found)


def _situations(subject: Subject, label: str) -> Iterator[tuple[Any, dict[str, Array], Array, Array, bool]]:
    """Layer, parameters, input, output gradient, and whether in training; for several sizes."""
    layer = subject.make()
    for rows, inputs in SIZES:
        values = parameters(subject, layer, inputs, label)
        x = normal(subject, f"{label}/x/{rows}/{inputs}", (rows, inputs), 1.3)
        grad = normal(subject, f"{label}/grad/{rows}/{inputs}", (rows, layer.outputs(inputs)))
        for training in (False, True):
            yield layer, values, x, grad, training


def _gathers(subject: Subject, layer: Any, values: Mapping[str, Array], x: Array) -> bool:
    """Whether a training pass puts what it sees into buffers and answers from them: its statistics are data."""
    inputs = x.shape[1]
    if not _buffers(layer, inputs) or not subject.cls.row_independent:
        return False
    touched = _copy(values)
    with quiet():
        y, _ = layer.forward(touched, x.copy(), training=True, rng=_generator(subject))
        shifted = {n: (a + a.dtype.type(0.25) if n in _buffers(layer, inputs) else a) for n, a in _copy(values).items()}
        z, _ = layer.forward(shifted, x.copy(), training=True, rng=_generator(subject))
    moved = any(same(touched[name], values[name]) is not None for name in _buffers(layer, inputs))
    return moved and close(z, y, rtol=1e-6, atol=1e-6) is not None


def calls(subject: Subject) -> list[Call]:
    """Forward in both modes, backward, and backward_rows where it is offered."""
    layer = subject.make()
    inputs = 3
    values = parameters(subject, layer, inputs, "calls")
    x = normal(subject, "calls/x", (4, inputs), 1.3)
    grad = normal(subject, "calls/grad", (4, layer.outputs(inputs)))
    named = {f"parameter {name}": array for name, array in values.items()}
    buffers = frozenset(f"parameter {name}" for name in _buffers(layer, inputs))
    found = []

    def given(arrays: Mapping[str, Array]) -> dict[str, Array]:
        prefix = "parameter "
        return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}

    for training in (False, True):
        mode = "training" if training else "inference"

        def run(part: Any, arrays: Mapping[str, Array], training: bool = training) -> Any:
            return part.forward(given(arrays), arrays["x"], training=training, rng=_generator(subject))[0]

        def back(part: Any, arrays: Mapping[str, Array], training: bool = training) -> Any:
            _, cache = part.forward(given(arrays), arrays["x"], training=training, rng=_generator(subject))
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


# -- declarations ----------------------------------------------------------------------------


@SHELF.check(
    "LAY-001/declarations",
    why="The flat vector is laid out from what the layer declares, before any data come.",
    fix="parameter_specs names every array once, with its shape and fans; outputs says the columns of forward.",
)
def declarations(subject: Subject) -> None:
    layer = subject.make()
    for rows, inputs in SIZES:
        specs = layer.parameter_specs(inputs)
        names = [spec.name for spec in specs]
        require(len(set(names)) == len(names), "two parameters have one name", got=names)
        for spec in specs:
            good = all(isinstance(length, int) and length > 0 for length in spec.shape)
            require(good, f"the shape of {spec.name!r} is no shape", inputs={"inputs": inputs}, got=spec.shape)
            require(spec.fan_in > 0 and spec.fan_out > 0, f"the fans of {spec.name!r} are not positive", got=spec)
            require(spec.role in {"weight", "bias", "buffer"}, f"{spec.name!r} has no known role", got=spec.role)
        require(layer.parameter_specs(inputs) == specs, "parameter_specs changes from call to call", got=specs)
        outputs = layer.outputs(inputs)
        require(isinstance(outputs, int) and outputs > 0, "outputs is no positive number", got=outputs)
        values = parameters(subject, layer, inputs, "declarations")
        x = normal(subject, f"declarations/{rows}/{inputs}", (rows, inputs))
        for training in (False, True):
            y, cache = forward(subject, layer, values, x, training=training)
            told = {"x": x, "training": training}
            require(
                y.shape == (rows, outputs),
                "forward has another shape than declared",
                inputs=told,
                got=y.shape,
                expected=(rows, outputs),
            )
            grad_x, grads = backward(layer, values, cache, np.ones_like(y))
            require(
                grad_x.shape == x.shape, "grad_x has the wrong shape", inputs=told, got=grad_x.shape, expected=x.shape
            )
            trained = {spec.name: spec.shape for spec in specs if spec.role != "buffer"}
            require(
                set(grads) == set(trained),
                "backward gives other gradients than declared",
                inputs=told,
                got=sorted(grads),
                expected=sorted(trained),
            )
            for name, value in trained.items():
                require(
                    grads[name].shape == value,
                    f"the gradient of {name!r} has the wrong shape",
                    inputs=told,
                    got=grads[name].shape,
                    expected=value,
                )


# -- gradients -------------------------------------------------------------------------------


@SHELF.check(
    "LAY-002/gradient-of-input",
    why="It is what every layer below learns from.",
    fix="Differentiate forward in x: grad_x = grad @ (dy/dx); through the batch's own statistics in training, too.",
    scope="variant",
)
def gradient_of_input(subject: Subject) -> None:
    for layer, values, x, grad, training in _situations(subject, "gradient-x"):
        if training and _gathers(subject, layer, values, x):
            continue
        _, cache = forward(subject, layer, values, x, training=training)
        got, _ = backward(layer, values, cache, grad)
        for n, j in _places(x.shape):

            def along(
                t: float,
                n: int = n,
                j: int = j,
                x: Array = x,
                training: bool = training,
                values: Any = values,
                grad: Array = grad,
                layer: Any = layer,
            ) -> Array:
                moved = x.copy()
                moved[n, j] += t
                return _weighed(subject, layer, _copy(values), moved, grad, training=training)

            with quiet():
                found = slope(along, 0.05, levels=8)
            off = close(got[n, j], found.value, atol=found.allowed(1e-7) + 1e-9)
            if off is not None:
                told = {"x": x, "grad": grad, "training": training, "element": [n, j], **values}
                fail("grad_x is not the derivative of forward", inputs=told, got=off.got, expected=off.expected)


def _places(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Some places of an array, the corners among them."""
    every = list(np.ndindex(*shape))
    if len(every) <= 8:
        return every
    return [every[i] for i in sorted({0, 1, len(every) - 1, len(every) // 2, len(every) // 3, len(every) // 5})]


@SHELF.check(
    "LAY-003/gradient-of-parameters",
    why="It is what the layer itself learns from.",
    fix="Sum over the rows (no mean), and check which factor of forward each parameter touches.",
    scope="variant",
)
def gradient_of_parameters(subject: Subject) -> None:
    for layer, values, x, grad, training in _situations(subject, "gradient-p"):
        if training and _gathers(subject, layer, values, x):
            continue
        _, cache = forward(subject, layer, values, x, training=training)
        _, grads = backward(layer, values, cache, grad)
        for name, got in grads.items():
            for place in _places(got.shape):

                def along(
                    t: float,
                    name: str = name,
                    place: Any = place,
                    x: Array = x,
                    training: bool = training,
                    values: Any = values,
                    grad: Array = grad,
                    layer: Any = layer,
                ) -> Array:
                    moved = _copy(values)
                    moved[name][place] += t
                    return _weighed(subject, layer, moved, x.copy(), grad, training=training)

                with quiet():
                    found = slope(along, 0.05, levels=8)
                off = close(got[place], found.value, atol=found.allowed(1e-7) + 1e-9)
                if off is not None:
                    told = {"x": x, "grad": grad, "training": training, f"element of {name}": list(place), **values}
                    fail(
                        f"the gradient of {name!r} is not the derivative of forward",
                        inputs=told,
                        got=off.got,
                        expected=off.expected,
                    )


@SHELF.check(
    "LAY-004/backward-is-linear",
    why="Gradients of several losses are added before they are sent back.",
    fix="Do not scale, clip or threshold the gradient on its way.",
)
def backward_is_linear(subject: Subject) -> None:
    tolerance = 4096 * subject.eps
    for layer, values, x, grad, training in _situations(subject, "linear"):
        other = normal(subject, f"linear/other/{x.shape}", grad.shape, 30.0)
        _, cache = forward(subject, layer, values, x, training=training)
        one, two = backward(layer, values, cache, grad), backward(layer, values, cache, other)
        both = backward(layer, values, cache, grad + other)
        told = {"x": x, "grad": grad, "other": other, "training": training}
        scale = 1.0 + float(np.abs(two[0]).max()) + float(np.abs(one[0]).max())
        off = close(both[0], one[0] + two[0], rtol=tolerance, atol=tolerance * scale)
        if off is not None:
            fail(
                "backward of a sum is not the sum of backwards (grad_x)",
                inputs=told,
                got=off.got,
                expected=off.expected,
            )
        for name in one[1]:
            size = 1.0 + float(np.abs(two[1][name]).max())
            off = close(both[1][name], one[1][name] + two[1][name], rtol=tolerance, atol=4 * tolerance * size)
            if off is not None:
                fail(
                    f"backward of a sum is not the sum of backwards ({name})",
                    inputs=told,
                    got=off.got,
                    expected=off.expected,
                )
        zero = backward(layer, values, cache, np.zeros_like(grad))
        require(
            not zero[0].any() and not any(v.any() for v in zero[1].values()),
            "a zero gradient does not give zero",
            inputs=told,
        )


@SHELF.check(
    "LAY-005/rows-apart",
    why="A prediction must not depend on which other rows are predicted with it.",
    fix="Set `row_independent = False` for statistics of the batch in training; in inference there are none.",
)
def rows_apart(subject: Subject) -> None:
    tolerance = 128 * subject.eps
    for layer, values, x, _, training in _situations(subject, "rows"):
        if training and (
            not subject.cls.row_independent or subject.cls.stochastic or _gathers(subject, layer, values, x)
        ):
            continue
        whole = forward(subject, layer, values, x, training=training)[0]
        for n in range(len(x)):
            alone = forward(subject, layer, values, x[n : n + 1], training=training)[0]
            off = close(alone[0], whole[n], rtol=tolerance, atol=tolerance)
            if off is not None:
                told = {"x": x, "row": n, "training": training}
                fail(
                    "a row alone gives another output than among others",
                    inputs=told,
                    got=off.got,
                    expected=off.expected,
                )
        other = x.copy()
        other[-1] *= -17.0
        changed = forward(subject, layer, values, other, training=training)[0]
        off = close(changed[:-1], whole[:-1], rtol=tolerance, atol=tolerance)
        if off is not None:
            fail(
                "changing the last row changes other rows",
                inputs={"x": x, "training": training},
                got=off.got,
                expected=off.expected,
            )


@SHELF.check(
    "LAY-006/caches-apart",
    why="Several forward passes may lie between a forward pass and its backward pass.",
    fix="Put into the cache all that backward needs; remember nothing in the layer, and copy what may be overwritten.",
)
def caches_apart(subject: Subject) -> None:
    for layer, values, x, grad, training in _situations(subject, "caches"):
        _, cache = forward(subject, layer, values, x, training=training)
        expected = backward(layer, values, cache, grad)
        _, cache = forward(subject, layer, values, x, training=training)
        forward(subject, layer, values, x[::-1] * 2 + 1, training=not training)
        forward(subject, layer, values, x[:1], training=training)
        off = compare(backward(layer, values, cache, grad), expected)
        if off is None:
            off = compare(backward(subject.make(), values, cache, grad), expected)
        if off is None:
            off = compare(backward(layer, values, cache, grad), expected)
        if off is not None:
            told = {"x": x, "grad": grad, "training": training}
            fail(
                "backward depends on what was forwarded after its own forward",
                inputs=told,
                got=off.got,
                expected=off.expected,
            )


# -- modes -----------------------------------------------------------------------------------


@SHELF.check(
    "LAY-007/modes",
    why="Prediction must be repeatable, and cost no random numbers.",
    fix="Draw only in training, and only from rng; declare `stochastic` when you do.",
)
def modes(subject: Subject) -> None:
    for layer, values, x, _, _ in _situations(subject, "modes"):
        rng = _generator(subject)
        before = rng.bit_generator.state
        with quiet():
            one = layer.forward(_copy(values), x.copy(), training=False, rng=rng)[0]
            two = layer.forward(_copy(values), x.copy(), training=False, rng=None)[0]
        require(rng.bit_generator.state == before, "inference draws random numbers", inputs={"x": x})
        off = same(two, one)
        require(off is None, "inference depends on the generator", inputs={"x": x}, got=two, expected=one)
        if not subject.cls.stochastic:
            rng = _generator(subject)
            with quiet():
                three = layer.forward(_copy(values), x.copy(), training=True, rng=rng)[0]
                four = layer.forward(_copy(values), x.copy(), training=True, rng=None)[0]
            require(
                rng.bit_generator.state == before,
                "training draws random numbers though not stochastic",
                inputs={"x": x},
            )
            require(
                same(three, four) is None, "training depends on the generator though not stochastic", inputs={"x": x}
            )
        held = _copy(values)
        with quiet():
            layer.forward(held, x.copy(), training=False, rng=None)
        off = compare(held, dict(values))
        require(
            off is None,
            "inference writes to the parameters or buffers",
            inputs={"x": x},
            got=off and off.got,
            expected=off and off.expected,
        )
        with quiet():
            layer.forward(held, x.copy(), training=True, rng=_generator(subject))
        for name in set(held) - _buffers(layer, x.shape[1]):
            require(
                same(held[name], values[name]) is None,
                f"a training pass writes to {name!r}, which is no buffer",
                inputs={"x": x},
            )


def _stochastic(subject: Subject) -> str | None:
    return None if subject.cls.stochastic else "it is not stochastic"


@SHELF.check(
    "LAY-008/draws",
    why="Noise must be new in every pass, the same for the same generator, and leave the mean alone.",
    fix="Draw from rng once for each element; divide by the share that is kept; use the same draws on the way back.",
    needs=_stochastic,
)
def draws(subject: Subject) -> None:
    layer = subject.make()
    values = parameters(subject, layer, 40, "draws")
    x = np.abs(normal(subject, "draws/x", (50, 40))) + subject.dtype.type(0.5)
    one, two = (forward(subject, layer, values, x, training=True)[0] for _ in range(2))
    require(same(two, one) is None, "equal generators give different noise", inputs={"x": x})
    rng = _generator(subject)
    plain = forward(subject, layer, values, x, training=False)[0].astype(np.float64)
    with quiet():
        total = np.zeros((50, layer.outputs(40)))
        square = np.zeros_like(total)
        passes = 60
        first = None
        for _ in range(passes):
            y = layer.forward(_copy(values), x.copy(), training=True, rng=rng)[0].astype(np.float64)
            if first is not None and close(y, plain, atol=1e-4) is not None:
                require(same(y, first) is not None, "two passes of one generator have the same noise", inputs={"x": x})
            first = y
            total += y
            square += y * y
    mean = total / passes
    spread = np.sqrt(np.maximum(square / passes - mean**2, 0.0) / passes)
    overall = float((mean - plain).mean())
    allowed = 5.0 * float(np.sqrt((spread**2).sum())) / mean.size + 1e-6 * float(np.abs(plain).mean())
    require(
        abs(overall) <= allowed,
        "the mean over the noise is not the output of inference",
        inputs={"x": x},
        got=overall,
        expected=f"0; allowed is {allowed:.3g}",
    )
    touched = np.abs((plain if first is None else first) - plain) > 1e-4
    if touched.mean() > 0.1:
        even = (touched.any(axis=0).mean() > 0.8) and (touched.any(axis=1).mean() > 0.8)
        require(even, "the noise leaves whole rows or columns alone", inputs={"x": x})


# -- optional methods ------------------------------------------------------------------------


def _offers(method: str) -> Any:
    def needs(subject: Subject) -> str | None:
        return None if subject.offers(method) else f"it offers no {method}"

    return needs


@SHELF.check(
    "LAY-009/backward-rows",
    why="Per-sample Jacobians, and all that second-order training makes of them, go through it.",
    fix="Keep rows and outputs apart: (N, K, D_in) and (N, K, *shape), no sum over rows.",
    needs=_offers("backward_rows"),
)
def backward_rows(subject: Subject) -> None:
    tolerance = 128 * subject.eps
    for layer, values, x, _, training in _situations(subject, "by-row"):
        _, cache = forward(subject, layer, values, x, training=training)
        rows, outputs = len(x), layer.outputs(x.shape[1])
        for count in (1, 3):
            grads = normal(subject, f"by-row/grads/{x.shape}/{count}", (rows, count, outputs))
            try:
                with quiet():
                    grad_x, by_name = layer.backward_rows(_copy(values), cache, grads.copy())
            except NNKitError:
                require(training and not subject.cls.row_independent, "backward_rows is offered and refused")
                continue
            told = {"x": x, "grads": grads, "training": training}
            require(
                grad_x.shape == (rows, count, x.shape[1]),
                "backward_rows has the wrong shape",
                inputs=told,
                got=grad_x.shape,
            )
            for n in range(rows):
                for k in range(count):
                    only = np.zeros((rows, outputs), dtype=subject.dtype)
                    only[n] = grads[n, k]
                    expected_x, expected = backward(layer, values, cache, only)
                    off = close(grad_x[n, k], expected_x[n], rtol=tolerance, atol=tolerance)
                    if off is not None:
                        fail(
                            f"backward_rows[{n}, {k}] is not backward of that row alone",
                            inputs=told,
                            got=off.got,
                            expected=off.expected,
                        )
                    require(
                        set(by_name) == set(expected),
                        "backward_rows names other parameters",
                        inputs=told,
                        got=sorted(by_name),
                    )
                    for name, value in expected.items():
                        off = close(by_name[name][n, k], value, rtol=tolerance, atol=4 * tolerance)
                        if off is not None:
                            fail(
                                f"backward_rows of {name!r} at [{n}, {k}] is not that row's gradient",
                                inputs=told,
                                got=off.got,
                                expected=off.expected,
                            )


@attrs.define
class _Workspace:
    """The kit's own workspace: arrays full of NaN, and one scratch that is spoiled between calls."""

    rows: int
    dtype: np.dtype[Any]
    arrays: dict[str, Array] = attrs.field(factory=dict)
    shared: dict[int, Array] = attrs.field(factory=dict)

    def take(self, name: str, columns: int) -> Array:
        if name not in self.arrays:
            self.arrays[name] = np.full((self.rows, columns), np.nan, dtype=self.dtype)
        return self.arrays[name]

    def scratch(self, columns: int) -> Array:
        if columns not in self.shared:
            self.shared[columns] = np.full((self.rows, columns), np.nan, dtype=self.dtype)
        return self.shared[columns]

    def spoil(self) -> None:
        for array in self.shared.values():
            array.fill(np.nan)


@SHELF.check(
    "LAY-010/bind-equals-plain",
    why="Training runs on the bound twin; it must be the same layer.",
    fix="Fill every element of the gradients, read x and grad anew in each call, and expect rubbish in all scratch.",
)
def bind_equals_plain(subject: Subject) -> None:
    tolerance = 256 * subject.eps
    for layer, start, x, _, training in _situations(subject, "bind"):
        inputs = x.shape[1]
        plain, live = _copy(start), _copy(start)
        names = [spec.name for spec in layer.parameter_specs(inputs) if spec.role != "buffer"]
        gradients = {name: np.full_like(live[name], np.nan) for name in names}
        workspace = _Workspace(len(x), subject.dtype)
        plain_rng, live_rng = _generator(subject), _generator(subject)
        bound = layer.bind(
            live, gradients, workspace, inputs=inputs, training=training, needs_grad_x=True, rng=live_rng
        )
        for batch in range(3):
            seen = normal(subject, f"bind/x/{x.shape}/{batch}", x.shape, 1.3)
            grad = normal(subject, f"bind/grad/{x.shape}/{batch}", (len(x), layer.outputs(inputs)))
            told = {"x": seen, "grad": grad, "training": training, "batch": batch}
            given = seen.copy()
            with quiet() as noted:
                y = bound.forward(given)
                got_y = np.array(y)
                workspace.spoil()
                got_x = bound.backward(grad.copy())
                got_x = None if got_x is None else np.array(got_x)
                workspace.spoil()
                expected_y, cache = layer.forward(plain, seen.copy(), training=training, rng=plain_rng)
                expected_x, expected = layer.backward(plain, cache, grad.copy())
            require(not noted.warned, "the bound layer warns", inputs=told, got=noted.warned)
            require(same(given, seen) is None, "the bound forward writes to x", inputs=told)
            off = close(got_y, expected_y, rtol=tolerance, atol=tolerance)
            if off is not None:
                fail("the bound forward differs", inputs=told, got=off.got, expected=off.expected)
            require(got_x is not None, "the bound backward returns no grad_x although it is needed", inputs=told)
            off = close(got_x, expected_x, rtol=tolerance, atol=tolerance)
            if off is not None:
                fail("the bound backward gives another grad_x", inputs=told, got=off.got, expected=off.expected)
            for name in names:
                scale = 1.0 + float(np.abs(expected[name]).max())
                off = close(gradients[name], expected[name], rtol=tolerance, atol=tolerance * scale)
                if off is not None:
                    fail(
                        f"the bound backward gives another gradient of {name!r}",
                        inputs=told,
                        got=off.got,
                        expected=off.expected,
                    )
            off = compare(live, plain, rtol=tolerance, atol=tolerance)
            if off is not None:
                fail(
                    "the bound pass leaves other parameters or buffers", inputs=told, got=off.got, expected=off.expected
                )
            for name in names:  # a step of training changes them in place
                for values in (plain, live):
                    values[name] += subject.dtype.type(0.125)


@SHELF.check(
    "LAY-011/bind-forms",
    why="The first layer needs no grad_x, and prediction no backward at all.",
    fix="Leave out what needs_grad_x and gradients=None say is not wanted; the rest must stay the same.",
)
def bind_forms(subject: Subject) -> None:
    tolerance = 256 * subject.eps
    for layer, start, x, grad, training in _situations(subject, "forms"):
        inputs = x.shape[1]
        names = [spec.name for spec in layer.parameter_specs(inputs) if spec.role != "buffer"]
        told = {"x": x, "training": training}
        expected_y, cache = forward(subject, layer, start, x, training=training)
        _, expected = backward(layer, start, cache, grad)
        live, gradients = _copy(start), {name: np.full_like(start[name], np.nan) for name in names}
        bound = layer.bind(
            live,
            gradients,
            _Workspace(len(x), subject.dtype),
            inputs=inputs,
            training=training,
            needs_grad_x=False,
            rng=_generator(subject),
        )
        with quiet():
            y = np.array(bound.forward(x.copy()))
            bound.backward(grad.copy())
        off = close(y, expected_y, rtol=tolerance, atol=tolerance)
        if off is not None:
            fail("without needs_grad_x the bound forward differs", inputs=told, got=off.got, expected=off.expected)
        for name in names:
            scale = 1.0 + float(np.abs(expected[name]).max())
            off = close(gradients[name], expected[name], rtol=tolerance, atol=tolerance * scale)
            if off is not None:
                fail(
                    f"without needs_grad_x the gradient of {name!r} differs",
                    inputs=told,
                    got=off.got,
                    expected=off.expected,
                )
        if training:
            continue
        bound = layer.bind(
            _copy(start),
            None,
            _Workspace(len(x), subject.dtype),
            inputs=inputs,
            training=False,
            needs_grad_x=False,
            rng=None,
        )
        with quiet():
            y = np.array(bound.forward(x.copy()))
        off = close(y, expected_y, rtol=tolerance, atol=tolerance)
        if off is not None:
            fail("bound for inference alone, forward differs", inputs=told, got=off.got, expected=off.expected)


@SHELF.check(
    "LAY-012/adapt",
    why="It runs once, on all data, before training; what it leaves must be saved and repeatable.",
    fix="Write to buffers only, use the weights as repetitions, and draw nothing.",
    needs=_offers("adapt"),
)
def adapt(subject: Subject) -> None:
    layer = subject.make()
    inputs = 3
    data = np.asarray(subject.rng("adapt").normal(2.0, 3.0, (10, inputs)), dtype=subject.dtype)
    start = parameters(subject, layer, inputs, "adapt")

    def adapted(x: Array, weight: Array | None) -> dict[str, Array]:
        held = _copy(start)
        given = x.copy()
        with quiet():
            subject.make().adapt(held, given, weight)
        require(same(given, x) is None, "adapt writes to x", inputs={"x": x})
        return held

    one, two = adapted(data, None), adapted(data, None)
    off = compare(two, one)
    require(
        off is None, "adapt gives other buffers the second time", got=off and off.got, expected=off and off.expected
    )
    for name in set(one) - _buffers(layer, inputs):
        require(same(one[name], start[name]) is None, f"adapt writes to {name!r}, which is no buffer")
    for name in one:
        require(one[name].dtype == subject.dtype, f"adapt changes the dtype of {name!r}", got=one[name].dtype)
        require(np.isfinite(one[name]).all(), f"adapt leaves {name!r} not finite", inputs={"x": data}, got=one[name])
    weight = np.array([1, 2, 1, 3, 1, 1, 2, 1, 0, 1], dtype=subject.dtype)
    weighted = adapted(data, weight)
    repeated = adapted(np.repeat(data, weight.astype(int), axis=0), None)
    off = compare(weighted, repeated, rtol=1024 * subject.eps, atol=1024 * subject.eps)
    if off is not None:
        fail(
            "integer weights do not act as repetitions in adapt",
            inputs={"x": data, "weight": weight},
            got=off.got,
            expected=off.expected,
        )


@SHELF.check(
    "LAY-013/split",
    why="The core composes the last activation with the loss by itself.",
    fix="split gives the same layer without its activation, and that activation; together they are the layer.",
)
def split(subject: Subject) -> None:
    tolerance = 64 * subject.eps
    for layer, values, x, _, training in _situations(subject, "split"):
        body, activation = layer.split()
        expected, _ = forward(subject, layer, values, x, training=training)
        got, _ = forward(subject, body, values, x, training=training)
        if activation is not None:
            got = activation.forward(got.copy())
        off = close(got, expected, rtol=tolerance, atol=tolerance)
        if off is not None:
            fail(
                "the two halves of split are not the layer",
                inputs={"x": x, "training": training},
                got=off.got,
                expected=off.expected,
            )
        again = [(spec.name, spec.shape) for spec in body.parameter_specs(x.shape[1])]
        specs = [(spec.name, spec.shape) for spec in layer.parameter_specs(x.shape[1])]
        require(again == specs, "the layer without its activation has other parameters", got=again, expected=specs)
        _, cache = forward(subject, layer, values, x, training=training)
        z = layer.preactivation(cache)
        if z is not None:
            through = z if activation is None else activation.forward(np.array(z))
            off = close(through, expected, rtol=tolerance, atol=tolerance)
            if off is not None:
                fail(
                    "preactivation is not what the activation is applied to",
                    inputs={"x": x},
                    got=off.got,
                    expected=off.expected,
                )


@SHELF.check(
    "LAY-014/float32-accuracy",
    why="Most training runs in float32; a formula that cancels there is right on paper only.",
    fix="Subtract means before squaring; look for constants cut to float16.",
    needs=lambda s: None if s.dtype == np.float32 else "it is about float32",
)
def float32_accuracy(subject: Subject) -> None:
    for layer, values, x, grad, training in _situations(subject, "float32"):
        if subject.cls.stochastic and training:
            continue
        y, cache = forward(subject, layer, values, x, training=training)
        grad_x, _ = backward(layer, values, cache, grad)
        double = {name: array.astype(np.float64) for name, array in values.items()}
        wide, cache = forward(subject, layer, double, x.astype(np.float64), training=training)
        wide_x, _ = backward(layer, double, cache, grad.astype(np.float64))
        if training and len(x) == 1:
            continue
        scale = 1.0 + float(np.abs(x).max())
        off = close(y, wide, rtol=1e-4, atol=1e-4 * scale)
        if off is not None:
            fail(
                "forward in float32 is not close to float64",
                inputs={"x": x, "training": training},
                got=off.got,
                expected=off.expected,
            )
        off = close(grad_x, wide_x, rtol=1e-3, atol=1e-3 * (1.0 + float(np.abs(wide_x).max())))
        if off is not None:
            fail(
                "backward in float32 is not close to float64",
                inputs={"x": x, "training": training},
                got=off.got,
                expected=off.expected,
            )


@SHELF.check(
    "LAY-015/nan-stays-visible",
    why="A NaN that disappears in a layer hides the fault that made it.",
    fix="Use functions that hand NaN on; no nan_to_num, no fmax.",
    level="strict",
)
def nan_stays_visible(subject: Subject) -> None:
    for layer, values, x, _, training in _situations(subject, "nan"):
        if training or len(x) < 2:
            continue
        clean = forward(subject, layer, values, x, training=False)[0]
        bad = x.copy()
        bad[1, 0] = np.nan
        with quiet() as noted:
            y = layer.forward(_copy(values), bad.copy(), training=False, rng=None)[0]
        require(not noted.warned, "forward warns when it is given NaN", inputs={"x": bad}, got=noted.warned)
        require(np.isnan(y[1]).any(), "forward hides a NaN", inputs={"x": bad}, got=y[1])
        off = close(np.delete(y, 1, 0), np.delete(clean, 1, 0), rtol=64 * subject.eps, atol=64 * subject.eps)
        require(off is None, "a NaN in one row changes other rows in inference", inputs={"x": bad}, got=y)


@SHELF.check(
    "LAY-016/statistics-follow",
    why="Statistics that run away from the data make every prediction wrong, and no training loss shows it.",
    fix="Move the buffers towards the batch: running += share * (batch - running).",
    needs=lambda s: "its rows are independent" if s.cls.row_independent else None,
    scope="variant",
)
def statistics_follow(subject: Subject) -> None:
    layer = subject.make()
    inputs = 3
    values = parameters(subject, layer, inputs, "follow")
    x = np.asarray(subject.rng("follow/x").normal(1.0, 2.0, (200, inputs)), dtype=subject.dtype)
    held = _copy(values)
    with quiet():
        trained = layer.forward(held, x.copy(), training=True, rng=_generator(subject))[0]
        if compare(held, dict(values)) is None:
            still = bool(_buffers(layer, inputs)) and subject.hyperparameters == subject.variants[0]
            require(not still or layer.offers("adapt"), "no pass in training ever moves the buffers", inputs={"x": x})
            return  # it keeps no statistics with these hyperparameters
        before = float(np.abs(layer.forward(_copy(values), x.copy(), training=False, rng=None)[0] - trained).max())
        for _ in range(400):
            layer.forward(held, x.copy(), training=True, rng=_generator(subject))
        gap = float(np.abs(layer.forward(held, x.copy(), training=False, rng=None)[0] - trained).max())
    allowed = 0.02 * (1.0 + float(np.abs(trained).max()))
    require(
        gap <= allowed or gap <= 0.01 * before,
        "after many passes over one batch, inference still differs from training on it",
        inputs={"x": x},
        got=gap,
        expected=f"less than {allowed:.3g}",
    )


@SHELF.check(
    "LAY-017/backward-rows-into",
    why="Jacobians of whole networks are written by the in-place twin.",
    fix="Write each (N, K, *shape) to out[name], whatever it held; return grad_x only where it is needed.",
    needs=_offers("backward_rows"),
)
def backward_rows_into(subject: Subject) -> None:
    tolerance = 128 * subject.eps
    for layer, values, x, _, training in _situations(subject, "rows-into"):
        if training:
            continue
        _, cache = forward(subject, layer, values, x, training=False)
        grads = normal(subject, f"rows-into/{x.shape}", (len(x), 2, layer.outputs(x.shape[1])))
        told = {"x": x, "grads": grads}
        with quiet():
            expected_x, expected = layer.backward_rows(_copy(values), cache, grads.copy())
        for order in ("C", "F"):
            for needed in (True, False):
                out = {name: np.array(np.full_like(value, np.nan), order=order) for name, value in expected.items()}
                with quiet():
                    got_x = layer.backward_rows_into(_copy(values), cache, grads.copy(), out, needs_grad_x=needed)
                if needed:
                    off = close(got_x, expected_x, rtol=tolerance, atol=tolerance)
                    if off is not None:
                        fail("backward_rows_into gives another grad_x", inputs=told, got=off.got, expected=off.expected)
                for name, value in expected.items():
                    off = close(out[name], value, rtol=tolerance, atol=tolerance)
                    if off is not None:
                        fail(
                            f"backward_rows_into writes another {name!r}",
                            inputs=told,
                            got=off.got,
                            expected=off.expected,
                        )


@SHELF.check(
    "LAY-018/tangents",
    why="Hessian-vector products are exact only if the tangents are.",
    fix="Differentiate forward, and both results of backward, along the directions; grad moves along grad_tangent.",
    needs=_offers("forward_tangent"),
    scope="variant",
)
def tangents(subject: Subject) -> None:
    for layer, values, x, grad, training in _situations(subject, "tangents"):
        if training:
            continue
        names = [spec.name for spec in layer.parameter_specs(x.shape[1]) if spec.role != "buffer"]
        directions = {name: normal(subject, f"tangents/{name}/{x.shape}", values[name].shape) for name in names}
        x_way, grad_way = (
            normal(subject, f"tangents/{which}/{x.shape}", a.shape) for which, a in (("x", x), ("g", grad))
        )
        told = {"x": x, "grad": grad, "x_tangent": x_way, **values}

        def moved(t: float) -> tuple[dict[str, Array], Array, Array]:
            there = {n: (a + t * directions[n] if n in directions else a) for n, a in values.items()}  # noqa: B023
            return there, x + t * x_way, grad + t * grad_way  # noqa: B023

        def along(t: float) -> Array:
            there, here, _ = moved(t)
            return forward(subject, layer, there, here, training=False)[0]  # noqa: B023

        _, cache = forward(subject, layer, values, x, training=False)
        try:
            with quiet():
                y_way, kept = layer.forward_tangent(_copy(values), cache, directions, x_way.copy())
                got_x, got = layer.backward_tangent(
                    _copy(values), cache, directions, kept, grad.copy(), grad_way.copy()
                )
        except NotOfferedError:
            continue
        found = slope(along, 0.02, levels=8)
        off = close(y_way, found.value, atol=found.allowed(1e-6) + 1e-8)
        if off is not None:
            fail("forward_tangent is not the derivative of forward", inputs=told, got=off.got, expected=off.expected)

        def back(t: float, name: str | None = None) -> Array:
            there, here, pulled = moved(t)
            _, seen = forward(subject, layer, there, here, training=False)  # noqa: B023
            grad_x, grads = backward(layer, there, seen, pulled)  # noqa: B023
            return grad_x if name is None else grads[name]

        for name, value in ((None, got_x), *got.items()):
            found = slope(lambda t, n=name: back(t, n), 0.02, levels=8)  # type: ignore[misc]
            off = close(value, found.value, atol=found.allowed(1e-6) + 1e-8)
            if off is not None:
                which = "grad_x" if name is None else repr(name)
                fail(
                    f"backward_tangent of {which} is not the derivative of backward",
                    inputs=told,
                    got=off.got,
                    expected=off.expected,
                )


def _run(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    given = dict(inputs)
    if method != "forward":
        return getattr(part, method)(**given)
    given.setdefault("training", False)
    given.setdefault("rng", None)
    return part.forward(given.pop("parameters"), given.pop("x"), **given)[0]


@SHELF.check(
    "LAY-019/fans-and-roles",
    why="Initializers read the fans, and regularizers the roles; both are silent about wrong ones.",
    fix="fan_in is the rows of a weight (fan_in, fan_out), fan_out its columns; a bias has the role 'bias'.",
    level="strict",
    since="0.2",
    scope="variant",
)
def fans_and_roles(subject: Subject) -> None:
    layer = subject.make()
    for inputs in (3, 7, 20):
        outputs = layer.outputs(inputs)
        for spec in layer.parameter_specs(inputs):
            told = {"inputs": inputs, "parameter": spec.name}
            if spec.role == "weight" and spec.shape == (inputs, outputs):
                fans = (spec.fan_in, spec.fan_out)
                require(
                    fans == spec.shape,
                    "the fans are not those of the shape",
                    inputs=told,
                    got=fans,
                    expected=spec.shape,
                )
            if spec.name == "bias":
                require(spec.role == "bias", "the bias has another role", inputs=told, got=spec.role, expected="bias")


@SHELF.check(
    "LAY-020/large",
    why="Blocks, chunks and thresholds begin where tests have long stopped; networks do not.",
    fix="Look at what is left over behind the last whole block, and at every condition on a size.",
    since="0.2",
    scope="variant",
)
def large(subject: Subject) -> None:
    layer = subject.make()
    if subject.cls.row_independent:
        _large_batch(subject, layer)
    inputs = 61
    values = parameters(subject, layer, inputs, "large/wide")
    x = normal(subject, "large/wide/x", (4, inputs), 1.3)
    grad = normal(subject, "large/wide/grad", (4, layer.outputs(inputs)))
    _, cache = forward(subject, layer, values, x, training=False)
    grad_x, grads = backward(layer, values, cache, grad)
    for name, got in (("x", grad_x), *grads.items()):
        way = normal(subject, f"large/way/{name}", got.shape)
        way /= np.abs(way).max()

        def along(t: float, name: str = name, way: Array = way) -> Array:
            moved = {n: (a + t * way if n == name else a.copy()) for n, a in values.items()}
            return _weighed(subject, layer, moved, x + t * way if name == "x" else x.copy(), grad, training=False)

        with quiet():
            found = slope(along, 0.02, levels=8)
        off = close((got * way).sum(), found.value, atol=found.allowed(1e-7) + 1e-9)
        if off is not None:
            told = {"inputs": inputs, "x": x, "grad": grad}
            message = f"with {inputs} inputs the gradient of {name!r} is not the derivative along a direction"
            fail(message, inputs=told, got=off.got, expected=off.expected)


def _large_batch(subject: Subject, layer: Any) -> None:
    values = parameters(subject, layer, 3, "large/tall")
    x = normal(subject, "large/tall/x", (1501, 3), 1.3)
    grad = normal(subject, "large/tall/grad", (1501, layer.outputs(3)))
    y, cache = forward(subject, layer, values, x, training=False)
    grad_x, grads = backward(layer, values, cache, grad)
    parts = []
    for rows in (slice(0, 4), slice(4, 600), slice(600, 1501)):
        part_y, part_cache = forward(subject, layer, values, x[rows], training=False)
        parts.append((part_y, *backward(layer, values, part_cache, grad[rows])))
    for name, got, expected in (
        ("forward", y, np.concatenate([one for one, _, _ in parts])),
        ("grad_x", grad_x, np.concatenate([one for _, one, _ in parts])),
        *((f"the gradient of {n!r}", grads[n], sum(one[n] for _, _, one in parts)) for n in grads),
    ):
        off = close(got, expected, rtol=1e-9, atol=1e-9 * (1.0 + float(np.abs(got).max(initial=0.0))))
        if off is not None:
            told = {"rows": len(x), "parts": [4, 596, 901]}
            fail(f"{name} of 1501 rows is not that of its parts", inputs=told, got=off.got, expected=off.expected)


@SHELF.check(
    "LAY-REF/figures",
    why="A part may be the wrong function with the right derivative; figures from elsewhere show it.",
    fix="Compare the formula with its source; if the figure itself is wrong, mend the example or the reference.",
    needs=has_figures,
)
def figures(subject: Subject) -> None:
    if subject.dtype == np.float32 and subject.cls.stochastic:
        return  # a draw in float32 is another draw
    points = []
    for _, values, x, _, training in _situations(subject, "reference"):
        points.append({"parameters": values, "x": x, "training": training})
    for point in points:
        generators = (_generator(subject), _generator(subject))
        _hold_reference(subject, point, generators)
    check_figures(subject, "forward", [], run=_run)


def _hold_reference(subject: Subject, point: dict[str, Any], generators: tuple[Any, Any]) -> None:
    from nnkit.testing.figures import reference_arguments

    if subject.cls.reference is None:
        return
    hyperparameters = reference_arguments(subject, subject.hyperparameters)
    layer: Any = subject.make()
    x, training = point["x"], point["training"]
    with quiet():
        expected = subject.cls.reference(
            _copy(point["parameters"]), x.copy(), training=training, rng=generators[0], **hyperparameters
        )
        got = layer.forward(_copy(point["parameters"]), x.copy(), training=training, rng=generators[1])[0]
    tolerance = 1e-9 if subject.dtype == np.float64 else 2e-4
    off = close(got, expected, rtol=tolerance, atol=tolerance)
    if off is not None:
        told = {"x": x, "training": training, **point["parameters"]}
        fail("forward differs from the layer's own reference", inputs=told, got=off.got, expected=off.expected)
