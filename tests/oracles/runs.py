"""What the tests of runs share: small data, networks, interruptions, and everything that a run leaves."""

import contextlib
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import nnkit
from nnkit.callbacks.lambda_callback import LambdaCallback

COMPILED = find_spec("nnkit_numba") is not None
EVENTS = ("train_begin", "epoch_begin", "batch_end", "epoch_end", "train_end")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
Y = np.sin(X[:, 0])
CLASSES = (X[:, 0] > 0.8).astype(int)


def plainly():
    """A context in which no step is compiled."""
    return nnkit.plugins.disabled("nnkit-numba") if COMPILED else contextlib.nullcontext()


def reg(**settings):
    """A small regression network."""
    return nnkit.Network([3, 8, 1], seed=0, **{"optimizer": "adam(learning_rate=0.01)", **settings})


def cls(**settings):
    """A small classifier of two classes."""
    return nnkit.Network(
        [3, 8, 2], output_activation="softmax", loss="categorical_crossentropy", **{"seed": 0, **settings}
    )


def saved(net):
    """Everything that a network keeps: the bytes of its file."""
    folder = Path(tempfile.mkdtemp())
    try:
        net.save(folder / "net.npz")
        return (folder / "net.npz").read_bytes()
    finally:
        shutil.rmtree(folder)


def reloaded(net):
    """The network as another process would read it."""
    folder = Path(tempfile.mkdtemp())
    try:
        net.save(folder / "net.npz")
        return nnkit.Network.load(folder / "net.npz")
    finally:
        shutil.rmtree(folder)


def files(folder):
    """The content of every file below a folder, by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def assert_same(expected, actual):
    """Two networks are equal in all that they keep; what differs first is named."""
    assert expected.history == actual.history
    assert (expected.epoch, expected.step, expected.stop_reason) == (actual.epoch, actual.step, actual.stop_reason)
    np.testing.assert_array_equal(expected.parameters, actual.parameters)
    np.testing.assert_array_equal(expected.buffers, actual.buffers)
    assert saved(expected) == saved(actual)


def wrapped(inner, *outer):
    """The spec of ``inner`` within ``outer`` optimizers, the first named outermost."""
    for name in reversed(outer):
        inner = {"name": name, "optimizer": inner}
    return inner


class InterruptionError(Exception):
    """Raised by a callback of the tests."""


def interrupt(event, at):
    """A callback that raises the ``at``-th time that ``event`` happens, and never again."""
    count = 0

    def raise_once(view):
        nonlocal count
        count += 1
        if count == at:
            raise InterruptionError

    return LambdaCallback(**{event: raise_once})
