"""What second-order training promises, measured: ``python benchmarks/second_order.py [products|wave|coverage|bayes]``.

Needs scikit-learn. Times are ratios within one process; run it on a quiet machine with one BLAS thread.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
import warnings

import numpy as np
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

import nnkit
from nnkit.inference import intervals


def products() -> None:
    """``gauss_newton`` of 100,000 samples and 500 parameters against the matrix products in it."""
    rng = np.random.default_rng(0)
    rows, chunk = 100_000, 2_000
    net = nnkit.Network([10, 41, 1], hidden_activation="tanh", seed=0)
    X, y = rng.normal(size=(rows, 10)), rng.normal(size=rows)
    objective, theta = net.objective(X, y), net.parameters.copy()
    size = theta.size
    factor, out, r = rng.normal(size=(size, chunk)), np.empty((size, size)), rng.normal(size=chunk)
    inputs, hidden, column = (rng.normal(size=(chunk, width)) for width in (10, 41, 1))
    first, last = net.weights

    def bare() -> None:
        for _ in range(rows // chunk):
            np.dot(inputs, first)
            np.dot(hidden, last)
            np.dot(column, last.T)
            np.dot(factor, factor.T, out=out)
            np.dot(factor, r)

    objective.gauss_newton(theta)
    ratios = []
    for _ in range(7):
        start = time.perf_counter()
        bare()
        middle = time.perf_counter()
        objective.gauss_newton(theta)
        ratios.append((time.perf_counter() - middle) / (middle - start))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"gauss_newton: P = {size}, {statistics.median(ratios):.2f} x its products (of 7: {min(ratios):.2f} to "
          f"{max(ratios):.2f}); peak of the whole process {peak:.0f} MB")  # fmt: skip


def wave() -> None:
    """Levenberg-Marquardt to 1e-6, and scikit-learn's lbfgs to its own best, on ten seeds."""
    reached, ratios, ours, theirs = 0, [], [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X = rng.uniform(-1.0, 1.0, (400, 2))
        y = np.sin(3.0 * X[:, 0]) * np.cos(2.0 * X[:, 1]) + X[:, 0] * X[:, 1] / 2.0
        net = nnkit.Network([2, 20, 1], hidden_activation="tanh", optimizer="levenberg_marquardt", seed=seed)
        start = time.perf_counter()
        loss = np.inf
        while loss > 1e-6 and net.epoch < 300:
            loss = net.fit(X, y, epochs=5)["loss"][-1]
        mine = time.perf_counter() - start
        settings = {"activation": "tanh", "alpha": 0.0, "max_iter": 2000, "max_fun": 10**6, "tol": 1e-9}
        other = MLPRegressor(hidden_layer_sizes=(20,), solver="lbfgs", random_state=seed, **settings)
        start = time.perf_counter()
        other.fit(X, y)
        its = time.perf_counter() - start
        ours.append(loss)
        theirs.append(float(np.mean((other.predict(X) - y) ** 2)))
        reached += loss <= 1e-6
        ratios.append(mine / its)
        print(f"  seed {seed}: ours {loss:.1e} in {net.epoch} steps, {mine:.2f} s; lbfgs {theirs[-1]:.1e}, {its:.2f} s")
    print(f"wave: {reached} of 10 seeds at 1e-6; time over lbfgs' to its best: median {statistics.median(ratios):.2f}")


def coverage(sets: int = 500) -> None:
    """95 % prediction intervals over simulated data sets."""
    truth = nnkit.Network([1, 3, 1], hidden_activation="tanh", seed=5)
    truth.parameters = np.array([2.0, -1.5, 1.0, 0.5, 0.8, -1.0, 1.0, 1.2, -0.7, 0.1])
    rng, hits = np.random.default_rng(0), 0
    for _ in range(sets):
        X, new = rng.uniform(-2.0, 2.0, (100, 1)), rng.uniform(-2.0, 2.0, (50, 1))
        y = truth.predict(X) + rng.normal(0.0, 0.2, X.shape)
        net = nnkit.Network([1, 3, 1], hidden_activation="tanh", optimizer="levenberg_marquardt", seed=0)
        net.parameters = truth.parameters
        net.fit(X, y, epochs=60)
        fresh = truth.predict(new) + rng.normal(0.0, 0.2, new.shape)
        bounds = intervals(net, X, y, new)
        hits += int(((bounds.lower <= fresh) & (fresh <= bounds.upper)).sum())
    print(f"coverage: {100 * hits / (50 * sets):.2f} % of {50 * sets} new observations in 95 % intervals")
    hits, few = 0, sets // 10
    for k in range(few):
        X, new = rng.uniform(-1.0, 1.0, (80, 2)), rng.uniform(-1.0, 1.0, (50, 2))
        y = np.sin(3.0 * X[:, 0]) + rng.normal(0.0, 0.2, 80)
        net = nnkit.Network([2, 20, 1], hidden_activation="tanh", optimizer="bayesian_regularization", seed=k)
        net.fit(X, y, epochs=100)
        fresh = np.sin(3.0 * new[:, 0]) + rng.normal(0.0, 0.2, 50)
        bounds = intervals(net, X, y, new)
        hits += int(((bounds.lower[:, 0] <= fresh) & (fresh <= bounds.upper[:, 0])).sum())
    print(f"coverage after bayesian_regularization: {100 * hits / (50 * few):.2f} % of {50 * few} new observations")


def split(name: str, k: int) -> tuple[np.ndarray, ...]:
    """Standardized training and test data."""
    if name == "friedman1":
        X, y = make_friedman1(200, 10, noise=1.0, random_state=k)
        Xt, yt = make_friedman1(1000, 10, noise=1.0, random_state=1000 + k)
    else:
        X, y = load_diabetes(return_X_y=True)
        order = np.random.default_rng(100 + k).permutation(len(X))
        X, Xt, y, yt = X[order[:300]], X[order[300:]], y[order[:300]], y[order[300:]]
    mean, deviation, level, size = X.mean(0), X.std(0), y.mean(), y.std()
    return (X - mean) / deviation, (y - level) / size, (Xt - mean) / deviation, (yt - level) / size


def test_error(name: str, k: int, optimizer: str, regularizer: str | None) -> float:
    X, y, Xt, yt = split(name, k)
    net = nnkit.Network([10, 20, 1], hidden_activation="tanh", optimizer=optimizer, regularizer=regularizer, seed=k)
    net.fit(X, y, epochs=200)
    return float(np.mean((net.predict(Xt)[:, 0] - yt) ** 2))


def bayes() -> None:
    """Bayesian regularization against the best of eight L2 strengths, chosen by the test error itself."""
    strengths = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 6e-2, 1e-1, 3e-1)
    for name in ("friedman1", "diabetes"):
        own = np.mean([test_error(name, k, "bayesian_regularization", None) for k in range(10)])
        errors = {
            s: np.mean([test_error(name, k, "levenberg_marquardt", f"l2(strength={s})") for k in range(10)])
            for s in strengths
        }
        best = min(errors, key=errors.get)
        listed = {strength: round(float(error), 4) for strength, error in errors.items()}
        print(f"{name}: bayesian_regularization {own:.4f}; best l2 {errors[best]:.4f} at {best:g}; all {listed}")


STUDIES = {"products": products, "wave": wave, "coverage": coverage, "bayes": bayes}

if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)
    for study in sys.argv[1:] or STUDIES:
        STUDIES[study]()
