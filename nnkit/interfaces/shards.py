"""Training data in shards, in other processes or on other machines: functions are sent to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["Shards"]


class Shards(ABC):
    """Data in a fixed number of shards that stand elsewhere, each ``(X, y)`` or ``(X, y, sample_weight)``.

    ``fit``, ``evaluate`` and ``predict`` accept them. The results of the shards are added in their order, so they do
    not depend on how many workers there are; a shard may have no rows. An engine (Dask, or a test in one process)
    defines ``map`` and ``each``. Functions that are sent are defined in modules, and arguments can be pickled.

    Example:
        >>> class Local(Shards):
        ...     def __init__(self, parts):
        ...         self.parts = list(parts)
        ...     def __len__(self):
        ...         return len(self.parts)
        ...     def map(self, function, *arguments):
        ...         return Local(function(part, *arguments) for part in self.parts)
        ...     def each(self, function, *arguments):
        ...         return (function(part, *arguments) for part in self.parts)
        >>> X = np.linspace(-1.0, 1.0, 30)[:, None]
        >>> net = nnkit.Network([1, 6, 1], hidden_activation="tanh", optimizer="gauss_newton", seed=0)
        >>> history = net.fit(Local([(X[:10], X[:10] ** 2), (X[10:], X[10:] ** 2)]), epochs=20)
        >>> history["loss"][-1] < 1e-3
        True
    """

    @abstractmethod
    def __len__(self) -> int:
        """The number of shards."""

    @abstractmethod
    def map(self, function: Callable[..., Any], *arguments: Any) -> Shards:
        """The results of ``function(shard, *arguments)`` as shards, which stay where they are computed.

        One that is lost with its process is computed again. Where the function raises, so may this, or else ``each``.
        """

    @abstractmethod
    def each(self, function: Callable[..., Any], *arguments: Any) -> Iterator[Any]:
        """The result of ``function(shard, *arguments)`` for every shard, in their order.

        Raises what the function, or the function of an earlier ``map``, raises for the first shard that fails.
        """

    def check(self, providers: Mapping[str, str]) -> None:  # noqa: B027  # one process has nothing to compare
        """Refuse workers without these distributions in these versions; called before anything is sent.

        Raises:
            DataError: Names a worker, the distribution and both versions.
        """
