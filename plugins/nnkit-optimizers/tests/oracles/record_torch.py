"""Records 50-step trajectories of ``torch.optim``'s RAdam and Adamax into ``data/torch.npz``.

Run it with a Python that has torch (the values in the repository are those of PyTorch 2.13)::

    python tests/oracles/record_torch.py

Hyperparameters and starts are drawn at random; the gradients, of a smooth function that is neither
quadratic nor separable, are recorded next to the trajectory, so that a test needs no torch.
"""

import json
from pathlib import Path

import numpy as np
import torch

STEPS, SIZE, DRAWS = 50, 7, 4
TARGET = Path(__file__).parent / "data" / "torch.npz"


def settings(rng, draw):
    """``beta2`` below 0.66 never lets RAdam trust its second moment; the last draw is such a one."""
    return {
        "learning_rate": float(10.0 ** rng.uniform(-3.0, -1.5)),
        "beta1": float(rng.uniform(0.5, 0.97)),
        "beta2": float(rng.uniform(0.8, 0.9995)) if draw < DRAWS - 1 else 0.6,
        "epsilon": float(10.0 ** rng.uniform(-5.0, -1.0)),
    }


def run(make, ours, rng):
    matrix = torch.from_numpy(rng.standard_normal((9, SIZE)) * 10.0 ** rng.uniform(-1, 1, (9, 1)))
    offset = torch.from_numpy(rng.standard_normal(9))
    theta = torch.nn.Parameter(torch.from_numpy(rng.standard_normal(SIZE)))
    start, gradients, trajectory = theta.detach().numpy().copy(), [], []
    optimizer = make([theta], lr=ours["learning_rate"], betas=(ours["beta1"], ours["beta2"]), eps=ours["epsilon"])
    for _ in range(STEPS):
        optimizer.zero_grad()
        residual = matrix @ theta - offset
        (torch.log(torch.cosh(residual)).sum() + 0.05 * (theta**4).sum() + torch.sin(3.0 * theta).sum()).backward()
        gradients.append(theta.grad.numpy().copy())
        optimizer.step()
        trajectory.append(theta.detach().numpy().copy())
    return start, np.array(gradients), np.array(trajectory)


def main():
    torch.set_default_dtype(torch.float64)
    rng = np.random.default_rng(77)
    arrays, cases = {}, []
    for name, make in (("radam", torch.optim.RAdam), ("adamax", torch.optim.Adamax)):
        for draw in range(DRAWS):
            ours, case = settings(rng, draw), f"{name}-{draw}"
            start, gradients, trajectory = run(make, ours, rng)
            arrays |= {f"{case}/start": start, f"{case}/gradients": gradients, f"{case}/trajectory": trajectory}
            cases.append({"case": case, "optimizer": name, "hyperparameters": ours})
    TARGET.parent.mkdir(exist_ok=True)
    header = json.dumps({"torch": torch.__version__, "cases": cases})
    np.savez_compressed(TARGET, header=np.array(header), **arrays)
    print(f"{len(cases)} trajectories of torch {torch.__version__} in {TARGET.name}")


if __name__ == "__main__":
    main()
