"""Checks of metrics."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import NNKitError
from nnkit.testing.call import Call, quiet, tried
from nnkit.testing.failure import expect_close, expect_equal, require, show
from nnkit.testing.points import normal, simplex
from nnkit.testing.record import applies_if, check, needs_float32, needs_trait
from nnkit.testing.reference_values import expect_reference_values, needs_reference_values
from nnkit.testing.saving import through_file
from nnkit.testing.subject import Subject


@attrs.frozen
class Form:
    """Predictions and targets in one of the forms that metrics accept."""

    name: str
    prediction: Array
    target: Array
    weight: Array

    def rows(self, chosen: Any) -> Form:
        """Some of the rows."""
        return Form(self.name, self.prediction[chosen], self.target[chosen], self.weight[chosen])

    def with_prediction(self, place: Any, value: Any) -> Form:
        """A copy with other predictions in one place."""
        prediction = self.prediction.copy()
        prediction[place] = value
        return attrs.evolve(self, prediction=prediction)

    @property
    def arrays(self) -> dict[str, Array]:
        """The arguments of ``add`` by name."""
        return {"prediction": self.prediction, "target": self.target, "weight": self.weight}


def forms(subject: Subject, label: str, rows: int = 24, *, signs: bool = False) -> list[Form]:
    """Every form that the metric accepts; with ``signs`` also targets of -1 and 1."""
    rng = subject.rng(f"{label}/metric")
    pairs: list[tuple[str, Array, Array]] = []
    if subject.cls.classes:
        score = np.asarray(rng.uniform(0.02, 0.98, (rows, 1)), dtype=subject.dtype)
        truth = (rng.uniform(size=(rows, 1)) < 0.3 + 0.4 * score).astype(subject.dtype)
        pairs.append(("one column", score, truth))
        several = simplex(subject, f"{label}/several", (rows, 3))
        labels = rng.integers(0, 3, rows)
        labels[: rows // 2] = several[: rows // 2].argmax(axis=1)
        pairs += [("one-hot rows", several, np.eye(3, dtype=subject.dtype)[labels]), ("labels", several, labels)]
        if signs:
            truth = np.where(score > 0.5, 1, -1).astype(subject.dtype)
            truth[:3] = 1  # a batch without a negative one
            pairs.append(("signs", (score - subject.dtype.type(0.4)) * 2, truth))
    else:
        for columns in (1, 3):
            target = normal(subject, f"{label}/target/{columns}", (rows, columns), 2.0)
            noise = normal(subject, f"{label}/noise/{columns}", (rows, columns), 0.7)
            pairs.append((f"{columns} columns", target + noise, target))
        stepped = target.copy()
        stepped[:, 1] = np.arange(rows) // 12  # constant in every batch, and not in all
        pairs.append(("a column in steps", stepped + noise, stepped))
    ones = np.ones(rows, dtype=subject.dtype)
    accepted = [form for form in (Form(*pair, ones) for pair in pairs) if _accepts(subject.make(), form)]
    require(accepted, "it accepts neither rows nor labels", expected="one form of predictions and targets")
    return accepted


def _accepts(metric: Any, form: Form) -> bool:
    try:
        _state(metric, form)
    except NNKitError:
        return False
    return True


def _add(metric: Any, state: dict[str, Any], form: Form) -> Any:
    return metric.add(state, *(array.copy() for array in form.arrays.values()))


def _state(metric: Any, *batches: Form) -> dict[str, Any]:
    state: dict[str, Any] = metric.start()
    with quiet():
        for batch in batches:
            _add(metric, state, batch)
    return state


def _result(metric: Any, state: dict[str, Any]) -> Any:
    with quiet():
        return metric.result(state)


def _value(metric: Any, *batches: Form) -> Any:
    """The result after some batches."""
    return _result(metric, _state(metric, *batches))


def _expect(message: str, got: Any, expected: Any, form: Form, tolerance: float = 0.0) -> None:
    expect_close(f"{message} ({form.name})", got, expected, tolerance=tolerance, inputs=form.arrays)


def _tolerance(subject: Subject) -> float:
    return 1e-9 if subject.dtype == np.float64 else 1e-4


def calls(subject: Subject) -> list[Call]:
    """One pass over a batch: start, add, result."""

    def run(part: Any, x: Mapping[str, Array]) -> Any:
        state = part.start()
        part.add(state, x["prediction"], x["target"], x["weight"])
        return {"state": copy.deepcopy(state), "result": part.result(state)}

    return [
        Call(f"start, add, result ({form.name})", run, form.arrays, floats=False) for form in forms(subject, "calls", 8)
    ]


@check("MET-001/state")
def state(subject: Subject, metric: Any) -> None:
    """The state is merged, copied and sent between processes.

    start gives a new flat dict of numbers and arrays; add changes it in place and returns nothing.
    """
    one, two = metric.start(), metric.start()
    require(isinstance(one, dict), "start returns no dict", got=type(one).__name__)
    require(one is not two, "start returns the same dict twice")
    for form in tried(forms(subject, "state")):
        fresh, arrays = metric.start(), {name: array.copy() for name, array in form.arrays.items()}
        with quiet():
            returned = metric.add(fresh, *arrays.values())
        require(returned is None, "add returns something", got=returned, expected="None")
        expect_equal("start is not fresh after an add", metric.start(), one)
        before = copy.deepcopy(fresh)
        first = _result(metric, fresh)
        expect_equal("result changes the state", fresh, before)
        _expect("result gives something else the second time", _result(metric, fresh), first, form)
        loaded = through_file(fresh, nested=True)
        _expect("a state that went through a file gives another result", _result(metric, loaded), first, form)
        for value in fresh.values():
            for name, array in arrays.items():
                shared = isinstance(value, np.ndarray) and np.shares_memory(value, array)
                require(not shared, f"the state keeps the memory of {name}")


@check("MET-002/streaming-equals-one-pass")
def streaming(subject: Subject, metric: Any) -> None:
    """Validation data come in batches; the value must not depend on their size.

    Keep sums and counts in the state, and divide only in result.
    """
    tolerance = _tolerance(subject)
    for form in tried(forms(subject, "streaming", signs=True)):
        order = subject.rng("streaming/order").permutation(len(form.weight))
        ways = {"the order of the samples changes the value": [form.rows(order)]}
        ways["an empty batch changes the value"] = [form, form.rows(slice(0, 0))]
        for cuts in ((1,), (12,), (5, 9), (1, 2, 3, 23)):
            edges = itertools.pairwise([0, *cuts, len(form.weight)])
            ways[f"batches cut at {list(cuts)} give another value than one pass"] = [
                form.rows(slice(*e)) for e in edges
            ]
        expected = _value(metric, form)
        for message, batches in ways.items():
            _expect(message, _value(metric, *batches), expected, form, tolerance)
        spoiled = form.with_prediction(3, np.nan)
        got, expected = _value(metric, spoiled.rows(slice(0, 4)), spoiled.rows(slice(4, None))), _value(metric, spoiled)
        _expect("with a row of NaN, batches give another value than one pass", got, expected, spoiled, tolerance)


@check("MET-003/merge")
def merge(subject: Subject, metric: Any) -> None:
    """Values of several processes or shards are merged in any order.

    merge gives a new state; make its entries add up, or override merge.
    """
    for form in tried(forms(subject, "merge", signs=True)):
        a, b, c = (_state(metric, form.rows(slice(*cut))) for cut in ((0, 7), (7, 8), (8, 24)))
        before, expected = copy.deepcopy((a, b, c)), _value(metric, form)
        with quiet():
            left = metric.merge(metric.merge(a, b), c)
            ways = {
                "merge": left,
                "regrouped merge": metric.merge(a, metric.merge(b, c)),
                "merge in another order": metric.merge(c, metric.merge(b, a)),
                "merge with an empty state": metric.merge(metric.merge(metric.start(), left), metric.start()),
                "merge with two empty states": metric.merge(metric.merge(metric.start(), metric.start()), left),
            }
        for way, merged in ways.items():
            message = f"{way} gives another value than one pass"
            _expect(message, _result(metric, merged), expected, form, _tolerance(subject))
        expect_equal("merge changes the states that are passed to it", (a, b, c), before)
        with quiet():
            for merged in (left, metric.merge(a, metric.start()), metric.merge(metric.start(), a)):
                _add(metric, merged, form)
        expect_equal("a merged state shares memory with its sources", (a, b, c), before)


@check("MET-004/weights")
def weights(subject: Subject, metric: Any) -> None:
    """Weights stand for repetitions; a weight of zero is a sample that is not there.

    Multiply what you add by the weight, and count the weights instead of the rows.
    """
    tolerance = _tolerance(subject)
    for form in tried(forms(subject, "weights")):
        times = subject.rng("weights/times").integers(0, 4, len(form.weight))
        times[:2] = (0, 3)
        weighted = attrs.evolve(form, weight=times.astype(subject.dtype))
        expected = _value(metric, form.rows(np.repeat(np.arange(len(times)), times)))
        _expect("integer weights do not act as repetitions", _value(metric, weighted), expected, weighted, tolerance)
        spoiled = weighted.with_prediction(0, form.prediction[1])
        _expect("a sample of weight zero changes the value", _value(metric, spoiled), expected, spoiled, tolerance)


@check("MET-005/bounds")
def bounds(subject: Subject) -> None:
    """Progress lines, early stopping and plots rely on the declared bounds.

    Widen `bounds`, or look for the case that leaves them.
    """
    low, high = subject.cls.bounds
    usual = [form for label in ("bounds/1", "bounds/2", "bounds/3") for form in forms(subject, label)]
    far = [] if subject.cls.classes else [attrs.evolve(form, prediction=form.prediction * 100) for form in usual]
    for form, rows in itertools.product((*usual, *far), (1, 2, 24)):
        part = form.rows(slice(0, rows))
        show(part.arrays)
        value = _value(subject.make(), part)
        number = isinstance(value, (float, int, np.floating)) and not isinstance(value, bool)
        right, got = number or not subject.cls.scalar, type(value).__name__
        require(right, "result is not one number", got=got, expected="a float")
        array = np.asarray(value, dtype=np.float64)
        inside = (np.isnan(array) | ((array >= low - 1e-9) & (array <= high + 1e-9))).all()
        require(inside, "result leaves its bounds", got=array, expected=f"[{low}, {high}]")


@check("MET-006/empty")
def empty(subject: Subject, metric: Any) -> None:
    """A value is asked for before the first sample, and for classes that never come.

    Return NaN (or the documented value) where there is nothing to divide by; never raise.
    """
    with quiet() as noted:
        metric.result(metric.start())
        metric.result(metric.merge(metric.start(), metric.start()))
    require(not noted.warned, "result of an empty state warns", got=noted.warned)
    for form in tried(forms(subject, "empty")):
        weightless = attrs.evolve(form, weight=np.zeros_like(form.weight))
        with quiet() as noted:
            for batch in (form.rows(slice(0, 0)), form.rows(slice(0, 1)), weightless):
                fresh = metric.start()
                _add(metric, fresh, batch)
                metric.result(fresh)
        require(not noted.warned, "result of hardly any samples warns", got=noted.warned)


@check(
    "MET-007/better",
    needs=applies_if(lambda s: s.cls.higher_is_better is not None and s.cls.scalar, "it declares no better side"),
)
def better(subject: Subject, metric: Any) -> None:
    """Early stopping and checkpoints keep the wrong model if the direction is wrong.

    Correct `higher_is_better`, or the sign of the value.
    """
    sign, bound = (1.0, "least") if subject.cls.higher_is_better else (-1.0, "most")
    for form in tried((*forms(subject, "better/1"), *forms(subject, "better/2"))):
        right = np.eye(3, dtype=subject.dtype)[form.target] if form.name == "labels" else form.target
        best, usual = float(_value(metric, attrs.evolve(form, prediction=right))), float(_value(metric, form))
        # NaN where the metric is undefined for these targets: no side is better then.
        holds = math.isnan(best) or math.isnan(usual) or sign * best >= sign * usual - 1e-9
        message, expected = f"a perfect prediction is not the best ({form.name})", f"at {bound} {usual!r}"
        require(holds, message, got=best, expected=expected)


@check("MET-008/forms-agree", needs=needs_trait("classes", "that it is about classes"))
def forms_agree(subject: Subject, metric: Any) -> None:
    """One-hot rows and labels mean the same.

    Read targets with nnkit.interfaces.class_metric (or nnkit.arrays.to_labels), which accepts either.
    """
    by_name = {form.name: form for form in forms(subject, "agree")}
    if {"one-hot rows", "labels"} <= set(by_name):
        rows, labels = (_value(metric, by_name[name]) for name in ("one-hot rows", "labels"))
        _expect("labels give another value than one-hot rows", labels, rows, by_name["labels"], 1e-12)
    if "one column" in by_name:
        form = by_name["one column"]
        flat = attrs.evolve(form, target=form.target[:, 0].astype(np.intp))
        if _accepts(metric, flat):
            got, expected = _value(metric, flat), _value(metric, form)
            _expect("labels (N,) give another value than one column", got, expected, flat, 1e-12)


_needs_numbers = applies_if(lambda s: not s.cls.classes, "it is about classes")


@check("MET-010/flat-targets", needs=_needs_numbers)
def flat_targets(subject: Subject, metric: Any) -> None:
    """(N, 1) against (N,) is broadcast to (N, N) by numpy, and gives a value without an error.

    Compare the shapes and raise a ShapeError, or make one column of a flat target first.
    """
    form = forms(subject, "flat")[0]
    if form.prediction.shape[1] != 1:
        return
    flat = attrs.evolve(form, target=form.target[:, 0])
    try:
        got = _value(metric, flat)
    except ValueError:
        return
    _expect("a flat target (N,) gives another value than (N, 1)", got, _value(metric, form), flat, 8 * subject.eps)


@check("MET-009/float32-accuracy", needs=needs_float32)
def float32_accuracy(subject: Subject, metric: Any) -> None:
    """Sums of a million float32 numbers lose their last digits.

    Add up in float64: `.sum(dtype=np.float64)`, Python floats in the state.
    """
    for form in tried(forms(subject, "float32")):
        arrays = (a.astype(np.float64) if a.dtype.kind == "f" else a for a in form.arrays.values())
        wide = Form(form.name, *arrays)
        _expect("float32 data give another value", _value(metric, form), _value(metric, wide), form, 1e-4)
        got, expected = _value(metric, *[form] * 40), _value(metric, *[wide] * 40)
        _expect("float32 sums drift away over many batches", got, expected, form, 1e-4)


@check(
    "MET-011/nan-stays-visible", level="strict", needs=(_needs_numbers, needs_trait("scalar", "that it is one number"))
)
def nan_stays_visible(subject: Subject, metric: Any) -> None:
    """A model that predicts NaN must not look good.

    Use sums and means that propagate NaN; no nanmean, no np.where around isnan.
    """
    for form in tried(forms(subject, "nan")):
        spoiled = form.with_prediction((3, 0), np.nan)
        got, worst = _value(metric, spoiled), _value(metric, form.with_prediction((3, 0), 1e30))
        show(spoiled.arrays)
        seen = math.isnan(got) or got == worst  # a fraction may count it as wrong
        require(seen, f"a NaN among the predictions disappears ({form.name})", got=got)


@check("MET-012/large")
def large(subject: Subject, metric: Any) -> None:
    """Blocks and chunks begin at sizes that small tests never reach; validation data do.

    Look at what is left over behind the last full block.
    """
    for form in tried(forms(subject, "large", 3001)):
        parts = [form.rows(slice(start, start + 61)) for start in range(0, 3001, 61)]
        some = attrs.evolve(form.rows(slice(0, 3)), name=f"{form.name}, 3001 rows")
        message = "one batch of 3001 rows gives another value than many of 61"
        _expect(message, _value(metric, form), _value(metric, *parts), some, _tolerance(subject))


def _run(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    state, prediction = part.start(), inputs["prediction"]
    weight = inputs.get("weight", np.ones(len(prediction)))
    part.add(state, prediction, np.asarray(inputs["target"]), weight)
    return part.result(state)


@check("MET-REF/figures", needs=needs_reference_values)
def reference_values(subject: Subject) -> None:
    """A metric may stream well and still be another metric than its name says.

    Compare the formula with its source; if the value itself is wrong, fix the example or the reference.
    """
    points = [form.arrays for form in forms(subject, "reference")] if subject.cls.reference is not None else []
    expect_reference_values(subject, "result", points, run=_run)
