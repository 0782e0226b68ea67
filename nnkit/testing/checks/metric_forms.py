"""Predictions and targets of every task that a metric declares."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import NNKitError
from nnkit.interfaces import Metric, Task
from nnkit.testing.failure import require
from nnkit.testing.record import Subject, normal, simplex

__all__ = ["Form", "example_task", "forms", "perfect_prediction"]


@attrs.frozen
class Form:
    """Predictions and targets of one task."""

    name: str
    task: Task
    prediction: Array
    target: Array
    weight: Array

    def rows(self, chosen: Any) -> Form:
        """Some of the rows."""
        return attrs.evolve(self, **{name: array[chosen] for name, array in self.arrays.items()})

    def with_prediction(self, place: Any, value: Any) -> Form:
        """A copy with other predictions in one place."""
        prediction = self.prediction.copy()
        prediction[place] = value
        return attrs.evolve(self, prediction=prediction)

    @property
    def arrays(self) -> dict[str, Array]:
        """The arguments of ``add`` by name."""
        return {"prediction": self.prediction, "target": self.target, "weight": self.weight}

    @property
    def shown(self) -> dict[str, Any]:
        """What failures show of it."""
        return {"task": self.name, **self.arrays}


def forms(subject: Subject, label: str, rows: int = 24) -> list[Form]:
    """Every task that the metric declares, with predictions, targets and weights of 1."""
    rng = subject.rng(f"{label}/metric")
    ones = np.ones(rows, dtype=subject.dtype)
    declared: list[Form] = []

    def declare(name: str, task: Task, prediction: Array, target: Array) -> None:
        declared.append(Form(name, task, prediction, target, ones))

    score = np.asarray(rng.uniform(0.02, 0.98, (rows, 1)), dtype=subject.dtype)
    truth = (rng.uniform(size=rows) < 0.3 + 0.4 * score[:, 0]).astype(np.intp)
    declare("binary", Task("binary", 1), score, truth)
    signs = Task("binary", 1, threshold=0.0, prediction_domain="real")
    declare("binary, scores around 0", signs, (score - subject.dtype.type(0.4)) * 2, truth)
    several = simplex(subject, f"{label}/several", (rows, 3))
    labels = rng.integers(0, 3, rows)
    labels[: rows // 2] = several[: rows // 2].argmax(axis=1)
    declare("multiclass", Task("multiclass", 3), several, labels)
    many = np.asarray(rng.uniform(0.02, 0.98, (rows, 3)), dtype=subject.dtype)
    declare("multilabel", Task("multilabel", 3), many, (rng.uniform(size=(rows, 3)) < many).astype(np.intp))
    for columns in (1, 3):
        target = normal(subject, f"{label}/target/{columns}", (rows, columns), 2.0)
        noise = normal(subject, f"{label}/noise/{columns}", (rows, columns), 0.7)
        declare(f"{columns} columns", Task("regression", columns), target + noise, target)
    stepped = target.copy()
    stepped[:, 1] = np.arange(rows) // 12  # constant in every batch, and not in all
    declare("a column in steps", Task("regression", 3), stepped + noise, stepped)
    judged = [form for form in declared if form.task.name in subject.cls.tasks and _judges(subject.make(), form.task)]
    require(judged, "it judges none of the tasks that it declares", got=subject.cls.tasks, expected="one task at least")
    return judged


def _judges(metric: Any, task: Task) -> bool:
    """Whether ``check`` accepts a declared task: an average or a need of probabilities may exclude some."""
    try:
        metric.check(task)
    except NNKitError:
        return False
    return True


def perfect_prediction(form: Form) -> Array:
    """The prediction that equals the target."""
    if form.task.name == "multiclass":
        return np.eye(form.task.columns, dtype=form.prediction.dtype)[form.target]
    right: Array = form.target.reshape(form.prediction.shape).astype(form.prediction.dtype)
    return right if form.task.prediction_domain != "real" or form.task.name == "regression" else 2 * right - 1


def example_task(cls: type[Metric], prediction: Array, target: Array) -> Task:
    """The task of an example, from the tasks of the metric and the shapes: the first that fits."""
    columns = prediction.shape[1]
    fits = {"regression": True, "binary": columns == 1, "multiclass": target.ndim == 1, "multilabel": target.ndim == 2}
    return Task(next(name for name in cls.tasks if name is not None and fits[name]), columns)
