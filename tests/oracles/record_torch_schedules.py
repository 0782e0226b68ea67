"""Records learning rates of ``torch.optim.lr_scheduler`` into ``data/torch_schedules.json``.

Run it with a Python that has torch (the values in the repository are PyTorch 2.13's)::

    python tests/oracles/record_torch_schedules.py

Each case is one schedule with hyperparameters drawn at random, and its rates from step 0 on.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import torch
from torch.optim import lr_scheduler

STEPS, DRAWS = 80, 4
TARGET = Path(__file__).parent / "data" / "torch_schedules.json"


def constant(rng, draw):
    ours = {"learning_rate": float(rng.uniform(0.001, 1.0))}
    return ours, lambda optimizer: lr_scheduler.ConstantLR(optimizer, factor=1.0)


def step(rng, draw):
    ours = {"factor": float(rng.uniform(0.1, 0.9)), "every": int(rng.integers(1, 30))}
    return ours, lambda optimizer: lr_scheduler.StepLR(optimizer, ours["every"], gamma=ours["factor"])


def exponential(rng, draw):
    ours = {"factor": float(rng.uniform(0.8, 0.999)), "every": 1}
    return ours, lambda optimizer: lr_scheduler.ExponentialLR(optimizer, gamma=ours["factor"])


def polynomial(rng, draw):
    ours = {"steps": int(rng.integers(10, 120)), "power": float(rng.uniform(0.5, 3.0))}
    return ours, lambda optimizer: lr_scheduler.PolynomialLR(optimizer, ours["steps"], power=ours["power"])


def cosine(rng, draw):
    ours = {"steps": int(rng.integers(5, 30)), "final": float(rng.uniform(0.0, 0.001)), "restarts": draw > 0}
    if not draw:
        # Beyond its end CosineAnnealingLR rises again; the recorded stretch ends before.
        ours["steps"] = STEPS
        return ours, lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, STEPS, eta_min=ours["final"])
    ours["t_mul"] = float(draw)
    return ours, lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(
        optimizer, ours["steps"], T_mult=draw, eta_min=ours["final"]
    )


def one_cycle(rng, draw):
    ours = {
        "learning_rate": float(rng.uniform(0.01, 1.0)),
        "steps": int(rng.integers(STEPS, 2 * STEPS)),
        "warmup": float(rng.uniform(0.1, 0.8)),
        "start_divisor": float(rng.uniform(2.0, 50.0)),
        "final_divisor": float(rng.uniform(2.0, 1e4)),
        "anneal": "linear" if draw % 2 else "cosine",
    }
    return ours, lambda optimizer: lr_scheduler.OneCycleLR(
        optimizer,
        ours["learning_rate"],
        total_steps=ours["steps"],
        pct_start=ours["warmup"],
        div_factor=ours["start_divisor"],
        final_div_factor=ours["final_divisor"],
        anneal_strategy={"cosine": "cos", "linear": "linear"}[ours["anneal"]],
        cycle_momentum=False,
    )


def linear_warmup(rng, draw):
    """A rise into an exponential fall; the rise alone in the first draw."""
    ours = {"steps": int(rng.integers(2, 40)), "start": float(rng.uniform(0.01, 0.9))}
    if draw:
        ours["schedule"] = {"factor": float(rng.uniform(0.8, 0.99)), "every": 1}

    def make(optimizer):
        rise = lr_scheduler.LinearLR(optimizer, ours["start"], total_iters=ours["steps"])
        if not draw:
            return rise
        fall = lr_scheduler.ExponentialLR(optimizer, gamma=ours["schedule"]["factor"])
        return lr_scheduler.SequentialLR(optimizer, [rise, fall], milestones=[ours["steps"]])

    return ours, make


def cyclic(rng, draw):
    ours = {
        "learning_rate": float(rng.uniform(0.1, 1.0)),
        "lowest": float(rng.uniform(0.0, 0.1)),
        "up": int(rng.integers(2, 20)),
        "down": int(rng.integers(2, 20)),
    }
    length = ours["up"] + ours["down"]
    modes = ({}, {"mode": "triangular2"}, {"mode": "exp_range", "gamma": 0.97}, {"mode": "exp_range", "gamma": 0.9})
    ours |= ({}, {"factor": 0.5}, *({"factor": gamma**length, "smooth": True} for gamma in (0.97, 0.9)))[draw]
    return ours, lambda optimizer: lr_scheduler.CyclicLR(
        optimizer,
        ours["lowest"],
        ours["learning_rate"],
        step_size_up=ours["up"],
        step_size_down=ours["down"],
        cycle_momentum=False,
        **modes[draw],
    )


def rates(learning_rate, make):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=learning_rate)
    scheduler, seen = make(optimizer), []
    for _ in range(STEPS):
        seen.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return seen


def main():
    warnings.simplefilter("ignore")  # SequentialLR warns about its own use of a deprecated argument
    rng = np.random.default_rng(4)
    cases = []
    for kind in (constant, step, exponential, polynomial, cosine, one_cycle, linear_warmup, cyclic):
        for draw in range(DRAWS):
            ours, make = kind(rng, draw)
            learning_rate = ours.get("learning_rate") or float(rng.uniform(0.01, 1.0))
            hyperparameters = {"learning_rate": learning_rate, **ours}
            if kind is linear_warmup:
                del hyperparameters["learning_rate"]
                hyperparameters["schedule"] = {"learning_rate": learning_rate, **ours.get("schedule", {})}
            cases.append(
                {
                    "case": f"{kind.__name__}-{draw}",
                    "schedule": kind.__name__,
                    "hyperparameters": hyperparameters,
                    "rates": rates(learning_rate, make),
                }
            )
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps({"torch": torch.__version__, "cases": cases}) + "\n", encoding="utf-8")
    print(f"{len(cases)} schedules of torch {torch.__version__} in {TARGET.name}")


if __name__ == "__main__":
    main()
