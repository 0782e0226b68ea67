"""What early stopping, checkpoints and plateaus share: which value, and whether smaller or larger is better."""

import numpy as np
import pytest
from oracles.driving import drive, training

from nnkit.callbacks.checkpoint import Checkpoint
from nnkit.callbacks.early_stopping import EarlyStopping
from nnkit.callbacks.reduce_on_plateau import ReduceOnPlateau
from nnkit.errors import HyperparameterError, UnknownNameError


def watching(**fields):
    return [EarlyStopping(**fields), Checkpoint(path="unused.npz", **fields), ReduceOnPlateau(**fields)]


@pytest.mark.parametrize("callback", watching(monitor="val_los"))
def test_an_unknown_figure_is_answered_with_those_there_are(callback):
    with pytest.raises(UnknownNameError) as error:
        drive(callback, [{"loss": 1.0, "val_loss": 2.0}], training(validation=True))
    for word in (type(callback).__name__, "'val_los'", "loss, val_loss", "did you mean 'val_loss'?"):
        assert word in str(error.value)


@pytest.mark.parametrize("callback", watching(monitor="val_loss"))
def test_missing_validation_data_is_reported(callback):
    with pytest.raises(UnknownNameError, match="pass validation_data or validation_split"):
        drive(callback, [{"loss": 1.0}])


@pytest.mark.parametrize("callback", watching(monitor="plugin_value"))
def test_auto_never_guesses(callback):
    with pytest.raises(HyperparameterError, match="mode='min' or mode='max'"):
        drive(callback, [{"plugin_value": 1.0}])


@pytest.mark.parametrize("callback", watching(monitor="matrix", mode="max"))
def test_an_array_cannot_be_watched(callback):
    with pytest.raises(HyperparameterError, match=r"array of shape \(2, 2\)"):
        drive(callback, [{"matrix": np.eye(2)}])


@pytest.mark.parametrize("monitor", ["", 3, ["loss"]])
def test_the_name_must_be_a_name(monitor):
    with pytest.raises(HyperparameterError, match="monitor must be the name of a logged value"):
        EarlyStopping(monitor=monitor)
    with pytest.raises(HyperparameterError, match="None"):
        EarlyStopping(monitor=None)
