"""What every activation promises beside its values: in-place variants, shortcuts, purity, no warnings, traits."""

import importlib
import pkgutil

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import nnkit.activations
from nnkit.activations.elu import ELU
from nnkit.activations.softmax import Softmax
from nnkit.errors import HyperparameterError
from nnkit.interfaces import Activation, Elementwise


def parts():
    """Every activation of the folder that declares its traits, with its defaults and its variants."""
    for info in pkgutil.iter_modules(nnkit.activations.__path__):
        module = importlib.import_module(f"nnkit.activations.{info.name}")
        for cls in vars(module).values():
            own = isinstance(cls, type) and issubclass(cls, Activation) and cls.__module__ == module.__name__
            if own and cls.declares_traits:
                for hyperparameters in ({}, *cls.variants):
                    yield cls(**hyperparameters)


PARTS = [pytest.param(part, id=repr(part)) for part in parts()]
ELEMENTWISE = [param for param in PARTS if isinstance(param.values[0], Elementwise)]
MIXING = [param for param in PARTS if not isinstance(param.values[0], Elementwise)]
DTYPES = [np.float32, np.float64]

every_part = pytest.mark.parametrize("part", PARTS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def sample(dtype, shape=(7, 5), seed=0):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(scale=scale, size=shape).astype(dtype) for scale in (3.0, 1.0, 1.0))


def seen_by(part, z, a):
    """What the engine hands over in the place of z."""
    return z if part.uses_z else a


def plain(part, z, grad, tangent):
    a = part.forward(z)
    seen = seen_by(part, z, a)
    results = {
        "forward": a,
        "jacobian": part.jacobian(seen, a),
        "vjp": part.vjp(seen, a, grad),
        "jvp": part.jvp(seen, a, tangent),
        "vjp_derivative": part.vjp_derivative(seen, a, grad, tangent),
    }
    if isinstance(part, Elementwise):
        results |= {
            "derivative": part.derivative(seen, a),
            "second_derivative": part.second_derivative(seen, a),
        }
    return results


def test_every_activation_of_the_folder_is_covered():
    assert {
        "ELU", "Exponential", "GELU", "HardSigmoid", "Identity", "LeakyReLU", "LogSoftmax", "Mish",
        "ReLU", "SELU", "Sigmoid", "SiLU", "Softmax", "Softplus", "Softsign", "Tanh",
    } == {type(param.values[0]).__name__ for param in PARTS}  # fmt: skip


@every_dtype
@every_part
@pytest.mark.parametrize("aliased", [False, True], ids=["apart", "in place"])
def test_forward_into_equals_forward(part, dtype, aliased):
    edges = np.array([[0.0, -0.0, 3.0, -3.0, 40.0], [-40.0, 800.0, -800.0, 1e4, -1e4], [1e-30, -1e-30, 0, 1, 2]], dtype)
    for z in (*(sample(dtype, shape)[0] for shape in ((7, 5), (1, 1), (0, 3), (5, 9000), (700, 30))), edges):
        expected = part.forward(z)
        out = z.copy() if aliased else np.full_like(z, 7.0)
        part.forward_into(out if aliased else z, out, np.full_like(z, np.nan))
        if part == Softmax():
            # The plain method subtracts first, and its exponential shows the rounding; the in-place variant may not.
            rounding = np.abs(z - z.max(axis=1, keepdims=True, initial=-np.inf)) / 2
            info = np.finfo(dtype)
            assert (np.abs(out - expected) <= (12 + rounding) * info.eps * expected + info.smallest_subnormal).all()
        else:
            np.testing.assert_array_max_ulp(out, expected, maxulp=4)


@every_dtype
@every_part
@pytest.mark.parametrize("aliased", [False, True], ids=["apart", "in place"])
def test_vjp_into_equals_vjp(part, dtype, aliased):
    for shape in ((7, 5), (1, 1), (0, 3), (64, 33), (5, 9000), (700, 30)):
        z, grad, _ = sample(dtype, shape)
        a = part.forward(z)
        seen = seen_by(part, z, a)
        expected = part.vjp(seen, a, grad)
        out = grad.copy() if aliased else np.full_like(z, 7.0)
        part.vjp_into(seen, a, out if aliased else grad, out, np.full_like(z, np.nan))
        eps = float(np.finfo(dtype).eps)
        np.testing.assert_allclose(out, expected, rtol=8 * eps, atol=8 * eps if part in mixing() else 0)


def mixing():
    return [param.values[0] for param in MIXING]


@pytest.mark.parametrize("part", ELEMENTWISE)
@every_dtype
def test_vjp_into_is_accurate_in_the_tails(part, dtype):
    z = np.array([[-1e4, -800, -100, -40, -20, -3, -0.0, 0.0, 3, 20, 40, 100, 800, 1e4]], dtype)
    a = part.forward(z)
    finite = np.isfinite(a)
    z, a = z[:, finite[0]], a[:, finite[0]]
    seen = seen_by(part, z, a)
    out = np.empty_like(z)
    part.vjp_into(seen, a, np.ones_like(z), out, np.empty_like(z))
    expected = part.derivative(seen, a)
    info = np.finfo(dtype)
    np.testing.assert_allclose(out, expected, rtol=8 * float(info.eps), atol=8 * float(info.smallest_subnormal))


@pytest.mark.parametrize("part", MIXING)
@pytest.mark.parametrize("width", [1, 2, 10])
def test_shortcuts_equal_the_stacked_product(part, width):
    z, grad, tangent = sample(np.float64, (7, width))
    a = part.forward(z)
    jacobian = part.jacobian(z, a)
    scale = np.abs(jacobian).max() * max(np.abs(grad).sum(1).max(), np.abs(tangent).sum(1).max())
    np.testing.assert_allclose(
        part.vjp(z, a, grad), np.einsum("ni,nij->nj", grad, jacobian), rtol=0, atol=1e-14 * scale
    )
    np.testing.assert_allclose(
        part.jvp(z, a, tangent), np.einsum("nij,nj->ni", jacobian, tangent), rtol=0, atol=1e-14 * scale
    )


@every_part
def test_vjp_derivative_is_the_derivative_of_vjp(part):
    z, grad, tangent = sample(np.float64)
    a = part.forward(z)

    def moved(step):
        there = z + step * tangent
        return part.vjp(there, part.forward(there), grad)

    step = 1e-3
    expected = (8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step))) / (12 * step)
    np.testing.assert_allclose(part.vjp_derivative(z, a, grad, tangent), expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("part", [param for param in PARTS if param.values[0].analytic])
def test_complex_step_gives_the_jacobian(part):
    z = np.array([[-30.0, -2.2, -0.4, 0.3, 1.7, 25.0]])
    expected = np.empty((1, 6, 6))
    for j in range(6):
        moved = z.astype(complex)
        moved[0, j] += 1e-30j
        expected[0, :, j] = part.forward(moved).imag[0] / 1e-30
    # In a row, 1 + small imaginary parts are divided, so the step itself is only good to eps of the largest entry.
    atol = 1e-300 if isinstance(part, Elementwise) else 1e-15
    np.testing.assert_allclose(part.jacobian(z, part.forward(z)), expected, rtol=2e-14, atol=atol)
    np.testing.assert_allclose(part.forward(z + 0j), part.forward(z), rtol=1e-14, atol=1e-16)


@every_dtype
@every_part
def test_any_layout_gives_the_same_and_nothing_is_written(part, dtype):
    given = sample(dtype)
    expected = plain(part, *given)
    wide = np.zeros((14, 15), dtype)
    layouts = []
    for array in given:
        apart = wide.copy()[::2, ::3]
        apart[...] = array
        layouts.append((np.asfortranarray(array), apart, array.copy()))
    for layout in zip(*layouts, strict=True):
        for array in layout:
            array.flags.writeable = False
        found = plain(part, *layout)
        for name, value in found.items():
            assert dtype == value.dtype, name
            assert expected[name].shape == value.shape
            np.testing.assert_allclose(value, expected[name], rtol=1e-5 if dtype == np.float32 else 1e-13, atol=1e-6)
            assert not any(np.shares_memory(value, array) for array in layout), name
        for array, original in zip(layout, given, strict=True):
            assert np.array_equal(original, array)


@every_part
def test_rows_are_strangers(part):
    z, grad, tangent = sample(np.float64)
    whole = plain(part, z, grad, tangent)
    for n in range(len(z)):
        alone = plain(part, z[n : n + 1], grad[n : n + 1], tangent[n : n + 1])
        for name, value in alone.items():
            np.testing.assert_allclose(value[0], whole[name][n], rtol=1e-14, atol=1e-15, err_msg=name)
    broken = z.copy()
    broken[2, 1] = np.nan
    for method in ("plain", "in place"):
        if method == "plain":
            a = part.forward(broken)
        else:
            a = broken.copy()
            part.forward_into(a, a, np.empty_like(a))
        assert np.isnan(a[2, 1])
        assert np.isfinite(np.delete(a, 2, axis=0)).all()
        np.testing.assert_allclose(np.delete(a, 2, axis=0), np.delete(whole["forward"], 2, axis=0), rtol=1e-15)


@every_part
@settings(max_examples=25, deadline=None, database=None)
@given(z=arrays(np.float64, (3, 4), elements=st.floats(-1e4, 1e4)))
def test_traits_hold_everywhere(part, z):
    a = part.forward(z)
    low, high = part.range
    assert (a >= low).all()
    assert (a <= high).all()
    ordered = np.sort(z, axis=None)[None, :]
    if part.monotonic:
        rising = part.forward(ordered)[0]
        assert (rising[1:] >= rising[:-1]).all()
        assert (part.derivative(seen_by(part, z, a), a) >= 0).all()
    if part.parity == "odd":
        assert np.array_equal(-a, part.forward(-z))
    if part.simplex:
        np.testing.assert_allclose(a.sum(axis=1), 1.0, rtol=1e-15 * 4)
    if part.log_simplex:
        np.testing.assert_allclose(np.exp(a).sum(axis=1), 1.0, rtol=1e-15 * 8)
    if part.shift_invariant:
        np.testing.assert_allclose(part.forward(z + 2.0**14), a, rtol=1e-8, atol=1e-300)


@every_part
def test_fixed_points_stay(part):
    for point in part.fixed_points:
        actual = float(part.forward(np.array([[point]]))[0, 0])
        assert abs(actual - point) <= 1e-15


@every_part
def test_kinks_are_all_and_only_where_declared(part):
    if not isinstance(part, Elementwise):
        assert part.kinks == ()
        return
    grid = np.arange(-8.0, 8.01, 0.5)[None, :]
    beside = 1e-9
    slopes = [part.derivative(z, part.forward(z)) for z in (grid - beside, grid + beside)]
    jumps = set(grid[np.abs(slopes[1] - slopes[0]) > 1e-3])
    assert jumps <= set(part.kinks)
    if part != ELU():  # the one whose kink vanishes
        assert jumps == set(part.kinks)


@every_part
def test_published_values(part):
    for example in part.examples:
        arguments = {name: np.asarray(value, dtype=float) for name, value in example.inputs.items()}
        method = getattr(type(part)(**example.hyperparameters), example.method or "forward")
        np.testing.assert_allclose(method(**arguments), example.expected, rtol=example.tolerance, atol=0)
    assert part.examples


@pytest.mark.parametrize("part", [param for param in PARTS if param.values[0].reference is not None])
def test_agrees_with_its_reference(part):
    z = sample(np.float64)[0]
    expected = part.reference(z, **attrs.asdict(part))
    np.testing.assert_allclose(part.forward(z), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("module", "name", "field", "value"),
    [
        ("leaky_relu", "LeakyReLU", "negative_slope", 1.0),
        ("leaky_relu", "LeakyReLU", "negative_slope", -0.1),
        ("leaky_relu", "LeakyReLU", "negative_slope", float("nan")),
        ("elu", "ELU", "alpha", -1.0),
        ("elu", "ELU", "alpha", float("inf")),
        ("gelu", "GELU", "approximate", 1),
    ],
)
def test_a_wrong_hyperparameter_is_named(module, name, field, value):
    cls = getattr(importlib.import_module(f"nnkit.activations.{module}"), name)
    with pytest.raises(HyperparameterError, match=rf"{name}\({field}="):
        cls(**{field: value})
