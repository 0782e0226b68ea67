"""Scaled targets: the loss sees them near unit scale, and everything that a person sees is in their units."""

import copy
import io
import pickle
import re

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score

import nnkit
from nnkit import registry
from nnkit.errors import DataError, SpecError, TrainingWarning
from nnkit.inference import influence, intervals, sensitivities

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 3))
ONE = 1e5 + 1e4 * X[:, 0] + 3e3 * np.sin(X[:, 1]) + 500.0 * RNG.normal(size=150)
TWO = np.c_[ONE, -3e-4 + 1e-6 * X[:, 2]]


def network(outputs=1, **changes):
    settings = {
        "hidden_activation": "tanh",
        "optimizer": "adam(learning_rate=0.02)",
        "target_scaling": "standardize",
        "seed": 0,
    }
    return nnkit.Network([3, 8, outputs], **(settings | changes))


LOSSES = {
    "mean_squared_error": 1,
    "half_squared_error": 1,
    "squared_error": 1,
    "mean_absolute_error": 1,
    "huber": 1,
    "log_cosh": 1,
    "quantile": 1,
    "gaussian_nll": 2,
    "beta_nll": 2,
    "crps": 2,
    "student_t": 2,
    "mixture_density(components=2)": 6,
    "quantile_set(levels=[0.1, 0.5, 0.9])": 3,
    "masked_squared_error": 1,
}


def test_every_loss_that_unscales_is_tried():
    names = [name for name in registry.names("loss") if name.startswith("nnkit-losses/") or "/" not in name]
    offering = {name for name in names if registry.create("loss", name).offers("unscale")}
    assert {loss.partition("(")[0] for loss in LOSSES} == {name.rpartition("/")[2] for name in offering}


@pytest.mark.parametrize("method", ["standardize", "minmax"])
@pytest.mark.parametrize("loss", LOSSES)
def test_metrics_in_the_history_are_those_of_predict_against_y(loss, method):
    net = network(2 * LOSSES[loss], loss=loss, target_scaling=method)
    metrics = ["mean_absolute_error", "r2", "root_mean_squared_error"]
    net.fit(X[:100], TWO[:100], epochs=3, metrics=metrics, validation_data=(X[100:], TWO[100:]))
    for prefix, rows in (("", slice(100)), ("val_", slice(100, None))):
        point = net.predict(X[rows], point=True)
        expected = mean_absolute_error(TWO[rows], point), r2_score(TWO[rows], point)
        values = [net.history[f"{prefix}{name}"][-1] for name in metrics[:2]]
        np.testing.assert_allclose(values, expected, rtol=1e-9)
    evaluated = net.evaluate(X[100:], TWO[100:], metrics=metrics)
    np.testing.assert_allclose([evaluated[name] for name in metrics], [net.history[f"val_{n}"][-1] for n in metrics])
    assert evaluated["loss"] == pytest.approx(net.history["val_loss"][-1], rel=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_unscaling_moves_points_and_keeps_the_order_of_losses(loss):
    part = registry.create("loss", loss)
    prediction = RNG.normal(size=(7, 2 * LOSSES[loss]))
    shift, scale = np.array([5.0, -2.0]), np.array([3.0, 0.25])
    np.testing.assert_array_equal(prediction, part.unscale(prediction, np.zeros(2), np.ones(2)))
    moved = part.unscale(prediction, shift, scale)
    np.testing.assert_allclose(part.point(moved), shift + scale * part.point(prediction), rtol=1e-13)
    # A density in other units: the log likelihood changes by a constant.
    if loss.startswith(("gaussian_nll", "student_t", "mixture")):
        target = RNG.normal(size=(7, 2))
        difference = part.value(moved, shift + scale * target) - part.value(prediction, target)
        np.testing.assert_allclose(difference, np.log(scale).mean(), rtol=1e-12)
    if loss == "crps":
        moved = part.unscale(prediction, shift, np.full(2, 3.0))
        target = RNG.normal(size=(7, 2))
        np.testing.assert_allclose(part.value(moved, shift + 3.0 * target), 3.0 * part.value(prediction, target))


@pytest.mark.parametrize("loss", ["poisson", "gamma", "categorical_crossentropy", "binary_crossentropy", "hinge"])
def test_losses_whose_targets_have_no_free_unit_are_refused(loss):
    with pytest.raises(SpecError, match=r"target_scaling is 'minmax', and the targets of .* cannot be scaled"):
        network(3, loss=loss, target_scaling="minmax", output_activation="softmax" if "cat" in loss else "sigmoid")
    with pytest.raises(SpecError, match="target_scaling is 'z-score'; expected 'standardize', 'minmax' or None"):
        network(target_scaling="z-score")


def test_scaling_equals_scaling_by_hand():
    by_hand, scaled = network(target_scaling=None), network()
    mean, deviation = ONE.mean(), ONE.std()
    by_hand.fit(X, (ONE - mean) / deviation, epochs=5)
    scaled.fit(X, ONE, epochs=5)
    np.testing.assert_allclose(by_hand.parameters, scaled.parameters, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(mean + deviation * by_hand.predict(X), scaled.predict(X), rtol=1e-12)
    np.testing.assert_allclose(by_hand.history["loss"], scaled.history["loss"], rtol=1e-9)
    np.testing.assert_allclose(deviation * by_hand.jacobian(X), scaled.jacobian(X), rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(deviation * sensitivities(by_hand, X).rms, sensitivities(scaled, X).rms, rtol=1e-7)
    np.testing.assert_allclose(sensitivities(by_hand, X).standardized, sensitivities(scaled, X).standardized, rtol=1e-7)


def test_the_range_of_minmax_is_from_minus_one_to_one_over_the_training_rows():
    net = network(target_scaling="minmax", optimizer="levenberg_marquardt")
    net.fit(X, TWO[:, 0], epochs=2, validation_split=0.3)
    description = net.model.description
    inside = (TWO[:, 0] - description.shift[0]) / description.scale[0]
    assert np.count_nonzero(np.isclose(np.abs(inside), 1.0)) >= 1
    weighted = network(target_scaling="minmax")
    weighted.fit(X, ONE, epochs=1, sample_weight=(ONE < 1e5).astype(float))
    low, high = ONE[ONE < 1e5].min(), ONE[ONE < 1e5].max()
    np.testing.assert_allclose(weighted.model.description.shift, (low + high) / 2, rtol=1e-12)
    np.testing.assert_allclose(weighted.model.description.scale, (high - low) / 2, rtol=1e-12)


def test_the_scale_is_learned_once_weighted_without_missing_targets_and_forgotten_by_reset():
    weight = RNG.integers(0, 3, 150).astype(float)
    net, repeated = network(), network()
    net.fit(X, ONE, epochs=1, sample_weight=weight)
    repeated.fit(np.repeat(X, weight.astype(int), axis=0), np.repeat(ONE, weight.astype(int)), epochs=1)
    np.testing.assert_allclose(net.model.description.shift, repeated.model.description.shift, rtol=1e-13)
    np.testing.assert_allclose(net.model.description.scale, repeated.model.description.scale, rtol=1e-12)
    before = net.model.description
    net.fit(X, ONE + 5e4, epochs=1)
    assert before == net.model.description
    net.reset()
    net.fit(X, ONE + 5e4, epochs=1)
    np.testing.assert_allclose(ONE.mean() + 5e4, net.model.description.shift[0], rtol=1e-12)
    gaps = np.where(RNG.random(TWO.shape) < 0.3, np.nan, TWO)
    missing = network(2, loss="masked_squared_error")
    missing.fit(X, gaps, epochs=1)
    np.testing.assert_allclose(missing.model.description.shift, np.nanmean(gaps, axis=0), rtol=1e-12)
    np.testing.assert_allclose(missing.model.description.scale, np.nanstd(gaps, axis=0), rtol=1e-10)
    constant = network()
    constant.fit(X, np.full(150, 7e5), epochs=300)
    np.testing.assert_allclose(constant.predict(X), 7e5, atol=0.5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_files_copies_and_resumed_runs_keep_the_units(dtype, tmp_path):
    net = network(2, dtype=dtype)
    net.fit(X, TWO, epochs=2, metrics=["r2"], callbacks=["archiver(parameters=1)"])
    net.save(tmp_path / "net.npz")
    loaded = nnkit.Network.load(tmp_path / "net.npz")
    archived = nnkit.Network.from_archive(net.archive, net.step)
    for other in (loaded, copy.deepcopy(net), pickle.loads(pickle.dumps(net)), archived):
        np.testing.assert_array_equal(net.predict(X), other.predict(X))
        np.testing.assert_array_equal(net.jacobian(X), other.jacobian(X))
    assert net.to_config() == nnkit.Network.from_config(net.to_config()).to_config()
    assert "standardize" == net.to_config()["target_scaling"]
    assert "target scaling: standardize" in net.summary()
    assert np.dtype(dtype) == net.predict(X).dtype
    for each in (net, loaded):
        each.fit(X, TWO, epochs=4, metrics=["r2"], callbacks=["archiver(parameters=1)"], resume=True)
    np.testing.assert_array_equal(net.predict(X), loaded.predict(X))


def test_targets_in_their_own_units_reach_the_same_r2_as_scaled_ones():
    net = nnkit.Network([3, 16, 1], target_scaling="standardize", seed=0)
    net.fit(X, ONE, epochs=100, metrics=["r2"])
    assert net.history["r2"][-1] > 0.9


@pytest.mark.parametrize("y", [ONE, 1000.0 + X[:, 0], 1e-4 * X[:, 0]], ids=["1e5", "offset", "tiny"])
def test_targets_far_from_unit_scale_are_reported_with_the_ratio(y):
    size = np.sqrt(np.mean(y**2))
    net = nnkit.Network([3, 8, 1], seed=0)
    ratio = size / np.sqrt(np.mean(net.predict(X) ** 2))
    with pytest.warns(TrainingWarning, match=re.escape(f"root mean square of {size:.3g}, {ratio:.2g} times")) as caught:
        net.fit(X, y, epochs=1)
    assert __file__ == caught[0].filename


def test_intervals_and_influence_are_those_of_the_linear_model_in_the_units_of_y():
    linear = [
        nnkit.Network([3, 1], optimizer="levenberg_marquardt", target_scaling=how, seed=0)
        for how in ("standardize", None)
    ]
    linear[0].fit(X, ONE, epochs=30)
    with pytest.warns(TrainingWarning, match="root mean square"):
        linear[1].fit(X, ONE, epochs=30)
    ours, raw = (intervals(net, X, ONE, X[:5]) for net in linear)
    for name in ("prediction", "lower", "upper", "standard_error", "noise", "degrees"):
        np.testing.assert_allclose(getattr(ours, name), getattr(raw, name), rtol=1e-6)
    expected = LinearRegression().fit(X, ONE).predict(X[:5])
    np.testing.assert_allclose(expected, ours.prediction[:, 0], rtol=1e-9)
    left = [influence(net, X, ONE) for net in linear]
    for name in ("leverage", "error", "left_out_error"):
        np.testing.assert_allclose(getattr(left[0], name), getattr(left[1], name), rtol=1e-5, atol=1e-6)


def test_intervals_cover_what_they_state():
    """500 data sets of a straight line: the 95 % intervals of new observations cover 93 to 97 % of them."""
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(500):
        x, new = rng.normal(size=(30, 1)), rng.normal(size=(5, 1))
        y, y_new = (1e5 + 1e4 * v[:, 0] + 2e3 * rng.normal(size=len(v)) for v in (x, new))
        net = nnkit.Network([1, 1], optimizer="levenberg_marquardt", target_scaling="minmax", seed=0)
        net.fit(x, y, epochs=4)
        bounds = intervals(net, x, y, new)
        covered.append(np.mean((bounds.lower[:, 0] <= y_new) & (y_new <= bounds.upper[:, 0])))
    assert 0.93 <= np.mean(covered) <= 0.97


def test_a_target_that_overflows_in_its_scale_is_refused_before_anything_changes():
    net = network(dtype="float32")
    net.fit(X, 1e-30 * X[:, 0], epochs=1)
    before = net.parameters.copy()
    with pytest.raises(DataError, match="scaled y"):
        net.fit(X, np.full(150, 1e30), epochs=1)
    np.testing.assert_array_equal(before, net.parameters)


def test_objectives_see_scaled_targets():
    net = network()
    objective = net.objective(X, ONE)
    target = (ONE - ONE.mean()) / ONE.std()
    raw = (net.predict(X)[:, 0] - ONE.mean()) / ONE.std()
    assert objective.value(net.parameters) == pytest.approx(np.mean((raw - target) ** 2), rel=1e-9)
    assert net.check_gradient(X, ONE).right
    file = io.BytesIO()
    net.save(file)


@pytest.mark.parametrize("method", ["standardize", "minmax"])
def test_targets_whose_range_no_number_holds_are_refused(method):
    net = network(target_scaling=method)
    with pytest.raises(DataError, match=r"y ranges from -1e\+308 to 1e\+308, which no scale brings near 1"):
        net.fit(X, np.where(X[:, 0] > 0.0, 1e308, -1e308), epochs=1)
