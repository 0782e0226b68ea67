"""What a layer declares: its children, shapes, fans, roles, and its activation."""

import contextlib
import copy
from collections.abc import Iterator, Mapping
from typing import Any
from unittest import mock

import attrs
import numpy as np

from nnkit import registry
from nnkit.arrays import Array
from nnkit.interfaces import Layer, ParameterSpec
from nnkit.network.composition import DEFAULTS
from nnkit.testing.call import called, expect_shape, quiet
from nnkit.testing.checks.layer.passes import Situation, adapt, copied, situation, situations, width
from nnkit.testing.failure import expect_close, expect_equal, require, show
from nnkit.testing.record import Subject, applies_if, check


@contextlib.contextmanager
def _watched(layers: Mapping[str, Layer]) -> Iterator[dict[str, list[tuple[bool, float | None]]]]:
    """For each forward pass of each layer: whether it was training, and what its generator would have drawn next."""
    passes: dict[str, list[tuple[bool, float | None]]] = {name: [] for name in layers}
    names = {id(layer): name for name, layer in layers.items()}

    def watching(plain: Any) -> Any:
        def forward(layer: Any, parameters: Any, x: Array, *, training: bool, rng: np.random.Generator | None) -> Any:
            if id(layer) in names:
                passes[names[id(layer)]].append((training, None if rng is None else copy.deepcopy(rng).random()))
            return plain(layer, parameters, x, training=training, rng=rng)

        return forward

    with contextlib.ExitStack() as stack:
        for cls in {type(layer) for layer in layers.values()}:
            stack.enter_context(mock.patch.object(cls, "forward", watching(cls.forward)))
        yield passes


def _within(layer: Any) -> list[Layer]:
    """The layers in the fields of a layer."""
    values = [getattr(layer, field.name) for field in attrs.fields(type(layer))]
    every = [item for value in values for item in (value if isinstance(value, (tuple, list)) else [value])]
    return [item for item in every if isinstance(item, Layer)]


@check(
    "LAY-025/children",
    level="strict",
    needs=applies_if(lambda s: bool(s.make().children or _within(s.make())), "it holds no layers"),
    scope="variant",
)
def children(subject: Subject, layer: Any) -> None:
    """Layers that are no children are not compiled or frozen; without `training` and `rng` dropout does nothing.

    Return every layer of the fields in `children`, replace them in `with_children`, and hand `training` and `rng` on.
    """
    own = layer.children
    for part in _within(layer):
        inside = any(part is child for child in own.values())
        require(inside, f"its {type(part).__name__} is not among `children`", got=list(own))
    witnesses = {name: copy.copy(child) for name, child in own.items()}
    other = layer.with_children(witnesses)
    same = set(other.children) == set(own) and all(other.children[name] is witnesses[name] for name in own)
    require(same, "with_children does not return the layer with these children", got=other, expected=list(witnesses))
    one = situation(subject, "children", 4, 3)
    with quiet(), _watched(witnesses) as passes:
        for training, seed in ((False, 0), (True, 0), (True, 1)):
            other.forward(copied(one.values), one.x.copy(), training=training, rng=np.random.default_rng(seed))
    for name, calls in passes.items():
        require(len(calls) == 3, f"three passes of the layer call the child {name!r} {len(calls)} times")
        message = f"forward in {{}} calls the child {name!r} with training={{}}"
        require(calls[0][0] is False, message.format("inference", calls[0][0]))
        require(calls[1][0] is True, message.format("training", calls[1][0]))
        require(calls[1][1] != calls[2][1], f"the child {name!r} draws the same for every `rng`")


@check("LAY-001/declarations", on=situations)
def declarations(subject: Subject, layer: Any, one: Situation) -> None:
    """The flat vector is laid out from what the layer declares, before any data come.

    parameter_specs names every array once, with its shape and fans; outputs is the number of columns of forward.
    """
    rows, inputs = one.x.shape
    specs, outputs = layer.parameter_specs(inputs), layer.outputs(inputs)
    names = [spec.name for spec in specs]
    require(len(set(names)) == len(names), "two parameters have one name", got=names)
    for spec in specs:
        good = all(isinstance(length, int) and length > 0 for length in spec.shape)
        require(good, f"the shape of {spec.name!r} is no shape", got=spec.shape)
        require(spec.fan_in > 0 and spec.fan_out > 0, f"the fans of {spec.name!r} are not positive", got=spec)
        require(spec.role in {"weight", "bias", "buffer"}, f"the role of {spec.name!r} is unknown", got=spec.role)
    require(layer.parameter_specs(inputs) == specs, "parameter_specs changes from call to call", got=specs)
    require(isinstance(outputs, int) and outputs > 0, "outputs is no positive number", got=outputs)
    y, cache = one.forward()
    expect_shape("forward has another shape than declared", y, (rows, outputs))
    shapes = {name: gradient.shape for name, gradient in one.backward(cache).items()}
    expected = {"grad_x": one.x.shape, **{spec.name: spec.shape for spec in specs if spec.role != "buffer"}}
    message = "backward returns other gradients than declared, or of other shapes"
    require(shapes == expected, message, got=shapes, expected=expected)


@check(
    "LAY-026/inputs-for",
    needs=applies_if(
        lambda subject: subject.cls.inputs_for is not Layer.inputs_for and not subject.make().children,
        "its outputs are as many as its inputs, or do not depend on them",
    ),
    scope="variant",
)
def inputs_for(subject: Subject, layer: Any) -> None:
    """As hidden_activation it follows a dense layer, whose units are chosen for the width that was asked for.

    inputs_for(n) is the number of inputs with which outputs is n.
    """
    for outputs in sorted({layer.outputs(inputs) for inputs in range(1, 13) if layer.accepts(inputs) is None}):
        inputs = layer.inputs_for(outputs)
        require(isinstance(inputs, int), "inputs_for returns no int", inputs={"outputs": outputs}, got=inputs)
        message = f"a layer for {outputs} outputs has another number of them"
        expect_equal(message, layer.outputs(inputs), outputs, inputs={"inputs_for": inputs})


@check("LAY-019/fans-and-roles", level="strict", scope="variant")
def fans_and_roles(subject: Subject, layer: Any) -> None:
    """Initializers read the fans, and regularizers the roles; neither can detect wrong ones.

    fan_in is the rows of a weight (fan_in, fan_out), fan_out its columns, each times the size of a kernel; a bias has
    the role 'bias'.
    """
    for inputs in {width(layer, inputs): None for inputs in (3, 7, 20)}:
        for spec in layer.parameter_specs(inputs):
            shown, fans = {"inputs": inputs, "parameter": spec.name}, (spec.fan_in, spec.fan_out)
            a_matrix = set(spec.shape) in ({inputs, layer.outputs(inputs)}, set(fans))
            if spec.role == "weight" and len(spec.shape) == 2 and a_matrix:
                message = "the fans are not those of the shape"
                require(fans == spec.shape, message, inputs=shown, got=fans, expected=spec.shape)
            if spec.role == "weight" and len(spec.shape) > 2:
                _expect_fans(situation(subject, "fans", 5, inputs), spec, shown)
            if spec.name == "bias":
                expect_equal("the bias has another role", spec.role, "bias", inputs=shown)


def _expect_fans(one: Situation, spec: ParameterSpec, shown: dict[str, Any]) -> None:
    """Fail unless the fans are the elements that act on one output, and those that one input acts through."""

    def touched(rows: slice, x: Array, grad: Array) -> int:
        return int(np.count_nonzero(one.rows(rows).evolve(x=x[rows], grad=grad[rows]).gradients()[spec.name]))

    def units(like: Array) -> list[Array]:
        return [np.where(np.arange(like.shape[1]) == column, like, 0) for column in range(like.shape[1])]

    every, each = slice(None), [slice(n, n + 1) for n in range(len(one.x))]
    into = [max(touched(rows, one.x, grad) for grad in units(one.grad) for rows in how) for how in (each, [every])]
    expected = " or ".join(map(str, dict.fromkeys(into)))
    message = "fan_in is not the number of elements that act on one output"
    require(spec.fan_in in into, message, inputs=shown, got=spec.fan_in, expected=expected)
    out = max(touched(rows, x, one.grad) for x in units(one.x) for rows in each)
    message = "fan_out is smaller than the number of elements through which one input acts"
    require(spec.fan_out >= out, message, inputs=shown, got=spec.fan_out, expected=f"{out} or more")


@check("LAY-024/in-a-new-network", scope="variant")
def in_a_new_network(subject: Subject, layer: Any) -> None:
    """An array without an initializer begins as a bias does, at 0: a random projection that begins so stays so.

    Name an initializer for every array that must not begin at 0, buffers included.
    """
    one = situation(subject, "new", 6, 3)
    rng, values = one.rng, {}
    for spec in layer.parameter_specs(one.x.shape[1]):
        default = DEFAULTS["initializer" if spec.role == "weight" else "bias_initializer"]
        initializer = registry.create("initializer", default if spec.initializer is None else spec.initializer)
        values[spec.name] = np.asarray(initializer.sample(spec.shape, spec.fan_in, spec.fan_out, rng, subject.dtype))
    if layer.offers("adapt_start"):
        with quiet():
            adapt(layer, values, (one.x.copy(), None))
    one = one.evolve(values=values)
    alive = (one.y != one.y[:1]).any() or any(gradient.any() for gradient in one.gradients().values())
    show(one.values, x=one.x)
    require(alive, "in a new network the output depends neither on the input nor on a parameter", got=one.y)


@check("LAY-013/split", on=situations)
def split(subject: Subject, one: Situation) -> None:
    """The core composes the last activation with the loss by itself.

    split returns the same layer without its activation, and that activation; together they are the layer.
    """
    body, activation = one.layer.split()
    y, cache = one.forward()
    specs, body_specs = (
        [(spec.name, spec.shape) for spec in part.parameter_specs(one.x.shape[1])] for part in (one.layer, body)
    )
    expect_equal("the layer without its activation has other parameters", body_specs, specs)
    for message, z in (
        ("the two halves of split are not the layer", one.evolve(layer=body).y),
        ("preactivation is not what the activation is applied to", one.layer.preactivation(cache)),
    ):
        if z is not None:
            z = np.array(z) if activation is None else called(activation, "forward", np.array(z))  # noqa: PLW2901
            expect_close(message, z, y, tolerance=64 * subject.eps)
