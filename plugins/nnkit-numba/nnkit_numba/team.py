"""Threads that share a task: an idle thread claims its next part, and all parts of a phase are done before the next.

A task (``nnkit_numba.compiling.task``) is a C function ``task(arguments, phase, part, parts)``. What a part is depends
on ``parts`` alone, never on who does it: one thread that does all the parts comes to the same bits. So a thread that is
late, because something else had its core, costs nothing but its help, and the child of a fork computes alone what the
team would have computed. A second training at the same time does its tasks alone, too; how many threads the BLAS then
takes for them is the first one's doing, so it agrees to rounding.

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
from nnkit_numba.denormals import flush_denormals, restore_denormals

__all__ = ["MOST", "Team", "perform", "perform_on", "team"]

MOST = 8
"""Threads of a team; the products of one layer are not worth more."""

# Words of the mailbox, each on a pair of cache lines of its own.
LINE = 16 * 8
CLAIM, TASK, ARGUMENTS, PHASE, DONE, BUSY, ASLEEP = (LINE * i for i in range(7))
GATES = LINE * (7 + MOST)

POSTED = 1 << MOST
"""The bits of the claim below this one are the parts that are taken; those above them count what was posted."""

SPINS = 400_000
"""Looks at the mailbox before a thread goes to sleep: half a millisecond to two, so it is awake for the next call."""

PATIENCE = 4_000
"""Polls of a waiting thread before it yields its core to other processes."""

sched_yield: Any = types.ExternalFunction("sched_yield", types.int32())
sem_init: Any = types.ExternalFunction("sem_init", types.int32(types.intp, types.int32, types.uint32))
sem_wait: Any = types.ExternalFunction("sem_wait", types.int32(types.intp))
sem_post: Any = types.ExternalFunction("sem_post", types.int32(types.intp))


@kernel
def _take_part(mail: Any, place: Any, size: Any) -> bool:
    """Do a part of what is posted, the thread's own where it is free; whether there was one."""
    claim = load(mail + CLAIM)
    part, looked = place, 0
    while (claim >> part) & 1:
        part, looked = (part + 1) % size, looked + 1
        if looked == size:
            return False
    task, arguments, phase = load(mail + TASK), load(mail + ARGUMENTS), load(mail + PHASE)
    # A thread that gets this part has read what was posted with it: nothing new is posted before it is done.
    if exchange_if(mail + CLAIM, claim, claim | (1 << part)):
        call(task, arguments, phase, part, size)
        add(mail + DONE, 1)
    return True


@kernel
def _serve(mail: Any, place: Any, size: Any) -> None:
    """A helping thread's life."""
    flush_denormals()
    asleep, gate = mail + ASLEEP + LINE * place, mail + GATES + LINE * place
    looks = 0
    while True:
        if _take_part(mail, place, size):
            looks = 0
            continue
        looks += 1
        if looks > SPINS:
            store(asleep, 1)
            # The posting thread looks for sleepers afterwards: one of the two sees the other's write.
            if load(mail + CLAIM) % (1 << size) == (1 << size) - 1:
                sem_wait(gate)
            store(asleep, 0)
            looks = 0


@kernel
def _alone(task: Any, arguments: Any, phases: Any, parts: Any) -> None:
    for phase in range(phases):
        for part in range(parts):
            call(task, arguments, phase, part, parts)


@kernel
def _together(mail: Any, task: Any, arguments: Any, phases: Any, parts: Any) -> None:
    for phase in range(phases):
        store(mail + TASK, task)
        store(mail + ARGUMENTS, arguments)
        store(mail + PHASE, phase)
        store(mail + DONE, 0)
        store(mail + CLAIM, (load(mail + CLAIM) // POSTED + 1) * POSTED)
        for place in range(1, parts):
            if load(mail + ASLEEP + LINE * place):
                sem_post(mail + GATES + LINE * place)
        while _take_part(mail, 0, parts):
            pass
        looks = 0
        while load(mail + DONE) < parts:
            looks += 1
            if looks > PATIENCE:
                sched_yield()


@kernel
def perform(mail: Any, task: Any, arguments: Any, phases: Any, parts: Any) -> None:
    """Have the team of the mailbox at ``mail`` do a task; return when it is done."""
    if not exchange_if(mail + BUSY, 0, 1):
        state = flush_denormals()
        _alone(task, arguments, phases, parts)
        restore_denormals(state)
        return
    denormals, before = flush_denormals(), blas.get_threads()
    if before != 1:
        blas.set_threads(1)
    if parts == 1:
        _alone(task, arguments, phases, parts)
    else:
        _together(mail, task, arguments, phases, parts)
    if before != 1:
        blas.set_threads(before)
    store(mail + BUSY, 0)
    restore_denormals(denormals)


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
        size: Parts of a task, and threads that do them; the one that asks is among them.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._memory = np.zeros((GATES + LINE * (size + 1)) // 8, dtype=np.int64)
        self.mail = int(self._memory.ctypes.data) // LINE * LINE + LINE
        self.word(CLAIM)[0] = POSTED - 1  # nothing is left to be taken
        _open_gates(self.mail, size)
        for place in range(1, size):
            arguments = (self.mail, place, size)
            threading.Thread(target=_serve, args=arguments, daemon=True, name=f"nnkit-numba-{place}").start()
        os.register_at_fork(after_in_child=self._forked)

    def word(self, place: int) -> Array:
        """One word of the mailbox, ``(1,)``."""
        start = (self.mail + place - int(self._memory.ctypes.data)) // 8
        return self._memory[start : start + 1]

    def _forked(self) -> None:
        """The child of a fork has none of the threads: what was bound goes on alone, what is new gets others."""
        self.word(BUSY)[0] = 0
        _team.cache_clear()


@functools.cache
def _team(size: int) -> Team:
    return Team(size)


def team() -> Team | None:
    """A team as large as the BLAS would take threads now; ``None`` where products cannot be called from here."""
    if not blas.available():
        return None
    return _team(max(1, min(blas.threads(), MOST)))
