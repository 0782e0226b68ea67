"""SIGINT and SIGTERM in the command line: the run ends between two steps, the file is written, the code is right."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nnkit

NNKIT = [sys.executable, "-c", "from nnkit.cli import main; main()"]
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
EXPERIMENT = """
[data]
file = "data.npz"
[network]
layers = [3, 8, 1]
optimizer = "{optimizer}"
seed = 0
[training]
epochs = 1000000
batch_size = 8
callbacks = ["csv_log(path='log.csv')"]
[output]
model = "model.npz"
"""


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    np.savez(tmp_path / "data.npz", X=X, y=np.sin(X[:, 0]))
    (tmp_path / "run.toml").write_text(EXPERIMENT.format(optimizer="adam"))
    return tmp_path


def start(folder, *arguments):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*NNKIT, *(arguments or ("train", "run.toml"))],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    )


def wait_for(folder, process, name="log.csv"):
    """Until the first epochs are in the log."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        path = folder / name
        if path.exists() and len(path.read_text().splitlines()) > 3:
            return
        time.sleep(0.005)
    raise AssertionError(process.communicate())


def finish(process):
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def shell_code(code):
    """The exit code as a shell shows it: a process that a signal ended has 128 and its number."""
    return 128 - code if code < 0 else code


@pytest.mark.parametrize("optimizer", ["adam", "levenberg_marquardt(value_tolerance=0.0)"])
@pytest.mark.parametrize("number", CODES)
def test_a_signal_ends_the_run_between_two_steps_and_the_file_is_written(folder, number, optimizer):
    (folder / "run.toml").write_text(EXPERIMENT.format(optimizer=optimizer))
    process = start(folder)
    wait_for(folder, process)
    process.send_signal(number)
    code, _, err = finish(process)
    if "levenberg" in optimizer and code == 0:
        assert nnkit.Network.load(folder / "model.npz").stop_reason  # it was done before the signal came
        return
    assert code == CODES[number]
    net = nnkit.Network.load(folder / "model.npz")
    assert net.epoch >= 3
    assert f"Stopped after {net.epoch} epochs; model.npz holds the network as it was then." in err
    assert [int(line.split(",")[0]) for line in (folder / "log.csv").read_text().splitlines()[1:]] == [
        *range(1, net.epoch + 1)
    ]
    assert np.isfinite(net.parameters).all()


@pytest.mark.parametrize("numbers", [[signal.SIGINT] * 40, [signal.SIGTERM] * 40, [signal.SIGINT, signal.SIGTERM] * 20])
def test_any_number_of_signals_ends_it_once(folder, numbers):
    process = start(folder)
    wait_for(folder, process)
    for number in numbers:
        if process.poll() is not None:
            break
        process.send_signal(number)
        time.sleep(0.0005)
    code, _, err = finish(process)
    assert code == CODES[numbers[0]]
    assert err.count("Stopped after") == 1
    assert nnkit.Network.load(folder / "model.npz").epoch >= 3


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("delay", [0.0, 0.05, 0.1, 0.2, 0.4])
def test_the_exit_code_holds_from_the_first_instant_on(folder, number, delay):
    process = start(folder)
    time.sleep(delay)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    if "init_import_site" not in err:  # Python's own start, before any line of nnkit
        assert shell_code(process.returncode) == CODES[number], (process.returncode, out, err)
    if "Stopped after" in err:
        assert nnkit.Network.load(folder / "model.npz").epoch >= 0
    assert not list(folder.glob("*.tmp"))


SWALLOWED = """
import os, sys
from nnkit.cli.signals import exit_codes
from nnkit.core.interrupt import DeferredSignals

class Callback:
    def __del__(self):  # what is raised here is printed and ignored, as in callbacks of the import system
        os.kill(os.getpid(), int(sys.argv[1]))
        for _ in range(1000):
            pass

with exit_codes():
    Callback()
    with DeferredSignals():
        print("trained")
"""


@pytest.mark.parametrize("number", CODES)
def test_a_signal_that_python_ignored_ends_the_command_before_it_trains(number):
    command = [sys.executable, "-c", SWALLOWED, str(int(number))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "Exception ignored" in done.stderr
    assert (CODES[number], "") == (done.returncode, done.stdout)


@pytest.mark.parametrize("number", CODES)
def test_other_commands_end_with_the_same_codes(folder, number):
    """A command that only reads: here it waits for its data from a pipe that stays empty."""
    net = nnkit.Network([3, 1], seed=0)
    net.save(folder / "net.npz")
    os.mkfifo(folder / "data.csv")
    process = start(folder, "predict", "net.npz", "data.csv")
    time.sleep(1.0)
    process.send_signal(number)
    code, _, err = finish(process)
    assert shell_code(code) == CODES[number], err


@pytest.mark.parametrize("storm", range(int(os.environ.get("NNKIT_STORMS", "2"))))
def test_a_storm_of_signals_leaves_the_file(folder, storm):
    """At random moments of the training, saves by a checkpoint included."""
    text = (folder / "run.toml").read_text()
    (folder / "run.toml").write_text(text.replace("callbacks = [", "callbacks = [\"checkpoint(path='c.npz')\", "))
    moments = random.Random(storm)
    process = start(folder)
    wait_for(folder, process)
    time.sleep(moments.uniform(0.0, 0.3))
    sent = set()
    for _ in range(moments.randint(1, 12)):
        if process.poll() is not None:
            break
        number = moments.choice(list(CODES))
        sent.add(number)
        process.send_signal(number)
        time.sleep(moments.choice([0.0, 0.001, 0.02]))
    code, _, err = finish(process)
    assert code in {CODES[number] for number in sent}, err  # signals that wait at the same time have no order
    assert err.count("Stopped after") == 1
    saved, checkpoint = (nnkit.Network.load(folder / name) for name in ("model.npz", "c.npz"))
    assert saved.epoch >= checkpoint.epoch >= 1
    assert not [path.name for path in folder.iterdir() if path.name.endswith(".tmp")]


def test_a_signal_after_the_training_leaves_the_file(folder):
    text = (folder / "run.toml").read_text().replace("epochs = 1000000", "epochs = 3")
    (folder / "run.toml").write_text(text)
    process = start(folder)
    deadline = time.monotonic() + 60
    while not (folder / "model.npz").exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    code, _, _ = finish(process)
    assert code in {0, 130}
    assert nnkit.Network.load(folder / "model.npz").epoch == 3


def test_the_codes_are_documented():
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
    assert "| 130 |" in page
    assert "| 143 |" in page
