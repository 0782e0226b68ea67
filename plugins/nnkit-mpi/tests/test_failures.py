"""What ranks cannot do together is refused on all of them; where one fails, all end, and none waits."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import nnkit
from nnkit.cli.app import nnkit as command_line

ON_ALL = {
    "other data": "rank 1 makes another call of fit than rank 0: it has samples=102 instead of 103, other",
    "other weights": "it has other training data (inputs, targets or weights)",
    "other network": "Adam(learning_rate=0.02",
    "no seed": "; pass seed= to the network",
    "other batches": "it has batch_size=17 instead of 16",
    "bad data on one": "X[13, 1] is nan",
    "bad data on all": "y has 50 rows and the inputs have 103",
    "batch_norm": "layer 1 (BatchNorm) needs all rows of a batch together",
    "coupled loss": "Coupled couples the rows of a batch",
    "undeclared coupling": "layer 1 (Centred) computes rows of a batch that are others for a part of the rows",
    "other draws": "layer 1 (Permuted) draws numbers that are others for a part of the rows",
    "a callback of a solver fails": "a callback failed",
    "parameters drift": "after epoch 3 the parameters of rank 1 are not those of rank 0",
}
"""Failures that every rank survives, and what each of them reports."""

OWN = {"bad data on one": ["RanksError", "DataError"], "a callback of a solver fails": ["ValueError", "RanksError"]}


@pytest.fixture(scope="module")
def failures(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("failures")
    code, _, errors = run(2, "fail+interrupted", folder, *ON_ALL)
    assert code == 0, errors
    names = (*ON_ALL, "interrupted")
    return {name: [json.loads((folder / f"{name}-{rank}.json").read_text()) for rank in (0, 1)] for name in names}


@pytest.mark.parametrize("name", ON_ALL)
def test_what_cannot_be_done_is_refused_on_all_ranks(failures, name):
    kinds, messages = zip(*failures[name], strict=True)
    assert all(ON_ALL[name] in message for message in messages), messages
    if name in OWN:
        assert list(kinds) == OWN[name]
        assert "rank" in messages[kinds.index("RanksError")]
    else:
        assert len(set(failures[name][0])) == len(set(failures[name][1])) == 2
        assert kinds[0] == kinds[1]


@pytest.mark.parametrize(
    ("name", "rank", "message"),
    [
        ("a step fails on one", 1, "MemoryError: no room on this machine"),
        ("a callback fails", 0, "ValueError: a callback failed"),
    ],
)
def test_a_rank_that_fails_states_the_reason_and_ends_all(run, tmp_path, name, rank, message):
    code, _, errors = run(2, "fail", tmp_path, name)
    assert code != 0
    lines = [line for line in errors.splitlines() if "ends all ranks" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"rank {rank} of 2 on ")
    assert lines[0].endswith(message)
    assert "Traceback" in errors


def test_a_signal_to_one_rank_ends_all_after_the_same_step(failures):
    (message, step, parameters), other = failures["interrupted"]
    assert other == [message, step, parameters]
    assert 0 < step < 25
    assert message.startswith("training stopped after ")


# -- the command -----------------------------------------------------------------------------------

EXPERIMENT = """
[data]
file = "data.npz"
standardize = true

[data.split]
validation = 0.2

[network]
layers = [4, 32, "dropout(rate=0.2)", 3]
output_activation = "softmax"
loss = "categorical_crossentropy"
seed = 5

[training]
epochs = {epochs}
batch_size = 40
metrics = ["accuracy"]
callbacks = ["csv_log(path='{log}')"]
"""


@pytest.fixture
def experiment(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    np.savez(tmp_path / "data.npz", X=X, y=np.digitize(X[:, 0] * X[:, 1], [-0.3, 0.3]))

    def write(epochs):
        path = tmp_path / "experiment.toml"
        path.write_text(EXPERIMENT.format(epochs=epochs, log=tmp_path / "log.csv"))
        return path

    return write


def words(path, output, *more):
    return (Path(sys.executable).with_name("nnkit"), "mpi", "train", path, "--output", output, *more)


def pid_of_rank(launcher, rank):
    """The process of one rank, among those that ``mpirun`` has started."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                variables = (entry / "environ").read_bytes().split(b"\0")
                if f"PMI_RANK={rank}".encode() in variables and _descends(entry, launcher):
                    return int(entry.name)
            except OSError:  # has ended, or belongs to another user
                continue
        time.sleep(0.01)
    raise AssertionError(f"no process of rank {rank}")


def _descends(entry, launcher):
    while entry.name not in {"0", "1"}:
        if int(entry.name) == launcher:
            return True
        entry = entry.with_name((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return False


def test_a_killed_rank_ends_all_and_the_same_command_goes_on(start, finish, experiment, tmp_path):
    path, checkpoint = experiment(100), tmp_path / "checkpoint.npz"
    code, out, errors = finish(start(2, *words(path, tmp_path / "undisturbed")))
    assert code == 0, errors
    assert out.count("wrote ") == 1, "rank 0 alone prints"
    log = (tmp_path / "log.csv").read_text()
    again = words(path, tmp_path / "killed", "--checkpoint", checkpoint)
    process = start(2, *again)
    pid = pid_of_rank(process.pid, 1)
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    code, _, errors = finish(process)
    assert code != 0
    reached = nnkit.Network.load(checkpoint).epoch
    assert 0 < reached < 100
    assert not list((tmp_path / "killed").glob("*.npz"))
    code, _, errors = finish(start(2, *again))
    assert code == 0, errors
    assert not checkpoint.exists()
    assert (tmp_path / "log.csv").read_text() == log
    alone = CliRunner().invoke(command_line, ["train", str(path), "--output", str(tmp_path / "alone"), "--quiet"])
    assert alone.exit_code == 0, alone.output
    undisturbed, resumed, one = (
        nnkit.Network.load(tmp_path / name / "experiment-model.npz") for name in ("undisturbed", "killed", "alone")
    )
    assert np.array_equal(undisturbed.parameters, resumed.parameters)
    assert undisturbed.history == resumed.history
    assert undisturbed.step == one.step == 300
    assert np.allclose(undisturbed.parameters, one.parameters, rtol=0.0, atol=1e-12)


def test_an_error_of_the_command_is_stated_once(start, finish, experiment, tmp_path):
    path = experiment(5)
    path.write_text(path.read_text().replace("categorical_crossentropy", "categorical_crossentropi"))
    code, out, errors = finish(start(2, *words(path, tmp_path)))
    assert code == 1
    assert not out
    assert errors.count("Error:") == 1
    assert "categorical_crossentropy" in errors
