"""The loss and metrics of an epoch, of which every rank computes its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.core import evaluation
from nnkit.core.model import Model
from nnkit.core.sharded import ShardedData
from nnkit.core.step import Vectors
from nnkit.interfaces import Metric, Shards, Source, TrainingData
from nnkit_mpi.steps import own_rows

__all__ = ["evaluate"]


@final
@attrs.frozen
class RankShards(Shards):
    """One shard on each rank; the results of all are on all of them.

    Args:
        comm: The communicator.
        own: The shard of this rank.
    """

    comm: Any
    own: Any

    def __len__(self) -> int:
        return int(self.comm.size)

    def map(self, function: Callable[..., Any], *arguments: Any) -> RankShards:
        return RankShards(self.comm, function(self.own, *arguments))

    def each(self, function: Callable[..., Any], *arguments: Any) -> Iterator[Any]:
        return iter(self.comm.allgather(function(self.own, *arguments)))


def evaluate(
    comm: Any, model: Model, vectors: Vectors, data: TrainingData | Source, metrics: Mapping[str, Metric]
) -> dict[str, Any]:
    """As ``nnkit.core.evaluation.evaluate``, with the same result on all ranks; a source is read by each of them."""
    if not isinstance(data, tuple):
        return evaluation.evaluate(model, vectors, data, metrics)
    samples = len(data[0])
    own = own_rows(samples, comm.rank, comm.size)
    x, target, weight = data
    rows = x[own] if isinstance(x, np.ndarray) else x.part(np.arange(own.start, own.stop))
    part = rows, target[own], None if weight is None else weight[own]
    sharded = ShardedData(shards=RankShards(comm, part), samples=samples, weight=float(samples), checksum="")
    return evaluation.evaluate(model, vectors, sharded, metrics)
