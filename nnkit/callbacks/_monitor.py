"""What callbacks that monitor one value of the logs share: fields, reading it, and comparing it."""

from __future__ import annotations

import os
from typing import Any, Literal

import attrs
import numpy as np

from nnkit.errors import HyperparameterError, UnknownNameError
from nnkit.interfaces import Callback, TrainingView
from nnkit.interfaces.fields import refuse
from nnkit.spelling import did_you_mean

MODES = ("auto", "min", "max")


def monitor_field(default: str | None) -> Any:
    """The name of a value of the logs; ``None`` is allowed where it is the default."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if (value is None and default is None) or (isinstance(value, str) and value.strip()):
            return
        raise refuse(instance, attribute.name, value, "the name of a logged value, such as 'val_loss'")

    return attrs.field(default=default, validator=check, kw_only=True)


def path_field(default: str) -> Any:
    """The location of a file, a string or path; stored as a string."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, str) or not value.strip():
            raise refuse(instance, attribute.name, value, "the path of a file")

    return attrs.field(default=default, converter=_to_text, validator=check, kw_only=True)


def _to_text(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def monitored(callback: Callback, view: TrainingView, name: str) -> float:
    """The value of the epoch just finished.

    Raises:
        UnknownNameError: When the training logs no such value; the message lists the logged ones.
        HyperparameterError: When it is not a number.
    """
    who = f"{type(callback).__name__}(monitor={name!r})"
    if name not in view.logs:
        have = ", ".join(view.logs)
        hint = did_you_mean(name, view.logs)
        if name.startswith("val_") and not any(other.startswith("val_") for other in view.logs):
            hint = "; pass validation_data or validation_split to fit"
        raise UnknownNameError(f"{who}: this training logs no {name!r}; it logs: {have}{hint}")
    value = view.logs[name]
    if np.ndim(value) != 0:
        raise HyperparameterError(f"{who}: {name} is an array of shape {np.shape(value)}; choose a scalar value")
    return float(value)


def direction(callback: Callback, view: TrainingView, name: str, mode: str) -> Literal["min", "max"]:
    """Whether smaller or larger values are better.

    Raises:
        HyperparameterError: When ``mode`` is ``"auto"`` and it is unknown.
    """
    if mode == "auto":
        higher = view.higher_is_better(name)
        if higher is None:
            raise HyperparameterError(
                f"{type(callback).__name__}(monitor={name!r}, mode='auto'): it is unknown whether a smaller or a"
                f" larger {name} is better; pass mode='min' or mode='max'"
            )
        return "max" if higher else "min"
    return "max" if mode == "max" else "min"


def better(value: float, best: float | None, way: Literal["min", "max"], min_delta: float = 0.0) -> bool:
    """Whether ``value`` beats ``best`` by more than ``min_delta``; NaN never does, all others beat ``None``."""
    if best is None:
        return value == value  # noqa: PLR0124  # not NaN
    return value > best + min_delta if way == "max" else value < best - min_delta
