"""What the tests share."""

import numpy as np
import pytest

from nnkit import plugins
from nnkit.interfaces import one_block

NAMES = ("adabelief", "adamax", "adan", "lion", "radam")
OTHERS = (
    "ema", "lamb", "lars", "lookahead", "muon", "prodigy", "sam", "schedule_free_adamw", "shampoo", "swa",
)  # fmt: skip
"""Optimizers that are not one rule for every parameter, or evaluate with other parameters: see
``test_recorded_trajectories.py`` and ``test_averages.py``."""


def variants():
    for name in NAMES:
        cls = plugins.get("optimizer", f"nnkit-optimizers/{name}")
        for number, hyperparameters in enumerate(({}, *cls.variants)):
            yield pytest.param(cls(**hyperparameters), id=f"{name}-{number}")


def pytest_generate_tests(metafunc):
    if "optimizer" in metafunc.fixturenames:
        metafunc.parametrize("optimizer", list(variants()))
    if "cls" in metafunc.fixturenames:
        metafunc.parametrize("cls", [plugins.get("optimizer", name) for name in NAMES], ids=NAMES)


@pytest.fixture
def names():
    return NAMES + OTHERS


@pytest.fixture
def replay():
    """The parameters after each update with these gradients, ``(steps, P)``."""

    def path(optimizer, start, gradients, dtype=np.float64):
        parameters, after = start.astype(dtype), []
        state = optimizer.init(parameters, one_block(parameters))
        for gradient in gradients.astype(dtype):
            parameters = optimizer.update(parameters, gradient, state)
            after.append(parameters.copy())
        return np.array(after)

    return path


@pytest.fixture
def run():
    """A start and 50 gradients of very different sizes."""
    rng = np.random.default_rng(7)
    return rng.standard_normal(11), rng.standard_normal((50, 11)) * 10.0 ** rng.uniform(-3, 3, 11)
