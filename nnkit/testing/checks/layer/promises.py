"""What else a layer may promise: adapting, splitting, tangents, statistics, sizes, figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import NotOfferedError
from nnkit.testing.call import quiet
from nnkit.testing.checks.layer.passes import (
    backward,
    buffered,
    copied,
    forward,
    generator_of,
    parameters,
    situations,
    weighed,
)
from nnkit.testing.checks.layer.twins import Workspace, needs_offer
from nnkit.testing.comparison import difference
from nnkit.testing.effects import expect_effects
from nnkit.testing.failure import expect_close, expect_equal, fail, require
from nnkit.testing.numerics import slope
from nnkit.testing.points import normal
from nnkit.testing.record import CheckList
from nnkit.testing.reference_values import expect_reference_values, needs_reference_values, reference_arguments
from nnkit.testing.subject import Subject

CHECKS = CheckList()


@CHECKS.check(
    "LAY-012/adapt",
    why="It runs once, on all data, before training; what it leaves must be saved and repeatable.",
    fix="Write to buffers only, use the weights as repetitions, and draw nothing.",
    needs=needs_offer("adapt"),
)
def adapt(subject: Subject) -> None:
    layer = subject.make()
    inputs = 3
    data = np.asarray(subject.rng("adapt").normal(2.0, 3.0, (10, inputs)), dtype=subject.dtype)
    start = parameters(subject, layer, inputs, "adapt")

    def adapted(x: Array, weight: Array | None) -> dict[str, Array]:
        held = copied(start)
        given = x.copy()
        with quiet():
            subject.make().adapt(held, given, weight)
        expect_equal("adapt writes to x", given, x, inputs={"x": x})
        return held

    one, two = adapted(data, None), adapted(data, None)
    expect_equal("adapt gives other buffers the second time", two, one)
    for name in set(one) - buffered(layer, inputs):
        expect_equal(f"adapt writes to {name!r}, which is no buffer", one[name], start[name])
    for name in one:
        require(one[name].dtype == subject.dtype, f"adapt changes the dtype of {name!r}", got=one[name].dtype)
        require(np.isfinite(one[name]).all(), f"adapt leaves {name!r} not finite", inputs={"x": data}, got=one[name])
    weight = np.array([1, 2, 1, 3, 1, 1, 2, 1, 0, 1], dtype=subject.dtype)
    weighted = adapted(data, weight)
    repeated = adapted(np.repeat(data, weight.astype(int), axis=0), None)
    expect_close(
        "integer weights do not act as repetitions in adapt",
        weighted,
        repeated,
        tolerance=1024 * subject.eps,
        inputs={"x": data, "weight": weight},
    )


@CHECKS.check(
    "LAY-013/split",
    why="The core composes the last activation with the loss by itself.",
    fix="split gives the same layer without its activation, and that activation; together they are the layer.",
)
def split(subject: Subject) -> None:
    tolerance = 64 * subject.eps
    for layer, values, x, _, training in situations(subject, "split"):
        body, activation = layer.split()
        expected, _ = forward(subject, layer, values, x, training=training)
        got, _ = forward(subject, body, values, x, training=training)
        if activation is not None:
            got = activation.forward(got.copy())
        expect_close(
            "the two halves of split are not the layer",
            got,
            expected,
            tolerance=tolerance,
            inputs={"x": x, "training": training},
        )
        again = [(spec.name, spec.shape) for spec in body.parameter_specs(x.shape[1])]
        specs = [(spec.name, spec.shape) for spec in layer.parameter_specs(x.shape[1])]
        require(again == specs, "the layer without its activation has other parameters", got=again, expected=specs)
        _, cache = forward(subject, layer, values, x, training=training)
        z = layer.preactivation(cache)
        if z is not None:
            through = z if activation is None else activation.forward(np.array(z))
            expect_close(
                "preactivation is not what the activation is applied to",
                through,
                expected,
                tolerance=tolerance,
                inputs={"x": x},
            )


@CHECKS.check(
    "LAY-014/float32-accuracy",
    why="Most training runs in float32; a formula that cancels there is right on paper only.",
    fix="Subtract means before squaring; look for constants cut to float16.",
    needs=lambda s: None if s.dtype == np.float32 else "it is about float32",
)
def float32_accuracy(subject: Subject) -> None:
    for layer, values, x, grad, training in situations(subject, "float32"):
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
        expect_close(
            "forward in float32 is not close to float64",
            y,
            wide,
            rtol=1e-4,
            atol=1e-4 * scale,
            inputs={"x": x, "training": training},
        )
        expect_close(
            "backward in float32 is not close to float64",
            grad_x,
            wide_x,
            rtol=1e-3,
            atol=1e-3 * (1.0 + float(np.abs(wide_x).max())),
            inputs={"x": x, "training": training},
        )


@CHECKS.check(
    "LAY-015/nan-stays-visible",
    why="A NaN that disappears in a layer hides the fault that made it.",
    fix="Use functions that hand NaN on; no nan_to_num, no fmax.",
    level="strict",
)
def nan_stays_visible(subject: Subject) -> None:
    for layer, values, x, _, training in situations(subject, "nan"):
        if training or len(x) < 2:
            continue
        clean = forward(subject, layer, values, x, training=False)[0]
        bad = x.copy()
        bad[1, 0] = np.nan
        with quiet() as noted:
            y = layer.forward(copied(values), bad.copy(), training=False, rng=None)[0]
        require(not noted.warned, "forward warns when it is given NaN", inputs={"x": bad}, got=noted.warned)
        require(np.isnan(y[1]).any(), "forward hides a NaN", inputs={"x": bad}, got=y[1])
        expect_close(
            "a NaN in one row changes other rows in inference",
            np.delete(y, 1, 0),
            np.delete(clean, 1, 0),
            tolerance=64 * subject.eps,
            inputs={"x": bad},
        )


@CHECKS.check(
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
    held = copied(values)
    with quiet():
        trained = layer.forward(held, x.copy(), training=True, rng=generator_of(subject))[0]
        if difference(held, dict(values)) is None:
            still = bool(buffered(layer, inputs)) and subject.hyperparameters == subject.variants[0]
            require(not still or layer.offers("adapt"), "no pass in training ever moves the buffers", inputs={"x": x})
            return  # it keeps no statistics with these hyperparameters
        before = float(np.abs(layer.forward(copied(values), x.copy(), training=False, rng=None)[0] - trained).max())
        for _ in range(400):
            layer.forward(held, x.copy(), training=True, rng=generator_of(subject))
        gap = float(np.abs(layer.forward(held, x.copy(), training=False, rng=None)[0] - trained).max())
    allowed = 0.02 * (1.0 + float(np.abs(trained).max()))
    require(
        gap <= allowed or gap <= 0.01 * before,
        "after many passes over one batch, inference still differs from training on it",
        inputs={"x": x},
        got=gap,
        expected=f"less than {allowed:.3g}",
    )


@CHECKS.check(
    "LAY-017/backward-rows-into",
    why="Jacobians of whole networks are written by the in-place twin.",
    fix="Write each (N, K, *shape) to out[name], whatever it held; return grad_x only where it is needed.",
    needs=needs_offer("backward_rows"),
)
def backward_rows_into(subject: Subject) -> None:
    tolerance = 128 * subject.eps
    for layer, values, x, _, training in situations(subject, "rows-into"):
        if training:
            continue
        _, cache = forward(subject, layer, values, x, training=False)
        grads = normal(subject, f"rows-into/{x.shape}", (len(x), 2, layer.outputs(x.shape[1])))
        told = {"x": x, "grads": grads}
        with quiet():
            expected_x, expected = layer.backward_rows(copied(values), cache, grads.copy())
        for order in ("C", "F"):
            for needed in (True, False):
                out = {name: np.array(np.full_like(value, np.nan), order=order) for name, value in expected.items()}
                with quiet():
                    got_x = layer.backward_rows_into(copied(values), cache, grads.copy(), out, needs_grad_x=needed)
                if needed:
                    expect_close(
                        "backward_rows_into gives another grad_x", got_x, expected_x, tolerance=tolerance, inputs=told
                    )
                for name, value in expected.items():
                    expect_close(
                        f"backward_rows_into writes another {name!r}",
                        out[name],
                        value,
                        tolerance=tolerance,
                        inputs=told,
                    )


@CHECKS.check(
    "LAY-018/tangents",
    why="Hessian-vector products are exact only if the tangents are.",
    fix="Differentiate forward, and both results of backward, along the directions; grad moves along grad_tangent.",
    needs=needs_offer("forward_tangent"),
    scope="variant",
)
def tangents(subject: Subject) -> None:
    for layer, values, x, grad, training in situations(subject, "tangents"):
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
                y_way, kept = layer.forward_tangent(copied(values), cache, directions, x_way.copy())
                got_x, got = layer.backward_tangent(
                    copied(values), cache, directions, kept, grad.copy(), grad_way.copy()
                )
        except NotOfferedError:
            continue
        found = slope(along, 0.02, levels=8)
        expect_close(
            "forward_tangent is not the derivative of forward",
            y_way,
            found.value,
            atol=found.allowed(1e-6) + 1e-8,
            inputs=told,
        )

        def back(t: float, name: str | None = None) -> Array:
            there, here, pulled = moved(t)
            _, seen = forward(subject, layer, there, here, training=False)  # noqa: B023
            grad_x, grads = backward(layer, there, seen, pulled)  # noqa: B023
            return grad_x if name is None else grads[name]

        for name, value in ((None, got_x), *got.items()):
            found = slope(lambda t, n=name: back(t, n), 0.02, levels=8)  # type: ignore[misc]
            off = difference(value, found.value, atol=found.allowed(1e-6) + 1e-8)
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


def _run_named(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    """``y`` of ``forward`` and every parameter after the call, by name."""
    found = _run(part, method, inputs)
    after = {name: np.array(array) for name, array in inputs["parameters"].items()}
    return {"y": found, **after} if method == "forward" else after


@CHECKS.check(
    "LAY-019/fans-and-roles",
    why="Initializers read the fans, and regularizers the roles; both are silent about wrong ones.",
    fix="fan_in is the rows of a weight (fan_in, fan_out), fan_out its columns; a bias has the role 'bias'.",
    level="strict",
    scope="variant",
)
def fans_and_roles(subject: Subject) -> None:
    layer = subject.make()
    for inputs in (3, 7, 20):
        outputs = layer.outputs(inputs)
        for spec in layer.parameter_specs(inputs):
            told = {"inputs": inputs, "parameter": spec.name}
            fans = (spec.fan_in, spec.fan_out)
            whole = {inputs, outputs} == set(spec.shape) or set(fans) == set(spec.shape)
            if spec.role == "weight" and len(spec.shape) == 2 and whole:
                require(
                    fans == spec.shape,
                    "the fans are not those of the shape",
                    inputs=told,
                    got=fans,
                    expected=spec.shape,
                )
            if spec.name == "bias":
                require(spec.role == "bias", "the bias has another role", inputs=told, got=spec.role, expected="bias")


@CHECKS.check(
    "LAY-020/large",
    why="Blocks, chunks and thresholds begin where tests have long stopped; networks do not.",
    fix="Look at what is left over behind the last whole block, and at every condition on a size.",
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
            return weighed(subject, layer, moved, x + t * way if name == "x" else x.copy(), grad, training=False)

        with quiet():
            found = slope(along, 0.02, levels=8)
        expect_close(
            f"with {inputs} inputs the gradient of {name!r} is not the derivative along a direction",
            (got * way).sum(),
            found.value,
            atol=found.allowed(1e-7) + 1e-9,
            inputs={"inputs": inputs, "x": x, "grad": grad},
        )


def _bound_large(subject: Subject, layer: Any, values: dict[str, Array], x: Array, y: Array) -> None:
    """The bound twin in inference, on many rows."""
    workspace, columns = Workspace(len(x), subject.dtype), x.shape[1]
    bound = layer.bind(copied(values), None, workspace, inputs=columns, training=False, needs_grad_x=False, rng=None)
    with quiet():
        got = np.array(bound.forward(x.copy()))
    expect_close(
        f"bound to {len(x)} rows, forward differs",
        got,
        y,
        rtol=1e-9,
        atol=1e-9 * (1.0 + float(np.abs(y).max(initial=0.0))),
        inputs={"rows": len(x)},
    )


def _large_batch(subject: Subject, layer: Any) -> None:
    values = parameters(subject, layer, 3, "large/tall")
    x = normal(subject, "large/tall/x", (1501, 3), 1.3)
    grad = normal(subject, "large/tall/grad", (1501, layer.outputs(3)))
    y, cache = forward(subject, layer, values, x, training=False)
    grad_x, grads = backward(layer, values, cache, grad)
    _bound_large(subject, layer, values, x, y)
    parts = []
    for rows in (slice(0, 4), slice(4, 600), slice(600, 1501)):
        part_y, part_cache = forward(subject, layer, values, x[rows], training=False)
        parts.append((part_y, *backward(layer, values, part_cache, grad[rows])))
    for name, got, expected in (
        ("forward", y, np.concatenate([one for one, _, _ in parts])),
        ("grad_x", grad_x, np.concatenate([one for _, one, _ in parts])),
        *((f"the gradient of {n!r}", grads[n], sum(one[n] for _, _, one in parts)) for n in grads),
    ):
        expect_close(
            f"{name} of 1501 rows is not that of its parts",
            got,
            expected,
            rtol=1e-9,
            atol=1e-9 * (1.0 + float(np.abs(got).max(initial=0.0))),
            inputs={"rows": len(x), "parts": [4, 596, 901]},
        )


@CHECKS.check(
    "LAY-021/one-row-in-training",
    why="The last batch of an epoch may be one row, and its variance divided by N - 1 is 0 / 0.",
    fix="Leave the statistics alone where the batch cannot give them.",
    needs=lambda s: None if buffered(s.make(), 3) else "it keeps no buffers",
    scope="variant",
)
def one_row_in_training(subject: Subject) -> None:
    layer = subject.make()
    values = parameters(subject, layer, 3, "one-row")
    x = normal(subject, "one-row/x", (1, 3), 1.3)
    with quiet():
        layer.forward(values, x.copy(), training=True, rng=generator_of(subject))
    for name, array in values.items():
        require(np.isfinite(array).all(), f"a batch of one row leaves {name!r} not finite", inputs={"x": x}, got=array)


def _has_figures_in_this_dtype(subject: Subject) -> str | None:
    if subject.dtype == np.float32 and subject.cls.stochastic:
        return "a draw in float32 is another draw"
    return needs_reference_values(subject)


@CHECKS.check(
    "LAY-REF/figures",
    why="A part may be the wrong function with the right derivative; figures from elsewhere show it.",
    fix="Compare the formula with its source; if the figure itself is wrong, mend the example or the reference.",
    needs=_has_figures_in_this_dtype,
)
def figures(subject: Subject) -> None:
    points = []
    for _, values, x, _, training in situations(subject, "reference"):
        points.append({"parameters": values, "x": x, "training": training})
    for point in points:
        generators = (generator_of(subject), generator_of(subject))
        _hold_reference(subject, point, generators)
    expect_reference_values(subject, "forward", [], run=_run, run_named=_run_named)


def _hold_reference(subject: Subject, point: dict[str, Any], generators: tuple[Any, Any]) -> None:
    if subject.cls.reference is None:
        return
    hyperparameters = reference_arguments(subject, subject.hyperparameters)
    layer: Any = subject.make()
    x, training = point["x"], point["training"]
    with quiet():
        found = subject.cls.reference(
            copied(point["parameters"]), x.copy(), training=training, rng=generators[0], **hyperparameters
        )
        held = copied(point["parameters"])
        got = layer.forward(held, x.copy(), training=training, rng=generators[1])[0]
    expected, buffers = found if isinstance(found, tuple) else (found, {})
    tolerance = 1e-9 if subject.dtype == np.float64 else 2e-4
    told = {"x": x, "training": training, **point["parameters"]}
    expect_close("forward differs from the layer's own reference", got, expected, tolerance=tolerance, inputs=told)
    own = buffered(layer, x.shape[1])
    require(set(buffers) <= own, "the reference names buffers that are none", got=sorted(buffers), expected=sorted(own))
    for name, wanted in buffers.items():
        expect_close(
            f"forward leaves another {name!r} than the layer's own reference",
            held[name],
            wanted,
            tolerance=tolerance,
            inputs=told,
        )


def _passes(subject: Subject, layer: Any) -> list[Any]:
    """Outputs, buffers and declarations of a layer, in training and in inference."""
    values, x = parameters(subject, layer, 3, "matter"), normal(subject, "matter/x", (5, 3), 1.3)
    found: list[Any] = [repr(layer.parameter_specs(3))]
    for training in (True, False):
        held = copied(values)
        with quiet():
            y, _ = layer.forward(held, x.copy(), training=training, rng=generator_of(subject))
        found += [y, held]
    return found


@CHECKS.check(
    "LAY-023/hyperparameters-matter",
    why="A hyperparameter without any effect is a promise that the part does not keep.",
    fix="Use the field, or remove it; where it only acts together with another, declare that pair in `variants`.",
    level="strict",
    scope="part",
)
def hyperparameters_matter(subject: Subject) -> None:
    expect_effects(subject, _passes, kind_of_effect="output, buffer or declaration")


def _shows_nothing(subject: Subject) -> str | None:
    return needs_reference_values(subject) or (None if buffered(subject.make(), 3) else "it keeps no buffers")


@CHECKS.check(
    "LAY-022/buffers-shown",
    why="A share of the batch that is reversed, or a variance divided by N, ends in the same place and shows nowhere.",
    fix="Let the `reference` return (y, {name: the buffer after the pass}), or an example expect the buffers by name.",
    level="advisory",
    needs=_shows_nothing,
    scope="part",
)
def buffers_shown(subject: Subject) -> None:
    layer = subject.make()
    shown: set[str] = set()
    if subject.cls.reference is not None:
        values, x = parameters(subject, layer, 3, "shown"), normal(subject, "shown/x", (5, 3))
        more = reference_arguments(subject, subject.hyperparameters)
        with quiet():
            found: Any = subject.cls.reference(
                copied(values), x.copy(), training=True, rng=generator_of(subject), **more
            )
        shown |= set(found[1]) if isinstance(found, tuple) else set()
    for example in subject.cls.examples:
        shown |= set(example.expected) if isinstance(example.expected, Mapping) else set()
    hidden = sorted(buffered(layer, 3) - shown)
    require(not hidden, f"no figure says what becomes of {hidden}")
