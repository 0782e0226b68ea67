"""Validation data, drawn from the training data."""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array, IntArray, to_labels
from nnkit.errors import DataError
from nnkit.interfaces import Loss, TrainingData

__all__ = ["split_off"]

SPLIT_STREAM = 3


def split_off(data: TrainingData, share: float, loss: Loss, seed: int) -> tuple[TrainingData, TrainingData]:
    """Training and validation data: a share of the samples, drawn by the seed, goes to the second.

    Of class targets each class gives its share, rounded so that the total is ``round(N * share)``; at least one sample
    of each class stays for training where possible.

    Raises:
        DataError: When a part would be empty.
    """
    x, target, weight = data
    count = round(len(x) * share) if isinstance(share, (int, float)) and 0 < share < 1 else 0
    if not 0 < count < len(x):
        raise DataError(
            f"validation_split is {share!r}; expected a share above 0 and below 1 that leaves samples on both "
            f"sides of {len(x)}"
        )
    order = np.random.default_rng([seed, SPLIT_STREAM]).permutation(len(x))
    labels = class_labels(target, loss)
    if labels is None:
        validation, training = order[:count], order[count:]
    else:
        drawn = _drawn(labels[order], count)
        validation, training = order[drawn], order[~drawn]
    parts: list[TrainingData] = [
        (
            x[rows] if isinstance(x, np.ndarray) else x.part(rows),
            target[rows],
            None if weight is None else weight[rows],
        )
        for rows in (training, validation)
    ]
    return parts[0], parts[1]


def class_labels(target: Array, loss: Loss) -> IntArray | None:
    """The class of each sample, ``(N,)``; ``None`` where the targets are not single classes.

    Example:
        >>> from nnkit.losses.categorical_crossentropy import CategoricalCrossentropy
        >>> class_labels(np.array([[0.0, 1.0], [1.0, 0.0]]), CategoricalCrossentropy())
        array([1, 0])
    """
    if loss.target_domain == "index":
        return to_labels(target)
    marks = {"simplex": (0, 1), "unit": (0, 1), "sign": (-1, 1)}.get(loss.target_domain)
    single = loss.target_domain == "simplex" or target.shape[1] == 1
    if marks is None or not single or not np.isin(target, marks).all():
        return None
    return to_labels(target)


def _drawn(labels: IntArray, count: int) -> Array:
    """A mask of ``count`` samples: of each class its share, the first ones, by the largest remainders."""
    classes, places, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    exact = sizes * (count / len(labels))
    most = np.maximum(sizes - 1, 0)
    quota = np.minimum(np.floor(exact).astype(np.int64), most)
    while quota.sum() < count:
        room = quota < (most if (quota < most).any() else sizes)
        quota[np.argmax(np.where(room, exact - quota, -np.inf))] += 1
    drawn = np.zeros(len(labels), dtype=bool)
    for index in range(len(classes)):
        drawn[np.flatnonzero(places == index)[: quota[index]]] = True
    return drawn
