"""The buffers of a layer, its reference values, and the effects of its hyperparameters."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import quiet
from nnkit.testing.checks.layer.passes import (
    Situation,
    adapt,
    buffered,
    copied,
    generator_of,
    situation,
    situations,
    valid,
    width,
)
from nnkit.testing.effects import expect_effects
from nnkit.testing.failure import difference, expect_close, expect_equal, require, show
from nnkit.testing.record import Inputs, Subject, applies_if, check
from nnkit.testing.reference_values import (
    Compared,
    asked_for,
    compared_with,
    expect_values,
    needs_reference_values,
    reference_arguments,
)

_needs_buffers = applies_if(lambda s: buffered(s.make(), width(s.make(), 3)), "it keeps no buffers")

_needs_adapting = applies_if(lambda s: s.make().offers("adapt_start"), "it does not offer adapt_start")


@check("LAY-012/adapt", needs=_needs_adapting)
def adapts(subject: Subject) -> None:
    """It runs once, on all data, before training; what it leaves must be saved and repeatable.

    Write to buffers only, use the weights as repetitions, and draw nothing.
    """
    start, tolerance = situation(subject, "adapt", 1, 3), 1024 * subject.eps
    data = np.asarray(subject.rng("adapt").normal(2.0, 3.0, (10, start.x.shape[1])), dtype=subject.dtype)
    data = valid(start.layer, data)

    def adapted(x: Array, weight: Array | None = None) -> dict[str, Array]:
        values, x_passed = copied(start.values), x.copy()
        with quiet():
            adapt(subject.make(), values, (x_passed, weight))
        expect_equal("adapt writes to x", x_passed, x, inputs={"x": x})
        return values

    values = adapted(data)
    expect_equal("adapt gives other buffers the second time", adapted(data), values)
    for name, array in values.items():
        if name not in start.buffers:
            expect_equal(f"adapt writes to {name!r}, which is no buffer", array, start.values[name])
        require(array.dtype == subject.dtype, f"adapt changes the dtype of {name!r}", got=array.dtype)
        require(np.isfinite(array).all(), f"adapt leaves {name!r} not finite", inputs={"x": data}, got=array)
    weight = np.array([1, 2, 1, 3, 1, 1, 2, 1, 0, 1], dtype=subject.dtype)
    repeated, message = (
        np.repeat(data, weight.astype(int), axis=0),
        "integer weights do not act as repetitions in adapt",
    )
    show(x=data, weight=weight)
    expect_close(message, adapted(data, weight), adapted(repeated), tolerance=tolerance)
    layer, parts = subject.make(), [(data[:4], weight[:4]), (data[4:], weight[4:])]
    in_windows, merged = copied(start.values), copied(start.values)
    with quiet():
        adapt(layer, in_windows, *parts)
        states = [layer.adapt_start(data.shape[1]) for _ in parts]
        for state, (x, own) in zip(states, parts, strict=True):
            layer.adapt_add(state, x, own)
        layer.adapt_finish(layer.adapt_merge(*states), merged)
    expect_close(
        "two windows do not give the buffers of all rows", in_windows, adapted(data, weight), tolerance=tolerance
    )
    expect_close("adapt_merge does not give the buffers of all rows", merged, in_windows, tolerance=tolerance)


@check(
    "LAY-016/statistics-follow",
    needs=applies_if(lambda s: not s.trait("row_independent"), "its rows are independent"),
    scope="variant",
)
def statistics_follow(subject: Subject) -> None:
    """Statistics that run away from the data make every prediction wrong, and no training loss shows it.

    Move the buffers towards the batch: running += rate * (batch - running).
    """
    one = situation(subject, "follow", 200, 3)
    one = one.evolve(x=np.asarray(subject.rng("follow/x").normal(1.0, 2.0, one.x.shape), dtype=subject.dtype))
    values = copied(one.values)
    trained = one.pass_on(values, training=True, rng=one.rng)
    if difference(values, one.values) is None:
        still = bool(one.buffers) and subject.hyperparameters == subject.variants[0]
        adapts, message = one.layer.offers("adapt_start"), "no pass in training ever moves the buffers"
        return require(not still or adapts, message, inputs={"x": one.x})  # no statistics with these hyperparameters

    def gap(values: dict[str, Array], trained: Array) -> float:
        return float(np.abs(one.pass_on(values, training=False, rng=None) - trained).max())

    before, allowed = gap(copied(one.values), trained), 0.02 * (1.0 + float(np.abs(trained).max()))
    for _ in range(400):
        trained = one.pass_on(values, training=True, rng=one.rng)  # which may itself follow the statistics
    message = "after many passes over one batch, inference still differs from training on it"
    after, limit = gap(values, trained), max(allowed, 0.01 * before)
    return require(after <= limit, message, inputs={"x": one.x}, got=after, expected=f"less than {limit:.3g}")


@check("LAY-021/one-row-in-training", needs=_needs_buffers, scope="variant")
def one_row_in_training(subject: Subject) -> None:
    """The last batch of an epoch may be one row, and its variance divided by N - 1 is 0 / 0.

    Leave the statistics unchanged where the batch does not determine them.
    """
    one = situation(subject, "one-row", 1, 3)
    values = copied(one.values)
    one.pass_on(values, training=True, rng=one.rng)
    for name, array in values.items():
        message = f"a batch of one row leaves {name!r} not finite"
        require(np.isfinite(array).all(), message, inputs={"x": one.x}, got=array)


@check("LAY-022/buffers-shown", level="advisory", needs=(needs_reference_values, _needs_buffers), scope="part")
def buffers_shown(subject: Subject) -> None:
    """A rate used the wrong way round, or a variance divided by N, ends in the same place and is visible nowhere.

    Let the `reference` return (y, {name: the buffer after the pass}), or an example expect the buffers by name.
    """
    one, shown = situation(subject, "shown", 5, 3), set[str]()
    if subject.cls.reference is not None:
        more = reference_arguments(subject, subject.hyperparameters)
        more |= asked_for(subject.cls.reference, {"training": True, "rng": generator_of(subject)})
        with quiet():
            result = subject.cls.reference(copied(one.values), one.x.copy(), **more)
        shown |= set(result[1]) if isinstance(result, tuple) else set()
    for example in subject.cls.examples:
        shown |= set(example.expected) if isinstance(example.expected, Mapping) else set()
    hidden = sorted(one.buffers - shown)
    require(not hidden, f"no reference value shows what becomes of {hidden}")


def _run(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    arguments = dict(inputs)
    if method == "adapt":
        return adapt(part, arguments["parameters"], (arguments["x"], arguments.get("weight")))
    if method != "forward":
        return getattr(part, method)(**arguments)
    arguments = {"training": False, "rng": None, **arguments}
    return part.forward(arguments.pop("parameters"), arguments.pop("x"), **arguments)[0]


def _run_named(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    """``y`` of ``forward`` and every parameter after the call, by name."""
    y = _run(part, method, inputs)
    after = {name: np.array(array) for name, array in inputs["parameters"].items()}
    return {"y": y, **after} if method == "forward" else after


_needs_equal_draws = applies_if(
    lambda s: s.dtype == "float64" or not s.trait("stochastic"), "a draw in float32 is another draw"
)


def _examples_and_situations(subject: Subject) -> list[Any]:
    """The examples, and what is compared with a reference."""
    own = situations(subject, "reference") if subject.cls.reference is not None else ()
    return [*compared_with().cases_of(subject), *own]


_compared = Inputs(("one",), _examples_and_situations)


@check("LAY-REF/reference-values", needs=(needs_reference_values, _needs_equal_draws), on=_compared)
def reference_values(subject: Subject, one: Situation | Compared) -> None:
    """A part may be the wrong function with the right derivative; reference values show it.

    Compare the formula with its source; if the reference value is the wrong one, correct that.
    """
    if not isinstance(one, Situation):
        expect_values(subject, "forward", one, run=_run, run_named=_run_named)
        return
    reference: Any = subject.cls.reference
    more, values = reference_arguments(subject, subject.hyperparameters), copied(one.values)
    more |= asked_for(reference, {"training": one.training, "rng": one.rng})
    with quiet():
        result = reference(copied(one.values), one.x.copy(), **more)
    y, buffers = result if isinstance(result, tuple) else (result, {})
    got = one.pass_on(values, training=one.training, rng=one.rng)
    tolerance = 1e-9 if subject.dtype == np.float64 else 2e-4
    show(one.values, one.shown)
    own = one.buffers
    expect_close("forward differs from the layer's own reference", got, y, tolerance=tolerance)
    require(set(buffers) <= own, "the reference names buffers that are none", got=sorted(buffers), expected=sorted(own))
    for name, expected in buffers.items():
        message = f"forward leaves another {name!r} than the layer's own reference"
        expect_close(message, values[name], expected, tolerance=tolerance)


def _results(subject: Subject, layer: Any) -> list[Any]:
    """Outputs, buffers and declarations of a layer, in training and in inference."""
    one = situation(subject, "matter", 5, 3, layer=layer)
    results: list[Any] = [repr(layer.parameter_specs(3))]
    for training in (True, False):
        values = copied(one.values)
        results += [one.pass_on(values, training=training, rng=one.rng), values]
    return results


@check("LAY-023/hyperparameters-matter", level="strict", scope="part")
def hyperparameters_matter(subject: Subject) -> None:
    """A hyperparameter without any effect does not do what its documentation promises.

    Use the field, or remove it; where it only acts together with another, declare that pair in `variants`.
    """
    expect_effects(subject, _results, kind_of_effect="output, buffer or declaration", skip=("trainable",))
