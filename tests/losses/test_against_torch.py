"""Losses against values and gradients recorded by ``tests/oracles/record_losses.py``."""

from pathlib import Path

import numpy as np
import pytest
from oracles.loss_cases import LOSSES

from nnkit import registry
from nnkit.registry import builtins

with np.load(Path(__file__).parents[1] / "oracles" / "data" / "losses.npz") as file:
    RECORD = dict(file)
SPECS = sorted({name.rpartition("/")[0] for name in RECORD} - {""})


@pytest.mark.parametrize("spec", SPECS)
def test_values_and_gradients(spec):
    loss = registry.create("loss", spec)
    prediction, target = RECORD[f"{spec}/prediction"], RECORD[f"{spec}/target"]
    np.testing.assert_allclose(loss.value(prediction, target), RECORD[f"{spec}/value"], rtol=1e-12, atol=1e-14)
    if f"{spec}/gradient" in RECORD:
        gradient = loss.gradient(prediction, target)
        np.testing.assert_allclose(gradient, RECORD[f"{spec}/gradient"], rtol=1e-12, atol=1e-14)


def test_every_built_in_is_recorded_or_compared_with_its_formula():
    compared = {type(loss) for loss in LOSSES} | {type(registry.create("loss", spec)) for spec in SPECS}
    assert {registry.get("loss", name) for name in builtins.LOSSES} - compared == set()
