"""Callbacks run on the first rank alone; what they ask for is done on every rank."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, ClassVar, Final, final

import attrs

from nnkit.core.loop import EVENTS
from nnkit.interfaces import Callback
from nnkit_mpi.errors import RanksError
from nnkit_mpi.steps import SharedGuard

__all__ = ["KEY", "Relay"]

KEY: Final = "nnkit_mpi"
"""The key of the relay among the callbacks of a run."""


@final
@attrs.frozen(kw_only=True, eq=False)
class Relay(Callback):
    """The last callback of every rank: passes on what the callbacks of the first rank have asked for.

    At the end of each epoch it also compares the parameters of the ranks, which must be bit-identical.

    Args:
        comm: The communicator.
        guard: Is given the agreement to end.
        events: The events that callbacks of the first rank handle.

    Raises:
        RanksError: When the parameters of the ranks differ.
    """

    saves: ClassVar[bool] = True  # after those that do

    comm: Any
    guard: SharedGuard
    events: frozenset[str]
    _seen: dict[str, int] = attrs.field(factory=lambda: {"replaced": 0}, init=False, repr=False)

    @classmethod
    def between(cls, comm: Any, guard: SharedGuard, callbacks: Mapping[str, Callback]) -> Relay:
        """The relay of this rank; ``callbacks`` count on the first rank."""
        handled = {event for event in EVENTS for callback in callbacks.values() if callback.offers(event)}
        always = {"on_train_begin", "on_epoch_end", "on_train_end"}
        return cls(comm=comm, guard=guard, events=frozenset(comm.bcast(handled) | always))

    def belongs_to_run(self) -> bool:
        return False

    def offers(self, method: str) -> bool:
        """As for every part; only the events that callbacks of the first rank handle."""
        return super().offers(method) and (method not in EVENTS or method in self.events)

    def on_train_begin(self, view: Any) -> None:
        self._seen["replaced"] = 0
        self._pass_on(view)

    def on_epoch_begin(self, view: Any) -> None:
        self._pass_on(view)

    def on_batch_end(self, view: Any) -> None:
        self._pass_on(view)

    def on_epoch_end(self, view: Any) -> None:
        self._pass_on(view, compare=True)

    def on_train_end(self, view: Any) -> None:
        self._pass_on(view)

    def _pass_on(self, view: Any, *, compare: bool = False) -> None:
        run, comm = view.run, self.comm
        replaced = run.replaced != self._seen["replaced"]
        self._seen["replaced"] = run.replaced
        asked = run.stop_reason, run.state.learning_rate, replaced
        checksum = zlib.crc32(run.state.parameters.data.cast("B")) if compare else 0
        answers = comm.allgather((self.guard.signalled, checksum, asked))
        self.guard.agreed = self.guard.agreed or any(signalled for signalled, _, _ in answers)
        reason, learning_rate, replaced = answers[0][2]
        others = [rank for rank, (_, other, _) in enumerate(answers) if other != answers[0][1]]
        if others and not replaced:
            raise RanksError(
                f"after epoch {view.epoch} the parameters of rank {others[0]} are not those of rank 0: the machines "
                "round differently, or do not have the same packages; use machines of one kind, with the same "
                "environment, and resume from the last checkpoint"
            )
        if replaced:
            vectors = run.state.parameters.copy(), run.state.buffers.copy()
            for vector in vectors:
                comm.Bcast(vector)
        if comm.rank == 0:
            return
        if reason is not None:
            view.stop(reason)
        if learning_rate is not None and learning_rate != run.state.learning_rate:
            view.set_learning_rate(learning_rate)
        if replaced:
            view.set_parameters(*vectors)
