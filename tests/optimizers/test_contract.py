"""What every built-in optimizer promises, whatever its formula."""

import math

import numpy as np
import pytest
from oracles.optimizer_runs import descend, quadratic, replay, rosenbrock

import nnkit
from nnkit.errors import HyperparameterError, SpecError
from nnkit.interfaces import one_block
from nnkit.interfaces.stepping import CHUNK
from nnkit.optimizers.adadelta import Adadelta
from nnkit.optimizers.adagrad import Adagrad
from nnkit.optimizers.adam import Adam
from nnkit.optimizers.adamw import AdamW
from nnkit.optimizers.amsgrad import AMSGrad
from nnkit.optimizers.nadam import Nadam
from nnkit.optimizers.rmsprop import RMSprop
from nnkit.optimizers.sgd import SGD
from nnkit.schedules.cosine import Cosine

CLASSES = (SGD, Adam, AMSGrad, AdamW, Nadam, RMSprop, Adagrad, Adadelta)
OPTIMIZERS = [
    pytest.param(cls(**hyperparameters), id=f"{cls.__name__}-{number}")
    for cls in CLASSES
    for number, hyperparameters in enumerate(({}, *cls.variants))
]
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS)
every_class = pytest.mark.parametrize("cls", CLASSES)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def run(rng):
    return rng.standard_normal(11), rng.standard_normal((20, 11)) * 10.0 ** rng.uniform(-3, 3, 11)


@every_optimizer
def test_init_leaves_the_parameters_and_counts_from_zero(optimizer, run):
    start, _ = run
    parameters = start.copy()
    state = optimizer.init(parameters, one_block(parameters))

    np.testing.assert_array_equal(start, parameters)
    assert state["step"] == 0
    assert not any(np.shares_memory(parameters, value) for value in state.values() if np.ndim(value))


@every_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_of_parameters_and_state(optimizer, dtype, run):
    start, gradients = (array.astype(dtype) for array in run)
    state = optimizer.init(start, one_block(start))
    parameters = start
    for gradient in gradients:
        parameters = optimizer.update(parameters, gradient, state)

    assert parameters.dtype == dtype
    assert {np.dtype(dtype)} >= {value.dtype for value in state.values() if isinstance(value, np.ndarray)}
    assert all(isinstance(value, (int, float, np.ndarray)) for name, value in state.items() if name != "blocks")
    assert type(state["step"]) is int
    assert state["step"] == 20


@every_optimizer
def test_float32_follows_float64(optimizer, run):
    start, gradients = run
    double, single = replay(optimizer, start, gradients), replay(optimizer, start, gradients, np.float32)
    moved = np.abs(double[-1] - start).max()

    np.testing.assert_allclose(double[-1], single[-1], atol=1e-3 * moved + 1e-6)


@every_optimizer
def test_bind_equals_update_step_for_step(optimizer, run):
    start, gradients = run
    updated, bound, gradient = start.copy(), start.copy(), np.empty_like(start)
    states = optimizer.init(updated, one_block(updated)), optimizer.init(bound, one_block(bound))
    step = optimizer.bind(bound, gradient, states[1])
    for given in gradients:
        gradient[:] = given
        optimizer.update(updated, given, states[0])
        step()

        np.testing.assert_array_equal(updated, bound)
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        np.testing.assert_array_equal(value, states[1][name], err_msg=name)


@every_optimizer
def test_halves_equal_whole(optimizer, run):
    start, gradients = run
    halves = [replay(optimizer, start[part], gradients[:, part]) for part in (slice(0, 4), slice(4, None))]

    assert optimizer.coordinatewise
    np.testing.assert_array_equal(replay(optimizer, start, gradients), np.concatenate(halves, axis=1))


@every_optimizer
def test_blocks_equal_whole(optimizer, rng):
    size = 150_000
    start, gradients = rng.standard_normal(size), rng.standard_normal((3, size))
    pieces = [
        replay(optimizer, start[at : at + 50_000], gradients[:, at : at + 50_000]) for at in range(0, size, 50_000)
    ]

    assert 2 * CHUNK < size < 3 * CHUNK
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), replay(optimizer, start, gradients))


@every_class
def test_an_unresolved_schedule_is_named(cls):
    optimizer, parameters = cls(learning_rate="cosine(steps=10)"), np.zeros(2)

    with pytest.raises(SpecError, match=r"cosine\(steps=10\)"):
        optimizer.update(parameters, parameters, optimizer.init(parameters, one_block(parameters)))


@every_class
@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0, "much", None, True])
def test_hyperparameters_out_of_range_are_refused(cls, bad):
    fields = [field for field in cls.__attrs_attrs__ if field.type in {"float", "float | Schedule"}]

    assert {"learning_rate"} <= {field.name for field in fields}
    for field in fields:
        if bad == "much" and field.type == "float | Schedule":
            continue  # the name of a schedule
        with pytest.raises(HyperparameterError, match=rf"^{cls.__name__}\({field.name}=.*{field.name} must be"):
            cls(**{field.name: bad})


@pytest.mark.parametrize(
    ("cls", "field"),
    [
        *((cls, "epsilon") for cls in CLASSES if cls is not SGD),
    ],
)
def test_a_floor_of_zero_is_refused(cls, field):
    with pytest.raises(HyperparameterError, match=f"{field} must be"):
        cls(**{field: 0})


@pytest.mark.parametrize("field", ["beta1", "beta2", "momentum", "rho"])
def test_a_share_of_one_is_refused(field):
    refused = 0
    for cls in CLASSES:
        if field in {attribute.name for attribute in cls.__attrs_attrs__}:
            with pytest.raises(HyperparameterError, match=f"{field} must be"):
                cls(**{field: 1.0})
            refused += 1

    assert refused


@every_optimizer
@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_extreme_gradients_give_numbers_and_no_warning(optimizer, size):
    """Squares of 1e30 overflow in float32, those of 1e-30 vanish."""
    parameters = np.ones(3, dtype=np.float32)
    state = optimizer.init(parameters, one_block(parameters))
    for _ in range(3):
        parameters = optimizer.update(parameters, np.array([size, -size, 0.0], dtype=np.float32), state)

    # A variance cannot be told from two overflowing sums; NaN says so, in that coordinate alone.
    unknown = size > 1.0 and getattr(optimizer, "centered", False)
    np.testing.assert_array_equal([not unknown, not unknown, True], np.isfinite(parameters))


@every_optimizer
def test_nan_stays_in_its_coordinate(optimizer, run):
    start, gradients = run
    clean = replay(optimizer, start, gradients)
    gradients[3, 5] = np.nan
    path = replay(optimizer, start, gradients)

    assert np.isnan(path[3:, 5]).all()
    np.testing.assert_array_equal(np.delete(clean, 5, axis=1), np.delete(path, 5, axis=1))


DESCENTS = {
    SGD: ({"learning_rate": 0.1}, {"learning_rate": 0.001, "momentum": 0.9}),
    Adam: ({"learning_rate": 0.05}, {"learning_rate": 0.02}),
    AMSGrad: ({"learning_rate": 0.05}, {"learning_rate": 0.1, "beta2": 0.99}),
    AdamW: ({"learning_rate": 0.05, "weight_decay": 0.0}, {"learning_rate": 0.02, "weight_decay": 0.0}),
    Nadam: ({"learning_rate": 0.05}, {"learning_rate": 0.02}),
    RMSprop: ({"learning_rate": 0.002}, {"learning_rate": 0.0005}),
    Adagrad: ({"learning_rate": 0.5}, {"learning_rate": 0.5}),
    Adadelta: ({"rho": 0.9}, {"rho": 0.95}),
}


@every_class
def test_a_convex_quadratic_is_descended(cls):
    values = descend(cls(**DESCENTS[cls][0]), quadratic, np.zeros(10), 2000)

    assert values[-1] < 1e-4 * values[0]


@every_class
def test_rosenbrocks_valley_is_descended(cls):
    values = descend(cls(**DESCENTS[cls][1]), rosenbrock, [-1.2, 1.0], 5000)

    assert values[-1] < 0.05 * values[0]


def test_nesterov_and_momentum_outrun_plain_descent():
    plain, heavy, ahead = (
        descend(SGD(learning_rate=0.05, **more), quadratic, np.zeros(10), 150)[-1]
        for more in ({}, {"momentum": 0.8}, {"momentum": 0.8, "nesterov": True})
    )

    assert heavy < 0.1 * plain
    assert ahead < 0.1 * plain
    assert ahead != heavy


def test_weight_decay_alone_shrinks_every_parameter_by_the_same_share():
    start = np.array([2.0, -3.0])
    path = replay(AdamW(learning_rate=0.1, weight_decay=0.5), start, np.zeros((4, 2)))

    np.testing.assert_allclose(start * 0.95**4, path[-1], rtol=1e-15)


def test_a_schedule_of_the_weight_decay_follows_the_step():
    falling = Cosine(learning_rate=0.5, steps=4)
    start = np.array([2.0, -3.0])
    path = replay(AdamW(learning_rate=0.1, weight_decay=falling), start, np.zeros((5, 2)))
    np.testing.assert_allclose(
        [start * np.prod([1.0 - 0.1 * falling.rate(n) for n in range(k + 1)]) for k in range(5)], path, rtol=1e-15
    )
    network = nnkit.Network([2, 3, 1], optimizer="adamw(weight_decay='cosine(learning_rate=0.1, steps=50)')", seed=0)
    assert network.optimizer.weight_decay == Cosine(learning_rate=0.1, steps=50)
    assert nnkit.Network.from_config(network.to_config()).optimizer == network.optimizer
    with pytest.raises(SpecError, match="weight_decay='cosine' is still the spec"):
        AdamW(weight_decay="cosine").update(start, start, AdamW().init(start, one_block(start)))
