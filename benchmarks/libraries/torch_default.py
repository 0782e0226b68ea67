"""PyTorch, eager, with Adam as it comes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from workloads import JACOBIANS, NETWORKS, Training, repeated, weights

FUSED: dict[str, bool] = {}


def version() -> str:
    return f"torch {torch.__version__}"


def _network(widths: tuple[int, ...], activation: type[torch.nn.Module] = torch.nn.ReLU) -> torch.nn.Sequential:
    layers: list[torch.nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(widths):
        layers += [torch.nn.Linear(fan_in, fan_out), activation()]
    return torch.nn.Sequential(*layers[:-1])


def train(
    load: Training, options: dict[str, bool] = FUSED, compiled: Callable[[Any], Any] = lambda function: function
) -> Callable[[int], Any]:
    model = _network(load.widths)
    x, y = (torch.from_numpy(array) for array in load.data())
    cross_entropy = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), **options)
    loss_of = compiled(lambda x, y: cross_entropy(model(x), y))

    def run(epochs: int) -> float:
        for _ in range(epochs):
            total = 0.0
            for picked in torch.randperm(load.samples).split(load.batch):
                optimizer.zero_grad()
                loss = loss_of(x[picked], y[picked])
                loss.backward()
                optimizer.step()
                total += loss.item() * len(picked)
        return total

    return run


def infer(name: str, rows: int) -> Callable[[int], Any]:
    """Numpy in and numpy out, as the others."""
    model = _network(NETWORKS[name])
    with torch.no_grad():
        for layer, (w, b) in zip(model[::2], weights(NETWORKS[name]), strict=True):
            layer.weight.copy_(torch.from_numpy(w.T.copy()))
            layer.bias.copy_(torch.from_numpy(b))
    x = np.random.default_rng(0).standard_normal((rows, NETWORKS[name][0]), dtype=np.float32)

    def run(times: int) -> None:
        with torch.inference_mode():
            for _ in range(times):
                torch.softmax(model(torch.from_numpy(x)), 1).numpy()

    return run


def _functional(name: str) -> tuple[Any, dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
    widths, samples = JACOBIANS[name]
    model = _network(widths, torch.nn.Tanh).double()
    parameters = {key: value.detach() for key, value in model.named_parameters()}
    x = torch.randn(samples, widths[0], dtype=torch.float64)
    return model, parameters, x, torch.randn(samples, widths[-1], dtype=torch.float64)


def per_sample_gradients(name: str) -> Callable[[int], Any]:
    model, parameters, x, y = _functional(name)

    def loss(p: Any, row: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return 0.5 * (torch.func.functional_call(model, p, (row,)) - target).square().sum()

    asked = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
    return lambda times: repeated(times, lambda: _flat(asked(parameters, x, y)))


def parameter_jacobian(name: str) -> Callable[[int], Any]:
    model, parameters, x, _ = _functional(name)
    call = lambda p, row: torch.func.functional_call(model, p, (row,))  # noqa: E731
    asked = torch.func.vmap(torch.func.jacrev(call), in_dims=(None, 0))
    return lambda times: repeated(times, lambda: _flat(asked(parameters, x), 2))


def _flat(found: dict[str, torch.Tensor], kept: int = 1) -> torch.Tensor:
    return torch.cat([value.flatten(kept) for value in found.values()], dim=kept)
