"""Activations without a compiled counterpart run as loops that are traced from their formulas, to a few ulp."""

import importlib.util
import re

import attrs
import numpy as np
import pytest

from nnkit import Network, plugins
from nnkit.interfaces import Elementwise
from nnkit_numba import traced_activation
from nnkit_numba.accelerator import nnkit_accelerate
from nnkit_numba.shared_dense import KINDS
from nnkit_numba.traced_activation import traced

every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
AS_LOOPS = {"gelu", "leaky_relu", "mish", "silu", "softsign"}
ENDS = [-np.inf, -1e30, -300.0, -90.0, -1e-30, -0.0, 0.0, 1e-30, 88.5, 300.0, 1e30, np.inf, np.nan]


@attrs.frozen(kw_only=True)
class Wavelet(Elementwise):
    """An activation of another package: ``a = z exp(-z**2 / 2) + slope z**3``."""

    slope: float = attrs.field(default=0.25)

    def forward(self, z):
        return z * np.exp(-z * z / 2) + self.slope * z**3

    def derivative(self, z, a):
        return (1 - z * z) * np.exp(-z * z / 2) + 3 * self.slope * z**2


@attrs.frozen(kw_only=True)
class Branching(Elementwise):
    """One that looks at the values."""

    def forward(self, z):
        return z * 2.0 if (z > 0).all() else z * 1.0

    def derivative(self, z, a):
        return np.full_like(z, 2.0 if (z > 0).all() else 1.0)


@attrs.frozen(kw_only=True)
class TwoFaced(Elementwise):
    """One that computes something else for arrays that are not numpy's."""

    def forward(self, z):
        return z * 2.0 if isinstance(z, np.ndarray) else z * 3.0

    def derivative(self, z, a):
        return z * 0.0 + 2.0


def values(dtype):
    rng = np.random.default_rng(3)
    return np.append(rng.normal(scale=4.0, size=287), ENDS).astype(dtype).reshape(-1, 6)


def loops_of(part, dtype):
    """The loops that an activation used at its last call."""
    return part._loops[np.dtype(dtype).char]


def assert_close(actual, expected, dtype):
    ulp = 16 * np.finfo(dtype).eps
    np.testing.assert_allclose(actual, expected, rtol=ulp, atol=ulp)


def both_ways(part, z, a):
    """What the in-place variants write, to new arrays and over their inputs."""
    grad, work = np.cos(z, where=np.isfinite(z), out=np.ones_like(z)), np.empty_like(z)
    written, over = np.empty_like(z), z.copy()
    part.forward_into(z, written, work)
    part.forward_into(over, over, work)
    np.testing.assert_array_equal(over, written)
    through, over = np.empty_like(z), grad.copy()
    part.vjp_into(z, a, grad, through, work)
    part.vjp_into(z, a, over, over, work)
    np.testing.assert_array_equal(over, through)
    return written, through


def test_arrays_of_any_layout():
    part = Wavelet()
    loops = traced(part)
    for z in (values(np.float64)[:-3].T, values(np.float64)[:-3, ::2]):
        a = part.forward(z)
        for actual, expected in zip(both_ways(loops, z, a), both_ways(part, z, a), strict=True):
            assert_close(actual, expected, np.float64)


@every_dtype
@pytest.mark.parametrize("spec", plugins.names("activation"))
def test_every_activation_computes_the_same_with_or_without_a_loop(spec, dtype):
    part = plugins.create("activation", {"function": {"name": spec, "function": np.tanh}}.get(spec, spec))
    counterpart = nnkit_accelerate(part)
    assert (counterpart is None) == (type(part) in KINDS or not isinstance(part, Elementwise))
    if counterpart is not None:
        assert attrs.asdict(part) == attrs.asdict(counterpart)
        assert type(part).__name__ == type(counterpart).__name__
        z = values(dtype)
        with np.errstate(all="ignore"):
            a = part.forward(z)
            for actual, expected in zip(both_ways(counterpart, z, a), both_ways(part, z, a), strict=True):
                assert_close(actual, expected, dtype)
        assert spec not in AS_LOOPS or loops_of(counterpart, dtype) is not None


@every_dtype
def test_an_activation_of_another_package_runs_as_a_loop_with_its_own_hyperparameters(dtype):
    for part in (Wavelet(), Wavelet(slope=-2.0)):
        loops, z = traced(part), values(dtype)[:-3]
        a = part.forward(z)
        for actual, expected in zip(both_ways(loops, z, a), both_ways(part, z, a), strict=True):
            assert_close(actual, expected, dtype)
        assert loops_of(loops, dtype) is not None


@pytest.mark.parametrize(
    ("part", "says"),
    [
        (Branching(), "no loop for Branching in float64: Branching"),
        (TwoFaced(), "no loop for TwoFaced in float64: its activation is .*; the part's is"),
        (plugins.create("activation", "softplus"), "no loop for Softplus in float64: log1p is not among"),
    ],
    ids=["branching", "another formula", "C library"],
)
def test_what_cannot_be_a_loop_stays_as_it_is_and_the_log_says_why(part, says, caplog):
    z = values(np.float64)[:-3]
    traced_activation._loops_by_dtype.cache_clear()  # another test may have had the same part
    with caplog.at_level("DEBUG", "nnkit.numba"):
        counterpart, a = traced(part), part.forward(z)
        for actual, expected in zip(both_ways(counterpart, z, a), both_ways(part, z, a), strict=True):
            np.testing.assert_array_equal(actual, expected)
    assert loops_of(counterpart, np.float64) is None
    assert caplog.text.count("no loop for") == 1
    assert re.search(says, caplog.text)


@every_dtype
@pytest.mark.parametrize(("units", "activation"), [(8, "mish"), (300, Wavelet(slope=0.0))], ids=["small", "shared"])
def test_a_training_with_loops_is_one_without_up_to_rounding(units, activation, dtype, plainly):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(640, 12)), rng.integers(0, 3, 640)

    def trained():
        settings = {"output_activation": "softmax", "loss": "categorical_crossentropy", "seed": 0}
        net = Network([12, units, 3], hidden_activation=activation, dtype=np.dtype(dtype).name, **settings)
        net.fit(X, y, epochs=3, batch_size=32)
        return net.parameters

    with plainly():
        expected = trained()
    compiled = trained()
    assert not np.array_equal(expected, compiled)
    np.testing.assert_allclose(compiled, expected, rtol=0, atol=2e3 * np.finfo(dtype).eps)


def test_without_the_tracer_nothing_changes(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert traced(Wavelet()) is None
    assert nnkit_accelerate(plugins.create("layer", "activation(activation='mish')")) is None


def test_equal_parts_share_their_loops_and_others_do_not(monkeypatch):
    sources = []
    module = traced_activation._module
    monkeypatch.setattr(traced_activation, "_module", lambda source: sources.append(source) or module(source))
    for slope in (0.375, 0.375, 0.5):
        part = traced(Wavelet(slope=slope))
        part.forward_into(np.ones((2, 2)), np.empty((2, 2)), np.empty((2, 2)))
    assert len(sources) == 2
