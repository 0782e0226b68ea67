"""Shards on the workers of a Dask cluster."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self, final

import attrs
import cloudpickle
import dask
import numpy as np
from dask.delayed import Delayed
from distributed import Client, Future, KilledWorker, get_client

import nnkit
from nnkit.data.arrays import positive_integer
from nnkit.errors import DataError, brief
from nnkit.interfaces import Shards
from nnkit_dask.collections import partitions

__all__ = ["DaskShards"]

GATHERED = 8
"""Results that are fetched, and held in memory, at a time."""

LARGE = 1 << 20
"""Bytes of arguments above which a worker hands them on to the others; smaller ones come with each task."""

VERSIONS = (nnkit.__version__, np.__version__)
"""What every task compares, for workers that join later."""

SAME = ("nnkit-core", "nnkit-dask", "numpy")
"""Distributions in which the workers must not differ from the client."""

ROUNDING = ("nnkit-numba",)
"""Distributions that change the last digits where they are installed: all workers have them, or none."""


@final
@attrs.frozen(eq=False, init=False)
class DaskShards(Shards):
    """Data in a fixed number of shards, ``load(index)`` for each, on the workers of a Dask cluster.

    ``network.fit(DaskShards(load, 16))`` trains with a solver: every worker loads and converts its shards once, and
    then only sums over their rows come back. They are added in the order of the shards, so the result does not depend
    on the number of workers, and the shards of a worker that is lost are loaded again elsewhere, with the same result.

    Args:
        load: Called on a worker with the number of a shard, twice in each ``fit``; returns ``(X, y)`` or
            ``(X, y, sample_weight)``, which may have no rows, and the same rows each time.
        count: The number of shards: as many as the cluster has cores, or a small multiple of that.
        client: The client of the cluster; by default the one that was made last.

    Raises:
        DataError: When there is no client, or ``load`` cannot be sent to the workers.

    Example:
        >>> from distributed import Client
        >>> def load(index):
        ...     rng = np.random.default_rng(index)
        ...     X = rng.uniform(-1.0, 1.0, size=(100, 1))
        ...     return X, np.sin(3.0 * X)
        >>> with Client(processes=False, n_workers=1, dashboard_address=":0"):
        ...     net = nnkit.Network([1, 6, 1], hidden_activation="tanh", optimizer="levenberg_marquardt", seed=0)
        ...     history = net.fit(DaskShards(load, 2), epochs=30)
        >>> history["loss"][-1] < 1e-4
        True
    """

    client: Client
    parts: Sequence[Delayed | Future]

    def __init__(self, load: Callable[[int], Any], count: int, *, client: Client | None = None) -> None:
        if not callable(load):
            raise DataError(f"load is {brief(load)}; expected a function of the number of a shard")
        sent = _sent("load", load)
        parts = [dask.delayed(_load, pure=False)(sent, index) for index in range(positive_integer(count, "count"))]
        self.__attrs_init__(client or _client(), parts)

    @classmethod
    def of(cls, X: Any, y: Any, sample_weight: Any = None, *, client: Client | None = None) -> Self:
        """The partitions of Dask arrays or frames as shards.

        Blocks of an array are joined along its columns, and targets and weights follow the row blocks of ``X``; frames
        have the same partitions. They are computed twice in each ``fit``: ``X.persist()`` keeps them in memory.

        Args:
            X: Inputs.
            y: Targets.
            sample_weight: ``(N,)``.
            client: The client of the cluster; by default the one that was made last.

        Raises:
            DataError: When something is no collection of Dask, or has other partitions.
        """
        made = cls.__new__(cls)
        made.__attrs_init__(client or _client(), partitions(X, y, sample_weight))
        return made

    def __len__(self) -> int:
        return len(self.parts)

    def map(self, function: Callable[..., Any], *arguments: Any) -> DaskShards:
        made = type(self).__new__(type(self))
        made.__attrs_init__(self.client, self._futures(function, arguments))
        return made

    def each(self, function: Callable[..., Any], *arguments: Any) -> Iterator[Any]:
        futures = self._futures(function, arguments)
        for start in range(0, len(futures), GATHERED):
            some = futures[start : start + GATHERED]
            try:
                results = self.client.gather(some)
            except Exception:  # noqa: BLE001  # of several failures that of the first shard is raised
                results = map(_result, some)
            yield from results

    def check(self, providers: Mapping[str, str]) -> None:
        def versions(names: list[str]) -> dict[str, str | None]:
            # A function within a function is sent as it is, so it runs where no package of nnkit is installed.
            from importlib.metadata import PackageNotFoundError, version

            installed: dict[str, str | None] = {}
            for name in names:
                try:
                    installed[name] = version(name)
                except PackageNotFoundError:
                    installed[name] = None
            return installed

        names = list(dict.fromkeys([*SAME, *providers]))
        own = versions(names)
        workers: dict[str, dict[str, str | None]] = self.client.run(versions, [*names, *ROUNDING])
        for worker, theirs in sorted(workers.items()):
            for name in names:
                if theirs[name] != own[name]:
                    raise DataError(
                        f"the worker {worker} has {_called(name, theirs[name])}, and this process "
                        f"{_called(name, own[name])}: install the same version on all workers"
                    )
        for name in ROUNDING:
            if len({theirs[name] for theirs in workers.values()}) > 1:
                raise DataError(
                    f"the workers differ in {name}, whose results differ in the last digits: install the same version "
                    "on all of them, or on none"
                )

    def _futures(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> list[Future]:
        """The calls, on their way; on the dashboard they have the names of the functions."""
        sent: Any = _sent("a part of the network", (function, arguments))
        name = getattr(function, "__name__", "call").strip("_")
        # Dask advises against large arguments, but parameters of many millions are what is to be sent.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
            if len(sent) > LARGE:
                sent = self.client.submit(bytes, sent, pure=False)
            if isinstance(self.parts[0], Future):
                same = [[sent] * len(self), [VERSIONS] * len(self)]
                mapped: list[Future] = self.client.map(_run, self.parts, *same, key=name, pure=False)
                return mapped
            run = dask.delayed(_run, name=name, pure=False)
            computed: list[Future] = self.client.compute([run(part, sent, VERSIONS) for part in self.parts])
            return computed


def _client() -> Client:
    try:
        return get_client()
    except ValueError as error:
        raise DataError(
            "there is no client of a Dask cluster; make one first, distributed.Client(), or pass it"
        ) from error


def _sent(what: str, value: Any) -> bytes:
    """A pickle, by value where it is defined in the program that runs.

    Raises:
        DataError: When there is none; names the reason.
    """
    try:
        pickled: bytes = cloudpickle.dumps(value)
    except Exception as error:
        raise DataError(
            f"{what} cannot be sent to the workers: {error}; what is sent must not contain locks, "
            "connections or generators: create these where they are used"
        ) from error
    return pickled


def _received(sent: bytes) -> Any:
    try:
        return pickle.loads(sent)  # noqa: S301  # from the client, whose tasks this worker runs
    except Exception as error:
        raise DataError(
            f"a worker cannot load what was sent ({type(error).__name__}: {error}): install the package on all "
            "workers, or send the module with client.upload_file"
        ) from error


def _load(sent: bytes, index: int) -> Any:
    load = _received(sent)
    try:
        return load(index)
    except Exception as error:
        raise DataError(f"load({index}) raised {type(error).__name__}: {error}") from error


def _run(part: Any, sent: bytes, versions: tuple[str, ...]) -> Any:
    if versions != VERSIONS:
        raise DataError(f"a worker has the versions {VERSIONS} of nnkit and numpy, and this process {versions}")
    function, arguments = _received(sent)
    return function(part, *arguments)


def _result(future: Future) -> Any:
    try:
        return future.result()
    except KilledWorker as error:
        raise DataError(
            f"{error.allowed_failures + 1} workers ended while they computed it, as they do when their memory is used "
            "up: divide the data into more shards"
        ) from error


def _called(name: str, version: str | None) -> str:
    return f"no {name}" if version is None else f"{name} {version}"
