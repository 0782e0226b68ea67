"""The progress line: shown at a terminal and nowhere else."""

import io
import re

import attrs
import numpy as np
import pytest
from rich.console import Console

from nnkit import Network
from nnkit.cli.progress import ProgressBar, fitting
from nnkit.interfaces import Callback


class FaultError(Exception):
    """What a broken callback raises."""


@attrs.frozen(kw_only=True)
class Failing(Callback):
    def on_epoch_end(self, view):
        raise FaultError


def trained(bar, epochs=4, callbacks=()):
    X = np.random.default_rng(0).normal(size=(120, 2))
    net = Network([2, 3, 2], output_activation="softmax", loss="categorical_crossentropy", seed=0)
    y = (X[:, 0] > 0).astype(int)
    net.fit(X, y, epochs=epochs, metrics=["accuracy"], validation_data=(X, y), callbacks=[bar, *callbacks])
    return net


def terminal(width):
    return Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)


def last_line(console):
    lines = [line for line in re.split(r"[\r\n]", console.file.getvalue()) if "samples/s" in line]
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", lines[-1]).strip()


@pytest.mark.parametrize("width", [80, 100, 140])
def test_at_a_terminal_it_shows_epoch_loss_metric_speed_and_time_left(width):
    console = terminal(width)
    history = trained(ProgressBar(console=console)).history
    line = last_line(console)
    assert re.match(r"epoch 4/4 ", line)
    assert f"loss {history['loss'][-1]:.4g}  val_accuracy {history['val_accuracy'][-1]:.4g}" in line
    assert re.search(r" [\d,]+ samples/s 00:00 left$", line)
    assert len(line) < width
    assert "…" not in line
    assert (width >= 100) == ("━" in line)


def test_elsewhere_it_writes_nothing():
    console = Console(file=io.StringIO())
    trained(ProgressBar(console=console))
    assert "" == console.file.getvalue()


def test_it_counts_the_epochs_of_this_call():
    console = terminal(100)
    bar = ProgressBar(console=console)
    net = trained(bar, epochs=2)
    X = np.zeros((10, 2))
    net.fit(X, np.zeros(10, dtype=int), epochs=3, callbacks=[bar])
    assert last_line(console).startswith("epoch 3/3")


def test_the_terminal_is_given_back_after_an_error():
    console = terminal(100)
    bar = ProgressBar(console=console)

    with pytest.raises(FaultError):
        trained(bar, callbacks=[Failing()])
    bar.close()
    assert console.file.getvalue().count("\x1b[?25l") == console.file.getvalue().count("\x1b[?25h")
    bar.close()


def test_it_changes_no_training():
    np.testing.assert_array_equal(
        trained(ProgressBar(console=terminal(100))).parameters,
        trained(ProgressBar(console=Console(file=io.StringIO()))).parameters,
    )


def test_matrices_and_epochs_are_no_values_of_the_line():
    assert "loss 1" == fitting({"epoch": 1, "loss": 1.0, "confusion_matrix": np.eye(2)}, 80)
    assert "loss 1" == fitting({"loss": 1.0, "accuracy": 0.5}, 0)
