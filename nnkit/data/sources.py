"""Data that need not fit into memory: what a person passes to ``fit``, ``evaluate`` and ``predict``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeAlias, cast, final

import attrs

from nnkit.errors import DataError, brief
from nnkit.interfaces import Shards

__all__ = ["Rows", "RowsLike", "SourceLike", "Stream", "as_shards", "as_source"]


class RowsLike(Protocol):
    """An array that is read by slices: a memory map, an HDF5 or zarr dataset, a dask array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows first."""

    def __getitem__(self, rows: slice) -> Any:
        """Some rows, as an array."""


@final
@attrs.frozen(eq=False)
class Rows:
    """Data of which a window of rows is read at a time: anything with ``shape`` and ``[a:b]``.

    Arrays of h5py, zarr and dask are read this way when passed as they are; ``Rows`` asks for it with any other.

    Args:
        X: Inputs ``(N, D)``, or samples of a higher rank.
        y: Targets; one column is read at once, several by windows. May also be passed to ``fit``.
        sample_weight: ``(N,)``, read at once.

    Raises:
        DataError: When ``X`` has no shape or cannot be cut.

    Example:
        >>> X = np.arange(12.0).reshape(6, 2)
        >>> net = nnkit.Network([2, 1], seed=0)
        >>> history = net.fit(Rows(X, X.sum(axis=1)), epochs=2, batch_size=2, window=4)
        >>> [part.shape for part in net.predict(Rows(X))]
        [(6, 1)]
    """

    X: Any
    y: Any = None
    sample_weight: Any = None

    def __attrs_post_init__(self) -> None:
        shape = getattr(self.X, "shape", None)
        if not isinstance(shape, tuple) or not hasattr(self.X, "__getitem__"):
            raise DataError(f"Rows was passed {brief(self.X)}; expected an array with shape and [a:b]")
        if not shape or not isinstance(shape[0], int):
            raise DataError(
                f"Rows was passed an array of shape {shape}; expected a known number of rows (dask: "
                "X.compute_chunk_sizes())"
            )


@final
@attrs.frozen(eq=False)
class Stream:
    """Data that are read from the first row to the last, again in every epoch.

    The order of the windows is that of the stream: ``sampling="shuffle"`` shuffles within each window only, so a
    sorted stream must be shuffled where it is written.

    Args:
        open: Begins a pass: returns an iterator of ``(X, y)`` or ``(X, y, sample_weight)``, each of any number of rows;
            or something to iterate over more than once, such as a torch ``DataLoader``.
        samples: Rows of one pass. Without it, and without ``steps_per_epoch`` of ``fit``, they are counted first.

    Raises:
        DataError: When ``open`` is an iterator, which can be read once.

    Example:
        >>> def batches():
        ...     for start in range(0, 6, 3):
        ...         X = np.arange(start, start + 3.0)[:, None]
        ...         yield X, 2.0 * X
        >>> net = nnkit.Network([1, 1], seed=0)
        >>> len(net.fit(Stream(batches), epochs=3, batch_size=2)["loss"])
        3
    """

    open: Callable[[], Iterable[Any]] | Iterable[Any]
    samples: int | None = None

    def __attrs_post_init__(self) -> None:
        if isinstance(self.open, Iterator) or not (callable(self.open) or hasattr(self.open, "__iter__")):
            raise DataError(
                f"Stream was passed {brief(self.open)}; expected a function that begins a new iterator each time it is "
                "called: Stream(lambda: batches(path))"
            )
        count = self.samples
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
            raise DataError(f"samples of a Stream is {brief(count)}; expected a positive integer, or None")

    def begin(self) -> Iterator[Any]:
        """A new pass.

        Raises:
            DataError: When ``open`` returns nothing that can be iterated over.
        """
        stream: Any = self.open() if callable(self.open) else self.open
        if not hasattr(stream, "__iter__"):
            raise DataError(f"open of a Stream returned {brief(stream)}; expected an iterator of (X, y)")
        return iter(cast("Iterable[Any]", stream))


SourceLike: TypeAlias = Rows | Stream | Shards
"""Data that are read window by window, or stand in shards elsewhere."""


def as_source(X: object, y: Any = None, sample_weight: Any = None) -> Rows | Stream | None:
    """The source that was passed as ``X``, with targets and weights passed beside it; ``None`` for data in memory.

    Raises:
        DataError: When targets or weights are passed twice.
    """
    if not isinstance(X, Rows | Stream):
        return Rows(X, y, sample_weight) if hasattr(X, "chunks") and hasattr(X, "shape") else None
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None and (isinstance(X, Stream) or getattr(X, name) is not None):
            reason = "yields its own" if isinstance(X, Stream) else f"contains {name} already"
            raise DataError(f"{name} was passed beside a {type(X).__name__}, which {reason}; pass it once")
    if isinstance(X, Stream):
        return X
    return Rows(X.X, X.y if y is None else y, X.sample_weight if sample_weight is None else sample_weight)


def as_shards(X: object, y: Any = None, sample_weight: Any = None) -> Shards | None:
    """The shards that were passed as ``X``; ``None`` for anything else.

    Raises:
        DataError: When targets or weights are passed beside them.
    """
    if not isinstance(X, Shards):
        return None
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise DataError(f"{name} was passed beside shards, which have their own; pass it once")
    return X
