"""Everything about a training that changes: with it, a run goes on bit-identically."""

from __future__ import annotations

from typing import Any, Final, get_args

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.core.order import Sampling
from nnkit.errors import DataError, brief

__all__ = ["Plan", "TrainingState"]

NOISE_STREAM: Final = 2
COUNT_LIMIT: Final = 1 << 53


@attrs.frozen(kw_only=True)
class Plan:
    """The epochs and batches of one call of ``fit``; a resumed run goes on with it.

    Args:
        last_epoch: Epochs finished when it is done, counted over all calls.
        batch_size: Rows of a batch, at most ``samples``.
        samples: Rows of the training data.
        sampling: See ``nnkit.core.order``.
    """

    last_epoch: int
    batch_size: int
    samples: int
    sampling: str

    def __attrs_post_init__(self) -> None:
        for name, least, most in (
            ("last_epoch", 0, COUNT_LIMIT),
            ("samples", 1, COUNT_LIMIT),
            ("batch_size", 1, self.samples),
        ):
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                raise DataError(f"{name} of the plan is {brief(value)}; expected an integer in [{least}, {most}]")
        if self.sampling not in get_args(Sampling):
            raise DataError(
                f"sampling is {brief(self.sampling)}; expected one of {', '.join(map(repr, get_args(Sampling)))}"
            )

    @property
    def batches(self) -> int:
        """Batches of one epoch."""
        return -(-self.samples // self.batch_size)

    @property
    def batch_sizes(self) -> IntArray:
        """Rows of each batch of one epoch; the last may be smaller, unless each is drawn afresh."""
        rows = np.full(self.batches, self.batch_size)
        if self.sampling != "random_batch":
            rows[-1] = self.samples - self.batch_size * (self.batches - 1)
        return rows

    def same_order(self, other: Plan) -> bool:
        """Whether both cut the same data into the same batches."""
        return (self.batch_size, self.samples, self.sampling) == (other.batch_size, other.samples, other.sampling)


@attrs.define(kw_only=True)
class TrainingState:
    """The changing half of a network; the ``Model`` is the fixed one.

    Args:
        parameters: ``(P,)``.
        buffers: Arrays of layers that are not trained, flat.
        entropy: The seed of every random stream.
        noise: The generator of layers that draw in training.
        optimizer: The optimizer's state; ``None`` before the first step.
        epoch: Epochs finished.
        batch: Batches finished of the present epoch.
        step: Updates made.
        loss_sum: Sum of the losses of the present epoch's samples so far.
        plan: The plan of the last call of ``fit``.
        learning_rate: The learning rate that a callback has set in this run; ``None`` for that of the optimizer.
        callbacks: The memory of each callback, by name.
        archive: What callbacks have archived; see ``nnkit.network.archive``.
        stopped: Why a callback ended the last call of ``fit``; ``None`` when none did.
        adapted: Whether layers have seen the first training data.
    """

    parameters: Array
    buffers: Array
    entropy: int
    noise: np.random.Generator
    optimizer: dict[str, Any] | None = None
    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    plan: Plan | None = None
    learning_rate: float | None = None
    callbacks: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    archive: dict[str, Any] = attrs.field(factory=dict)
    stopped: str | None = None
    adapted: bool = False

    @classmethod
    def new(cls, parameters: Array, buffers: Array, entropy: int) -> TrainingState:
        """The state before the first step."""
        noise = np.random.default_rng([entropy, NOISE_STREAM])
        return cls(parameters=parameters, buffers=buffers, entropy=entropy, noise=noise)
