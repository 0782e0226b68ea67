"""A compiled counterpart has the fields and state of the plain part, and its results to a few ulp."""

import inspect

import attrs
import numpy as np
import pytest

from nnkit import Dense, Network, plugins
from nnkit.core.blocks import without_blocks
from nnkit.interfaces import Block, Layer, Loss, Optimizer
from nnkit_numba.accelerator import COUNTERPARTS, nnkit_accelerate

WITH_KERNELS = {name for name, maker in COUNTERPARTS.items() if not maker.startswith("traced_activation:")}
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
OPTIMIZERS = [
    "adam",
    "adam(beta1=0.5, beta2=0.9, epsilon=0.001)",
    "adamw",
    "adamw(weight_decay=0.3)",
    "adamw(weight_decay=0.3, decays='all')",
    "sgd",
    "sgd(momentum=0.9)",
    "sgd(momentum=0.9, nesterov=True)",
    "sgd(weight_decay=0.3)",
    "sgd(momentum=0.9, weight_decay=0.3)",
    "sgd(momentum=0.9, nesterov=True, weight_decay=0.3, decays='all')",
    "rmsprop",
    "rmsprop(momentum=0.9)",
    "rmsprop(centered=True)",
    {"name": "adam", "learning_rate": "exponential"},
    {"name": "adamw", "weight_decay": {"name": "cosine", "learning_rate": 0.5, "steps": 30}},
]
TWO_LAYERS = tuple(
    Block(name=name, place=slice(start, stop), shape=(stop - start,), role=name.split(".")[1], layer=int(name[0]))
    for name, start, stop in (
        ("0.weight", 0, 900), ("0.bias", 900, 931), ("1.weight", 931, 1000), ("1.bias", 1000, 1003),
    )
)  # fmt: skip


def part_and_counterpart(kind, spec):
    part = plugins.create(kind, spec)
    return part, nnkit_accelerate(part)


def trajectory(optimizer, dtype, steps=40, size=1003):
    rng = np.random.default_rng(5)
    theta, g = rng.normal(size=size).astype(dtype), np.empty(size, dtype)
    state = optimizer.init(theta, TWO_LAYERS)
    step = optimizer.bind(theta, g, state)
    for _ in range(steps):
        g[:] = rng.normal(size=size)
        step()
    return theta, without_blocks(state)


@every_dtype
@pytest.mark.parametrize("spec", OPTIMIZERS, ids=str)
def test_optimizers_take_the_same_path(spec, dtype):
    part, compiled = part_and_counterpart("optimizer", spec)
    assert attrs.asdict(part) == attrs.asdict(compiled)
    (expected, state), (got, compiled_state) = trajectory(part, dtype), trajectory(compiled, dtype)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(got, expected, rtol=0, atol=16 * eps * np.abs(expected).max())
    assert list(state) == list(compiled_state)
    assert state["step"] == compiled_state["step"] == 40
    for name in set(state) - {"step", "blocks"}:
        assert compiled_state[name].dtype == state[name].dtype == dtype
        np.testing.assert_allclose(compiled_state[name], state[name], rtol=0, atol=16 * eps * np.abs(state[name]).max())


def logits(rows, outputs, dtype, scale):
    rng = np.random.default_rng([rows, outputs])
    z = rng.normal(scale=scale, size=(rows, outputs)).astype(dtype)
    z.flat[:: 7 * outputs + 1] = scale * 30  # shares of 1 and 0 among the others
    labels = rng.integers(0, outputs, rows)
    return z, labels, np.eye(outputs, dtype=dtype)[labels]


@every_dtype
@pytest.mark.parametrize("shape", [(64, 2), (32, 10), (7, 16), (5, 33), (3, 1000), (9, 1), (1, 3)])
@pytest.mark.parametrize("scale", [1e-3, 3.0, 300.0])
@pytest.mark.parametrize("name", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_losses_take_softmax_in(name, scale, shape, dtype):
    loss, compiled = part_and_counterpart("loss", name)
    softmax = plugins.create("activation", "softmax")
    z, labels, rows = logits(*shape, dtype, scale)
    target = labels if name.startswith("sparse") else rows
    a = softmax.forward(z)
    value, gradient = loss.fused_value(z, a, target), loss.fused_gradient(z, a, target)
    shares, values, grad = np.full_like(z, np.nan), np.full(len(z), np.nan, dtype), np.full_like(z, np.nan)
    original = target.copy()
    compiled.fused_forward_into(z.copy(), shares, target, values, grad)
    assert np.array_equal(original, target)
    eps = np.finfo(dtype).eps
    # The plain method rounds each difference before its exponential, which moves the share by so much.
    rounding = 16 + np.abs(z - z.max(axis=1, keepdims=True)) / 2
    assert (np.abs(shares - a) <= rounding * eps * np.maximum(a, np.finfo(dtype).tiny) + 2e-38).all()
    assert (np.abs(grad - gradient) <= (rounding * eps * a + 2 * eps)).all()
    np.testing.assert_allclose(values, value, rtol=16 * eps, atol=32 * eps)


@pytest.mark.parametrize("label", [-1, 3, 2**40, -(2**40)])
def test_a_label_out_of_range_reads_no_foreign_memory(label):
    _, compiled = part_and_counterpart("loss", "sparse_categorical_crossentropy")
    z, values = np.zeros((2, 3), np.float32), np.empty(2, np.float32)
    a, grad = np.empty_like(z), np.empty_like(z)
    compiled.fused_forward_into(z, a, np.array([1, label]), values, grad)
    assert values[0] == pytest.approx(np.log(3), rel=1e-6)
    assert np.isnan(values[1])


@pytest.mark.parametrize("name", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
@pytest.mark.parametrize("outputs", [2, 40])
def test_a_nan_spoils_its_row_alone(name, outputs):
    _, compiled = part_and_counterpart("loss", name)
    z, labels, rows = logits(3, outputs, np.float32, 1.0)
    z[1, outputs - 1] = np.nan
    a, values, grad = np.empty_like(z), np.empty(3, np.float32), np.empty_like(z)
    compiled.fused_forward_into(z, a, labels if name.startswith("sparse") else rows, values, grad)
    assert np.isnan(values).tolist() == [False, True, False]
    assert np.isnan(grad).any(axis=1).tolist() == [False, True, False]


def trained(dtype, activation, loss, optimizer="adam"):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(203, 6)).astype(dtype), rng.integers(0, 3, 203)
    net = Network(
        [6, 20, 9, 3], hidden_activation=activation, output_activation="softmax", loss=loss, optimizer=optimizer, seed=3
    )
    net.fit(X, y, epochs=3, batch_size=16, validation_data=(X[:50], y[:50]), metrics=["accuracy"])
    return net


@every_dtype
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu"])
@pytest.mark.parametrize("loss", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_training_is_the_same(plainly, dtype, activation, loss):
    compiled = trained(dtype, activation, loss)
    with plainly():
        plain = trained(dtype, activation, loss)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(compiled.parameters, plain.parameters, rtol=0, atol=2000 * eps)
    np.testing.assert_allclose(compiled.history["loss"], plain.history["loss"], rtol=200 * eps)
    assert compiled.to_config() == plain.to_config()


def test_files_go_to_and_fro(plainly, tmp_path):
    half = trained(np.float32, "relu", "categorical_crossentropy")
    half.save(tmp_path / "half.npz")
    with plainly():
        again = Network.load(tmp_path / "half.npz")
        assert again.to_config() == half.to_config()
        X = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
        again.fit(X, np.arange(50) % 3, epochs=1)
    half.fit(X, np.arange(50) % 3, epochs=1)
    np.testing.assert_allclose(half.parameters, again.parameters, rtol=0, atol=1e-4)


def test_resuming_is_bit_identical(tmp_path):
    uninterrupted, cut = (trained(np.float32, "tanh", "sparse_categorical_crossentropy") for _ in range(2))
    X, y = np.random.default_rng(1).normal(size=(90, 6)).astype(np.float32), np.arange(90) % 3
    cut.save(tmp_path / "cut.npz")
    uninterrupted.fit(X, y, epochs=2)
    loaded = Network.load(tmp_path / "cut.npz")
    loaded.fit(X, y, epochs=2)
    assert np.array_equal(uninterrupted.parameters, loaded.parameters)


def test_counterparts_exist_for_the_named_classes():
    expected = {name.partition(":")[2] for name in WITH_KERNELS}
    actual = {type(plugins.create(kind, spec)).__name__ for kind, spec in (
        ("optimizer", "adam"), ("optimizer", "adamw"), ("optimizer", "sgd"), ("optimizer", "rmsprop"),
        ("loss", "categorical_crossentropy"), ("loss", "sparse_categorical_crossentropy"), ("layer", "dense"),
        ("layer", "periodic_embedding"),
    )}  # fmt: skip
    assert expected == actual
    assert nnkit_accelerate(plugins.create("activation", "relu")) is None


PARTS = [
    *(("optimizer", spec) for spec in ("adam", "adamw", "rmsprop", "sgd")),
    *(("loss", spec) for spec in ("categorical_crossentropy", "sparse_categorical_crossentropy")),
    ("layer", Dense(3, plugins.create("activation", "tanh"))),
    ("layer", "periodic_embedding"),
]


def test_all_counterparts_are_compared():
    classes = {type(plugins.create(kind, spec)) for kind, spec in PARTS}
    assert WITH_KERNELS == {f"{cls.__module__}:{cls.__qualname__}" for cls in classes}


@pytest.mark.parametrize("name", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_a_compiled_loss_declares_what_its_part_declares(name):
    part, compiled = part_and_counterpart("loss", name)
    public = [attribute for attribute in vars(Loss) if not attribute.startswith("_")]
    declared = [attribute for attribute in public if not callable(getattr(Loss, attribute))]
    assert {"target_domain", "additive", "minimum_at_target"} <= set(declared)
    for attribute in declared:  # some are properties
        assert getattr(part, attribute) == getattr(compiled, attribute), attribute
    for attribute in ("examples", "reference"):
        assert getattr(type(part), attribute) == getattr(type(compiled), attribute)


@pytest.mark.parametrize(("kind", "spec"), PARTS, ids=str)
def test_a_counterpart_overrides_what_its_part_overrides(kind, spec):
    """Optional methods and in-place variants too; otherwise a slow or inexact default of the interface would serve."""
    part, compiled = part_and_counterpart(kind, spec)
    interface = next(base for base in type(part).__mro__ if base in (Layer, Loss, Optimizer))
    defaults = {
        name
        for name, method in vars(interface).items()
        if inspect.isfunction(method) and getattr(type(compiled), name) is method
    }
    assert {name for name in defaults if getattr(type(part), name) is not vars(interface)[name]} == set()


def test_second_order_is_as_exact_with_counterparts(monkeypatch):
    from nnkit.core import tangents
    from nnkit.core.objective import Objective
    from nnkit.inference.compiled import compiled_model

    def forbidden(*_):
        raise AssertionError("differences were taken")

    monkeypatch.setattr(tangents, "_along", forbidden)
    rng = np.random.default_rng(0)
    X, y, v = rng.normal(size=(9, 3)), rng.integers(0, 3, 9), rng.normal(size=31)
    net = Network([3, 4, 3], activations=["tanh", "softmax"], loss="categorical_crossentropy", seed=0)
    plain = net.objective(X, y)
    fast = Objective(compiled_model(net.model), net.buffers, plain.X, plain.target, None)
    assert fast.model.body[0] != plain.model.body[0]
    theta = net.parameters
    np.testing.assert_allclose(fast.hvp(theta, v), plain.hvp(theta, v), rtol=1e-13)
    np.testing.assert_allclose(fast.gauss_newton(theta)[0], plain.gauss_newton(theta)[0], rtol=1e-13, atol=1e-15)
