"""Targets: from what stands in a file to what the loss takes, with the names of the classes kept."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.errors import DataError
from nnkit.interfaces import Loss

__all__ = ["Targets", "encode"]


@attrs.frozen(kw_only=True, eq=False)
class Targets:
    """Targets as the network takes them.

    Args:
        values: ``(N,)`` class labels, or ``(N,)`` or ``(N, K)`` numbers.
        labels: The class of each sample as a position in ``classes``; ``None`` where there are none.
        classes: The name of each class; ``None`` where the loss is about numbers.
    """

    values: Array
    labels: IntArray | None
    classes: tuple[str, ...] | None


def encode(y: Array, loss: Loss, *, outputs: int, source: object, classes: tuple[str, ...] | None = None) -> Targets:
    """Targets for this loss.

    Args:
        y: What stands in the file: names, labels, one-hot rows or numbers.
        loss: Says whether it wants classes or numbers.
        outputs: The outputs of the network.
        source: The file, for messages.
        classes: The names of the classes where they are known already, from other rows.

    Raises:
        DataError: More classes than outputs, a class that is not among ``classes``, or names where numbers are needed.
    """
    if y.dtype.kind not in "biufU":
        raise DataError(f"{source}: the targets have dtype {y.dtype}; expected numbers or names of classes")
    if loss.target_domain in {"simplex", "index"}:
        if y.ndim == 2 and y.shape[1] > 1:
            labels = y.argmax(axis=1) if y.dtype.kind != "U" else None
            names = classes or tuple(map(str, range(y.shape[1])))
            if labels is None:
                raise DataError(f"{source}: several target columns hold names; a loss of classes takes one column")
            return Targets(values=y, labels=labels, classes=names)
        return _labels(y.reshape(len(y)), outputs=outputs, source=source, classes=classes)
    one_column = y.ndim == 1 or y.shape[1] == 1
    if one_column and outputs == 1 and loss.target_domain in {"unit", "sign"}:
        flat = y.reshape(len(y))
        if classes is not None or flat.dtype.kind == "U" or len(np.unique(flat)) <= 2:
            found = _labels(flat, outputs=2, source=source, classes=classes)
            signs = loss.target_domain == "sign"
            return attrs.evolve(found, values=2 * found.values - 1 if signs else found.values)
    if y.dtype.kind == "U":
        raise DataError(
            f"{source}: the targets are names ({y.reshape(-1)[0]!r}, …), but {type(loss).__name__} takes numbers;"
            " for classes use a softmax output and categorical_crossentropy"
        )
    return Targets(values=y, labels=None, classes=None)


def _labels(y: Array, *, outputs: int, source: object, classes: tuple[str, ...] | None) -> Targets:
    """Positions among the classes: whole numbers below ``outputs`` stay, other labels are sorted and counted."""
    if classes is None:
        found: Any = np.unique(y)
        counted = y.dtype.kind != "U" and _fits(found, outputs)
        classes = tuple(map(str, range(outputs))) if counted else tuple(map(_name, found))
        if len(classes) > outputs:
            raise DataError(
                f"{source} has {len(classes)} classes ({', '.join(classes[:6])}{', …' if len(classes) > 6 else ''}),"
                f" but the network tells {outputs} apart"
            )
    position = {name: i for i, name in enumerate(classes)}
    names = [_name(label) for label in y]
    unknown = next((name for name in names if name not in position), None)
    if unknown is not None:
        raise DataError(f"{source}: the class {unknown!r} is not one of {', '.join(classes)}")
    labels = np.array([position[name] for name in names], dtype=np.intp)
    return Targets(values=labels, labels=labels, classes=classes)


def _fits(found: Array, outputs: int) -> bool:
    return bool((found == np.floor(found)).all() and found.min() >= 0 and found.max() < outputs)


def _name(label: Any) -> str:
    """``3`` for 3, 3.0 and ``"3"``: one class, whichever file it comes from."""
    if isinstance(label, np.str_):
        return str(label)
    return str(int(label)) if float(label).is_integer() else str(float(label))
