"""What a call of ``fit`` or ``evaluate`` asks for, checked before anything of the network changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from nnkit import registry
from nnkit.arrays import Array
from nnkit.core.model import Model
from nnkit.core.state import Plan
from nnkit.data.arrays import as_inputs, as_weights, positive_integer
from nnkit.data.class_weights import with_class_weights
from nnkit.data.targets import as_targets
from nnkit.errors import DataError
from nnkit.interfaces import Callback, Metric
from nnkit.registry.builtins import DEFAULTS

__all__ = ["Data", "callbacks_of", "checked", "metrics_of", "planned", "resumed", "split_off", "validation_of"]

Data: TypeAlias = tuple[Array, Array, Array | None]
"""Inputs, targets and weights as the loss sees them."""

SPLIT_STREAM = 3
SAMPLINGS = ("shuffle", "sequential", "random_batch")


def checked(
    model: Model, x: Array, y: Any, sample_weight: Any = None, *, class_weight: Any = None, name: str = "y"
) -> Data:
    """Targets and weights in the form that the loss takes, beside inputs that are so already."""
    target = as_targets(y, model.loss, name=name, dtype=x.dtype, outputs=model.outputs, samples=len(x))
    weight = None if sample_weight is None else as_weights(sample_weight, dtype=x.dtype, samples=len(x))
    if class_weight is not None:
        weight = with_class_weights(class_weight, target, weight, model.outputs, x.dtype)
    return x, target, weight


def validation_of(model: Model, given: Any, dtype: np.dtype[Any]) -> Data:
    """The validation data of ``(X, y)`` or ``(X, y, sample_weight)``."""
    if not isinstance(given, (tuple, list)) or len(given) not in {2, 3}:
        raise DataError("validation_data must be (X, y) or (X, y, sample_weight)")
    x = as_inputs(given[0], name="validation_data[0]", dtype=dtype, columns=model.inputs)
    return checked(model, x, *given[1:], name="validation_data[1]")


def split_off(data: Data, share: Any, seed: int) -> tuple[Data, Data]:
    """Training and validation data: a share of the samples, drawn by the seed, is kept for the second."""
    x, target, weight = data
    kept = round(len(x) * share) if isinstance(share, (int, float)) and 0 < share < 1 else 0
    if not 0 < kept < len(x):
        raise DataError(
            f"validation_split is {share!r}; expected a share above 0 and below 1 that leaves samples on both "
            f"sides of {len(x)}"
        )
    order = np.random.default_rng([seed, SPLIT_STREAM]).permutation(len(x))
    parts = [(x[i], target[i], None if weight is None else weight[i]) for i in (order[kept:], order[:kept])]
    return parts[0], parts[1]


def planned(epoch: int, epochs: Any, batch_size: Any, sampling: str, samples: int) -> Plan:
    """What a call of ``fit`` sets out to do after ``epoch`` epochs."""
    if sampling not in SAMPLINGS:
        raise DataError(f"sampling is {sampling!r}; expected one of {', '.join(map(repr, SAMPLINGS))}")
    count = positive_integer(epochs, "epochs")
    rows = samples if batch_size is None else min(positive_integer(batch_size, "batch_size"), samples)
    return Plan(last_epoch=epoch + count, batch_size=rows, samples=samples, sampling=sampling)


def resumed(plan: Plan | None, samples: int) -> Plan:
    """The plan of the training that was interrupted, when these are its data."""
    if plan is None:
        raise DataError("resume=True, but no training was begun; call fit without it")
    if plan.samples != samples:
        raise DataError(
            f"resume=True with {samples} samples; the interrupted training had {plan.samples}: pass the same data"
        )
    return plan


def callbacks_of(given: Any) -> list[Callback]:
    """The callbacks meant; one that keeps the history is put first where none does."""
    many = [given] if isinstance(given, (str, Mapping, Callback)) else list(given)
    built: list[Callback] = [registry.create("callback", spec) for spec in many]
    keeper = registry.get("callback", DEFAULTS["callback"])
    if not any(isinstance(callback, keeper) for callback in built):
        built.insert(0, registry.create("callback", DEFAULTS["callback"]))
    return built


def metrics_of(given: Any) -> dict[str, Metric]:
    """The metrics meant, by their name in the logs; the second of a name is numbered."""
    many = [given] if isinstance(given, (str, Mapping, Metric)) else list(given)
    named: dict[str, Metric] = {}
    for spec in many:
        metric: Metric = registry.create("metric", spec)
        name = (registry.name_of(metric) or type(metric).__name__).rpartition("/")[2]
        unique, count = name, 1
        while unique in named:
            count += 1
            unique = f"{name}_{count}"
        named[unique] = metric
    return named
