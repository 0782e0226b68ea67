"""Every quantity of the objective against torch.func's recorded figures, and against differences."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nnkit
from nnkit.core.differences import difference
from nnkit.core.rows import open_pass

RECORD = Path(__file__).parents[1] / "oracles" / "data" / "torch_func.npz"
with np.load(RECORD) as file:
    FIGURES = {name: file[name] for name in file.files}
CASES = json.loads(FIGURES["cases"].tobytes())["cases"]


def compose(case, **more):
    return nnkit.Network(
        case["widths"],
        activations=case["activations"],
        loss=case["loss"],
        regularizer=f"l2(strength={case['l2']})" if case["l2"] else None,
        seed=0,
        **more,
    )


def off(expected, actual):
    """The largest difference relative to the largest expected figure."""
    return np.abs(np.asarray(actual) - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("number", range(len(CASES)))
@pytest.mark.parametrize("backward", ["fast", "jacobian"])
def test_equals_torch_func(number, backward):
    case = CASES[number]
    f = {name.partition("_")[2]: value for name, value in FIGURES.items() if name.startswith(f"{number}_")}
    net = compose(case, backward=backward)
    objective = net.objective(f["X"], f["y"], sample_weight=f["weight"] if case["weighted"] else None)
    net.parameters = f["theta"]
    assert abs(f["value"] - objective.value(f["theta"])) <= 1e-13 * abs(f["value"])
    assert off(f["gradient"], objective.gradient(f["theta"])) <= 1e-10
    assert off(f["hvp"], objective.hvp(f["theta"], f["v"])) <= 1e-10
    assert off(f["jacobian"], net.jacobian(f["X"])) <= 1e-10
    assert off(f["parameter_jacobian"], net.parameter_jacobian(f["X"])) <= 1e-10
    assert off(f["per_sample_gradients"], net.per_sample_gradients(f["X"], f["y"])) <= 1e-10
    # On the Jacobian path nothing is fused, so the curvature of a cross-entropy is that in the prediction.
    if backward == "fast" or "residual" in f:
        matrix, product = objective.gauss_newton(f["theta"])
        assert off(f["gauss_newton"], matrix) <= 1e-10
        assert off(f["gradient"], product) <= 1e-10
    if "residual" in f:
        assert off(f["residual"], objective.residual(f["theta"])) <= 1e-10
        assert off(f["residual_jacobian"], objective.jacobian(f["theta"])) <= 1e-10
    else:
        with pytest.raises(nnkit.errors.NotOfferedError, match="offers no residual"):
            objective.residual(f["theta"])


def test_the_record_has_every_quantity_at_every_depth_and_width():
    assert {1, 2, 3, 4} == {len(case["activations"]) for case in CASES}
    assert {1, 2, 3, 4, 5} == {case["widths"][-1] for case in CASES}
    squares = [case for case in CASES if case["loss"].endswith("squared_error")]
    assert {True, False} == {case["weighted"] for case in squares} == {bool(case["l2"]) for case in squares}
    for number, case in enumerate(CASES):
        names = {name.partition("_")[2] for name in FIGURES if name.startswith(f"{number}_")}
        expected = {
            "value",
            "gradient",
            "hvp",
            "jacobian",
            "parameter_jacobian",
            "per_sample_gradients",
            "gauss_newton",
        }
        assert expected | ({"residual", "residual_jacobian"} if case in squares else set()) <= names


SMOOTH = ("tanh", "sigmoid", "softplus", "silu", "gelu", "mish", "identity")


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_equal_differences(seed):
    rng = np.random.default_rng(seed)
    depth, outputs = 1 + seed % 4, 1 + seed % 5
    widths = [*rng.integers(1, 6, depth).tolist(), outputs]
    activations = rng.choice(SMOOTH[:-1], depth).tolist()
    activations[-1] = ("identity", "tanh", "softmax")[seed % 3] if outputs > 1 else "identity"
    net = nnkit.Network(
        widths,
        activations=activations,
        loss=("mean_squared_error", "half_squared_error", "squared_error")[seed % 3],
        regularizer="l2(strength=0.2)" if seed % 2 else None,
        seed=seed,
    )
    X, y = rng.normal(size=(9, widths[0])), rng.normal(size=(9, outputs))
    objective = net.objective(X, y, sample_weight=rng.uniform(0.0, 2.0, 9) if seed % 4 else None)
    theta, v = rng.normal(0.0, 0.7, objective.size), rng.normal(size=objective.size)
    v /= np.abs(v).max()

    def along(function):
        return difference(lambda t: np.asarray(function(theta + t * v)), 0.25).value

    value, gradient = objective.value_and_gradient(theta)
    residual, jacobian = objective.residual(theta), objective.jacobian(theta)
    matrix, product = objective.gauss_newton(theta)
    assert abs(value - objective.value(theta)) <= 1e-14 * value
    assert abs(value - 0.5 * residual @ residual) <= 1e-13 * value
    assert off(along(objective.value), gradient @ v) <= 1e-8
    assert off(along(objective.residual), jacobian @ v) <= 1e-9
    assert off(along(objective.gradient), objective.hvp(theta, v)) <= 1e-8
    net.parameters = theta
    u = rng.uniform(-1.0, 1.0, X.shape)

    def prediction(t):
        return open_pass(net.model, theta + t * v, net.buffers, X).prediction

    def losses(t):
        return net.loss.value(prediction(t), y)

    by_input = difference(lambda t: open_pass(net.model, theta, net.buffers, X + t * u).prediction, 0.25).value
    assert off(by_input, np.einsum("nkd,nd->nk", net.jacobian(X), u)) <= 1e-9
    assert off(difference(prediction, 0.25).value, net.parameter_jacobian(X) @ v) <= 1e-9
    assert off(difference(losses, 0.25).value, net.per_sample_gradients(X, y) @ v) <= 1e-9
    assert off(gradient, residual @ jacobian) <= 1e-12
    assert off(jacobian.T @ jacobian, matrix) <= 1e-12
    assert off(gradient, product) <= 1e-12


@pytest.mark.parametrize(
    ("loss", "head"),
    [
        ("categorical_crossentropy", "softmax"),
        ("binary_crossentropy", "sigmoid"),
        ("poisson", "exponential"),
        ("log_cosh", "tanh"),
        ("kl_divergence", "softmax"),
    ],
)
def test_the_gauss_newton_matrix_of_other_losses(loss, head):
    """``J^T H J`` with the second derivative of each sample's loss in the output, from differences."""
    rng = np.random.default_rng(4)
    K = 3
    net = nnkit.Network([2, 5, K], activations=["tanh", head], loss=loss, regularizer="l2(strength=0.1)", seed=3)
    X, y = rng.normal(size=(8, 2)), rng.dirichlet(np.ones(K), 8)
    weight = rng.uniform(0.5, 2.0, 8)
    objective = net.objective(X, y, sample_weight=weight)
    theta = net.parameters.copy()
    matrix, gradient = objective.gauss_newton(theta)
    J, part, p = net.parameter_jacobian(X), net.loss, net.predict(X)
    fused = net.model.fused
    if fused:  # the curvature is taken in z: the Jacobian of z is that of the prediction undone by the softmax's
        bare = nnkit.Network([2, 5, K], activations=["tanh", "identity"], loss="mean_squared_error", seed=3)
        bare.parameters = theta
        J, z = bare.parameter_jacobian(X), bare.predict(X)
        head_part = net.model.head

        def slope(at):
            return part.fused_gradient(at, head_part.forward(at), y)

        H = np.stack([difference(lambda t, e=e: slope(z + t * e), 0.1).value for e in np.eye(K)], axis=2)
    else:
        step = 0.1 * p.min() if p.min() > 0.0 else 0.1
        H = np.stack([difference(lambda t, e=e: part.gradient(p + t * e, y), step).value for e in np.eye(K)], axis=2)
    H *= (weight / weight.sum())[:, None, None]
    expected = np.einsum("nkp,nkl,nlq->pq", J, H, J)
    for slot in net.layout.slots:
        if slot.spec.role == "weight":
            expected[slot.place, slot.place] += 0.1 * np.eye(slot.size)
    assert off(expected, matrix) <= 1e-8
    assert off(objective.gradient(theta), gradient) <= 1e-12


@pytest.mark.parametrize("loss", ["mean_squared_error", "categorical_crossentropy"])
def test_shards_sum_to_the_whole(loss):
    rng = np.random.default_rng(2)
    net = nnkit.Network([3, 4, 3], activations=["tanh", "softmax"], loss=loss, regularizer="l2(strength=0.4)", seed=1)
    X, y, w = rng.normal(size=(17, 3)), rng.dirichlet(np.ones(3), 17), rng.uniform(0.2, 3.0, 17)
    whole = net.objective(X, y, sample_weight=w)
    parts = [net.objective(X[s], y[s], sample_weight=w[s], total_weight=w.sum()) for s in (slice(0, 5), slice(5, 17))]
    theta, v = rng.normal(size=whole.size), rng.normal(size=whole.size)
    assert whole.value(theta) == pytest.approx(sum(o.value(theta) for o in parts), rel=1e-14)
    for quantity in (
        lambda o: o.gradient(theta),
        lambda o: o.hvp(theta, v),
        lambda o: o.gauss_newton(theta)[0],
        lambda o: o.gauss_newton(theta)[1],
    ):
        assert off(quantity(whole), sum(quantity(o) for o in parts)) <= 1e-13
    if loss == "mean_squared_error":
        assert off(whole.gauss_newton(theta)[0], sum(o.jacobian(theta).T @ o.jacobian(theta) for o in parts)) <= 1e-13
    with pytest.raises(nnkit.errors.DataError, match="total_weight"):
        net.objective(X, y, sample_weight=w, total_weight=w.sum() / 2)


def test_the_budget_changes_nothing_but_memory():
    rng = np.random.default_rng(5)
    net = nnkit.Network([3, 6, 2], hidden_activation="tanh", seed=0)
    X, y = rng.normal(size=(101, 3)), rng.normal(size=(101, 2))
    theta = net.parameters.copy()
    wide = net.objective(X, y)
    wide_matrix, wide_gradient = wide.gauss_newton(theta)
    wide_jacobian, wide_hvp = wide.jacobian(theta), wide.hvp(theta, theta)
    narrow = net.objective(X, y)
    narrow.memory = 4 * 8 * 2 * (theta.size + 13) * 7  # seven rows at a time
    matrix, gradient = narrow.gauss_newton(theta)
    assert off(wide_matrix, matrix) <= 1e-14
    assert off(wide_gradient, gradient) <= 1e-14
    assert np.array_equal(wide_jacobian, narrow.jacobian(theta)) or off(wide_jacobian, narrow.jacobian(theta)) <= 1e-14
    assert off(wide_hvp, narrow.hvp(theta, theta)) <= 1e-14


def test_float32_stays_float32():
    X = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    net = nnkit.Network([2, 3, 1], hidden_activation="tanh", regularizer="l2", seed=0)
    objective = net.objective(X, X[:, :1])
    theta = net.parameters
    assert theta.dtype == np.float32
    found = [
        objective.gradient(theta),
        objective.residual(theta),
        objective.jacobian(theta),
        *objective.gauss_newton(theta),
        objective.hvp(theta, theta),
        net.jacobian(X),
        net.parameter_jacobian(X),
        net.per_sample_gradients(X, X[:, :1]),
    ]
    assert [array.dtype for array in found] == [np.float32] * len(found)


def test_what_is_no_sum_of_squares_is_refused_by_name():
    X = np.ones((4, 2))
    squares = nnkit.Network([2, 1], regularizer="l1", seed=0).objective(X, X[:, :1])
    other = nnkit.Network([2, 1], loss="log_cosh", seed=0).objective(X, X[:, :1])
    theta = np.zeros(3)
    with pytest.raises(nnkit.errors.NotOfferedError, match="regularizer L1 of weight in layer 0"):
        squares.residual(theta)
    with pytest.raises(nnkit.errors.NotOfferedError, match="LogCosh offers no residual"):
        other.jacobian(theta)
    with pytest.raises(nnkit.errors.ShapeError, match=r"theta has shape \(2,\)"):
        other.value(np.zeros(2))


def test_theta_is_never_written_to():
    X = np.linspace(-1.0, 1.0, 8).reshape(4, 2)
    net = nnkit.Network([2, 3, 1], hidden_activation="tanh", seed=0)
    objective = net.objective(X, X[:, :1])
    theta = net.parameters.copy()
    theta.flags.writeable = False
    before = theta.copy()
    objective.value(theta), objective.gradient(theta), objective.residual(theta), objective.jacobian(theta)
    objective.gauss_newton(theta), objective.hvp(theta, before)
    assert np.array_equal(before, theta)
