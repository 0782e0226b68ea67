"""Records whole trainings by PyTorch, step by step, into ``data/torch_training.npz``.

Run it with a Python that has torch (the figures in the repository are PyTorch 2.13's)::

    python tests/oracles/record_torch_training.py

A network of three layers in float64, minibatches (the last of an epoch is short), momentum, an L2 penalty on
weights but not biases, and sample weights: 200 steps. The penalty is written out in the loss, and the
weights are those of the whole data, scaled to mean 1, so each batch's loss is ``sum(w l) / rows``.
"""

import itertools
from pathlib import Path

import numpy as np
import torch

TARGET = Path(__file__).parent / "data" / "torch_training.npz"
SAMPLES, BATCH, STEPS, STRENGTH = 90, 16, 200, 0.02
WIDTHS = (5, 9, 7, 3)

CASES = {
    "classes": ((torch.tanh, torch.relu), {"lr": 0.1, "momentum": 0.9}),
    "nesterov": ((torch.nn.functional.softplus, torch.tanh), {"lr": 0.05, "momentum": 0.8, "nesterov": True}),
    "regression": ((torch.nn.functional.silu, torch.sigmoid), {"lr": 0.05, "momentum": 0.9}),
}


def train(name, activations, settings, rng):
    X = rng.normal(size=(SAMPLES, WIDTHS[0]))
    classes = name != "regression"
    y = rng.integers(0, WIDTHS[-1], size=SAMPLES) if classes else rng.normal(size=(SAMPLES, WIDTHS[-1]))
    weight = rng.uniform(0.2, 3.0, size=SAMPLES)
    start = [
        array
        for i, o in itertools.pairwise(WIDTHS)
        for array in (rng.normal(size=(i, o)) / np.sqrt(i), 0.1 * rng.normal(size=o))
    ]
    parameters = [torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in start]
    optimizer = torch.optim.SGD(parameters, **settings)
    inputs, targets = torch.tensor(X), torch.tensor(y)
    share = torch.tensor(weight / weight.mean())
    losses, trajectory = [], []
    while len(losses) < STEPS:
        for first in range(0, SAMPLES, BATCH):
            rows = slice(first, min(first + BATCH, SAMPLES))
            a = inputs[rows]
            for layer, activation in enumerate((*activations, None)):
                a = a @ parameters[2 * layer] + parameters[2 * layer + 1]
                a = a if activation is None else activation(a)
            if classes:
                each = torch.nn.functional.cross_entropy(a, targets[rows], reduction="none")
            else:
                each = ((a - targets[rows]) ** 2).mean(dim=1)
            loss = (share[rows] * each).sum() / len(a)
            loss = loss + 0.5 * STRENGTH * sum((w**2).sum() for w in parameters[::2])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            trajectory.append(np.concatenate([p.detach().numpy().ravel() for p in parameters]))
            if len(losses) == STEPS:
                break
    start = np.concatenate([array.ravel() for array in start])
    return {"X": X, "y": y, "weight": weight, "start": start, "losses": losses, "trajectory": trajectory[9::10]}


def main():
    rng = np.random.default_rng(2026)
    recorded = {"torch": torch.__version__}
    for name, (activations, settings) in CASES.items():
        recorded |= {f"{name}.{key}": value for key, value in train(name, activations, settings, rng).items()}
    np.savez_compressed(TARGET, **recorded)
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes, torch {torch.__version__}")


if __name__ == "__main__":
    main()
