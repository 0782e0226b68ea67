"""Record values and gradients of losses with PyTorch, scipy and lifelines, for ``tests/test_oracles.py``.

Run it in an environment of its own with torch==2.13.0 (CPU), scipy and lifelines; it writes ``data/losses.npz``.
Values are those of each sample, gradients those of their sum; float64 throughout.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import lifelines
import numpy as np
import pandas as pd
import torch
from scipy import stats

ROWS, COLUMNS = 12, 3
RNG = np.random.default_rng(21)
MEAN, SCALE, REAL = RNG.normal(size=(3, ROWS, COLUMNS))
record: dict[str, np.ndarray] = {}


def case(name, prediction, target, values, *, total=None):
    """Record the values that torch computes, and the gradient of their sum (or of ``total`` of them)."""
    p = torch.tensor(prediction, requires_grad=True)
    value = values(p, torch.tensor(target))
    (value.sum() if total is None else total(value)).backward()
    keep(name, prediction, target, value.detach().numpy())
    record[f"{name}/gradient"] = p.grad.numpy()


def keep(name, prediction, target, value):
    """Record the values of a library without gradients."""
    for key, array in (("prediction", prediction), ("target", target), ("value", np.asarray(value))):
        record[f"{name}/{key}"] = array


def beta_nll(beta):
    """As in the authors' code: the power of the variance is detached."""

    def values(p, t):
        mean, variance = p[:, :COLUMNS], torch.exp(p[:, COLUMNS:])
        nll = torch.nn.functional.gaussian_nll_loss(mean, t, variance, eps=0.0, reduction="none")
        return (nll * variance.detach() ** beta).mean(1)

    return values


pair = np.hstack([MEAN, SCALE])
for beta in (0.0, 0.5, 1.0):
    case(f"beta_nll(beta={beta})", pair, REAL, beta_nll(beta))
masked = np.where(RNG.random((ROWS, COLUMNS)) < 0.3, np.nan, REAL)


def masked_squares(p, t):
    """The mean over the targets that are present."""
    present = ~torch.isnan(t)
    return torch.where(present, p - torch.nan_to_num(t), 0.0).square().sum(1) / present.sum(1).clamp(min=1)


case("masked_squared_error", MEAN, masked, masked_squares)
d = np.exp(SCALE)
u = (REAL - MEAN) / d
normal = stats.norm
keep(
    "crps",
    pair,
    REAL,
    (d * (u * (2 * normal.cdf(u) - 1) + 2 * normal.pdf(u) - 1 / np.sqrt(np.pi))).mean(axis=1),
)

# lifelines maximizes the partial likelihood; its value at the maximum is one of the loss without any derivative.
rows = 200
features, weight = RNG.normal(size=(rows, 2)), RNG.uniform(0.5, 2.0, rows)
time, event = RNG.exponential(np.exp(-features[:, 0])), (RNG.random(rows) < 0.7).astype(float)
table = pd.DataFrame({"a": features[:, 0], "b": features[:, 1], "time": time, "event": event, "weight": weight})
fit = lifelines.CoxPHFitter().fit(table, "time", "event", weights_col="weight", robust=True)
keep("cox", (features @ fit.params_.to_numpy())[:, None], np.column_stack([time, event]), fit.log_likelihood_)
record["cox/weight"] = weight

record["versions"] = np.array([f"{n} {importlib.metadata.version(n)}" for n in ("torch", "scipy", "lifelines")])
np.savez(Path(__file__).parent / "data" / "losses.npz", **record)
