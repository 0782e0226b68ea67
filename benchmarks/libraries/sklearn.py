"""scikit-learn's MLPClassifier."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier
from workloads import NETWORKS, Training

warnings.simplefilter("ignore")  # it warns of every training that ends with max_iter


def version() -> str:
    return f"scikit-learn {sklearn.__version__}"


def _model(widths: tuple[int, ...], batch: int, epochs: int) -> MLPClassifier:
    return MLPClassifier(
        widths[1:-1], batch_size=batch, max_iter=epochs, alpha=0.0, tol=0.0, n_iter_no_change=10**9, random_state=0
    )


def train(load: Training) -> Callable[[int], Any]:
    x, y = load.data()
    return lambda epochs: _model(load.widths, load.batch, epochs).fit(x, y)


def infer(name: str, rows: int) -> Callable[[int], Any]:
    rng = np.random.default_rng(0)
    widths = NETWORKS[name]
    x = rng.standard_normal((max(rows, 256), widths[0]), dtype=np.float32)
    model = _model(widths, 128, 1).fit(x, np.arange(len(x)) % widths[-1])
    asked = x[:rows]

    def run(times: int) -> None:
        for _ in range(times):
            model.predict_proba(asked)

    return run
