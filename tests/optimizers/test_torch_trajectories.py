"""50 steps of every optimizer against the recorded ones of PyTorch 2.13."""

from collections import Counter
from pathlib import Path

import oracles
import pytest
from oracles.optimizer_runs import largest_relative_error, recorded, replay

from nnkit import plugins
from nnkit.registry.builtins import OPTIMIZERS

BUILT_IN = {name: plugins.get("optimizer", name) for name in OPTIMIZERS}
CLASSES = {name: cls for name, cls in BUILT_IN.items() if "Semantics" in cls.__doc__ and "PyTorch" in cls.__doc__}
CASES = recorded(Path(oracles.__path__[0]) / "data" / "torch_optimizers.npz")


def test_every_optimizer_with_the_semantics_of_pytorch_has_four_recorded_runs_of_50_steps():
    assert len(CLASSES) >= 8
    assert dict.fromkeys(CLASSES, 4) == Counter(case[1] for case in CASES)
    assert {(50, 7)} == {case[5].shape for case in CASES}


@pytest.mark.parametrize(
    ("name", "hyperparameters", "start", "gradients", "trajectory"),
    [pytest.param(*case[1:], id=case[0]) for case in CASES],
)
def test_trajectory(name, hyperparameters, start, gradients, trajectory):
    path = replay(CLASSES[name](**hyperparameters), start, gradients)

    assert largest_relative_error(path, trajectory) <= 1e-10


@pytest.mark.parametrize("name", CLASSES)
def test_every_hyperparameter_matters(name):
    """Moving any one hyperparameter by a thousandth breaks the agreement with the recorded values."""
    used = [case for case in CASES if case[1] == name]
    numbers = {field for case in used for field, value in case[2].items() if isinstance(value, float) and value}
    for field in sorted(numbers):
        errors = [
            largest_relative_error(replay(CLASSES[name](**changed), *case[3:5]), case[5])
            for case in used
            if (changed := {**case[2], field: case[2].get(field, 0.0) * (1 - 1e-3)}) != case[2]
        ]

        assert max(errors) > 1e-8, field
