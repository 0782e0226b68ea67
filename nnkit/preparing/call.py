"""The way in which the data of a call of ``fit`` are prepared, chosen by what they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from nnkit.core.model import Model
from nnkit.core.state import TrainingState
from nnkit.data.arrays import DataLike
from nnkit.data.sources import SourceLike, Stream, as_shards, as_source
from nnkit.errors import DataError, brief
from nnkit.network.composition import Composition
from nnkit.network.fitting import Fitting
from nnkit.preparing.arrays import prepare_arrays
from nnkit.preparing.options import FitOptions
from nnkit.preparing.sharded import prepare_shards
from nnkit.preparing.windowed import prepare_source

__all__ = ["prepared_fit"]


def prepared_fit(
    network: tuple[Composition, Model | None, TrainingState | None],
    samples: tuple[DataLike | SourceLike, DataLike | None, DataLike | None],
    window: int,
    steps_per_epoch: int | None,
    options: FitOptions,
) -> Fitting:
    """Check a call of ``fit`` on arrays, a source or shards.

    Raises:
        NNKitError: When something cannot be used; nothing is changed then.
    """
    X, y, sample_weight = samples
    if steps_per_epoch is not None and not isinstance(X, Stream):
        raise DataError("steps_per_epoch was passed with data whose rows are known; it is for a Stream")
    if (shards := as_shards(X, y, sample_weight)) is not None:
        return prepare_shards(network, shards, options)
    source = as_source(X, y, sample_weight)
    if source is not None:
        return prepare_source(network, source, options, window, steps_per_epoch)
    if y is None:
        if isinstance(X, Iterator):
            raise DataError(
                f"fit was passed {brief(X)}, which can be read once: pass Stream(f) with a function f that makes it"
            )
        if callable(X):
            raise DataError(
                f"fit was passed {brief(X)} without targets; pass Stream(f) where f begins a pass over the data"
            )
        raise DataError("fit was passed inputs without targets; pass y")
    return prepare_arrays(network, (cast("DataLike", X), y, sample_weight), options)
