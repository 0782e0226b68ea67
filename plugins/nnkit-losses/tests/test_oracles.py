"""Losses against values and gradients recorded by ``oracles/record_losses.py``."""

from pathlib import Path

import numpy as np
import pytest

from nnkit import registry
from nnkit_losses.cox import Cox
from nnkit_losses.info_nce import InfoNCE

with np.load(Path(__file__).parent / "oracles" / "data" / "losses.npz") as file:
    RECORD = dict(file)
SPECS = sorted({name.rpartition("/")[0] for name in RECORD} - {"", "cox", "info_nce"})


@pytest.mark.parametrize("spec", SPECS)
def test_values_and_gradients(spec):
    loss = registry.create("loss", f"nnkit-losses/{spec}")
    prediction, target = RECORD[f"{spec}/prediction"], RECORD[f"{spec}/target"]
    np.testing.assert_allclose(loss.value(prediction, target), RECORD[f"{spec}/value"], rtol=1e-12, atol=1e-14)
    if f"{spec}/gradient" in RECORD:
        gradient = loss.gradient(prediction, target)
        np.testing.assert_allclose(gradient, RECORD[f"{spec}/gradient"], rtol=1e-12, atol=1e-14)


def test_cox_is_the_partial_likelihood_of_lifelines():
    target, weight = RECORD["cox/target"], RECORD["cox/weight"]
    events = (weight * target[:, 1]).sum()
    value = Cox().batch_value(RECORD["cox/prediction"], target, weight)
    np.testing.assert_allclose(-events * value, RECORD["cox/value"], rtol=1e-12)


def test_info_nce_is_the_crossentropy_of_similarities():
    prediction, target = RECORD["info_nce/prediction"], RECORD["info_nce/target"]
    ones = np.ones(len(target))
    np.testing.assert_allclose(InfoNCE().batch_value(prediction, target, ones), RECORD["info_nce/value"], rtol=1e-12)
    gradient = InfoNCE().batch_gradient(prediction, target, ones)
    np.testing.assert_allclose(gradient, RECORD["info_nce/gradient"], rtol=1e-12, atol=1e-14)
