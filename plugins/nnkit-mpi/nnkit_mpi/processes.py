"""The ranks: processes that make every call of ``fit`` together."""

from __future__ import annotations

import functools
import platform
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import attrs
import numpy as np

from nnkit.core import loop
from nnkit.core.interrupt import InterruptGuard
from nnkit.core.loop import Engine
from nnkit.core.model import Model
from nnkit.core.objective import Objective
from nnkit.core.processes import PROCESSES, Processes
from nnkit.core.solving import Solving
from nnkit.core.state import TrainingState
from nnkit.core.step import GradientStep, Vectors
from nnkit.core.view import Run
from nnkit.core.workspace import Pool
from nnkit.errors import MissingExtraError, NNKitError, TrainingWarning, headline
from nnkit.interfaces import Callback
from nnkit_mpi import agreement
from nnkit_mpi.errors import RanksError
from nnkit_mpi.judging import evaluate
from nnkit_mpi.relay import KEY, Relay
from nnkit_mpi.shards import SummedObjective, serve, shard_of
from nnkit_mpi.steps import SharedGuard, bind_step

__all__ = ["Ranks", "ranks"]

Call = TypeVar("Call")

PATIENCE: Final = 2.0
"""Seconds that a failing rank waits for the others to fail, too, before it ends them."""

OWN: Final = frozenset({"parameters", "buffers", "noise", "archive", "plan", "before_save"})
"""What of the state is not passed on by the first rank: it is there already, or belongs to its callbacks alone."""


class Ranks(Processes):
    """The processes of one communicator, of which this is one.

    Args:
        comm: The communicator of mpi4py, used by nothing else.
        leaving: Another one of the same processes, for those that fail.

    Attributes:
        rank: The number of this process, from 0; rank 0 calls callbacks, writes files and prints.
        size: The number of processes.
    """

    alone = False

    def __init__(self, comm: Any, leaving: Any) -> None:
        self._comm, self._leaving = comm, leaving
        self._guard = SharedGuard()
        self._shared: SummedObjective | None = None
        self._shard: Objective | None = None
        self.rank, self.size = int(comm.rank), int(comm.size)
        self.leads = self.rank == 0

    def __repr__(self) -> str:
        return f"<rank {self.rank} of {self.size}>"

    # -- nnkit.core.processes.Processes --------------------------------------------------------

    def prepared(self, prepare: Callable[[], Call]) -> Call:
        """The call of ``fit``, checked on every rank and equal on all of them.

        Raises:
            RanksError: When it is not equal, or cannot be made on another rank; names the rank and the reason.
            Exception: What ``prepare`` raises.
        """
        call, error, facts = None, None, {}
        try:
            call = prepare()
            agreement.check_divisible(call, self.rank, self.size)  # type: ignore[arg-type]  # a call of fit
            facts = agreement.facts_of(call)  # type: ignore[arg-type]
        except Exception as problem:  # noqa: BLE001  # is raised below, when the others have been told
            error = problem
        answers = self._comm.allgather((facts, None if error is None else headline(error)))
        if error is not None:
            raise error
        for rank, (_, reason) in enumerate(answers):
            if reason is not None:
                raise RanksError(f"rank {rank} cannot make this call of fit: {reason}")
        agreement.check_equal([equal for equal, _ in answers])
        return call  # type: ignore[return-value]

    def objective(self, objective: Objective) -> Any:
        """The sum over the ranks; see ``SummedObjective``."""
        shard = shard_of(objective, self.rank, self.size)
        self._shard, self._shared = shard, SummedObjective(self._comm, shard)
        return self._shared

    def bind_step(
        self, model: Model, vectors: Vectors, pool: Pool, rows: int, *, scale: float, rng: np.random.Generator
    ) -> GradientStep:
        """Objective and gradient of a batch, of which every rank computes its rows."""
        return bind_step(self._comm, self._guard, model, vectors, pool, rows, scale=scale, rng=rng)

    def train(self, model: Model, run: Run, callbacks: Mapping[str, Callback], engine: Engine) -> None:
        """Train together; afterwards the state is the same on all ranks, but for the archive of the first.

        Raises:
            KeyboardInterrupt: On all ranks, after a signal to one of them.
            RanksError: When the parameters of the ranks differ, or a callback of the first rank fails.
        """
        token = PROCESSES.set(Processes())  # a callback that fits another network does so alone
        try:
            together = self._solve if isinstance(engine, Solving) else self._train_in_batches
            together(model, run, callbacks, engine)
        finally:
            PROCESSES.reset(token)

    # -- inside --------------------------------------------------------------------------------

    def _train_in_batches(self, model: Model, run: Run, callbacks: Mapping[str, Callback], engine: Engine) -> None:
        """Every rank makes every step."""
        self._guard = SharedGuard()
        relay = Relay.between(self._comm, self._guard, callbacks)
        pending = run.state.pending
        if pending is not None and KEY not in pending.callbacks:
            run.state.pending = attrs.evolve(pending, callbacks=[*pending.callbacks, KEY])
        try:
            own = callbacks if self.leads else {}
            judge = functools.partial(evaluate, self._comm)
            loop.train(model, run, {**own, KEY: relay}, engine, self._guard, judge)
        except KeyboardInterrupt:
            if self._guard.agreed:
                self._share(run.state, vectors=False)
            raise
        self._share(run.state, vectors=False)

    def _solve(self, model: Model, run: Run, callbacks: Mapping[str, Callback], engine: Engine) -> None:
        """The first rank solves; the others evaluate their rows, and then get its state."""
        assert self._shared is not None
        assert self._shard is not None
        problem: BaseException | None = None
        if self.leads:
            try:
                loop.train(model, run, callbacks, engine)
            except BaseException as error:  # noqa: BLE001  # is raised below, when the others have been told
                problem = error
            self._shared.end()
        else:
            with InterruptGuard():  # the first rank decides when to end
                serve(self._comm, self._shard)
        self._share(run.state, vectors=True)
        interrupted, reason = self._comm.bcast(
            (isinstance(problem, KeyboardInterrupt), None if problem is None else headline(problem))
        )
        if problem is not None:
            raise problem
        if interrupted:
            raise KeyboardInterrupt(reason)
        if reason is not None:
            raise RanksError(f"rank 0 ended the training: {reason}")

    def _share(self, state: TrainingState, *, vectors: bool) -> None:
        """Make the state of all ranks that of the first."""
        names = [field.name for field in attrs.fields(TrainingState) if field.name not in OWN]
        if not vectors:
            names.remove("optimizer")  # bit-identical already
        values: Mapping[str, Any] = self._comm.bcast({name: getattr(state, name) for name in names})
        if not self.leads:
            for name, value in values.items():
                setattr(state, name, value)
        if vectors:
            for vector in (state.parameters, state.buffers):
                self._comm.Bcast(vector)

    def leave(self, error: BaseException) -> None:
        """Return when all ranks fail; where others do not, say why this one does, and end them."""
        everyone = self._leaving.Ibarrier()
        latest = time.monotonic() + PATIENCE
        while not everyone.Test():
            if time.monotonic() > latest:
                lines = [] if isinstance(error, NNKitError) else traceback.format_exception(error)
                where = f"rank {self.rank} of {self.size} on {platform.node()}"
                sys.stdout.flush()
                sys.stderr.write(f"{where} ends all ranks: {headline(error)}\n{''.join(lines)}")
                sys.stderr.flush()
                self._leaving.Abort(1)
            time.sleep(0.01)

    def close(self) -> None:
        """Free both communicators, when all ranks have come to this."""
        self._comm.Free()
        self._leaving.Free()


@contextmanager
def ranks(comm: Any = None) -> Iterator[Ranks]:
    """Within the block, the processes that ``mpirun`` has started make every call of ``fit`` together.

    Each rank runs the same program with the same data, and computes the gradients of its share of each batch. Only
    ``fit`` is shared: everything else is done by every rank for itself. Where a rank raises an exception that the
    others do not, it states the reason and ends them, so that none waits for it. A program without ``mpirun`` is one
    rank, and trains as ever.

    Args:
        comm: A communicator of mpi4py; by default that of all processes.

    Raises:
        MissingExtraError: When mpi4py, or the MPI library that it uses, is not installed.

    Example:
        >>> import nnkit
        >>> with ranks() as group:
        ...     net = nnkit.Network([1, 4, 1], seed=0)
        ...     history = net.fit([[0.0], [1.0]], [[1.0], [0.0]], epochs=2)
        ...     if group.leads:
        ...         len(history["loss"])
        2
    """
    comm = _world() if comm is None else comm
    group = Ranks(comm.Dup(), comm.Dup())
    token = PROCESSES.set(group if group.size > 1 else Processes())
    with warnings.catch_warnings():
        if not group.leads:
            warnings.simplefilter("ignore", TrainingWarning)  # the first rank has the same
        try:
            yield group
        except BaseException as error:
            group.leave(error)
            raise
        else:
            group.close()
        finally:
            PROCESSES.reset(token)


def _world() -> Any:
    """The communicator of all processes.

    Raises:
        MissingExtraError: Names the packages to install.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # RuntimeError: it is there, but no library of MPI
        raise MissingExtraError(
            f"ranks need mpi4py and a library of MPI, which could not be loaded ({headline(error)}): on a cluster load "
            "its MPI module and run pip install --no-binary mpi4py mpi4py; elsewhere pip install mpi4py mpich"
        ) from error
    return MPI.COMM_WORLD
