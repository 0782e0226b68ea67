"""The guard of speed: no stopwatch, but counts of what a step of training does. They cannot flake.

The second half of a long run is compared with a short one, so all that is done once a fit drops out.
"""

import sys
import tracemalloc

import numpy as np
import pytest

from nnkit import Network

NETWORKS = [
    # widths, hidden activation, loss, optimizer, calls of numpy that one step may make
    ((2, 8, 4, 2), "relu", "sparse_categorical_crossentropy", "adam", 50),
    ((2, 8, 4, 2), "relu", "categorical_crossentropy", "adam", 48),
    ((2, 8, 4, 2), "tanh", "sparse_categorical_crossentropy", "adam", 56),
    ((2, 8, 4, 2), "relu", "sparse_categorical_crossentropy", "sgd", 42),
    ((2, 8, 4, 1), "relu", "half_squared_error", "sgd(momentum=0.9)", 32),
]


@pytest.fixture(autouse=True)
def _plainly(monkeypatch):
    """Of plain numpy, whatever is installed."""
    monkeypatch.setenv("NNKIT_PLUGINS", "")


def network(widths, activation, loss, optimizer):
    output = "softmax" if "categorical" in loss else None
    return Network(
        list(widths), hidden_activation=activation, output_activation=output, loss=loss, optimizer=optimizer, seed=0
    )


def data(widths, loss, samples):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((samples, widths[0]), dtype=np.float32)
    y = rng.integers(0, widths[-1], samples) if "categorical" in loss else X[:, :1]
    return X, y


class Counted:
    """A ufunc that counts its calls; its methods are called through to."""

    def __init__(self, ufunc, tally):
        self.ufunc, self.tally = ufunc, tally

    def __call__(self, *args, **kwargs):
        self.tally.append(self.ufunc.__name__)
        return self.ufunc(*args, **kwargs)

    def __getattr__(self, name):
        return getattr(self.ufunc, name)


def calls(net, X, y, batch):
    """The calls of ufuncs, and of methods and functions of numpy, in a fit."""
    tally = []

    def note(frame, event, arg):
        if event == "c_call" and (isinstance(arg.__self__, np.ndarray) or (arg.__module__ or "").startswith("numpy")):
            tally.append(arg.__name__)

    ufuncs = {name: value for name, value in vars(np).items() if isinstance(value, np.ufunc)}
    before = sys.getprofile()
    with pytest.MonkeyPatch.context() as patch:
        for name, ufunc in ufuncs.items():
            patch.setattr(np, name, Counted(ufunc, tally))
        sys.setprofile(note)
        try:
            net.fit(X, y, epochs=1, batch_size=batch)
        finally:
            sys.setprofile(before)
    return len(tally)


@pytest.mark.parametrize(("widths", "activation", "loss", "optimizer", "allowed"), NETWORKS)
def test_a_step_makes_few_calls(widths, activation, loss, optimizer, allowed):
    net = network(widths, activation, loss, optimizer)
    X, y = data(widths, loss, 64 * 40)
    net.fit(X, y, epochs=1, batch_size=64)
    few, many = calls(net, X[: 64 * 20], y[: 64 * 20], 64), calls(net, X, y, 64)
    assert (many - few) / 20 <= allowed


@pytest.mark.parametrize(
    ("activation", "optimizer", "loss"),
    [
        ("relu", "adam", "sparse_categorical_crossentropy"),
        ("tanh", "adamw", "categorical_crossentropy"),
        ("sigmoid", "sgd", "sparse_categorical_crossentropy"),
        ("leaky_relu", "sgd(momentum=0.9)", "categorical_crossentropy"),
        ("relu", "rmsprop", "categorical_crossentropy"),
    ],
)
def test_a_step_allocates_nothing_of_its_size(activation, optimizer, loss):
    """The peak of a step stays below half a batch of the narrowest layer; numpy's own buffers are 32 KiB of it."""
    widths, batch = (160, 192, 128), 256
    net = network(widths, activation, loss, optimizer)
    X, y = data(widths, loss, batch * 6)
    peaks = []

    class Peaks:
        """An optimizer's place is the end of a step: there the peak since the last one is read."""

        def __init__(self, inner):
            self.inner = inner

        def __call__(self):
            self.inner()
            now, peak = tracemalloc.get_traced_memory()
            peaks.append(peak - self.base)
            tracemalloc.reset_peak()
            self.base = now

        base = 0

    from nnkit.core.batches import Batches

    original = Batches._bind_optimizer

    def bind(batches):
        original(batches)
        batches._update = Peaks(batches._update)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Batches, "_bind_optimizer", bind)
        net.fit(X, y, epochs=1, batch_size=batch)
        peaks.clear()
        tracemalloc.start()
        try:
            net.fit(X, y, epochs=1, batch_size=batch)
        finally:
            tracemalloc.stop()
    # The first step of a fit makes what the later ones use.
    smallest = 4 * min(batch * min(widths), net.parameters.size)
    assert max(peaks[2:]) < smallest / 2


def test_training_needs_little_memory():
    """Less than the data, six vectors of parameters and three workspaces of activations together."""
    widths, batch, samples = (196, 512, 512, 10), 128, 640
    X, y = data(widths, "categorical", samples)
    net = network(widths, "relu", "sparse_categorical_crossentropy", "adam")
    net.fit(X[:4], y[:4], epochs=1)
    net = network(widths, "relu", "sparse_categorical_crossentropy", "adam")
    tracemalloc.start()
    try:
        X, y = X.copy(), y.copy()
        net.fit(X, y, epochs=2, batch_size=batch)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    workspace = 4 * batch * sum(widths)
    slack = 1 << 18  # Python's own: counted in bytes, not in batches
    assert peak < X.nbytes + y.nbytes + 6 * net.parameters.nbytes + 3 * workspace + slack
