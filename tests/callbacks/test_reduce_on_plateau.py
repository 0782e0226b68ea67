import numpy as np
import pytest
from oracles.driving import drive, learning_rates, training

import nnkit
from nnkit.callbacks.reduce_on_plateau import ReduceOnPlateau
from nnkit.errors import HyperparameterError


def losses(*values):
    return [{"val_loss": value} for value in values]


def test_the_rate_falls_each_time_patience_ends():
    played = drive(ReduceOnPlateau(factor=0.5, patience=2), losses(*[1.0] * 7))
    assert learning_rates(played) == [(3, 0.5), (5, 0.25), (7, 0.125)]


def test_nothing_is_counted_while_it_cools_down():
    played = drive(ReduceOnPlateau(factor=0.5, patience=2, cooldown=3), losses(*[1.0] * 9))
    assert learning_rates(played) == [(3, 0.5), (8, 0.25)]


def test_an_improvement_starts_the_count_anew_also_while_it_cools_down():
    played = drive(
        ReduceOnPlateau(factor=0.5, patience=2, cooldown=2), losses(5.0, 6.0, 4.0, 6.0, 6.0, 3.0, 3.5, 3.5, 3.5)
    )
    assert learning_rates(played) == [(5, 0.5), (9, 0.25)]


def test_it_goes_no_lower_than_asked():
    played = drive(ReduceOnPlateau(factor=0.1, patience=1, min_learning_rate=0.05), losses(*[1.0] * 6))
    assert learning_rates(played) == [(2, 0.1), (3, 0.05)]


def test_less_than_min_delta_is_no_improvement():
    played = drive(ReduceOnPlateau(patience=1, min_delta=0.2), losses(1.0, 0.9, 0.7))
    assert [epoch for epoch, _ in learning_rates(played)] == [2]


def test_an_optimizer_without_a_learning_rate_is_refused():
    with pytest.raises(HyperparameterError, match="has none"):
        drive(ReduceOnPlateau(), losses(1.0), training(learning_rate=None))


def test_a_scheduled_rate_is_refused_before_the_first_step():
    net = nnkit.Network([1, 1], optimizer={"name": "sgd", "learning_rate": "exponential"})
    before = net.parameters.copy()
    with pytest.raises(HyperparameterError, match=r"follows Exponential\("):
        net.fit([[1.0]], [3.0], epochs=1, callbacks=[ReduceOnPlateau(monitor="loss")])
    assert np.array_equal(before, net.parameters)


@pytest.mark.parametrize("fields", [{"factor": 1.0}, {"factor": 0.0}, {"patience": 0}, {"cooldown": -1}])
def test_fields_out_of_range_are_refused(fields):
    with pytest.raises(HyperparameterError, match=next(iter(fields))):
        ReduceOnPlateau(**fields)
