"""``nnkit_sklearn.compat`` beside scikit-learn's own MLP: scores and times on its bundled data, 20 seeds, paired.

Each seed splits the data and draws the initial weights; both estimators have the same ones, and the defaults of
scikit-learn. Which of the two is fitted first alternates. Run with one thread of the BLAS, on a machine at rest:

    OPENBLAS_NUM_THREADS=1 python benchmarks/scikit_learn_mlp.py
"""

from __future__ import annotations

import argparse
import time
import warnings
from importlib.metadata import distributions, version
from typing import Any

import numpy as np
from sklearn import datasets, neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from nnkit_sklearn import compat

CLASSES = ("iris", "wine", "breast_cancer", "digits")
NUMBERS = ("diabetes", "linnerud")


def data(name: str, seed: int) -> tuple[Any, Any, Any, Any]:
    """Scaled training and test rows of a bundled data set."""
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    parts = train_test_split(X, y, random_state=seed, stratify=y if name in CLASSES else None)
    scaler = StandardScaler().fit(parts[0])
    if name in NUMBERS:
        target = StandardScaler().fit(parts[2].reshape(len(parts[2]), -1))
        parts[2], parts[3] = (np.squeeze(target.transform(y.reshape(len(y), -1))) for y in parts[2:])
    return scaler.transform(parts[0]), scaler.transform(parts[1]), *parts[2:]


def measure(package: Any, name: str, seed: int) -> tuple[float, float]:
    """The score on the test rows and the seconds of a fit."""
    X, X_test, y, y_test = data(name, seed)
    estimator = package.MLPClassifier if name in CLASSES else package.MLPRegressor
    model = estimator(random_state=seed)
    begin = time.perf_counter()
    model.fit(X, y)
    return model.score(X_test, y_test), time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--data", nargs="*", default=[*CLASSES, *NUMBERS])
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    plugins = sorted(one.metadata["Name"] for one in distributions() if one.metadata["Name"].startswith("nnkit-"))
    print(f"scikit-learn {version('scikit-learn')}, numpy {np.__version__}, {', '.join(plugins)}\n")
    print("| data | score | scikit-learn | nnkit | difference, in standard errors | time, scikit-learn / nnkit |")
    print("|---|---|---|---|---|---|")
    for name in options.data:
        results = {"theirs": [], "ours": []}
        packages = [("theirs", neural_network), ("ours", compat)]
        for _, package in packages:
            measure(package, name, 0)  # imports and compiles what is imported and compiled once
        for seed in range(options.seeds):
            for who, package in packages if seed % 2 else packages[::-1]:
                results[who].append(measure(package, name, seed))
        theirs, ours = np.array(results["theirs"]), np.array(results["ours"])
        difference = ours[:, 0] - theirs[:, 0]
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        errors = f"{difference.mean() / error:+.1f}" if error else "equal"
        ratio = np.median(theirs[:, 1] / ours[:, 1])
        kind = "accuracy" if name in CLASSES else "R2"
        print(
            f"| {name} | {kind} | {theirs[:, 0].mean():.4f} | {ours[:, 0].mean():.4f} | "
            f"{difference.mean():+.5f}, {errors} | {ratio:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
