"""What an optimizer promises, whatever its formula."""

import copy
import io
import json
import math

import attrs
import numpy as np
import pytest

from nnkit import plugins
from nnkit.errors import HyperparameterError
from nnkit.interfaces import one_block


def through_a_file(state):
    """A state as a file gives it back: the arrays through npz, the numbers through JSON."""
    file = io.BytesIO()
    np.savez(file, **{name: value for name, value in state.items() if isinstance(value, np.ndarray)})
    file.seek(0)
    numbers = json.loads(json.dumps({k: v for k, v in state.items() if not isinstance(v, np.ndarray)}))
    with np.load(file) as arrays:
        return {**numbers, **arrays}


@pytest.mark.parametrize("copied", [copy.deepcopy, through_a_file], ids=["deepcopy", "file"])
@pytest.mark.parametrize("cut", [0, 1, 9])
def test_resuming_is_bit_identical_to_continuing(optimizer, replay, run, copied, cut):
    start, gradients = run
    parameters = start.copy()
    state = optimizer.init(parameters, one_block(parameters))
    for gradient in gradients[:cut]:
        parameters = optimizer.update(parameters, gradient, state)
    parameters, state = parameters.copy(), copied(state)
    for gradient in gradients[cut:]:
        parameters = optimizer.update(parameters, gradient, state)

    np.testing.assert_array_equal(replay(optimizer, start, gradients)[-1], parameters)


def test_the_gradient_is_neither_written_nor_kept(optimizer, run):
    start, gradients = run
    locked = gradients[0].copy()
    locked.flags.writeable = False
    parameters = start.copy()
    state = optimizer.init(parameters, one_block(parameters))
    optimizer.update(parameters, locked, state)

    np.testing.assert_array_equal(gradients[0], locked)
    assert not any(np.shares_memory(locked, value) for value in state.values() if np.ndim(value))


def test_dtype_of_parameters_and_state(optimizer, replay, run):
    start, gradients = run
    parameters = start.astype(np.float32)
    state = optimizer.init(parameters, one_block(parameters))
    parameters = optimizer.update(parameters, gradients[0].astype(np.float32), state)

    assert parameters.dtype == np.float32
    assert {np.dtype(np.float32)} == {value.dtype for value in state.values() if isinstance(value, np.ndarray)}
    assert type(state["step"]) is int
    np.testing.assert_allclose(replay(optimizer, start, gradients[:1])[0], parameters, rtol=1e-5)


def test_bind_equals_update_step_for_step(optimizer, run):
    start, gradients = run
    updated, bound, gradient = start.copy(), start.copy(), np.empty_like(start)
    states = optimizer.init(updated, one_block(updated)), optimizer.init(bound, one_block(bound))
    step = optimizer.bind(bound, gradient, states[1])
    for new in gradients:
        gradient[:] = new
        updated = optimizer.update(updated, new, states[0])
        step()

        np.testing.assert_array_equal(updated, bound)


def test_halves_equal_whole(optimizer, replay, run):
    start, gradients = run
    halves = [replay(optimizer, start[part], gradients[:, part]) for part in (slice(0, 4), slice(4, None))]

    assert optimizer.coordinatewise
    np.testing.assert_array_equal(replay(optimizer, start, gradients), np.concatenate(halves, axis=1))


def test_zero_rate_is_still(optimizer, replay, run):
    start, gradients = run

    assert optimizer.zero_rate_is_still
    path = replay(attrs.evolve(optimizer, learning_rate=0.0), start, gradients)
    np.testing.assert_array_equal(np.tile(start, (50, 1)), path)


def test_a_schedule_is_honoured(cls, replay, run):
    start, gradients = run
    schedule = plugins.create("schedule", "exponential(learning_rate=0.1, factor=0.5, every=10)")
    parameters, state = start.copy(), cls().init(start, one_block(start))
    for step, gradient in enumerate(gradients):
        parameters = cls(learning_rate=schedule.rate(step)).update(parameters, gradient, state)

    np.testing.assert_array_equal(parameters, replay(cls(learning_rate=schedule), start, gradients)[-1])


RATES = {"Lion": 0.002, "RAdam": 0.02, "Adamax": 0.05, "Adan": 0.02, "AdaBelief": 0.02}


def test_a_convex_quadratic_is_descended(cls):
    curvature, theta = np.geomspace(0.1, 10.0, 10), np.zeros(10)
    optimizer = cls(learning_rate=RATES[cls.__name__])
    state = optimizer.init(theta, one_block(theta))
    for _ in range(2000):
        theta = optimizer.update(theta, curvature * (theta - 1.0), state)

    assert curvature @ (theta - 1.0) ** 2 < 1e-4 * curvature.sum()


def test_rosenbrocks_valley_is_descended(cls):
    theta = np.array([-1.2, 1.0])
    # RAdam's first five steps are plain gradient steps, and the valley's walls are steep.
    optimizer = cls(learning_rate=0.002 if cls.__name__ == "RAdam" else RATES[cls.__name__])
    state = optimizer.init(theta, one_block(theta))
    for _ in range(5000):
        x, y = theta
        gradient = np.array([-2.0 * (1.0 - x) - 400.0 * x * (y - x * x), 200.0 * (y - x * x)])
        theta = optimizer.update(theta, gradient, state)

    assert (1.0 - theta[0]) ** 2 + 100.0 * (theta[1] - theta[0] ** 2) ** 2 < 0.05 * 24.2


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0, None, True])
def test_hyperparameters_out_of_range_are_refused(cls, bad):
    for field in attrs.fields(cls):
        with pytest.raises(HyperparameterError, match=rf"^{cls.__name__}\({field.name}=.*{field.name} must be"):
            cls(**{field.name: bad})


def test_shares_of_one_and_floors_of_zero_are_refused(cls):
    for field in attrs.fields(cls):
        if field.name.startswith("beta") or field.name == "epsilon":
            with pytest.raises(HyperparameterError, match=f"{field.name} must be"):
                cls(**{field.name: 0.0 if field.name == "epsilon" else 1.0})
