"""Data in shards: one process that pickles everything it sends stands for the workers of any engine."""

import functools
import itertools
import pickle

import attrs
import numpy as np
import pandas as pd
import pytest

import nnkit
from nnkit import errors
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.core.model import Model
from nnkit.core.sharded_objective import ShardedObjective
from nnkit.data.shards import prepared_shards
from nnkit.inference.compiled import compiled_model
from nnkit.interfaces import Loss, Shards

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3)) * [1.0, 4.0, 0.2] + [0.0, 3.0, 1.0]
Y = np.sin(X[:, :1]) + 0.1 * X[:, 1:2]
WEIGHTS = RNG.uniform(0.1, 2.0, size=80)
ZEROED = np.where((np.arange(80) >= 30) & (np.arange(80) < 77), 0.0, WEIGHTS)
CUTS = [0, 0, 1, 30, 30, 77, 80]
"""Shards of 0, 1, 29, 0, 47 and 3 rows."""


class Pickled(Shards):
    """Whatever goes to a shard or comes from it has been a pickle, and is read-only; each call computes all anew."""

    def __init__(self, parts, sent=()):
        self.parts, self.sent = list(parts), sent

    def __len__(self):
        return len(self.parts)

    def map(self, function, *arguments):
        return type(self)(self.parts, (*self.sent, pickle.dumps((function, arguments))))

    def each(self, function, *arguments):
        calls = (*self.sent, pickle.dumps((function, arguments)))
        for part in self.parts:
            yield functools.reduce(called, calls, part)


def called(part, sent):
    function, arguments = pickle.loads(sent)
    buffers = []
    body = pickle.dumps(function(part, *arguments), protocol=5, buffer_callback=buffers.append)
    return pickle.loads(body, buffers=[bytes(buffer) for buffer in buffers])


def cut(*arrays, cuts=CUTS):
    present = [array for array in arrays if array is not None]
    return Pickled([tuple(array[a:b] for array in present) for a, b in itertools.pairwise(cuts)])


def net(**more):
    options = {"hidden_activation": "tanh", "regularizer": "l2(strength=0.01)", "seed": 1} | more
    return nnkit.Network([3, 5, 1], **options)


def sharded_objective(network, shards, scaling=None):
    model, data, _ = prepared_shards(shards, network.model, network.parameters.dtype, scaling, None)
    return ShardedObjective(data, model, network.parameters, network.buffers, compiled_model)


# -- The objective -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [None, WEIGHTS, ZEROED], ids=["equal", "weighted", "weightless"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"loss": "categorical_crossentropy", "output_activation": "softmax", "layers": [3, 5, 3]},
        {"layers": [3, "dense(units=4, trainable=False)", 5, 1]},
        {"loss": "huber", "regularizer": "l1(strength=0.01)"},
    ],
    ids=["squares", "classes", "frozen", "no squares"],
)
def test_sums_over_shards_equal_those_of_one_process(options, weight):
    more = {"regularizer": "l2(strength=0.01)", "seed": 1} | options
    network = nnkit.Network(more.pop("layers", [3, 5, 1]), **more)
    y = np.arange(80) % 3 if network.outputs == 3 else Y
    whole, parts = network.objective(X, y, sample_weight=weight), sharded_objective(network, cut(X, y, weight))
    theta = network.parameters[: whole.size].copy()
    v = np.linspace(-1.0, 1.0, whole.size)
    assert (whole.size, whole.dtype) == (parts.size, parts.dtype)
    close = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(parts.value(theta), whole.value(theta), **close)
    np.testing.assert_allclose(parts.gradient(theta), whole.gradient(theta), **close)
    np.testing.assert_allclose(parts.hvp(theta, v), whole.hvp(theta, v), **close)
    if options.get("loss") == "huber":
        with pytest.raises(errors.NotOfferedError, match="Huber offers no residual"):
            parts.residual(theta)
        return
    for one, other in zip(parts.gauss_newton(theta), whole.gauss_newton(theta), strict=True):
        np.testing.assert_allclose(one, other, **close)
    if y.ndim > 1:
        assert parts.residual_size == whole.residual_size
        np.testing.assert_allclose(parts.residual(theta), whole.residual(theta), **close)
        np.testing.assert_allclose(parts.jacobian(theta), whole.jacobian(theta), **close)


def test_sums_are_made_before_anything_is_sent(monkeypatch):
    """What a shard sends for a step of each solver has the size of the parameters, not of the rows."""
    from nnkit.optimizers import levenberg_marquardt

    monkeypatch.setattr(levenberg_marquardt, "JACOBIAN_LIMIT", 0)
    sizes = []

    class Measured(Pickled):
        def each(self, function, *arguments):
            for result in super().each(function, *arguments):
                if function.__name__ in {"value", "value_and_gradient", "gauss_newton", "hvp"}:
                    sizes.append(sum(np.size(value) for value in (result if isinstance(result, tuple) else [result])))
                assert function.__name__ not in {"residual", "jacobian"}
                yield result

    rows = np.repeat(X, 20, axis=0)
    network = net(optimizer="levenberg_marquardt")
    network.fit(Measured([(rows[:900], rows[:900, :1]), (rows[900:], rows[900:, :1])]), epochs=2)
    count = network.parameters.size
    assert max(sizes) == count**2 + count


# -- fit ---------------------------------------------------------------------------------------------------------------

SOLVERS = ["levenberg_marquardt", "gauss_newton", "bayesian_regularization", "scaled_conjugate_gradient", "lbfgs"]


@pytest.mark.parametrize("solver", SOLVERS)
def test_fit_goes_the_way_that_it_goes_with_arrays(solver):
    """Each step equals that of one process as far as rounding lets it: ten steps stay together."""
    bare = {"regularizer": None} if solver == "bayesian_regularization" else {}
    alone, parts = net(optimizer=solver, **bare), net(optimizer=solver, **bare)
    arguments = {"epochs": 6, "metrics": ["r2", "mean_absolute_error"], "validation_data": (X[::3], Y[::3])}
    expected = alone.fit(X, Y, sample_weight=WEIGHTS, **arguments)
    history = parts.fit(cut(X, Y, WEIGHTS), **arguments)
    assert history.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-6, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(parts.parameters, alone.parameters, rtol=1e-5, atol=1e-7)


def test_all_of_the_data_decide_scales_statistics_labels_and_class_weights():
    """The first shards alone would give other ones."""
    order = np.argsort(X[:, 0])
    x, labels = X[order], np.array(["low", "middle", "high"])[np.digitize(X[order, 0], [-1.0, 1.2])]
    alone, parts = (
        nnkit.Network(
            hidden=["standardize", 6], loss="categorical_crossentropy", optimizer="scaled_conjugate_gradient", seed=0
        )
        for _ in range(2)
    )
    arguments = {"epochs": 3, "class_weight": "balanced", "metrics": ["accuracy"]}
    expected = alone.fit(x, labels, **arguments)
    history = parts.fit(cut(x, labels), **arguments)
    assert alone.classes == parts.classes == ("high", "low", "middle")
    np.testing.assert_allclose(parts.buffers, alone.buffers, rtol=1e-12)
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-9)
    assert history["accuracy"] == pytest.approx(expected["accuracy"], rel=1e-12)

    for method in ("standardize", "minmax"):
        alone, parts = (net(optimizer="gauss_newton", target_scaling=method) for _ in range(2))
        expected = alone.fit(x, 1e6 * x[:, :1], sample_weight=WEIGHTS, epochs=2, metrics=["r2"])
        history = parts.fit(cut(x, 1e6 * x[:, :1], WEIGHTS), epochs=2, metrics=["r2"])
        np.testing.assert_allclose(parts.model.description.shift, alone.model.description.shift, rtol=1e-12)
        np.testing.assert_allclose(parts.model.description.scale, alone.model.description.scale, rtol=1e-12)
        np.testing.assert_allclose(history["r2"], expected["r2"], rtol=1e-9)


def test_frames_name_the_features_and_are_matched_by_name():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    target = pd.Series(np.where(X[:, 0] > 0, "yes", "no"), name="y")
    network = nnkit.Network(hidden=[4], optimizer="gauss_newton", seed=0)
    network.fit(Pickled([(frame[:50], target[:50]), (frame[50:], target[50:])]), epochs=2)
    assert network.features == ("a", "b", "c")
    assert network.classes == ("no", "yes")
    turned = frame[["c", "a", "b"]]
    parts = list(network.predict(Pickled([(turned[:50],), (turned[50:],), (turned[:0],)]), labels=True))
    assert [len(part) for part in parts] == [50, 30, 0]
    assert np.array_equal(np.concatenate(parts), network.predict(frame, labels=True))
    network.fit(Pickled([(turned, target)]), epochs=1)
    with pytest.raises(errors.DataError, match="shard 1: X lacks 'c'"):
        network.fit(Pickled([(frame, target), (frame[["a", "b"]], target)]), epochs=1)


def test_evaluate_validation_and_predict_over_shards():
    network = net(optimizer="gauss_newton")
    history = network.fit(cut(X, Y), epochs=2, validation_data=cut(X[::2], Y[::2], cuts=[0, 10, 40]), metrics=["r2"])
    expected = network.evaluate(X, Y, sample_weight=ZEROED, metrics=["r2", "mean_absolute_error"])
    values = network.evaluate(cut(X, Y, ZEROED), metrics=["r2", "mean_absolute_error"])
    assert values == pytest.approx(expected, rel=1e-12)
    assert history["val_loss"][-1] == pytest.approx(network.evaluate(X[::2], Y[::2])["loss"], rel=1e-12)
    for network_or_copy in (network, network.predictor()):
        parts = list(network_or_copy.predict(cut(X, Y)))
        assert [len(part) for part in parts] == np.diff(CUTS).tolist()
        np.testing.assert_allclose(np.concatenate(parts), network.predict(X), rtol=1e-12)


@pytest.mark.parametrize("solver", ["levenberg_marquardt", "lbfgs"])
def test_a_checkpoint_resumes_bit_identically(solver, tmp_path):
    callbacks = [f"checkpoint(path='{tmp_path}/{{epoch}}.npz')"]
    whole = net(optimizer=solver)
    whole.fit(cut(X, Y), epochs=8, callbacks=callbacks)
    again = nnkit.Network.load(tmp_path / "3.npz")
    again.fit(cut(X, Y), resume=True, callbacks=callbacks)
    assert np.array_equal(whole.parameters, again.parameters)
    assert whole.history == again.history
    with pytest.raises(errors.DataError, match="other training data"):
        nnkit.Network.load(tmp_path / "3.npz").fit(cut(X, Y, cuts=[0, 40, 80]), resume=True, callbacks=callbacks)


# -- What is refused ---------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Coupled(Loss):
    """Couples rows."""

    rows_coupled = True

    def value(self, prediction, target):
        raise NotImplementedError

    def gradient(self, prediction, target):
        raise NotImplementedError

    def batch_value(self, prediction, target, weight):
        return float(np.abs(prediction - target).max())

    def batch_gradient(self, prediction, target, weight):
        return np.zeros_like(prediction)


def with_nan():
    x = X.copy()
    x[40, 1] = np.nan
    return cut(x, Y)


@pytest.mark.parametrize(
    ("options", "shards", "arguments", "message"),
    [
        ({"optimizer": "adam"}, lambda: cut(X, Y), {}, "in shards, and Adam makes a step a batch.*choose a solver"),
        ({"loss": Coupled()}, lambda: cut(X, Y), {}, "in shards, and Coupled couples the rows of all shards"),
        ({}, lambda: cut(X, Y), {"validation_split": 0.2}, "validation_split=0.2 needs arrays"),
        ({}, lambda: cut(X, Y), {"y": Y}, "y was passed beside shards"),
        ({}, lambda: cut(X, Y), {"steps_per_epoch": 3}, "it is for a Stream"),
        ({}, lambda: cut(X, Y), {"resume": True}, "there is no run to resume"),
        ({}, with_nan, {}, r"shard 4: X\[10, 1\] is nan"),
        ({}, lambda: cut(X, Y, -WEIGHTS), {}, "shard 1: sample_weight has a negative value"),
        ({}, lambda: cut(X, Y, 0 * WEIGHTS), {}, "the weights of all 6 shards are zeros"),
        ({}, lambda: cut(X[:0], Y[:0]), {}, "all 6 shards are empty"),
        ({}, lambda: Pickled([(X, Y), (X,)]), {}, r"shard 1: it is .*expected \(X, y\)"),
        ({}, lambda: Pickled([(X, Y), (X, None)]), {}, "shard 1: it comes without targets"),
        ({}, lambda: Pickled([(X, Y), (X[:, :2], Y)]), {}, "shard 1 has columns 2, and shard 0 3"),
        ({}, lambda: Pickled([(X, Y), (X, Y, WEIGHTS)]), {}, "shard 1 has parts 3, and shard 0 2"),
        ({}, lambda: Pickled([(X, Y), (X, Y[:9])]), {}, "shard 1: y has 9 rows and the inputs have 80"),
    ],
)
def test_what_shards_cannot_do_is_refused_before_anything_changes(options, shards, arguments, message):
    network = net(**{"optimizer": "gauss_newton", "regularizer": None} | options)
    before = network.parameters.copy()
    with pytest.raises(errors.NNKitError, match=message):
        network.fit(shards(), **{"epochs": 2} | arguments)
    assert np.array_equal(before, network.parameters)
    assert network.epoch == 0


def test_layers_that_train_on_batches_are_as_in_inference_and_a_warning_states_it():
    network = nnkit.Network([3, 4, "batch_norm", 1], optimizer="gauss_newton", seed=0)
    with pytest.warns(errors.TrainingWarning, match="GaussNewton sees all layers as they are in inference.*BatchNorm"):
        network.fit(cut(X, Y), epochs=1)


def test_a_callback_cannot_read_the_rows():
    reads = LambdaCallback(train_begin=lambda view: view.data)
    with pytest.raises(errors.DataError, match="which stand in shards elsewhere: leave the callback out"):
        net(optimizer="gauss_newton").fit(cut(X, Y), epochs=1, callbacks=[reads])


def test_a_model_that_is_sent_is_small():
    """Nothing of the rows travels with the structure."""
    network = net(optimizer="gauss_newton")
    network.fit(cut(X, Y), epochs=1)
    assert isinstance(network.model, Model)
    assert len(pickle.dumps(network.model)) < 20_000
