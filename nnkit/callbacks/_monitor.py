"""What the callbacks that watch one figure share: its fields, how it is read, and when it is better."""

from __future__ import annotations

import difflib
import os
from typing import Any, Literal

import attrs
import numpy as np

from nnkit.errors import HyperparameterError, UnknownNameError
from nnkit.interfaces import Callback, TrainingView
from nnkit.interfaces.fields import refuse

MODES = ("auto", "min", "max")


def monitor_field(default: str | None) -> Any:
    """The name of a figure of the logs; ``None`` is allowed where it is the default."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if (value is None and default is None) or (isinstance(value, str) and value.strip()):
            return
        raise refuse(instance, attribute.name, value, "the name of a figure, such as 'val_loss'")

    return attrs.field(default=default, validator=check, kw_only=True)


def path_field(default: str) -> Any:
    """Where a file stands, a string or path; kept as a string."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, str) or not value.strip():
            raise refuse(instance, attribute.name, value, "the path of a file")

    return attrs.field(default=default, converter=_to_text, validator=check, kw_only=True)


def _to_text(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def monitored(callback: Callback, view: TrainingView, name: str) -> float:
    """The figure of the epoch just finished.

    Raises:
        UnknownNameError: When the training has no such figure; names those it has.
        HyperparameterError: When it is not one number.
    """
    who = f"{type(callback).__name__}(monitor={name!r})"
    if name not in view.logs:
        have = ", ".join(view.logs)
        near = difflib.get_close_matches(name, list(view.logs), n=1)
        mend = f"; did you mean {near[0]!r}?" if near else ""
        if name.startswith("val_") and view.validation_data is None:
            mend = "; pass validation_data or validation_split to fit"
        raise UnknownNameError(f"{who}: this training has no figure {name!r}, it has: {have}{mend}")
    value = view.logs[name]
    if np.ndim(value) != 0:
        raise HyperparameterError(
            f"{who}: {name} is an array of shape {np.shape(value)}; choose a figure of one number"
        )
    return float(value)


def direction(callback: Callback, view: TrainingView, name: str, mode: str) -> Literal["min", "max"]:
    """Which way the figure gets better.

    Raises:
        HyperparameterError: When ``mode`` is ``"auto"`` and nobody says.
    """
    if mode == "auto":
        higher = view.higher_is_better(name)
        if higher is None:
            raise HyperparameterError(
                f"{type(callback).__name__}(monitor={name!r}, mode='auto'): nobody says which way {name} gets better;"
                " pass mode='min' or mode='max'"
            )
        return "max" if higher else "min"
    return "max" if mode == "max" else "min"


def better(value: float, best: float | None, way: Literal["min", "max"], min_delta: float = 0.0) -> bool:
    """Whether ``value`` beats ``best`` by more than ``min_delta``; NaN beats nothing, and all but NaN beat ``None``."""
    if best is None:
        return value == value  # noqa: PLR0124  # not NaN
    return value > best + min_delta if way == "max" else value < best - min_delta
