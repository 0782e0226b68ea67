"""Training data in shards that stand elsewhere, as the loss sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from nnkit.errors import DataError, ShapeError
from nnkit.interfaces import Shards

__all__ = ["ShardedData", "results"]


def results(shards: Shards, function: Callable[..., Any], *arguments: Any) -> Iterator[Any]:
    """``shards.each``, whose errors of data name the shard."""
    iterator = iter(shards.each(function, *arguments))
    for number in range(len(shards)):
        try:
            result = next(iterator)
        except (DataError, ShapeError) as error:
            raise type(error)(f"shard {number}: {error}") from error
        yield result


@attrs.frozen(eq=False, kw_only=True)
class ShardedData:
    """Training or validation data of which each shard is ``TrainingData``, converted and checked.

    Args:
        shards: Where they are.
        samples: Rows of all shards.
        weight: The sum of the weights of all rows; their number where they have none.
        checksum: Of all shards, in their order.
    """

    shards: Shards
    samples: int
    weight: float
    checksum: str
