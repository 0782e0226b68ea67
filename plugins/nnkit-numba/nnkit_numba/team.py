"""Threads that share a task: each does its part, and all meet after every phase.

A task (``nnkit_numba.compiling.task``) is a C function ``task(arguments, phase, part, parts)``. What a part is depends
on ``parts`` alone, never on how many threads are awake: one thread does the parts one after the other, to the same
bits. So a second training at the same time, or the child of a fork, computes alone what the team would have computed.

Between tasks a thread of the team spins for a fraction of a millisecond, then sleeps.
"""

from __future__ import annotations

import functools
import os
import threading
from typing import Any

import numpy as np
from numba import types

from nnkit.arrays import Array
from nnkit_numba import blas
from nnkit_numba.atomics import add, call, exchange_if, load, store
from nnkit_numba.compiling import kernel

__all__ = ["MOST", "Team", "perform", "perform_on", "team"]

MOST = 8
"""Threads of a team; the products of one layer are not worth more."""

# Words of the mailbox, each on a pair of cache lines of its own.
LINE = 16 * 8
POSTED, TASK_AT, ARGUMENTS, PHASES, ARRIVED, BUSY, SIZE, ASLEEP = (LINE * i for i in range(8))
GATES = LINE * (8 + MOST)

SPINS = 20_000
"""Looks at the mailbox before a thread goes to sleep: some 200 microseconds."""

PATIENCE = 4_000
"""Looks before a thread that waits for another offers its core to whoever else wants it."""

sched_yield: Any = types.ExternalFunction("sched_yield", types.int32())
sem_init: Any = types.ExternalFunction("sem_init", types.int32(types.intp, types.int32, types.uint32))
sem_wait: Any = types.ExternalFunction("sem_wait", types.int32(types.intp))
sem_post: Any = types.ExternalFunction("sem_post", types.int32(types.intp))


@kernel
def _meet(mail: Any, expected: Any) -> None:
    """Wait until so many have arrived."""
    looks = 0
    while load(mail + ARRIVED) < expected:
        looks += 1
        if looks > PATIENCE:
            sched_yield()


@kernel
def _take_part(mail: Any, part: Any, size: Any) -> None:
    """One thread's part of the posted task, phase by phase."""
    task, arguments, phases = load(mail + TASK_AT), load(mail + ARGUMENTS), load(mail + PHASES)
    for phase in range(phases):
        call(task, arguments, phase, part, size)
        add(mail + ARRIVED, 1)
        if part == 0 or phase < phases - 1:
            _meet(mail, (phase + 1) * size)


@kernel
def _serve(mail: Any, part: Any, size: Any, seen: Any) -> None:
    """A helping thread's life."""
    asleep, gate = mail + ASLEEP + LINE * part, mail + GATES + LINE * part
    while True:
        looks = 0
        while load(mail + POSTED) == seen:
            looks += 1
            if looks > SPINS:
                store(asleep, 1)
                # Whoever posts looks for sleepers afterwards: one of the two sees the other.
                if load(mail + POSTED) == seen:
                    sem_wait(gate)
                store(asleep, 0)
                looks = 0
        seen += 1
        _take_part(mail, part, size)


@kernel
def perform(mail: Any, task: Any, arguments: Any, phases: Any, parts: Any) -> None:
    """Have the team of the mailbox at ``mail`` do a task; return when it is done."""
    if not exchange_if(mail + BUSY, 0, 1):
        for phase in range(phases):
            for part in range(parts):
                call(task, arguments, phase, part, parts)
        return
    before = blas.get_threads()
    if before != 1:
        blas.set_threads(1)
    if parts == 1 or load(mail + SIZE) != parts:
        for phase in range(phases):
            for part in range(parts):
                call(task, arguments, phase, part, parts)
    else:
        store(mail + TASK_AT, task)
        store(mail + ARGUMENTS, arguments)
        store(mail + PHASES, phases)
        store(mail + ARRIVED, 0)
        add(mail + POSTED, 1)
        for part in range(1, parts):
            if load(mail + ASLEEP + LINE * part):
                sem_post(mail + GATES + LINE * part)
        _take_part(mail, 0, parts)
    if before != 1:
        blas.set_threads(before)
    store(mail + BUSY, 0)


@kernel
def perform_on(mail: Any, task: Any, arguments: Any, place: Any, phases: Any, parts: Any, array: Any) -> None:
    """``perform`` with the address of an array in one place of the arguments."""
    arguments[place] = array.ctypes.data
    perform(mail, task, arguments.ctypes.data, phases, parts)


@kernel
def _open_gates(mail: Any, size: Any) -> None:
    for part in range(1, size):
        sem_init(mail + GATES + LINE * part, 0, 0)


class Team:
    """A mailbox, and the threads that watch it.

    Args:
        size: Parts of a task; the thread that asks does the first one.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._memory = np.zeros((GATES + LINE * (size + 1)) // 8, dtype=np.int64)
        self.mail = int(self._memory.ctypes.data) // LINE * LINE + LINE
        self._word(SIZE)[0] = size
        _open_gates(self.mail, size)
        for part in range(1, size):
            helper = threading.Thread(
                target=_serve, args=(self.mail, part, size, 0), daemon=True, name=f"nnkit-numba-{part}"
            )
            helper.start()
        os.register_at_fork(after_in_child=self._alone)

    def _word(self, place: int) -> Array:
        start = (self.mail + place - int(self._memory.ctypes.data)) // 8
        return self._memory[start : start + 1]

    def _alone(self) -> None:
        """In the child of a fork there are no helping threads; what was bound to them goes on alone."""
        self._word(SIZE)[0] = 1
        self._word(BUSY)[0] = 0
        _team.cache_clear()


@functools.cache
def _team(size: int) -> Team:
    return Team(size)


def team() -> Team | None:
    """A team as large as the BLAS would take threads now; ``None`` where products cannot be called from here."""
    if not blas.found():
        return None
    return _team(max(1, min(blas.threads(), MOST)))
