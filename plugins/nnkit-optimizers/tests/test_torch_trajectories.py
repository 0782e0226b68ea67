"""50 steps of RAdam and AdaMax against the recorded ones of PyTorch 2.13."""

import json
from pathlib import Path

import numpy as np
import pytest

from nnkit import plugins

DATA = Path(__file__).parent / "oracles" / "data" / "torch.npz"


def recorded():
    with np.load(DATA) as data:
        for case in json.loads(str(data["header"]))["cases"]:
            arrays = (data[f"{case['case']}/{what}"] for what in ("start", "gradients", "trajectory"))
            yield pytest.param(case["optimizer"], case["hyperparameters"], *arrays, id=case["case"])


CASES = list(recorded())


def error(path, expected):
    return float((np.abs(path - expected).max(axis=1) / np.abs(expected).max(axis=1)).max())


def test_there_are_four_runs_of_each():
    assert ["adamax"] * 4 + ["radam"] * 4 == sorted(case.values[0] for case in CASES)


@pytest.mark.parametrize(("name", "hyperparameters", "start", "gradients", "trajectory"), CASES)
def test_trajectory(replay, name, hyperparameters, start, gradients, trajectory):
    make = plugins.get("optimizer", name)

    assert error(replay(make(**hyperparameters), start, gradients), trajectory) <= 1e-10


@pytest.mark.parametrize(("name", "hyperparameters", "start", "gradients", "trajectory"), CASES)
def test_the_oracle_can_tell_the_betas(replay, name, hyperparameters, start, gradients, trajectory):
    make = plugins.get("optimizer", name)
    for field in ("learning_rate", "beta1"):
        changed = {**hyperparameters, field: hyperparameters[field] * (1 - 1e-3)}

        assert error(replay(make(**changed), start, gradients), trajectory) > 1e-8
