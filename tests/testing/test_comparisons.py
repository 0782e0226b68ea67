"""The comparisons on which the checks are built: slopes, integrals, rows and warnings."""

import warnings

import numpy as np
import pytest

from nnkit.activations.relu import ReLU
from nnkit.losses.mean_squared_error import MeanSquaredError
from nnkit.testing import all_checks
from nnkit.testing.call import called, expect_rows_alone, silent
from nnkit.testing.derivatives import column_slopes, element_slopes, expect_slope, integral_along, steps_within
from nnkit.testing.failure import CheckFailure, show


def test_element_slopes_are_the_derivative():
    points = np.linspace(-3.0, 3.0, 24).reshape(8, 3)
    slopes = element_slopes(np.sin, points, np.full(points.shape, 0.1))
    np.testing.assert_allclose(slopes.value, np.cos(points), rtol=1e-10)
    assert (np.abs(slopes.value - np.cos(points)) <= slopes.allowed()).all()


def test_column_slopes_are_the_jacobian():
    points = np.linspace(-1.0, 1.0, 12).reshape(4, 3)
    matrix = np.array([[1.0, 2.0], [-3.0, 0.5], [0.25, -1.0]])
    slopes = column_slopes(lambda x: np.tanh(x @ matrix), points, np.full(points.shape, 0.1))
    expected = np.einsum("ni,ki->nik", 1.0 - np.tanh(points @ matrix) ** 2, matrix)
    np.testing.assert_allclose(slopes.value, expected, rtol=1e-9)


def test_a_wrong_slope_is_reported_with_its_inputs():
    expect_slope("wrong", np.cos(0.3), lambda t: np.sin(0.3 + t), 0.1)
    with pytest.raises(CheckFailure, match="wrong") as raised:
        expect_slope("wrong", np.cos(0.3) + 1e-6, lambda t: np.sin(0.3 + t), 0.1, inputs={"x": 0.3})
    assert {"x": 0.3} == raised.value.inputs


def test_steps_stay_on_their_side_of_a_kink():
    points = np.array([-1.0, -0.01, 0.02, 0.5])
    np.testing.assert_allclose(steps_within(points, (0.0,)), [0.1, 0.005, 0.01, 0.1])


@pytest.mark.parametrize("jump", [0.0, 1e-6])
def test_a_jump_between_edges_exceeds_the_tolerance(jump):
    edges = np.linspace(-2.0, 2.0, 9)
    growth, area, allowed = integral_along(lambda s: np.exp(s) + jump * (s > 0.1), np.exp, edges, floor=1.0)
    np.testing.assert_allclose(area, np.diff(np.exp(edges)), rtol=1e-12)
    wrong = np.abs(growth - area) > allowed
    assert [jump > 0.0 and n == 4 for n in range(8)] == wrong.tolist()


def test_a_mean_over_the_samples_is_found_and_a_sound_loss_is_not():
    class Mean:
        def value(self, prediction, target):
            return ((prediction - target) ** 2).mean(axis=1) / len(prediction)

    inputs = {"prediction": np.arange(6.0).reshape(3, 2), "target": np.zeros((3, 2))}
    expect_rows_alone(MeanSquaredError(), "value", inputs, tolerance=1e-12)
    with pytest.raises(CheckFailure, match="of 3 samples together differs"):
        expect_rows_alone(Mean(), "value", inputs, tolerance=1e-12)


def test_a_method_is_called_on_copies():
    z = np.array([[-1.0, 2.0]])
    a = called(ReLU(), "forward", z)
    a[:] = 7.0
    assert [[-1.0, 2.0]] == z.tolist()


def test_a_warning_of_the_part_fails_the_check():
    show(x=1)
    with pytest.raises(CheckFailure, match="update warns") as failure, silent("update"):
        warnings.warn("overflow", RuntimeWarning, stacklevel=1)
    assert failure.value.inputs == {"x": 1}


def test_every_check_states_its_reason_and_what_to_do():
    for check in all_checks():
        assert check.why.endswith("."), check.id
        assert check.fix.endswith("."), check.id
        assert "\n" not in check.why + check.fix
