"""Recorded trajectories, functions to descend and small schedules that the tests of optimizers share."""

import json
from typing import final

import attrs
import numpy as np

from nnkit.interfaces import Schedule, one_block


@final
@attrs.frozen(kw_only=True)
class Halving(Schedule):
    """``learning_rate / 2**step``."""

    learning_rate: float = 0.1

    def rate(self, step):
        return self.learning_rate * 0.5**step


def recorded(path):
    """The cases of a recorded file: ``(id, optimizer, hyperparameters, start, gradients, trajectory)``."""
    with np.load(path) as data:
        return [
            (
                case["case"],
                case["optimizer"],
                case["hyperparameters"],
                *(data[f"{case['case']}/{what}"] for what in ("start", "gradients", "trajectory")),
            )
            for case in json.loads(str(data["header"]))["cases"]
        ]


def replay(optimizer, start, gradients, dtype=np.float64):
    """The parameters after each update with these gradients, ``(steps, P)``."""
    parameters = start.astype(dtype)
    state = optimizer.init(parameters, one_block(parameters))
    path = []
    for gradient in gradients.astype(dtype):
        parameters = optimizer.update(parameters, gradient, state)
        path.append(parameters.copy())
    return np.array(path)


def largest_relative_error(path, expected):
    """Largest error of a step's parameters, relative to the largest of that step's parameters."""
    return float((np.abs(path - expected).max(axis=1) / np.abs(expected).max(axis=1)).max())


def quadratic(theta):
    """Gradient of a convex quadratic of condition 100 with its minimum at 1, and its value."""
    curvature = np.geomspace(0.1, 10.0, theta.size)
    return curvature * (theta - 1.0), float(0.5 * curvature @ (theta - 1.0) ** 2)


def rosenbrock(theta):
    """Gradient and value of Rosenbrock's valley."""
    x, y = theta
    return np.array([-2.0 * (1.0 - x) - 400.0 * x * (y - x * x), 200.0 * (y - x * x)]), float(
        (1.0 - x) ** 2 + 100.0 * (y - x * x) ** 2
    )


def descend(optimizer, function, start, steps):
    """The values of ``function`` along a run: before the first step, and after each."""
    theta = np.array(start, dtype=np.float64)
    state, values = optimizer.init(theta, one_block(theta)), []
    for _ in range(steps):
        gradient, value = function(theta)
        values.append(value)
        theta = optimizer.update(theta, gradient, state)
    return [*values, function(theta)[1]]
