"""Every elementwise activation, its derivative and second derivative against mpmath, tails included."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.high_precision import derivative_of, evaluate, relative_error

from nnkit.activations.elu import ELU
from nnkit.activations.exponential import Exponential
from nnkit.activations.gelu import GELU
from nnkit.activations.hard_sigmoid import HardSigmoid
from nnkit.activations.identity import Identity
from nnkit.activations.leaky_relu import LeakyReLU
from nnkit.activations.mish import Mish
from nnkit.activations.relu import ReLU
from nnkit.activations.selu import SELU
from nnkit.activations.sigmoid import Sigmoid
from nnkit.activations.silu import SiLU
from nnkit.activations.softplus import Softplus
from nnkit.activations.softsign import Softsign
from nnkit.activations.tanh import Tanh

SELU_SCALE = mp.mpf("1.0507009873554804934193349852946")
SELU_ALPHA = mp.mpf("1.6732632423543772848170429916717")


def tanh_gelu(z):
    # sqrt(2 / pi) at the working precision of the moment
    return z / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (z + mp.mpf("0.044715") * z**3)))


# The definitions as the sources print them; where a piecewise formula is meant, both pieces.
FORMULAS = {
    "identity": (Identity(), lambda z: +z),
    "sigmoid": (Sigmoid(), lambda z: 1 / (1 + mp.exp(-z))),
    "tanh": (Tanh(), mp.tanh),
    "relu": (ReLU(), lambda z: max(z, 0) * 1),
    "leaky_relu": (LeakyReLU(), lambda z: z if z > 0 else mp.mpf(0.01) * z),
    "leaky_relu(0.3)": (LeakyReLU(negative_slope=0.3), lambda z: z if z > 0 else mp.mpf(0.3) * z),
    "leaky_relu(0)": (LeakyReLU(negative_slope=0.0), lambda z: max(z, 0) * 1),
    "elu": (ELU(), lambda z: z if z > 0 else mp.exp(z) - 1),
    "elu(2.5)": (ELU(alpha=2.5), lambda z: z if z > 0 else mp.mpf(2.5) * (mp.exp(z) - 1)),
    "selu": (SELU(), lambda z: SELU_SCALE * (z if z > 0 else SELU_ALPHA * (mp.exp(z) - 1))),
    "gelu": (GELU(), lambda z: z * mp.erfc(-z / mp.sqrt(2)) / 2),
    "gelu(tanh)": (GELU(approximate=True), tanh_gelu),
    "silu": (SiLU(), lambda z: z / (1 + mp.exp(-z))),
    "softplus": (Softplus(), lambda z: mp.log(1 + mp.exp(z))),
    "softsign": (Softsign(), lambda z: z / (1 + abs(z))),
    "mish": (Mish(), lambda z: z * mp.tanh(mp.log(1 + mp.exp(z)))),
    "hard_sigmoid": (HardSigmoid(), lambda z: min(max(z + 3, 0), 6) / mp.mpf(6)),
    "exponential": (Exponential(), mp.exp),
}
METHODS = ("forward", "derivative", "second_derivative")

# Written out where mpmath's own differentiation would take minutes.
WRITTEN_OUT = {
    ("gelu", 1): lambda z: mp.erfc(-z / mp.sqrt(2)) / 2 + z * mp.npdf(z),
    ("gelu", 2): lambda z: mp.npdf(z) * (2 - z * z),
}

CENTRE = np.concatenate([np.linspace(-8.03, 8.03, 22), [-0.4999, 1e-3, -1e-3, 1e-9, -1e-9]])
TAILS = np.array([12.7, 18.1, 20.0, 37.4, 40.0, 104.5, 350.3, 700.7])
FAR = np.array([744.1, 800.0, 1e4])
TINY = np.array([1e-300, -1e-300])
GRID = np.concatenate([CENTRE, TAILS, -TAILS, FAR, -FAR])
GRID_32 = np.concatenate([CENTRE[::3], TAILS[::2], -TAILS, [800.0, -800.0]]).astype(np.float32)

# Their gate alone falls below the normal numbers before its product with z does.
GATED = {"gelu", "gelu(tanh)", "silu", "mish"}


def oracle(name, order):
    if (name, order) in WRITTEN_OUT:
        return WRITTEN_OUT[name, order]
    formula = FORMULAS[name][1]
    return formula if order == 0 else derivative_of(formula, order)


def compute(part, order, z):
    row = z.reshape(1, -1)
    return getattr(part, METHODS[order])(*((row,) if order == 0 else (row, part.forward(row))))[0]


def bound(name, z, expected, plain):
    """The relative error allowed at each point: ``plain`` wherever the value is well conditioned."""
    allowed = np.full(z.shape, plain)
    if name in GATED:
        wide, single = np.abs(z.astype(np.float64)), z.dtype == np.float32
        # The derivatives cross zero near -2.4, -1.2 and 1.4 as differences of terms of this size.
        with np.errstate(divide="ignore", over="ignore"):
            allowed = np.where(wide < 4, plain * np.maximum(1, 0.1 / np.abs(expected)), allowed)
        allowed = np.where(wide > (87.3 if single else 708.3), 1e-5 if single else 1e-13, allowed)
        if name == "gelu(tanh)":
            # The gate is exp(w), w down to -740: half a unit in the last place of z moves it by this much.
            eps = float(np.finfo(z.dtype).eps)
            allowed = np.maximum(allowed, eps / 2 * wide * 1.6 * (1 + 0.1342 * wide**2))
    return allowed


@pytest.mark.parametrize("order", range(3), ids=METHODS)
@pytest.mark.parametrize("name", FORMULAS)
def test_agrees_with_mpmath_in_float64(name, order):
    # Numeric differentiation at 1e-300 may cross a kink unnoticed.
    points = GRID if order else np.concatenate([GRID, TINY])
    expected = evaluate(oracle(name, order), points)
    actual = compute(FORMULAS[name][0], order, points)
    excess = relative_error(expected, actual) / bound(name, points, expected, 1e-14)
    worst = int(np.argmax(excess))
    assert excess[worst] <= 1, (points[worst], expected[worst], actual[worst])


@pytest.mark.parametrize("order", range(3), ids=METHODS)
@pytest.mark.parametrize("name", FORMULAS)
def test_agrees_with_mpmath_in_float32(name, order):
    expected = evaluate(oracle(name, order), GRID_32)
    actual = compute(FORMULAS[name][0], order, GRID_32)
    assert np.float32 == actual.dtype
    eps = float(np.finfo(np.float32).eps)
    excess = relative_error(expected, actual) / bound(name, GRID_32, expected, 8 * eps)
    worst = int(np.argmax(excess))
    assert excess[worst] <= 1, (GRID_32[worst], expected[worst], actual[worst])


@pytest.mark.parametrize("name", FORMULAS)
@settings(max_examples=12, deadline=None, database=None)
@given(z=st.floats(-700.0, 700.0).filter(lambda z: z == 0 or abs(z) > 1e-250))
def test_forward_agrees_with_mpmath_anywhere(name, z):
    point = np.array([z])
    expected = evaluate(oracle(name, 0), point)
    error = relative_error(expected, compute(FORMULAS[name][0], 0, point))
    assert (error <= bound(name, point, expected, 1e-14)).all()


# name: forward, derivative, second derivative at -inf; the same at +inf
LIMITS = {
    "identity": ((-np.inf, 1, 0), (np.inf, 1, 0)),
    "sigmoid": ((0, 0, 0), (1, 0, 0)),
    "tanh": ((-1, 0, 0), (1, 0, 0)),
    "relu": ((0, 0, 0), (np.inf, 1, 0)),
    "leaky_relu": ((-np.inf, 0.01, 0), (np.inf, 1, 0)),
    "leaky_relu(0.3)": ((-np.inf, 0.3, 0), (np.inf, 1, 0)),
    "leaky_relu(0)": ((0, 0, 0), (np.inf, 1, 0)),
    "elu": ((-1, 0, 0), (np.inf, 1, 0)),
    "elu(2.5)": ((-2.5, 0, 0), (np.inf, 1, 0)),
    "selu": ((-1.7580993408473768, 0, 0), (np.inf, 1.0507009873554805, 0)),
    "gelu": ((0, 0, 0), (np.inf, 1, 0)),
    "gelu(tanh)": ((0, 0, 0), (np.inf, 1, 0)),
    "silu": ((0, 0, 0), (np.inf, 1, 0)),
    "softplus": ((0, 0, 0), (np.inf, 1, 0)),
    "softsign": ((-1, 0, 0), (1, 0, 0)),
    "mish": ((0, 0, 0), (np.inf, 1, 0)),
    "hard_sigmoid": ((0, 0, 0), (1, 0, 0)),
    "exponential": ((0, 0, 0), (np.inf, np.inf, np.inf)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FORMULAS)
def test_limits_at_infinity(name, dtype):
    z = np.array([-np.inf, np.inf], dtype)
    actual = np.array([compute(FORMULAS[name][0], order, z) for order in range(3)])
    assert np.array_equal(np.array(LIMITS[name], dtype).T, actual)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FORMULAS)
def test_stays_quiet_and_free_of_nan_up_to_the_largest_number(name, dtype):
    edge = np.finfo(dtype)
    sizes = [edge.max, edge.max / 3, 1e30, 1e10, 1e4, 800.0, 88.7, 40.0, edge.tiny, edge.smallest_subnormal, 0.0]
    z = np.array([*sizes, *np.negative(sizes)], dtype)
    for order in range(3):
        assert not np.isnan(compute(FORMULAS[name][0], order, z)).any()


def test_derivatives_at_the_kinks_are_one_sided():
    at = {name: float(compute(FORMULAS[name][0], 1, np.zeros(1))[0]) for name in FORMULAS}
    assert (0.0, 0.01, 0.3, 0.0) == (at["relu"], at["leaky_relu"], at["leaky_relu(0.3)"], at["leaky_relu(0)"])
    assert (1.0, 2.5, 1.7580993408473768) == (at["elu"], at["elu(2.5)"], at["selu"])
    assert [0.0, 0.0] == list(compute(HardSigmoid(), 1, np.array([-3.0, 3.0])))


def test_sigmoid_keeps_its_far_tail():
    assert 4.248354255291589e-18 == float(Sigmoid().forward(np.array([[-40.0]]))[0, 0])
