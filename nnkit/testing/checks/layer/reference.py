"""A layer's reference values, and the effects of its hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnkit.testing.call import quiet
from nnkit.testing.checks.layer.passes import Situation, copied, situation, situations
from nnkit.testing.effects import expect_effects
from nnkit.testing.failure import expect_close, require
from nnkit.testing.record import CheckList
from nnkit.testing.reference_values import expect_reference_values, needs_reference_values, reference_arguments
from nnkit.testing.subject import Subject

CHECKS = CheckList()


def _run(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    arguments = dict(inputs)
    if method != "forward":
        return getattr(part, method)(**arguments)
    arguments = {"training": False, "rng": None, **arguments}
    return part.forward(arguments.pop("parameters"), arguments.pop("x"), **arguments)[0]


def _run_named(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    """``y`` of ``forward`` and every parameter after the call, by name."""
    y = _run(part, method, inputs)
    after = {name: np.array(array) for name, array in inputs["parameters"].items()}
    return {"y": y, **after} if method == "forward" else after


def _has_values_in_this_dtype(subject: Subject) -> str | None:
    if subject.dtype == np.float32 and subject.cls.stochastic:
        return "a draw in float32 is another draw"
    return needs_reference_values(subject)


@CHECKS.check("LAY-REF/figures", needs=_has_values_in_this_dtype)
def figures(subject: Subject) -> None:
    """A part may be the wrong function with the right derivative; reference values show it.

    Compare the formula with its source; if the reference value is the wrong one, correct that.
    """
    if subject.cls.reference is not None:
        for one in situations(subject, "reference"):
            _expect_reference(one)
    expect_reference_values(subject, "forward", [], run=_run, run_named=_run_named)


def _expect_reference(one: Situation) -> None:
    reference: Any = one.subject.cls.reference
    more, values = reference_arguments(one.subject, one.subject.hyperparameters), copied(one.values)
    with quiet():
        result = reference(copied(one.values), one.x.copy(), training=one.training, rng=one.rng, **more)
    y, buffers = result if isinstance(result, tuple) else (result, {})
    got = one.pass_on(values, training=one.training, rng=one.rng)
    tolerance = 1e-9 if one.subject.dtype == np.float64 else 2e-4
    inputs, own = {"x": one.x, "training": one.training, **one.values}, one.buffers
    message = "forward differs from the layer's own reference"
    expect_close(message, got, y, tolerance=tolerance, inputs=inputs)
    message = "the reference names buffers that are none"
    require(set(buffers) <= own, message, got=sorted(buffers), expected=sorted(own))
    for name, expected in buffers.items():
        message = f"forward leaves another {name!r} than the layer's own reference"
        expect_close(message, values[name], expected, tolerance=tolerance, inputs=inputs)


def _results(subject: Subject, layer: Any) -> list[Any]:
    """Outputs, buffers and declarations of a layer, in training and in inference."""
    one = situation(subject, "matter", 5, 3, layer=layer)
    results: list[Any] = [repr(layer.parameter_specs(3))]
    for training in (True, False):
        values = copied(one.values)
        results += [one.pass_on(values, training=training, rng=one.rng), values]
    return results


@CHECKS.check("LAY-023/hyperparameters-matter", level="strict", scope="part")
def hyperparameters_matter(subject: Subject) -> None:
    """A hyperparameter without any effect does not do what its documentation promises.

    Use the field, or remove it; where it only acts together with another, declare that pair in `variants`.
    """
    expect_effects(subject, _results, kind_of_effect="output, buffer or declaration")
