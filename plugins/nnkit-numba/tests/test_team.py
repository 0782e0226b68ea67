"""Threads that share a task: every part once, phase by phase, bit-identical for any assignment to threads."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numba
import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from nnkit import Network
from nnkit_numba import blas
from nnkit_numba.atomics import add, array_at, load
from nnkit_numba.compiling import ARGUMENTS
from nnkit_numba.team import BUSY, Team, perform, team

pytestmark = pytest.mark.skipif(not blas.available(), reason="numpy's BLAS is no OpenBLAS that compiled code can call")


@pytest.fixture
def two_threads():
    with threadpool_limits(2, user_api="blas"):
        yield


@numba.cfunc(ARGUMENTS)
def count_and_look(arguments, phase, part, parts):
    """Words: a counter of all that was done, then by phase and part how many were done before."""
    words = array_at(arguments, (1 + 3 * parts,), 0)
    words[1 + phase * parts + part] = load(arguments)
    add(arguments, 1)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_every_part_is_done_once_and_no_phase_begins_before_the_last_is_complete(size):
    group, words = Team(size), np.zeros(1 + 3 * size, dtype=np.int64)
    for _ in range(2000):
        words[:] = 0
        perform(group.mail, count_and_look.address, words.ctypes.data, 3, size)
        assert words[0] == 3 * size
        seen = words[1:].reshape(3, size)
        for phase in range(3):
            assert seen[phase].min() >= phase * size


def test_without_any_help_the_one_who_asks_does_all_parts(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", lambda self: None)
    group, words = Team(3), np.zeros(10, dtype=np.int64)
    for _ in range(3):
        words[:] = 0
        perform(group.mail, count_and_look.address, words.ctypes.data, 3, 3)
        assert words[0] == 9


def test_threads_that_sleep_wake_up():
    group, words = Team(3), np.zeros(10, dtype=np.int64)
    for _ in range(20):
        time.sleep(0.005)
        words[:] = 0
        perform(group.mail, count_and_look.address, words.ctypes.data, 3, 3)
        assert words[0] == 9


IDLE = """
import sys, time
import numpy as np
sys.path.insert(0, {folder!r})
from test_team import Team, count_and_look, perform

group, words = Team(3), np.zeros(10, dtype=np.int64)
perform(group.mail, count_and_look.address, words.ctypes.data, 3, 3)
time.sleep(0.1)
before = time.process_time()
time.sleep(0.5)
print(time.process_time() - before)
"""


def test_a_team_without_work_takes_no_processor_time():
    """In a process of its own, in which no other thread works."""
    program = IDLE.format(folder=str(Path(__file__).parent))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 0.25  # two threads that spin would take 1.0


DATA = np.random.default_rng(0).normal(size=(600, 70)).astype(np.float32)
LABELS = np.random.default_rng(1).integers(0, 300, 600)


def trained(**options):
    net = Network(
        [70, 90, 300], output_activation="softmax", loss="sparse_categorical_crossentropy", optimizer="adam", seed=3,
        **options,
    )  # fmt: skip
    net.fit(DATA, LABELS, epochs=2, batch_size=100)
    return net.parameters.copy()


@pytest.mark.usefixtures("two_threads")
def test_one_thread_alone_computes_what_the_team_computes(monkeypatch):
    expected = trained()
    group = team()
    assert group.size == 2
    group.word(BUSY)[0] = 1  # as if another training had it; while it has, the BLAS is at one thread
    monkeypatch.setattr("nnkit_numba.team.blas.threads", lambda: 2)
    try:
        with threadpool_limits(1, user_api="blas"):
            assert team() is group
            assert np.array_equal(trained(), expected)
    finally:
        group.word(BUSY)[0] = 0


@pytest.mark.usefixtures("two_threads")
def test_trainings_side_by_side_do_not_disturb_each_other():
    expected, results = trained(), {}
    threads = [threading.Thread(target=lambda n=n: results.__setitem__(n, trained())) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == [0, 1, 2]
    for parameters in results.values():
        np.testing.assert_allclose(parameters, expected, rtol=0, atol=1e-5)
    assert blas.threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_the_blas_keeps_its_threads():
    before = [(info["filepath"], info["num_threads"]) for info in threadpool_info()]
    trained()
    assert [(info["filepath"], info["num_threads"]) for info in threadpool_info()] == before


SCRIPT = """
import os, sys
import numpy as np
from threadpoolctl import threadpool_limits
sys.path.insert(0, {here!r})
import test_team
with threadpool_limits(2, user_api="blas"):
    expected = test_team.trained()
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(test_team.trained(), expected) else 3)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), np.array_equal(test_team.trained(), expected))
"""


def test_the_child_of_a_fork_has_a_team_of_its_own_and_both_end():
    script = SCRIPT.format(here=str(Path(__file__).parent))
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout.split()) == (0, ["0", "True"]), ended.stderr
