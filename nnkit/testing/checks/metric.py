"""Checks of metrics."""

import contextlib
import copy
import functools
import itertools
import math
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import DataError
from nnkit.interfaces import Task
from nnkit.interfaces.task import TASKS
from nnkit.testing.call import Call, affordable, quiet, silent
from nnkit.testing.checks.metric_forms import Form, example_task, forms, perfect_prediction
from nnkit.testing.failure import difference, expect_close, expect_equal, fail, require, show
from nnkit.testing.record import Inputs, Subject, applies_if, check, needs_float32, needs_trait
from nnkit.testing.reference_values import Compared, compared_with, expect_values, needs_reference_values
from nnkit.testing.saving import through_file


def _add(metric: Any, state: dict[str, Any], form: Form) -> Any:
    return metric.add(state, *(array.copy() for array in form.arrays.values()))


def _state(metric: Any, *batches: Form) -> dict[str, Any]:
    state: dict[str, Any] = metric.start(batches[0].task)
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


def _expect(message: str, got: Any, expected: Any, subject: Subject) -> None:
    expect_close(message, got, expected, tolerance=1e-9 if subject.dtype == np.float64 else 1e-4)


def calls(subject: Subject) -> list[Call]:
    """One pass over a batch: start, add, result."""

    def call(form: Form) -> Call:
        def run(part: Any, x: Mapping[str, Array]) -> Any:
            state = part.start(form.task)
            part.add(state, x["prediction"], x["target"], x["weight"])
            values = {name: value for name, value in state.items() if name != "task"}
            return {"state": copy.deepcopy(values), "result": part.result(state)}

        return Call(f"start, add, result ({form.name})", run, form.arrays, floats=False)

    return [call(form) for form in forms(subject, "calls", 8)]


FORMS = Inputs(("form",), lambda subject: forms(subject, "metric"))
"""The tasks that a metric judges."""


@check("MET-001/state", on=FORMS)
def state(subject: Subject, metric: Any, form: Form) -> None:
    """The state is merged, copied and sent between processes.

    start gives a new flat dict of numbers and arrays, and "task" for the task; add changes it in place and returns
    nothing.
    """
    one, two = metric.start(form.task), metric.start(form.task)
    require(isinstance(one, dict), "start returns no dict", got=type(one).__name__)
    require(one is not two, "start returns the same dict twice")
    require(one.get("task", form.task) == form.task, "the state has another task", got=one.get("task"))
    fresh, arrays = metric.start(form.task), {name: array.copy() for name, array in form.arrays.items()}
    with quiet():
        returned = metric.add(fresh, *arrays.values())
    require(returned is None, "add returns something", got=returned, expected="None")
    expect_equal("start is not fresh after an add", metric.start(form.task), one)
    before = copy.deepcopy(fresh)
    first = _result(metric, fresh)
    expect_equal("result changes the state", fresh, before)
    expect_equal("result gives something else the second time", _result(metric, fresh), first)
    loaded = through_file({name: value for name, value in fresh.items() if name != "task"}, nested=True)
    loaded |= {"task": form.task} if "task" in fresh else {}
    expect_equal("a state that went through a file gives another result", _result(metric, loaded), first)
    for value in fresh.values():
        for name, array in arrays.items():
            shared = isinstance(value, np.ndarray) and np.shares_memory(value, array)
            require(not shared, f"the state keeps the memory of {name}")


@check("MET-002/streaming-equals-one-pass", on=FORMS)
def streaming(subject: Subject, metric: Any, form: Form) -> None:
    """Validation data come in batches; the value must not depend on their size.

    Keep sums and counts in the state, and divide only in result.
    """
    order = subject.rng("streaming/order").permutation(len(form.weight))
    ways = {"the order of the samples changes the value": [form.rows(order)]}
    ways["an empty batch changes the value"] = [form, form.rows(slice(0, 0))]
    for cuts in ((1,), (12,), (5, 9), (1, 2, 3, 23)):
        pieces = [form.rows(slice(*edges)) for edges in itertools.pairwise([0, *cuts, len(form.weight)])]
        ways[f"batches cut at {list(cuts)} give another value than one pass"] = pieces
    for message, batches in ways.items():
        _expect(message, _value(metric, *batches), _value(metric, form), subject)
    spoiled = form.with_prediction(3, np.nan)
    show(spoiled.shown)
    got, expected = _value(metric, spoiled.rows(slice(0, 4)), spoiled.rows(slice(4, None))), _value(metric, spoiled)
    _expect("with a row of NaN, batches give another value than one pass", got, expected, subject)


@check("MET-003/merge", on=FORMS)
def merge(subject: Subject, metric: Any, form: Form) -> None:
    """Values of several processes or shards are merged in any order.

    merge gives a new state; make its entries add up, or override merge.
    """
    a, b, c = (_state(metric, form.rows(slice(*cut))) for cut in ((0, 7), (7, 8), (8, 24)))
    before, start = copy.deepcopy((a, b, c)), functools.partial(metric.start, form.task)
    with quiet():
        left = metric.merge(metric.merge(a, b), c)
        ways = {
            "merge": left,
            "regrouped merge": metric.merge(a, metric.merge(b, c)),
            "merge in another order": metric.merge(c, metric.merge(b, a)),
            "merge with an empty state": metric.merge(metric.merge(start(), left), start()),
            "merge with two empty states": metric.merge(metric.merge(start(), start()), left),
        }
    for way, merged in ways.items():
        _expect(f"{way} gives another value than one pass", _result(metric, merged), _value(metric, form), subject)
    expect_equal("merge changes the states that are passed to it", (a, b, c), before)
    with quiet():
        for merged in (left, metric.merge(a, start()), metric.merge(start(), a)):
            _add(metric, merged, form)
    expect_equal("a merged state shares memory with its sources", (a, b, c), before)


@check("MET-004/weights", on=FORMS)
def weights(subject: Subject, metric: Any, form: Form) -> None:
    """Weights stand for repetitions; a weight of zero is a sample that is not there.

    Multiply what you add by the weight, and count the weights instead of the rows.
    """
    times = subject.rng("weights/times").integers(0, 4, len(form.weight))
    times[:2] = (0, 3)
    weighted = attrs.evolve(form, weight=times.astype(subject.dtype))
    show(weighted.shown)
    expected = _value(metric, form.rows(np.repeat(np.arange(len(times)), times)))
    _expect("integer weights do not act as repetitions", _value(metric, weighted), expected, subject)
    spoiled = weighted.with_prediction(0, form.prediction[1])
    show(spoiled.shown)
    _expect("a sample of weight zero changes the value", _value(metric, spoiled), expected, subject)


def _usual_and_far(subject: Subject) -> list[Form]:
    usual = [form for label in ("bounds/1", "bounds/2", "bounds/3") for form in forms(subject, label)]
    real = [form for form in usual if form.task.name == "regression"]
    return [*usual, *(attrs.evolve(form, prediction=form.prediction * 100) for form in real)]


@check("MET-005/bounds", on=Inputs(("form",), _usual_and_far))
def bounds(subject: Subject, metric: Any, form: Form) -> None:
    """Progress lines, early stopping and plots rely on the declared bounds.

    Widen `bounds`, or look for the case that leaves them.
    """
    low, high = subject.cls.bounds
    for rows in (1, 2, 24):
        part = form.rows(slice(0, rows))
        show(part.shown)
        value = _value(metric, part)
        number = isinstance(value, (float, int, np.floating)) and not isinstance(value, bool)
        right, got = number or not subject.cls.scalar, type(value).__name__
        require(right, "result is not one number", got=got, expected="a float")
        array = np.asarray(value, dtype=np.float64)
        inside = (np.isnan(array) | ((array >= low - 1e-9) & (array <= high + 1e-9))).all()
        require(inside, "result leaves its bounds", got=array, expected=f"[{low}, {high}]")


@check("MET-006/empty", on=FORMS)
def empty(subject: Subject, metric: Any, form: Form) -> None:
    """A value is asked for before the first sample, and for classes that never come.

    Return NaN (or the documented value) where there is nothing to divide by; never raise.
    """
    with silent("result of an empty state"):
        metric.result(metric.start(form.task))
        metric.result(metric.merge(metric.start(form.task), metric.start(form.task)))
    weightless = attrs.evolve(form, weight=np.zeros_like(form.weight))
    with silent("result of hardly any samples"):
        for batch in (form.rows(slice(0, 0)), form.rows(slice(0, 1)), weightless):
            fresh = metric.start(form.task)
            _add(metric, fresh, batch)
            metric.result(fresh)


@check(
    "MET-007/better",
    needs=applies_if(lambda s: s.cls.higher_is_better is not None and s.cls.scalar, "it declares no better side"),
    on=Inputs(("form",), lambda s: [*forms(s, "better/1"), *forms(s, "better/2")]),
)
def better(subject: Subject, metric: Any, form: Form) -> None:
    """Early stopping and checkpoints keep the wrong model if the direction is wrong.

    Correct `higher_is_better`, or the sign of the value.
    """
    sign, bound = (1.0, "least") if subject.cls.higher_is_better else (-1.0, "most")
    right = attrs.evolve(form, prediction=perfect_prediction(form))
    best, usual = float(_value(metric, right)), float(_value(metric, form))
    # NaN where the metric is undefined for these targets: no side is better then.
    holds = math.isnan(best) or math.isnan(usual) or sign * best >= sign * usual - 1e-9
    require(holds, "a perfect prediction is not the best", got=best, expected=f"at {bound} {usual!r}")


@check("MET-008/other-tasks-are-refused", on=Inputs(("task",), TASKS))
def other_tasks(subject: Subject, metric: Any, name: Any) -> None:
    """A metric of another task gives a number that means nothing, and training follows it.

    Leave `check` as it is (or call super().check(task) first), and declare `tasks`.
    """
    if name in subject.cls.tasks:
        return
    try:
        metric.check(Task(name, 1 if name == "binary" else 3))
    except DataError as error:
        require(name in str(error), "the refusal does not name the task", got=str(error), expected=name)
    else:
        fail(f"check accepts the task {name}", expected=f"only {subject.cls.tasks}, which it declares")


@check("MET-013/threshold", needs=applies_if(lambda s: "binary" in s.cls.tasks, "it does not judge two classes"))
def threshold(subject: Subject, metric: Any) -> None:
    """Scores around 0 are decided at 0, probabilities at 0.5; one threshold for both makes wrong decisions of one.

    Store `task.threshold` in start, and decide by it in add.
    """
    judged = {form.name: form for form in forms(subject, "threshold")}
    if {"binary", "binary, scores around 0"} <= set(judged):
        plain, scores = judged["binary"], judged["binary, scores around 0"]
        near = attrs.evolve(plain, prediction=((plain.prediction - 0.5) * 0.25 + 0.5).astype(subject.dtype))
        if difference(_value(metric, near), _value(metric, plain)) is None:  # the order or the sides alone matter
            shifted = attrs.evolve(scores, prediction=plain.prediction - subject.dtype.type(0.5), target=plain.target)
            show(shifted.shown)
            message = "scores around 0 give another value than the probabilities 0.5 above them"
            _expect(message, _value(metric, shifted), _value(metric, plain), subject)


_needs_numbers = applies_if(lambda s: "regression" in s.cls.tasks, "it is about classes")


@check("MET-010/flat-targets", needs=_needs_numbers)
def flat_targets(subject: Subject, metric: Any) -> None:
    """(N, 1) against (N,) is broadcast to (N, N) by numpy, and gives a value without an error.

    Compare the shapes and raise a ShapeError, or make one column of a flat target first.
    """
    form = next(form for form in forms(subject, "flat") if form.task == Task("regression", 1))
    flat = attrs.evolve(form, target=form.target[:, 0])
    show(flat.shown)
    with contextlib.suppress(ValueError):
        _expect(
            "a flat target (N,) gives another value than (N, 1)", _value(metric, flat), _value(metric, form), subject
        )


@check("MET-009/float32-accuracy", needs=needs_float32, on=FORMS)
def float32_accuracy(subject: Subject, metric: Any, form: Form) -> None:
    """Sums of a million float32 numbers lose their last digits.

    Add up in float64: `.sum(dtype=np.float64)`, Python floats in the state.
    """
    arrays = (a.astype(np.float64) if a.dtype.kind == "f" else a for a in form.arrays.values())
    wide = Form(form.name, form.task, *arrays)
    _expect("float32 data give another value", _value(metric, form), _value(metric, wide), subject)
    got, expected = _value(metric, *[form] * 40), _value(metric, *[wide] * 40)
    _expect("float32 sums drift away over many batches", got, expected, subject)


@check(
    "MET-011/nan-stays-visible",
    level="strict",
    needs=(_needs_numbers, needs_trait("scalar", "that it is one number")),
    on=FORMS,
)
def nan_stays_visible(subject: Subject, metric: Any, form: Form) -> None:
    """A model that predicts NaN must not look good.

    Use sums and means that propagate NaN; no nanmean, no np.where around isnan.
    """
    spoiled = form.with_prediction((3, 0), np.nan)
    got, worst = _value(metric, spoiled), _value(metric, form.with_prediction((3, 0), 1e30))
    show(spoiled.shown)
    seen = math.isnan(got) or got == worst  # a fraction may count it as wrong
    require(seen, "a NaN among the predictions disappears", got=got)


def _large_forms(subject: Subject) -> list[Form]:
    metric = subject.make()
    rows = affordable(3001, lambda size: [_value(metric, form) for form in forms(subject, "cost", size)])
    return forms(subject, "large", rows)


@check("MET-012/large", on=Inputs(("form",), _large_forms))
def large(subject: Subject, metric: Any, form: Form) -> None:
    """Blocks and chunks begin at sizes that small tests never reach; validation data do.

    Look at what is left over behind the last full block.
    """
    rows = len(form.weight)
    parts = [form.rows(slice(start, start + 61)) for start in range(0, rows, 61)]
    show(form.rows(slice(0, 3)).shown, rows=rows)
    message = "one batch gives another value than many of 61 rows"
    _expect(message, _value(metric, form), _value(metric, *parts), subject)


def _run(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    prediction, target = inputs["prediction"], np.asarray(inputs["target"])
    state = part.start(example_task(type(part), prediction, target))
    part.add(state, prediction, target, inputs.get("weight", np.ones(len(prediction))))
    return part.result(state)


def _points(subject: Subject) -> list[dict[str, Any]]:
    return [form.arrays for form in forms(subject, "reference")]


@check("MET-REF/reference-values", needs=needs_reference_values, on=compared_with(_points))
def reference_values(subject: Subject, compared: Compared) -> None:
    """A metric may stream well and still be another metric than its name says.

    Compare the formula with its source; if the value itself is wrong, fix the example or the reference.
    """
    expect_values(subject, "result", compared, run=_run)
