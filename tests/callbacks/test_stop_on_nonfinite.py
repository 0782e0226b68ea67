import numpy as np
import pytest
from oracles.driving import drive, training

import nnkit
from nnkit.callbacks.stop_on_nonfinite import StopOnNonfinite


def after_step(part, *, loss=1.0, parameters=(1.0, 2.0), step=17):
    played = training()
    played.state.epoch, played.state.batch, played.state.step = 4, 1, step
    played.state.parameters, played.run.logs = np.array(parameters), {"loss": loss}
    part.on_batch_end(played.view)
    return played.view


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_not_finite_stops_and_is_reported(loss):
    view = after_step(StopOnNonfinite(), loss=loss)
    assert view.stop_reason == f"the loss is {loss} at step 17, 4 epochs and 1 batches in"
    assert view.state == {"epoch": 4, "step": 17, "what": f"the loss is {loss}"}


def test_parameters_that_are_not_finite_stop_unless_they_are_not_looked_at():
    spoilt = (1.0, np.nan, np.inf)
    assert "2 of 3 parameters" in after_step(StopOnNonfinite(), parameters=spoilt).stop_reason
    assert after_step(StopOnNonfinite(parameters=False), parameters=spoilt).stop_reason is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_finite_parameters_whose_sum_overflows_are_finite(dtype):
    huge = np.full(4, np.finfo(dtype).max, dtype=dtype)
    assert after_step(StopOnNonfinite(), parameters=huge).stop_reason is None
    huge[2:] *= -1
    assert after_step(StopOnNonfinite(), parameters=huge).stop_reason is None


def test_it_looks_after_an_epoch_too():
    assert drive(StopOnNonfinite(), [{"loss": 1.0}, {"loss": float("nan")}]).view.epoch == 2


def test_a_real_training_stops_at_the_first_such_step():
    X = np.full((64, 1), 1e3)
    net = nnkit.Network([1, 1], optimizer="sgd(learning_rate=1e9)", seed=0)
    losses = []
    watch = nnkit.plugins.get("callback", "lambda")(batch_end=lambda view: losses.append(view.logs["loss"]))
    net.fit(X, X, epochs=9, batch_size=1, callbacks=[watch, "stop_on_nonfinite"])
    assert net.step == len(losses) < 64
    assert np.isfinite(losses[:-1]).all()
