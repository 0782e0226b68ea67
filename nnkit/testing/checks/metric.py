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
from nnkit.testing.call import Call, quiet
from nnkit.testing.failure import expect_close, expect_equal, require
from nnkit.testing.points import normal, simplex
from nnkit.testing.record import CheckList
from nnkit.testing.reference_values import expect_reference_values, needs_reference_values
from nnkit.testing.saving import through_file
from nnkit.testing.subject import Subject

CHECKS = CheckList()


@attrs.frozen
class Form:
    """One way in which predictions and targets come."""

    name: str
    prediction: Array
    target: Array
    weight: Array

    def rows(self, chosen: Any) -> Form:
        """Some of the rows."""
        return Form(self.name, self.prediction[chosen], self.target[chosen], self.weight[chosen])

    @property
    def told(self) -> dict[str, Any]:
        """For a failure."""
        return {"prediction": self.prediction, "target": self.target, "weight": self.weight}


def forms(subject: Subject, label: str, rows: int = 24, *, signs: bool = False) -> list[Form]:
    """Predictions and targets in every form that the metric takes; with ``signs`` also targets of -1 and 1."""
    rng = subject.rng(f"{label}/metric")
    ones = np.ones(rows, dtype=subject.dtype)
    found = []
    if subject.cls.classes:
        score = np.asarray(rng.uniform(0.02, 0.98, (rows, 1)), dtype=subject.dtype)
        truth = (rng.uniform(size=(rows, 1)) < 0.3 + 0.4 * score).astype(subject.dtype)
        found.append(Form("one column", score, truth, ones))
        several = simplex(subject, f"{label}/several", (rows, 3))
        labels = rng.integers(0, 3, rows)
        labels[: rows // 2] = several[: rows // 2].argmax(axis=1)
        found.append(Form("one-hot rows", several, np.eye(3, dtype=subject.dtype)[labels], ones))
        found.append(Form("labels", several, labels, ones))
        if signs:
            truth = np.where(score > 0.5, 1, -1).astype(subject.dtype)
            truth[:3] = 1  # a batch without a negative one
            found.append(Form("signs", (score - subject.dtype.type(0.4)) * 2, truth, ones))
    else:
        for columns in (1, 3):
            target = normal(subject, f"{label}/target/{columns}", (rows, columns), 2.0)
            noise = normal(subject, f"{label}/noise/{columns}", (rows, columns), 0.7)
            found.append(Form(f"{columns} columns", target + noise, target, ones))
        stepped = target.copy()
        stepped[:, 1] = np.arange(rows) // 12  # constant in every batch, and not in all
        found.append(Form("a column in steps", stepped + noise, stepped, ones))
    taken = []
    for form in found:
        try:
            _state(subject.make(), form)
        except NNKitError:
            continue
        taken.append(form)
    require(taken, "it takes neither rows nor labels", got="errors", expected="one form of predictions and targets")
    return taken


def _state(metric: Any, *batches: Form) -> dict[str, Any]:
    state: dict[str, Any] = metric.start()
    with quiet():
        for one in batches:
            metric.add(state, one.prediction.copy(), one.target.copy(), one.weight.copy())
    return state


def _result(metric: Any, state: dict[str, Any]) -> Any:
    with quiet():
        return metric.result(state)


def _hold(message: str, got: Any, expected: Any, form: Form, tolerance: float) -> None:
    expect_close(f"{message} ({form.name})", got, expected, tolerance=tolerance, inputs=form.told)


def calls(subject: Subject) -> list[Call]:
    """One pass over a batch: start, add, result."""
    found = []
    for form in forms(subject, "calls", 8):

        def run(part: Any, x: Mapping[str, Array]) -> Any:
            state = part.start()
            part.add(state, x["prediction"], x["target"], x["weight"])
            return {"state": copy.deepcopy(state), "result": part.result(state)}

        found.append(Call(f"start, add, result ({form.name})", run, form.told, floats=False))
    return found


@CHECKS.check(
    "MET-001/state",
    why="The state is merged, copied and sent between processes.",
    fix="start gives a new flat dict of numbers and arrays; add changes it in place and returns nothing.",
)
def state(subject: Subject) -> None:
    metric = subject.make()
    one, two = metric.start(), metric.start()
    require(isinstance(one, dict), "start returns no dict", got=type(one).__name__)
    require(one is not two, "start returns the same dict twice")
    for form in forms(subject, "state"):
        fresh, given = metric.start(), Form(form.name, form.prediction.copy(), form.target.copy(), form.weight.copy())
        with quiet():
            returned = metric.add(fresh, given.prediction, given.target, given.weight)
        require(returned is None, "add returns something", got=returned, expected="None")
        expect_equal("start is not fresh after an add", metric.start(), one, inputs=form.told)
        before = copy.deepcopy(fresh)
        first = _result(metric, fresh)
        expect_equal("result changes the state", fresh, before, inputs=form.told)
        _hold("result gives something else the second time", _result(metric, fresh), first, form, 0.0)
        back = through_file(fresh, nested=True)
        _hold("a state that went through a file gives another result", _result(metric, back), first, form, 0.0)
        for value in fresh.values():
            for name, array in given.told.items():
                shared = isinstance(value, np.ndarray) and np.shares_memory(value, array)
                require(not shared, f"the state keeps the memory of {name}", inputs=form.told)


@CHECKS.check(
    "MET-002/streaming-equals-one-pass",
    why="Validation data come in batches; the figure must not depend on their size.",
    fix="Keep sums and counts in the state, and divide only in result.",
)
def streaming(subject: Subject) -> None:
    metric, tolerance = subject.make(), 1e-9 if subject.dtype == np.float64 else 1e-4
    for form in forms(subject, "streaming", signs=True):
        expected = _result(metric, _state(metric, form))
        for cuts in ((1,), (12,), (5, 9), (1, 2, 3, 23)):
            edges = [0, *cuts, len(form.weight)]
            parts = [form.rows(slice(a, b)) for a, b in itertools.pairwise(edges)]
            got = _result(metric, _state(metric, *parts))
            _hold(f"batches cut at {list(cuts)} give another figure than one pass", got, expected, form, tolerance)
        order = subject.rng("streaming/order").permutation(len(form.weight))
        got = _result(metric, _state(metric, form.rows(order)))
        _hold("the order of the samples changes the figure", got, expected, form, tolerance)
        got = _result(metric, _state(metric, form, form.rows(slice(0, 0))))
        _hold("an empty batch changes the figure", got, expected, form, tolerance)
        spoiled = attrs.evolve(form, prediction=form.prediction.copy())
        spoiled.prediction[3] = np.nan
        expected = _result(metric, _state(metric, spoiled))
        got = _result(metric, _state(metric, spoiled.rows(slice(0, 4)), spoiled.rows(slice(4, None))))
        _hold("with a row of NaN, batches give another figure than one pass", got, expected, spoiled, tolerance)


@CHECKS.check(
    "MET-003/merge",
    why="Figures of several processes or shards are merged in any order.",
    fix="merge gives a new state; make its entries add up, or override merge.",
)
def merge(subject: Subject) -> None:
    metric, tolerance = subject.make(), 1e-9 if subject.dtype == np.float64 else 1e-4
    for form in forms(subject, "merge", signs=True):
        a, b, c = (_state(metric, form.rows(slice(*cut))) for cut in ((0, 7), (7, 8), (8, 24)))
        before = copy.deepcopy((a, b, c))
        expected = _result(metric, _state(metric, form))
        with quiet():
            left = metric.merge(metric.merge(a, b), c)
            right = metric.merge(a, metric.merge(b, c))
            turned = metric.merge(c, metric.merge(b, a))
            padded = metric.merge(metric.merge(metric.start(), left), metric.start())
            nothing = metric.merge(metric.merge(metric.start(), metric.start()), left)
        for how, merged in (
            ("merge", left),
            ("regrouped merge", right),
            ("merge in another order", turned),
            ("merge with an empty state", padded),
            ("merge with two empty states", nothing),
        ):
            _hold(f"{how} gives another figure than one pass", _result(metric, merged), expected, form, tolerance)
        expect_equal("merge changes the states that it is given", (a, b, c), before, inputs=form.told)
        with quiet():
            metric.add(left, form.prediction.copy(), form.target.copy(), form.weight.copy())
        with quiet():
            for lone in (metric.merge(a, metric.start()), metric.merge(metric.start(), a)):
                metric.add(lone, form.prediction.copy(), form.target.copy(), form.weight.copy())
        expect_equal("a merged state shares memory with its sources", (a, b, c), before, inputs=form.told)


@CHECKS.check(
    "MET-004/weights",
    why="Weights stand for repetitions; a weight of zero is a sample that is not there.",
    fix="Multiply what you add by the weight, and count the weights instead of the rows.",
)
def weights(subject: Subject) -> None:
    metric, tolerance = subject.make(), 1e-9 if subject.dtype == np.float64 else 1e-4
    for form in forms(subject, "weights"):
        times = subject.rng("weights/times").integers(0, 4, len(form.weight))
        times[:2] = (0, 3)
        weighted = attrs.evolve(form, weight=times.astype(subject.dtype))
        repeated = form.rows(np.repeat(np.arange(len(times)), times))
        got, expected = _result(metric, _state(metric, weighted)), _result(metric, _state(metric, repeated))
        _hold("integer weights do not act as repetitions", got, expected, weighted, tolerance)
        spoiled = attrs.evolve(weighted, prediction=weighted.prediction.copy())
        spoiled.prediction[0] = spoiled.prediction[1]
        got = _result(metric, _state(metric, spoiled))
        _hold("a sample of weight zero changes the figure", got, expected, spoiled, tolerance)


@CHECKS.check(
    "MET-005/bounds",
    why="Progress lines, early stopping and plots rely on the declared bounds.",
    fix="Widen `bounds`, or look for the case that leaves them.",
)
def bounds(subject: Subject) -> None:
    metric = subject.make()
    low, high = subject.cls.bounds
    for label in ("bounds/1", "bounds/2", "bounds/3"):
        usual = forms(subject, label)
        far = [] if subject.cls.classes else [attrs.evolve(form, prediction=form.prediction * 100) for form in usual]
        for form in (*usual, *far):
            for rows in (1, 2, 24):
                part = form.rows(slice(0, rows))
                value = _result(metric, _state(metric, part))
                if subject.cls.scalar:
                    number = isinstance(value, (float, int, np.floating)) and not isinstance(value, bool)
                    require(
                        number,
                        "result is not one number",
                        inputs=part.told,
                        got=type(value).__name__,
                        expected="a float",
                    )
                array = np.asarray(value, dtype=np.float64)
                inside = np.isnan(array) | ((array >= low - 1e-9) & (array <= high + 1e-9))
                require(
                    inside.all(), "result leaves its bounds", inputs=part.told, got=array, expected=f"[{low}, {high}]"
                )


@CHECKS.check(
    "MET-006/empty",
    why="A figure is asked for before the first sample, and for classes that never come.",
    fix="Return NaN (or the documented figure) where there is nothing to divide by; never raise.",
)
def empty(subject: Subject) -> None:
    metric = subject.make()
    with quiet() as noted:
        metric.result(metric.start())
        metric.result(metric.merge(metric.start(), metric.start()))
    require(not noted.warned, "result of an empty state warns", got=noted.warned)
    for form in forms(subject, "empty"):
        with quiet() as noted:
            for rows in (0, 1):
                state_ = metric.start()
                part = form.rows(slice(0, rows))
                metric.add(state_, part.prediction.copy(), part.target.copy(), part.weight.copy())
                metric.result(state_)
            state_ = metric.start()
            metric.add(state_, form.prediction.copy(), form.target.copy(), np.zeros_like(form.weight))
            metric.result(state_)
        require(not noted.warned, "result of hardly any samples warns", inputs=form.told, got=noted.warned)


@CHECKS.check(
    "MET-007/better",
    why="Early stopping and checkpoints keep the wrong model if the direction is wrong.",
    fix="Correct `higher_is_better`, or the sign of the figure.",
    needs=lambda s: None if s.cls.higher_is_better is not None and s.cls.scalar else "it declares no better side",
)
def better(subject: Subject) -> None:
    metric = subject.make()
    sign = 1.0 if subject.cls.higher_is_better else -1.0
    for label in ("better/1", "better/2"):
        for form in forms(subject, label):
            labels = form.name == "labels"
            right = np.eye(3, dtype=subject.dtype)[form.target] if labels else form.target.copy()
            perfect = attrs.evolve(form, prediction=right)
            best, usual = float(_result(metric, _state(metric, perfect))), float(_result(metric, _state(metric, form)))
            if math.isnan(best) or math.isnan(usual):
                continue
            require(
                sign * best >= sign * usual - 1e-9,
                f"a perfect prediction is not the best ({form.name})",
                inputs=form.told,
                got=best,
                expected=f"at {'least' if sign > 0 else 'most'} {usual!r}, the figure of an imperfect one",
            )


@CHECKS.check(
    "MET-008/forms-agree",
    why="One-hot rows and labels say the same thing.",
    fix="Read targets with nnkit.interfaces.class_metric (or nnkit.arrays.to_labels), which takes either.",
    needs=lambda s: None if s.cls.classes else "it is not about classes",
)
def forms_agree(subject: Subject) -> None:
    metric = subject.make()
    found = {form.name: form for form in forms(subject, "agree")}
    if {"one-hot rows", "labels"} <= set(found):
        rows, labels = (_result(metric, _state(metric, found[name])) for name in ("one-hot rows", "labels"))
        _hold("labels give another figure than one-hot rows", labels, rows, found["labels"], 1e-12)
    if "one column" in found:
        form = found["one column"]
        flat = attrs.evolve(form, target=form.target[:, 0].astype(np.intp))
        try:
            got = _result(metric, _state(metric, flat))
        except NNKitError:
            return
        _hold(
            "labels (N,) give another figure than one column", got, _result(metric, _state(metric, form)), flat, 1e-12
        )


@CHECKS.check(
    "MET-010/flat-targets",
    why="(N, 1) against (N,) is broadcast to (N, N) by numpy, and gives a figure without an error.",
    fix="Compare the shapes and raise a ShapeError, or make one column of a flat target first.",
    needs=lambda s: "it is about classes" if s.cls.classes else None,
)
def flat_targets(subject: Subject) -> None:
    metric = subject.make()
    form = forms(subject, "flat")[0]
    if form.prediction.shape[1] != 1:
        return
    flat = attrs.evolve(form, target=form.target[:, 0])
    try:
        got = _result(metric, _state(metric, flat))
    except ValueError:
        return
    expected = _result(metric, _state(metric, form))
    _hold("a flat target (N,) gives another figure than (N, 1)", got, expected, flat, 8 * subject.eps)


@CHECKS.check(
    "MET-009/float32-accuracy",
    why="Sums of a million float32 numbers lose their last digits.",
    fix="Add up in float64: `.sum(dtype=np.float64)`, Python floats in the state.",
    needs=lambda s: None if s.dtype == np.float32 else "it is about float32",
)
def float32_accuracy(subject: Subject) -> None:
    metric = subject.make()
    for form in forms(subject, "float32"):
        wide = Form(
            form.name,
            form.prediction.astype(np.float64),
            form.target.astype(np.float64) if form.target.dtype.kind == "f" else form.target,
            form.weight.astype(np.float64),
        )
        _hold(
            "float32 data give another figure",
            _result(metric, _state(metric, form)),
            _result(metric, _state(metric, wide)),
            form,
            1e-4,
        )
        many = [form] * 40
        wide_many = [wide] * 40
        _hold(
            "float32 sums drift away over many batches",
            _result(metric, _state(metric, *many)),
            _result(metric, _state(metric, *wide_many)),
            form,
            1e-4,
        )


@CHECKS.check(
    "MET-011/nan-stays-visible",
    why="A model that predicts NaN must not look good.",
    fix="Use sums and means that hand NaN on; no nanmean, no np.where around isnan.",
    level="strict",
    needs=lambda s: "it is about classes, or gives more than one number" if s.cls.classes or not s.cls.scalar else None,
)
def nan_stays_visible(subject: Subject) -> None:
    metric = subject.make()
    for form in forms(subject, "nan"):
        spoiled = attrs.evolve(form, prediction=form.prediction.copy())
        spoiled.prediction[3, 0] = np.nan
        wrong = attrs.evolve(form, prediction=form.prediction.copy())
        wrong.prediction[3, 0] = 1e30
        got, worst = (_result(metric, _state(metric, one)) for one in (spoiled, wrong))
        seen = math.isnan(got) or got == worst  # a share may count it as wrong
        require(seen, f"a NaN among the predictions disappears ({form.name})", inputs=spoiled.told, got=got)


@CHECKS.check(
    "MET-012/large",
    why="Blocks and chunks begin where tests have long stopped; validation data do not.",
    fix="Look at what is left over behind the last whole block.",
)
def large(subject: Subject) -> None:
    metric, tolerance = subject.make(), 1e-9 if subject.dtype == np.float64 else 1e-4
    for form in forms(subject, "large", 3001):
        parts = [form.rows(slice(start, start + 61)) for start in range(0, 3001, 61)]
        told = attrs.evolve(form.rows(slice(0, 3)), name=f"{form.name}, 3001 rows")
        whole, got = _result(metric, _state(metric, form)), _result(metric, _state(metric, *parts))
        _hold("one batch of 3001 rows gives another figure than many of 61", whole, got, told, tolerance)


def _run(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    given = dict(inputs)
    prediction = given["prediction"]
    state_ = part.start()
    weight = given.get("weight", np.ones(len(prediction)))
    part.add(state_, prediction, np.asarray(given["target"]), weight)
    return part.result(state_)


@CHECKS.check(
    "MET-REF/figures",
    why="A figure may stream well and still be another figure than its name says.",
    fix="Compare the formula with its source; if the figure itself is wrong, mend the example or the reference.",
    needs=needs_reference_values,
)
def figures(subject: Subject) -> None:
    points = [form.told for form in forms(subject, "reference")] if subject.cls.reference is not None else []
    expect_reference_values(subject, "result", points, run=_run)
