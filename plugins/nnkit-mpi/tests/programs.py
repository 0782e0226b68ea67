"""Programs that mpirun starts; run by ``test_ranks.py`` and ``test_failures.py``.

Usage::

    mpirun -n 2 python programs.py PROGRAM[+PROGRAM ...] FOLDER [WORD ...]
"""

import hashlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import ClassVar

import attrs
import numpy as np
from mpi4py import MPI

import nnkit
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.core.loop import Loop
from nnkit.interfaces import Layer, Loss
from nnkit_mpi import processes, ranks

RANK = MPI.COMM_WORLD.rank
FOLDER = Path(sys.argv[2])


def data(samples=103, columns=6):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(samples, columns))
    return X, rng.integers(0, 3, samples), X[:, 0] * X[:, 1] + 0.1 * X[:, 2], rng.uniform(0.1, 2.0, samples)


X, LABELS, Y, WEIGHT = data()
WEIGHTLESS = np.where(np.arange(len(X)) < 60, 0.0, WEIGHT)  # on two ranks the first has none, on three also the second
NOISY = [
    6,
    "dense(units=16, activation='tanh')",
    "dropout(rate=0.3)",
    "dense(units=8)",
    "gaussian_noise(stddev=0.1)",
    3,
]
CLASSES = {"loss": "categorical_crossentropy", "output_activation": "softmax", "seed": 3}
SOLVERS = ("levenberg_marquardt", "gauss_newton", "bayesian_regularization", "conjugate_gradient")


def noisy(**options):
    return nnkit.Network(NOISY, **{**CLASSES, "regularizer": "l2(strength=0.01)", **options})


def small(optimizer, **options):
    return nnkit.Network([6, 5, 1], **{"hidden_activation": "tanh", "optimizer": optimizer, "seed": 1, **options})


def frozen():
    net = noisy()
    net.freeze("0")
    return net


def move(view):
    """What callbacks may ask for: at epoch 2 other parameters, at epoch 4 another learning rate, at epoch 6 the end."""
    if view.epoch == 2:
        view.set_parameters(0.9 * view.parameters)
    elif view.epoch == 4 and view.learning_rate is not None:
        view.set_learning_rate(0.01)
    elif view.epoch == 6:
        view.stop("enough")


class Sparse:
    """Rows that nnkit takes for sparse ones."""

    format, shape = "csr", X.shape

    def __init__(self):
        keep = np.abs(X) > 0.7
        self.data, self.indices = X[keep], np.nonzero(keep)[1]
        self.indptr = np.concatenate([[0], np.cumsum(keep.sum(axis=1))])


def moving():
    return [LambdaCallback(epoch_end=move, batch_end=lambda view: None)]


CASES = {
    # 200 steps of Adam: dropout, noise, weights, a last batch of 3 rows, penalties, metrics and validation
    "adam": lambda: (
        noisy(),
        X,
        LABELS,
        {"epochs": 20, "batch_size": 10, "sample_weight": WEIGHT, "validation_split": 0.1},
    ),
    "more ranks than rows": lambda: (
        noisy(),
        X[:9],
        LABELS[:9],
        {"epochs": 9, "batch_size": 2, "metrics": ["accuracy"]},
    ),
    "one batch": lambda: (noisy(), X, LABELS, {"epochs": 20, "batch_size": None, "class_weight": "balanced"}),
    "random batches": lambda: (noisy(), X, LABELS, {"epochs": 4, "batch_size": 16, "sampling": "random_batch"}),
    "frozen arrays": lambda: (frozen(), X, LABELS, {"epochs": 5, "batch_size": 16}),
    "rows by windows": lambda: (
        noisy(),
        nnkit.data.Rows(X, LABELS),
        None,
        {"epochs": 5, "batch_size": 16, "window": 32},
    ),
    "sparse rows": lambda: (nnkit.Network([6, 8, 3], **CLASSES), Sparse(), LABELS, {"epochs": 5, "batch_size": 16}),
    "callbacks": lambda: (noisy(), X, LABELS, {"epochs": 9, "batch_size": 16, "callbacks": moving()}),
    "scaled targets": lambda: (small("adam", target_scaling="standardize"), X, 1e3 * Y, {"epochs": 9}),
    "float32": lambda: (noisy(dtype="float32"), X, LABELS, {"epochs": 20, "batch_size": 10, "sample_weight": WEIGHT}),
    **{
        name: lambda name=name: (
            small(name, regularizer=None if name.startswith("bayes") else "l2(strength=0.01)"),
            X,
            Y,
            {"epochs": 5, "sample_weight": WEIGHTLESS, "validation_data": (X[:20], Y[:20])},
        )
        for name in SOLVERS
    },
    "a solver and callbacks": lambda: (small("levenberg_marquardt"), X, Y, {"epochs": 9, "callbacks": moving()}),
    "more ranks than samples": lambda: (
        small("gauss_newton", regularizer="l2(strength=0.3)"),
        X[:2],
        Y[:2],
        {"epochs": 2},
    ),
}


def fitted(case):
    net, inputs, targets, options = CASES[case]()
    net.fit(inputs, targets, **options)
    return net


def compare():
    """Every case by all ranks and by this one alone; the differences, and whether all ranks have the same bits."""
    report = {}
    for name in sys.argv[3:]:
        with ranks():
            together = fitted(name)
        bits = [together.parameters, together.buffers]
        digests = MPI.COMM_WORLD.allgather(
            (hashlib.sha256(b"".join(array.tobytes() for array in bits)).hexdigest(), str(together.history))
        )
        if RANK:
            continue
        alone = fitted(name)
        report[name] = {
            "parameters": float(np.abs(together.parameters - alone.parameters).max()),
            "history": max(
                float(np.abs(np.array(values, dtype=float) - alone.history[key]).max())
                for key, values in together.history.items()
            ),
            "counters": [[net.step, net.epoch, net.stop_reason, list(net.history)] for net in (together, alone)],
            "same on all ranks": len(set(digests)) == 1,
            "moved": float(np.abs(alone.parameters - CASES[name]()[0].parameters).max()),
        }
    if RANK == 0:
        (FOLDER / "report.json").write_text(json.dumps(report))


def objective():
    """The sums and rows that solvers ask for, with shards that are empty or without weight."""
    from nnkit_mpi.shards import SummedObjective, serve, shard_of

    report = {}
    for name, rows, weight in (("plain", 103, None), ("weightless", 103, WEIGHTLESS), ("empty", 1, WEIGHT)):
        net = small("gauss_newton", regularizer="l2(strength=0.3)")
        whole = net.objective(X[:rows], Y[:rows], sample_weight=None if weight is None else weight[:rows])
        shard = shard_of(whole, RANK, MPI.COMM_WORLD.size)
        summed = SummedObjective(MPI.COMM_WORLD, shard)
        if RANK:
            serve(MPI.COMM_WORLD, shard)
            continue
        theta = net.parameters + 0.1
        asked = {
            "value": (theta,), "gradient": (theta,), "value_and_gradient": (theta,), "hvp": (theta, theta[::-1].copy()),
            "gauss_newton": (theta,), "residual": (theta,), "jacobian": (theta,),
        }  # fmt: skip
        report[name] = {"residual_size": abs(summed.residual_size - whole.residual_size)}
        for method, arguments in asked.items():
            expected, actual = getattr(whole, method)(*arguments), getattr(summed, method)(*arguments)
            pairs = zip(expected, actual, strict=True) if isinstance(expected, tuple) else [(expected, actual)]
            report[name][method] = max(float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in pairs)
        summed.end()
    if RANK == 0:
        (FOLDER / "objective.json").write_text(json.dumps(report))


def compiled():
    """float32 with the compiled layers and optimizers of nnkit-numba, on all ranks and alone."""
    bound = []

    def bind(comm, guard, model, vectors, pool, rows, **options):
        bound.append([rows, type(model.loss).__module__])
        return original(comm, guard, model, vectors, pool, rows, **options)

    original, processes.bind_step = processes.bind_step, bind
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(512, 32)).astype("float32")
    labels = (inputs[:, 0] > 0).astype(int) + (inputs[:, 1] > 0)
    nets = [nnkit.Network([32, "dense(units=64)", "dropout(rate=0.2)", 3], **CLASSES) for _ in range(2)]
    with ranks():
        nets[0].fit(inputs, labels, epochs=3, batch_size=60)
    nets[1].fit(inputs, labels, epochs=3, batch_size=60)
    difference = float(np.abs(nets[0].parameters - nets[1].parameters).max())
    if RANK == 0:
        (FOLDER / "compiled.json").write_text(
            json.dumps({"difference": difference, "steps": nets[0].step, "bound": bound})
        )


# -- failures --------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class FailsOnOne(Layer):
    """A layer that fails on rank 1 in training, after some passes."""

    calls: ClassVar = [0]

    def forward(self, parameters, x, *, training, rng):
        self.calls[0] += training
        if RANK == 1 and self.calls[0] > 5:
            raise MemoryError("no room on this machine")
        return x.copy(), None

    def backward(self, parameters, cache, grad):
        return grad.copy(), {}


@attrs.frozen(kw_only=True)
class Centred(FailsOnOne):
    """A layer that couples rows and does not declare it."""

    def forward(self, parameters, x, *, training, rng):
        return x - x.mean(axis=0) * training, None


@attrs.frozen(kw_only=True)
class Permuted(FailsOnOne):
    """A layer that draws what no rank can draw for its rows alone."""

    stochastic = True

    def forward(self, parameters, x, *, training, rng):
        return x * rng.permutation(len(x))[:, None] if training else x.copy(), None


def raises(when, text="a callback failed"):
    def act(view):
        if view.epoch == when:
            raise ValueError(text)

    return LambdaCallback(epoch_end=act)


def fit(net, *more, **options):
    net.fit(*(more or (X, LABELS)), **{"epochs": 400, "batch_size": 16, **options})


def layered(layer):
    return nnkit.Network([nnkit.Dense(8), layer, nnkit.Dense(3, "softmax")], loss="categorical_crossentropy", seed=1)


def coupled():
    @attrs.frozen(kw_only=True)
    class Coupled(Loss):
        rows_coupled = True

        def value(self, prediction, target):
            return np.square(prediction - target).sum(axis=1)

        def gradient(self, prediction, target):
            return 2.0 * (prediction - target)

        def batch_value(self, prediction, target, weight):
            return float(np.square(prediction - target).sum(axis=1) @ weight)

        def batch_gradient(self, prediction, target, weight):
            return 2.0 * weight[:, None] * (prediction - target)

    fit(small("adam", loss=Coupled()), X, Y)


def drift():
    """One machine rounds otherwise."""

    def begin_epoch(loop):
        if RANK == 1 and loop.run.state.epoch == 2:
            loop.run.state.parameters[0] *= 1.0 + 1e-15
        return original(loop)

    original, Loop.begin_epoch = Loop.begin_epoch, begin_epoch
    try:
        fit(noisy())
    finally:
        Loop.begin_epoch = original


FAILURES = {
    "other data": lambda: fit(noisy(), X[: 103 - RANK], LABELS[: 103 - RANK]),
    "other weights": lambda: fit(noisy(), sample_weight=WEIGHT + RANK),
    "other network": lambda: fit(noisy(optimizer=f"adam(learning_rate=0.0{RANK + 1})")),
    "no seed": lambda: fit(noisy(seed=None)),
    "other batches": lambda: fit(noisy(), batch_size=16 + RANK),
    "bad data on one": lambda: fit(noisy(), np.where((X > 2.0) & (RANK == 1), np.nan, X), LABELS),
    "bad data on all": lambda: fit(noisy(), X, LABELS[:50]),
    "batch_norm": lambda: fit(nnkit.Network([6, 8, "batch_norm", 3], **CLASSES)),
    "coupled loss": coupled,
    "undeclared coupling": lambda: fit(layered(Centred())),
    "other draws": lambda: fit(layered(Permuted())),
    "a step fails on one": lambda: fit(layered(FailsOnOne())),
    "a callback fails": lambda: fit(noisy(), callbacks=[raises(3)]),
    "a callback of a solver fails": lambda: fit(small("gauss_newton"), X, Y, batch_size=32, callbacks=[raises(3)]),
    "parameters drift": drift,
}


def fail():
    """One failure after the other where all ranks survive it; what each raised is written to a file."""
    for name in sys.argv[3:]:
        raised = None
        try:
            with ranks():
                FAILURES[name]()
        except Exception as error:  # noqa: BLE001  # whatever it is, the test asserts it
            raised = [type(error).__name__, str(error)]
        (FOLDER / f"{name}-{RANK}.json").write_text(json.dumps(raised))


def interrupted():
    """Rank 1 gets a signal in the middle of an epoch; all ranks end after the same step."""
    if RANK == 1:
        calls = [0]

        @attrs.frozen(kw_only=True)
        class Signals(FailsOnOne):
            def forward(self, parameters, x, *, training, rng):
                calls[0] += training
                if calls[0] == 25:
                    os.kill(os.getpid(), signal.SIGINT)
                return x.copy(), None
    else:
        Signals = type("Signals", (FailsOnOne,), {})  # the same name, without the signal
    net = layered(Signals())
    try:
        with ranks():
            fit(net)
        raised = None
    except KeyboardInterrupt as error:
        raised = str(error)
    (FOLDER / f"interrupted-{RANK}.json").write_text(json.dumps([raised, net.step, net.parameters.tolist()]))


if __name__ == "__main__":
    for program in sys.argv[1].split("+"):
        {"compare": compare, "objective": objective, "compiled": compiled, "fail": fail, "interrupted": interrupted}[
            program
        ]()
