"""Record Jacobians, gradients, per-sample gradients and Hessian products with ``torch.func``.

Run with an environment that has PyTorch: ``python tests/oracles/record_torch_func.py``. Writes
``tests/oracles/data/torch_func.npz``; the library under test is never imported.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch.func import grad, hessian, jacrev, vmap

torch.set_default_dtype(torch.float64)
ACTIVATIONS = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": torch.nn.functional.softplus,
    "silu": torch.nn.functional.silu,
    "identity": lambda z: z,
    "softmax": lambda z: torch.softmax(z, -1),
    "elu": torch.nn.functional.elu,
    "exponential": torch.exp,
}
CASES = (
    {"widths": [3, 1], "activations": ["identity"], "loss": "mean_squared_error", "l2": 0.0, "weighted": False},
    {
        "widths": [2, 5, 3],
        "activations": ["tanh", "identity"],
        "loss": "mean_squared_error",
        "l2": 0.3,
        "weighted": True,
    },
    {
        "widths": [4, 6, 2],
        "activations": ["sigmoid", "tanh"],
        "loss": "half_squared_error",
        "l2": 0.0,
        "weighted": True,
    },
    {
        "widths": [3, 5, 4, 3],
        "activations": ["softplus", "tanh", "softmax"],
        "loss": "mean_squared_error",
        "l2": 0.05,
        "weighted": False,
    },
    {
        "widths": [3, 6, 5, 4],
        "activations": ["tanh", "silu", "softmax"],
        "loss": "categorical_crossentropy",
        "l2": 0.1,
        "weighted": True,
    },
    {
        "widths": [2, 4, 1],
        "activations": ["elu", "sigmoid"],
        "loss": "binary_crossentropy",
        "l2": 0.0,
        "weighted": True,
    },
    {
        "widths": [3, 5, 4, 3, 5],
        "activations": ["tanh", "sigmoid", "silu", "identity"],
        "loss": "mean_squared_error",
        "l2": 0.2,
        "weighted": True,
    },
    {"widths": [3, 4, 2], "activations": ["tanh", "exponential"], "loss": "poisson", "l2": 0.0, "weighted": False},
)


IN_Z = ("categorical_crossentropy", "binary_crossentropy")
"""Losses whose Gauss-Newton matrix has its curvature taken before the output activation: it is convex there too."""


def predict(theta: torch.Tensor, x: torch.Tensor, case: dict[str, object], *, head: bool = True) -> torch.Tensor:
    place = 0
    names = case["activations"] if head else [*case["activations"][:-1], "identity"]
    for fan_in, fan_out, name in zip(case["widths"][:-1], case["widths"][1:], names, strict=True):
        weight = theta[place : place + fan_in * fan_out].reshape(fan_in, fan_out)
        place += fan_in * fan_out
        x = ACTIVATIONS[name](x @ weight + theta[place : place + fan_out])
        place += fan_out
    return x


def sample_loss(theta: torch.Tensor, x: torch.Tensor, y: torch.Tensor, case: dict[str, object]) -> torch.Tensor:
    return loss_of(predict(theta, x, case), y, case)


def loss_of(p: torch.Tensor, y: torch.Tensor, case: dict[str, object]) -> torch.Tensor:
    match case["loss"]:
        case "mean_squared_error":
            return ((p - y) ** 2).mean()
        case "half_squared_error":
            return 0.5 * ((p - y) ** 2).sum()
        case "categorical_crossentropy":
            return -(y * torch.log(p)).sum()
        case "binary_crossentropy":
            return -(y * torch.log(p) + (1 - y) * torch.log1p(-p)).mean()
        case "poisson":
            return (p - y * torch.log(p)).mean()
    raise ValueError(case["loss"])


def penalty(theta: torch.Tensor, case: dict[str, object]) -> torch.Tensor:
    total, place = torch.zeros(()), 0
    for fan_in, fan_out in zip(case["widths"][:-1], case["widths"][1:], strict=True):
        total = total + 0.5 * case["l2"] * (theta[place : place + fan_in * fan_out] ** 2).sum()
        place += fan_in * fan_out + fan_out
    return total


def residual(theta: torch.Tensor, X: torch.Tensor, Y: torch.Tensor, W: torch.Tensor, case: dict[str, object]):
    """Half of its square is the objective: the samples' first, then the weights'."""
    errors = vmap(lambda a, b: predict(theta, a, case) - b)(X, Y)
    if case["loss"] == "mean_squared_error":
        errors = errors * (2.0 / case["widths"][-1]) ** 0.5
    parts, place = [((W / W.sum()).sqrt()[:, None] * errors).ravel()], 0
    for fan_in, fan_out in zip(case["widths"][:-1], case["widths"][1:], strict=True):
        if case["l2"]:
            parts.append(case["l2"] ** 0.5 * theta[place : place + fan_in * fan_out])
        place += fan_in * fan_out + fan_out
    return torch.cat(parts)


def gauss_newton(theta: torch.Tensor, X: torch.Tensor, Y: torch.Tensor, W: torch.Tensor, case: dict[str, object]):
    """``sum_n w[n] J[n]^T H[n] J[n]`` with the penalties' second derivative."""
    in_z = case["loss"] in IN_Z
    act = ACTIVATIONS[case["activations"][-1]] if in_z else ACTIVATIONS["identity"]

    def one(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        J = jacrev(lambda t: predict(t, a, case, head=not in_z))(theta)
        H = hessian(lambda out: loss_of(act(out), b, case))(predict(theta, a, case, head=not in_z))
        return J.T @ H @ J

    products = torch.stack([one(a, b) for a, b in zip(X, Y, strict=True)])
    return (W[:, None, None] * products).sum(0) / W.sum() + hessian(lambda t: penalty(t, case))(theta)


def targets(rng: np.random.Generator, case: dict[str, object], rows: int) -> np.ndarray:
    outputs = case["widths"][-1]
    if case["loss"] == "categorical_crossentropy":
        return rng.dirichlet(np.ones(outputs), rows)
    if case["loss"] == "binary_crossentropy":
        return rng.integers(0, 2, (rows, outputs)).astype(float)
    if case["loss"] == "poisson":
        return rng.poisson(2.0, (rows, outputs)).astype(float)
    return rng.normal(size=(rows, outputs))


def main() -> None:
    arrays: dict[str, np.ndarray] = {}
    for number, case in enumerate(CASES):
        rng = np.random.default_rng(1000 + number)
        rows = 7
        x, y = rng.normal(size=(rows, case["widths"][0])), targets(rng, case, rows)
        weight = rng.uniform(0.1, 2.0, rows) if case["weighted"] else np.ones(rows)
        size = sum((a + 1) * b for a, b in zip(case["widths"][:-1], case["widths"][1:], strict=True))
        theta, v = rng.normal(0.0, 0.6, size), rng.normal(size=size)
        X, Y, W, T, V = (torch.from_numpy(a) for a in (x, y, weight, theta, v))

        def objective(t: torch.Tensor, X=X, Y=Y, W=W, case=case) -> torch.Tensor:
            losses = vmap(sample_loss, in_dims=(None, 0, 0, None))(t, X, Y, case)
            return (W * losses).sum() / W.sum() + penalty(t, case)

        found = {
            "X": X,
            "y": Y,
            "weight": W,
            "theta": T,
            "v": V,
            "value": objective(T),
            "gradient": grad(objective)(T),
            "hvp": hessian(objective)(T) @ V,
            "jacobian": vmap(jacrev(lambda a, T=T, case=case: predict(T, a, case)))(X),
            "parameter_jacobian": vmap(lambda a, T=T, case=case: jacrev(lambda t: predict(t, a, case))(T))(X),
            "per_sample_gradients": vmap(lambda a, b, T=T, case=case: grad(lambda t: sample_loss(t, a, b, case))(T))(
                X, Y
            ),
        }
        found["gauss_newton"] = gauss_newton(T, X, Y, W, case)
        if case["loss"].endswith("squared_error"):
            found["residual"] = residual(T, X, Y, W, case)
            found["residual_jacobian"] = jacrev(lambda t, X=X, Y=Y, W=W, case=case: residual(t, X, Y, W, case))(T)
        arrays |= {f"{number}_{name}": np.asarray(value.detach()) for name, value in found.items()}
    cases = json.dumps({"torch": torch.__version__, "cases": CASES})
    path = Path(__file__).parent / "data" / "torch_func.npz"
    np.savez_compressed(path, cases=np.frombuffer(cases.encode(), dtype=np.uint8), **arrays)
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
