"""50 steps against recorded ones, on a vector that consists of a matrix, a vector and a matrix.

Those of optax 0.2.8 and, for Shampoo, which optax does not have, of its algorithm with 50 digits.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from nnkit import plugins
from nnkit.interfaces import Block

DATA = Path(__file__).parent / "oracles" / "data"


def recorded(name):
    with np.load(DATA / f"{name}.npz") as data:
        header = json.loads(str(data["header"]))
        for case in header["cases"]:
            arrays = (data[f"{case['case']}/{what}"] for what in ("A", "b", "start", "trajectory", "evaluated"))
            yield pytest.param(case["optimizer"], case["hyperparameters"], *arrays, id=case["case"])


with np.load(DATA / "optax.npz") as data:
    SHAPES = [tuple(shape) for shape in json.loads(str(data["header"]))["shapes"]]
CASES = [*recorded("optax"), *recorded("shampoo")]
NAMES = ("name", "hyperparameters", "A", "b", "start", "trajectory", "evaluated")
every_case = pytest.mark.parametrize(NAMES, CASES)


def layout():
    ends = np.cumsum([np.prod(shape) for shape in SHAPES])
    return [
        Block(
            name=f"{index}.array",
            place=slice(int(end - np.prod(shape)), int(end)),
            shape=shape,
            role="weight" if len(shape) == 2 else "bias",
            layer=index,
        )
        for index, (shape, end) in enumerate(zip(SHAPES, ends, strict=True))
    ]


def run(optimizer, A, b, start, steps):
    def evaluate(theta):
        residual = A @ theta - b
        return float(np.log(np.cosh(residual)).mean()), A.T @ np.tanh(residual) / len(b)

    theta, path, evaluated = start.copy(), [], []
    state = optimizer.init(theta, layout())
    for _ in range(steps):
        if optimizer.uses_closure:
            theta, _ = optimizer.step(evaluate, theta, state)
        else:
            theta = optimizer.update(theta, evaluate(theta)[1], state)
        path.append(theta.copy())
        evaluated.append(np.array(optimizer.evaluation(theta, state)))
    return np.array(path), np.array(evaluated)


def error(path, expected):
    return float((np.abs(path - expected).max(axis=1) / np.abs(expected).max(axis=1)).max())


def test_there_are_four_runs_of_each():
    names = [case.values[0] for case in CASES]

    assert names
    assert all(names.count(name) == 4 for name in names)


@every_case
def test_trajectory(name, hyperparameters, A, b, start, trajectory, evaluated):
    optimizer = plugins.create("optimizer", {"name": name, **hyperparameters})
    path, seen = run(optimizer, A, b, start, 50)

    assert len(trajectory) == 50
    assert error(path, trajectory) <= 1e-9
    assert optimizer.offers("evaluation") == (len(evaluated) > 0)
    if len(evaluated):
        assert error(seen, evaluated) <= 1e-9


@every_case
def test_the_oracle_sees_every_hyperparameter(name, hyperparameters, A, b, start, trajectory, evaluated):
    for field, value in hyperparameters.items():
        if isinstance(value, float) and value:
            changed = plugins.create("optimizer", {"name": name, **hyperparameters, field: value * (1 - 1e-3)})

            assert error(run(changed, A, b, start, 50)[0], trajectory) > 1e-8, field
