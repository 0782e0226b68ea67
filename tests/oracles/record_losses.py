"""Record values and gradients of losses with PyTorch and scikit-learn, for ``tests/losses``.

Run it in an environment of its own with torch==2.13.0 (CPU) and scikit-learn; it writes
``data/losses.npz``. Values are those of each sample, gradients those of their sum; float64 throughout.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np
import torch
from sklearn import metrics

ROWS, COLUMNS = 12, 3
RNG = np.random.default_rng(20)
REAL, OTHER = RNG.normal(size=(2, ROWS, COLUMNS)) * 1.5
POSITIVE, AMOUNT = np.exp(RNG.normal(size=(2, ROWS, COLUMNS)))
LABEL = RNG.integers(0, COLUMNS, ROWS)
COUNT = RNG.poisson(2.0, (ROWS, COLUMNS)).astype(float)
record: dict[str, np.ndarray] = {}


def case(name, prediction, target, values):
    """Record a loss whose values are computed by torch from ``prediction`` with its graph."""
    p = torch.tensor(prediction, requires_grad=True)
    value = values(p, torch.tensor(target))
    value.sum().backward()
    for key, array in (("prediction", prediction), ("target", target), ("value", value), ("gradient", p.grad)):
        record[f"{name}/{key}"] = array.detach().numpy() if isinstance(array, torch.Tensor) else array


def values_only(name, prediction, target, values):
    """Record a loss of a library without gradients."""
    for key, array in (("prediction", prediction), ("target", target), ("value", np.asarray(values))):
        record[f"{name}/{key}"] = array


def rows_of(metric, **arguments):
    """A metric of scikit-learn, row by row."""
    return lambda p, t: [metric(b, a, **arguments) for a, b in zip(p, t, strict=True)]


functional = torch.nn.functional
wide = np.hstack([REAL, RNG.normal(size=(ROWS, COLUMNS))])
case(
    "gaussian_nll",
    wide,
    OTHER,
    lambda p, t: functional.gaussian_nll_loss(
        p[:, :COLUMNS], t, torch.exp(p[:, COLUMNS:]), eps=0.0, reduction="none"
    ).mean(1),
)
case("multi_margin", REAL, LABEL, lambda p, t: functional.multi_margin_loss(p, t, reduction="none"))
case("cosine", REAL, OTHER, lambda p, t: 1 - functional.cosine_similarity(p, t, dim=1))
case(
    "multi_margin(margin=0.4)",
    REAL,
    LABEL,
    lambda p, t: functional.multi_margin_loss(p, t, margin=0.4, reduction="none"),
)
values_only("gamma", POSITIVE, AMOUNT, rows_of(metrics.mean_gamma_deviance)(POSITIVE, AMOUNT))
for power in (1.2, 1.5, 1.8):
    amounts = np.where(COUNT > 1, AMOUNT, 0.0)
    deviance = rows_of(metrics.mean_tweedie_deviance, power=power)(POSITIVE, amounts)
    values_only(f"tweedie(power={power})", POSITIVE, amounts, deviance)
values_only("mean_squared_log_error", POSITIVE, COUNT, rows_of(metrics.mean_squared_log_error)(POSITIVE, COUNT))
values_only("mean_absolute_percentage_error", REAL, OTHER, rows_of(metrics.mean_absolute_percentage_error)(REAL, OTHER))

UNIT = RNG.uniform(0.02, 0.98, (ROWS, COLUMNS))
SIMPLEX = POSITIVE / POSITIVE.sum(axis=1, keepdims=True)
HARD = RNG.integers(0, 2, (ROWS, COLUMNS)).astype(float)
for spec, smoothing, weight in (
    ("pos_weight=3.5", 0.0, 3.5),
    ("pos_weight=[0.5, 2.0, 7.0]", 0.0, [0.5, 2.0, 7.0]),
    ("label_smoothing=0.15", 0.15, 1.0),
    ("pos_weight=0.3, label_smoothing=0.2", 0.2, 0.3),
):
    case(
        f"binary_crossentropy({spec})",
        UNIT,
        HARD,
        lambda p, t, s=smoothing, w=weight: functional.binary_cross_entropy_with_logits(
            torch.logit(p), t * (1 - s) + s / 2, pos_weight=torch.tensor(w, dtype=torch.float64), reduction="none"
        ).mean(1),
    )
for smoothing, target in ((0.1, np.eye(COLUMNS)[LABEL]), (0.4, np.roll(SIMPLEX, 1, axis=0))):
    logits = torch.log(torch.tensor(SIMPLEX))
    values = functional.cross_entropy(logits, torch.tensor(target), reduction="none", label_smoothing=smoothing)
    values_only(f"categorical_crossentropy(label_smoothing={smoothing})", SIMPLEX, target, values.numpy())

record["versions"] = np.array([f"{name} {importlib.metadata.version(name)}" for name in ("torch", "scikit-learn")])
np.savez(Path(__file__).parent / "data" / "losses.npz", **record)
