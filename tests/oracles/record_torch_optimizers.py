"""Records 50-step trajectories of ``torch.optim`` into ``data/torch_optimizers.npz``.

Run it with a Python that has torch (the values in the repository are PyTorch 2.13's)::

    python tests/oracles/record_torch_optimizers.py

Each case is one optimizer with hyperparameters drawn at random, started at random, on a smooth
function that is neither quadratic nor separable. The gradients are recorded next to the
trajectory, so a test needs neither torch nor the function: it feeds the same gradients.
"""

import json
from pathlib import Path

import numpy as np
import torch

STEPS, SIZE, DRAWS = 50, 7, 4
TARGET = Path(__file__).parent / "data" / "torch_optimizers.npz"


def log_uniform(rng, low, high):
    return float(10.0 ** rng.uniform(np.log10(low), np.log10(high)))


def moments(rng, high=0.03):
    ours = {
        "learning_rate": log_uniform(rng, 1e-3, high),
        "beta1": float(rng.uniform(0.5, 0.97)),
        "beta2": float(rng.uniform(0.8, 0.9995)),
        "epsilon": log_uniform(rng, 1e-5, 0.1),
    }
    theirs = {"lr": ours["learning_rate"], "betas": (ours["beta1"], ours["beta2"]), "eps": ours["epsilon"]}
    return ours, theirs


def sgd(rng, draw):
    ours = {"learning_rate": log_uniform(rng, 1e-3, 0.03)}
    ours |= {"momentum": float(rng.uniform(0.3, 0.95))} if draw else {}
    ours |= {"nesterov": True} if draw > 1 else {}
    ours |= {"weight_decay": log_uniform(rng, 1e-3, 1.0), "decays": "all"} if draw % 2 else {}
    theirs = {"lr": ours["learning_rate"], "momentum": ours.get("momentum", 0.0), "nesterov": draw > 1}
    return torch.optim.SGD, ours, {**theirs, "weight_decay": ours.get("weight_decay", 0.0)}


def adam(rng, draw):
    return torch.optim.Adam, *moments(rng)


def amsgrad(rng, draw):
    ours, theirs = moments(rng)
    return torch.optim.Adam, ours, {**theirs, "amsgrad": True}


def adamw(rng, draw):
    ours, theirs = moments(rng)
    decay = {"weight_decay": log_uniform(rng, 1e-3, 1.0)}
    return torch.optim.AdamW, {**ours, **decay, "decays": "all"}, {**theirs, **decay}


def nadam(rng, draw):
    ours, theirs = moments(rng)
    decay = {"momentum_decay": log_uniform(rng, 1e-3, 1.0)}
    return torch.optim.NAdam, {**ours, **decay}, {**theirs, **decay}


def rmsprop(rng, draw):
    ours = {
        "learning_rate": log_uniform(rng, 1e-3, 0.03),
        "rho": float(rng.uniform(0.5, 0.99)),
        "epsilon": log_uniform(rng, 1e-5, 0.1),
        "momentum": float(rng.uniform(0.3, 0.9)) if draw % 2 else 0.0,
        "centered": draw > 1,
    }
    theirs = {"lr": ours["learning_rate"], "alpha": ours["rho"], "eps": ours["epsilon"]}
    return torch.optim.RMSprop, ours, theirs | {name: ours[name] for name in ("momentum", "centered")}


def adagrad(rng, draw):
    ours = {
        "learning_rate": log_uniform(rng, 1e-2, 0.3),
        "initial_accumulator": float(rng.uniform(0.0, 2.0)) if draw else 0.0,
        "epsilon": log_uniform(rng, 1e-10, 1e-2),
    }
    theirs = {"lr": ours["learning_rate"], "eps": ours["epsilon"]}
    return torch.optim.Adagrad, ours, {**theirs, "initial_accumulator_value": ours["initial_accumulator"]}


def adadelta(rng, draw):
    ours = {
        "learning_rate": float(rng.uniform(0.3, 1.0)) if draw else 1.0,
        "rho": float(rng.uniform(0.5, 0.99)),
        "epsilon": log_uniform(rng, 1e-7, 1e-3),
    }
    return torch.optim.Adadelta, ours, {"lr": ours["learning_rate"], "rho": ours["rho"], "eps": ours["epsilon"]}


def rprop(rng, draw):
    ours = {
        "initial": log_uniform(rng, 1e-3, 0.1),
        "shrink": float(rng.uniform(0.2, 0.8)),
        "grow": float(rng.uniform(1.05, 1.5)),
        "smallest": log_uniform(rng, 1e-4, 1e-2),
        "largest": log_uniform(rng, 0.1, 0.5),
    }
    theirs = {"etas": (ours["shrink"], ours["grow"]), "step_sizes": (ours["smallest"], ours["largest"])}
    return torch.optim.Rprop, ours, {"lr": ours["initial"], **theirs}


def run(make, settings, rng):
    """Start, the gradients of all steps, and the parameters after each of them."""
    matrix = torch.from_numpy(rng.standard_normal((9, SIZE)) * 10.0 ** rng.uniform(-1, 1, (9, 1)))
    offset = torch.from_numpy(rng.standard_normal(9))
    theta = torch.nn.Parameter(torch.from_numpy(rng.standard_normal(SIZE)))
    start, gradients, trajectory = theta.detach().numpy().copy(), [], []
    optimizer = make([theta], **settings)
    for _ in range(STEPS):
        optimizer.zero_grad()
        residual = matrix @ theta - offset
        (torch.log(torch.cosh(residual)).sum() + 0.05 * (theta**4).sum() + torch.sin(3.0 * theta).sum()).backward()
        gradients.append(theta.grad.numpy().copy())
        optimizer.step()
        trajectory.append(theta.detach().numpy().copy())
    return start, np.array(gradients), np.array(trajectory)


def main():
    torch.set_default_dtype(torch.float64)  # NAdam keeps its running product in the default type
    rng = np.random.default_rng(20260)
    arrays, cases = {}, []
    for kind in (sgd, adam, amsgrad, adamw, nadam, rmsprop, adagrad, adadelta, rprop):
        for draw in range(DRAWS):
            make, ours, theirs = kind(rng, draw)
            case = f"{kind.__name__}-{draw}"
            start, gradients, trajectory = run(make, theirs, rng)
            arrays |= {f"{case}/start": start, f"{case}/gradients": gradients, f"{case}/trajectory": trajectory}
            cases.append({"case": case, "optimizer": kind.__name__, "hyperparameters": ours})
    TARGET.parent.mkdir(exist_ok=True)
    header = json.dumps({"torch": torch.__version__, "cases": cases})
    np.savez_compressed(TARGET, header=np.array(header), **arrays)
    print(f"{len(cases)} trajectories of torch {torch.__version__} in {TARGET.name}")


if __name__ == "__main__":
    main()
