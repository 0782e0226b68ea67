import io
import re
import sys

import numpy as np
import pytest
from oracles.driving import Terminal, drive, training

import nnkit
from nnkit.callbacks import progress
from nnkit.callbacks.progress import Progress

LINE = re.compile(r"epoch 2/3  loss 0\.5  accuracy 0\.9877  [\d,]+ samples/s  \d+:\d\d left")


@pytest.fixture
def clock(monkeypatch):
    """A clock that only the test moves."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


class Ticking:
    """Moves the clock by so many seconds an epoch."""

    def __init__(self, inner, now, seconds):
        self.inner, self.now, self.seconds = inner, now, seconds

    def on_train_begin(self, view):
        self.inner.on_train_begin(view)

    def on_epoch_begin(self, view):
        self.now[0] += self.seconds

    def on_epoch_end(self, view):
        self.inner.on_epoch_end(view)

    def on_train_end(self, view):
        self.inner.on_train_end(view)


LOGS = {"loss": 0.5, "accuracy": 0.98765, "confusion_matrix": np.eye(2)}


def test_a_line_tells_epoch_figures_speed_and_time_left(clock):
    stream = Terminal()
    drive(Ticking(Progress(stream=stream), clock, 4.0), [LOGS] * 3, training(3))
    first, second, last = stream.getvalue().splitlines()
    assert first == "epoch 1/3  loss 0.5  accuracy 0.9877  2 samples/s  0:08 left"
    assert LINE.fullmatch(second)
    assert last == "epoch 3/3  loss 0.5  accuracy 0.9877  2 samples/s  0:12 in all"


def test_a_further_fit_counts_time_from_its_own_beginning(clock):
    stream = Terminal()
    drive(Ticking(Progress(stream=stream), clock, 4000.0), [LOGS] * 2, training(12, 10))
    assert "0 samples/s  1:06:40 left" in stream.getvalue()


def test_lines_are_throttled_but_the_last_epoch_is_written(clock):
    stream = Terminal()
    drive(Ticking(Progress(stream=stream, interval=1.0), clock, 0.1), [LOGS] * 25, training(25))
    epochs = [int(line.split("/")[0].removeprefix("epoch ")) for line in stream.getvalue().splitlines()]
    assert epochs[0] == 1
    assert epochs[-1] == 25
    assert len(epochs) in {4, 5}  # the first, about one a second, the last


def test_a_training_that_is_stopped_between_two_lines_still_shows_its_end(clock):
    stream = Terminal()
    drive(Ticking(Progress(stream=stream, interval=60.0), clock, 0.1), [LOGS] * 7, training())
    assert stream.getvalue().splitlines()[-1].startswith("epoch 7/100 ")


def test_it_is_quiet_without_a_terminal_unless_forced():
    quiet, forced = io.StringIO(), io.StringIO()
    view = drive(Progress(stream=quiet), [LOGS], end=False).view
    assert (quiet.getvalue(), view.state) == ("", {})
    drive(Progress(stream=forced, force=True), [LOGS])
    assert forced.getvalue().startswith("epoch 1/100")


def test_nothing_of_it_stays_in_the_state():
    assert drive(Progress(stream=Terminal()), [LOGS]).view.state == {}


def test_batches_are_written_when_asked_for(clock):
    stream = Terminal()
    part = Progress(stream=stream, batches=2, interval=0.0)
    played = training(2, batches=8)
    part.on_train_begin(played.view)
    for batch in range(1, 6):
        clock[0] += 1.0
        played.state.batch, played.run.logs = batch, {"loss": 1.0 / batch}
        part.on_batch_end(played.view)
    assert stream.getvalue().splitlines() == [
        "epoch 1/2  batch 2/8  loss 0.5  1 samples/s  0:14 left",
        "epoch 1/2  batch 4/8  loss 0.25  1 samples/s  0:12 left",
    ]
    assert not Progress().offers("on_batch_end")


def test_by_default_it_writes_to_standard_error_as_it_stands(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    X = np.ones((4, 1))
    nnkit.Network([1, 1]).fit(X, X, epochs=2, callbacks=["progress"])
    assert "epoch 2/2  loss" in stream.getvalue()
