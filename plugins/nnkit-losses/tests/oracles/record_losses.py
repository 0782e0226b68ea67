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


def case(name, prediction, target, values):
    """Record the values that torch computes, and the gradient of their sum."""
    p = torch.tensor(prediction, requires_grad=True)
    value = values(p, torch.tensor(target))
    value.sum().backward()
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


def quantiles(levels):
    """The two cases of the definition, by torch."""

    def values(p, t):
        error = t[:, :, None] - p.reshape(ROWS, COLUMNS, len(levels))
        level = torch.tensor(levels, dtype=torch.float64)
        return torch.maximum(level * error, (level - 1) * error).mean((1, 2))

    return values


many = RNG.normal(size=(ROWS, 3 * COLUMNS))
case("quantile_set(levels=[0.1, 0.5, 0.9])", many, REAL, quantiles([0.1, 0.5, 0.9]))
for df in (1.0, 4.0, 20.0):

    def student(p, t, df=df):
        """The density of torch, less its constant."""
        number = torch.tensor(df, dtype=torch.float64)
        at = torch.distributions.StudentT(number, p[:, :COLUMNS], torch.exp(p[:, COLUMNS:]))
        constant = torch.distributions.StudentT(number).log_prob(torch.zeros_like(number))
        return (constant - at.log_prob(t)).mean(1)

    case(f"student_t(df={df})", pair, REAL, student)


def inflated(p, t):
    """The mixture of zero and torch's Poisson distribution, less the factorials."""
    share, mean = torch.sigmoid(p[:, COLUMNS:]), torch.exp(p[:, :COLUMNS])
    count = torch.exp(torch.distributions.Poisson(mean).log_prob(t))
    return -(torch.log(torch.where(t == 0, share, 0.0) + (1 - share) * count) + torch.lgamma(t + 1)).mean(1)


case("zero_inflated_poisson", pair, RNG.poisson(1.5, (ROWS, COLUMNS)).astype(float), inflated)


def corn(p, t):
    """The sum over the decisions of the label, by torch's logistic loss."""
    k = torch.arange(p.shape[1])
    bce = torch.nn.functional.binary_cross_entropy_with_logits(p, (t[:, None] > k).double(), reduction="none")
    return torch.where(k <= t[:, None], bce, 0.0).sum(1)


case("corn", MEAN, RNG.integers(0, COLUMNS + 1, ROWS), corn)
shares = np.exp(MEAN) / np.exp(MEAN).sum(axis=1, keepdims=True)
for gamma in (0.0, 2.0):

    def focal(p, t, gamma=gamma):
        """Cross-entropy times the power of what is missing to 1."""
        return (torch.nn.functional.nll_loss(torch.log(p), t.argmax(1), reduction="none")) * (
            1 - (p * t).sum(1)
        ) ** gamma

    case(f"categorical_focal(gamma={gamma})", shares, np.eye(COLUMNS)[RNG.integers(0, COLUMNS, ROWS)], focal)


def mixture(p, t):
    """The density of torch's mixture, less its constant."""
    logits, means, scales = p.reshape(ROWS, COLUMNS, 3, 3).unbind(2)
    shares = torch.distributions.Categorical(logits=logits)
    density = torch.distributions.MixtureSameFamily(shares, torch.distributions.Normal(means, torch.exp(scales)))
    return -(density.log_prob(t) + 0.5 * np.log(2 * np.pi)).mean(1)


case("mixture_density(components=3)", np.random.default_rng(22).normal(size=(ROWS, 9 * COLUMNS)), REAL, mixture)


def contrastive(p, t):
    """The cross-entropy of the similarities, each row's own target being its class."""
    directions = [torch.nn.functional.normalize(rows, dim=1) for rows in (p, t)]
    return torch.nn.functional.cross_entropy(directions[0] @ directions[1].T / 0.1, torch.arange(ROWS))


case("info_nce", MEAN, REAL, contrastive)

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
