"""Trainings killed with SIGKILL at random moments and started again end bit-identical to those that never were.

``make test`` kills a few in five configurations; ``make kill-test`` sets ``NNKIT_KILLS=200`` and has twenty.
"""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from oracles import killable

import nnkit
from nnkit.errors import FileSaveError
from nnkit.files import atomic, container
from nnkit.files.trees import NamedArrays

resource = pytest.importorskip("resource", reason="signals that kill and limits of resources are those of Unix")

PROGRAM = Path(killable.__file__)
FEW = 5
KILLS = int(os.environ.get("NNKIT_KILLS", str(FEW)))
CONFIGURATIONS = killable.FEW if KILLS == FEW else killable.CONFIGURATIONS
EACH = -(-KILLS // len(CONFIGURATIONS))


def start(name, folder):
    command = [sys.executable, str(PROGRAM), name, str(folder)]
    variables = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=variables)


def finish(process):
    _, said = process.communicate()
    assert process.returncode == 0, said.decode()


def same(expected, actual):
    """Whether two trees of a network's state are equal, arrays bit by bit."""
    if isinstance(expected, dict):
        return expected.keys() == actual.keys() and all(same(value, actual[key]) for key, value in expected.items())
    if isinstance(expected, NamedArrays):
        return expected.shapes == actual.shapes and same(expected.vector, actual.vector)
    if isinstance(expected, list):
        return len(expected) == len(actual) and all(map(same, expected, actual))
    if isinstance(expected, np.ndarray):
        return (
            expected.dtype == actual.dtype and expected.shape == actual.shape and expected.tobytes() == actual.tobytes()
        )
    return expected == actual


def outcome(folder):
    """All that a run leaves: the state with its parameters, history and archive, and the files beside it."""
    tree = container.read(folder / "result.npz", what="network")
    if tree["archive"] is not None and tree["archive"]["folder"] is not None:
        tree["archive"]["folder"] = "elsewhere"
    callbacks = tree["training"]["callbacks"]
    tree["training"]["callbacks"] = {key.replace(str(folder), "."): memory for key, memory in callbacks.items()}
    files = sorted(path for path in folder.rglob("*") if path.suffix == ".csv" or path.parent.name == "archive")
    return tree, [path.read_bytes() for path in files]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_killed_run_goes_on_bit_identically(name, tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    process = start(name, whole)
    assert process.stdout.readline() == b"training\n"
    began = time.perf_counter()
    finish(process)
    seconds = time.perf_counter() - began
    expected, files = outcome(whole)

    moments = random.Random(name)  # the moments differ anyway: the machine is never equally busy
    kills, runs, found = 0, 0, 0
    while kills < EACH:
        folder = tmp_path / f"cut-{runs}"
        folder.mkdir()
        runs += 1
        for _ in range(3):
            process = start(name, folder)
            process.stdout.readline()
            time.sleep(moments.uniform(0.0, seconds))
            process.kill()
            _, said = process.communicate()
            if process.returncode == 0:
                break
            assert -signal.SIGKILL == process.returncode, said.decode()
            kills += 1
            if (folder / "checkpoint.npz").exists():
                found += 1
                assert nnkit.Network.load(folder / "checkpoint.npz").step <= expected["step"]
            if kills == EACH:
                break
        if not (folder / "result.npz").exists():
            finish(start(name, folder))
        tree, others = outcome(folder)
        assert same(expected, tree), f"run {runs} after {kills} kills"
        assert files == others
    print(f"{name}: {kills} kills in {runs} runs, {found} left a checkpoint, all of them readable")


def trained():
    net = nnkit.Network([50, 40, 1], seed=0)
    net.fit(np.ones((4, 50)), np.ones((4, 1)), epochs=1)
    return net


def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path, monkeypatch):
    """The writes really fail, as the system makes them: no file of this process may grow beyond the limit."""
    path = tmp_path / "net.npz"
    net = trained()
    net.save(path)
    before = path.read_bytes()
    net.fit(np.ones((4, 50)), np.ones((4, 1)), epochs=1)
    kept = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for limit in (0, 1, 4096, len(before) // 2, len(before) - 1):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
            with pytest.raises(FileSaveError, match=r"net\.npz could not be written .*as it was"):
                net.save(path)
            assert before == path.read_bytes()
            assert [path] == list(tmp_path.iterdir())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, kept)
    net.save(path)
    assert net.step == nnkit.Network.load(path).step


@pytest.mark.skipif(KILLS == FEW, reason="needs the right to mount: make kill-test as root; the test above runs always")
def test_a_small_file_system_that_is_full_leaves_the_old_file(tmp_path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], check=True)
    try:
        path = tmp_path / "net.npz"
        net = trained()
        net.save(path)
        before = path.read_bytes()
        net.fit(np.ones((4, 50)), np.ones((4, 1)), epochs=1)
        with pytest.raises(FileSaveError, match="No space left on device.*as it was"):
            net.save(path)
        assert before == path.read_bytes()
        assert [path] == list(tmp_path.iterdir())
        assert net.step == nnkit.Network.load(path).step + 1
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_device_without_room_leaves_the_old_file(tmp_path, monkeypatch):
    """The last moment at which a disk can be full: when the data are flushed to it."""
    path = tmp_path / "net.npz"
    net = trained()
    net.save(path)
    before = path.read_bytes()

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(FileSaveError, match="No space left on device"):
        net.save(path)
    assert before == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())
