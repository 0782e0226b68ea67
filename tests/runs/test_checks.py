"""Data are checked after their conversion and after their split, and nothing changes before the last check."""

import warnings

import numpy as np
import pytest
from oracles.runs import CLASSES, X, Y, cls, reg, saved

import nnkit
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.errors import DataError, NNKitError, TrainingWarning

X32 = X.astype(np.float32)
LARGE = np.array([1e39, *Y[1:]])
HUGE = np.array([np.longdouble("1e4000"), *Y[1:].astype(np.longdouble)])


def large_x(value, dtype=np.float64):
    data = X.astype(dtype)
    data[3, 1] = value
    return data


def assert_refused(net, message, **call):
    """The sentence comes, and not one bit of the network has changed; a good fit works afterwards."""
    before = saved(net)
    with pytest.raises(NNKitError, match=message):
        net.fit(**{"X": X, "y": Y, **call})
    assert before == saved(net)


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"y": LARGE}, r"y\[0\].*1e\+39.*float32"),
        ({"y": HUGE}, r"y\[0\].*1e\+4000.*float32"),
        ({"X": large_x(1e39)}, r"X\[3, 1\].*1e\+39.*float32"),
        ({"X": large_x(np.longdouble("1e4000"), np.longdouble)}, r"X\[3, 1\].*1e\+4000.*float32"),
        ({"validation_data": (large_x(-1e39), Y)}, r"validation_data\[0\]\[3, 1\].*-1e\+39.*float32"),
        ({"validation_data": (X, LARGE)}, r"validation_data\[1\]\[0\].*1e\+39.*float32"),
        ({"sample_weight": np.full(80, np.nan)}, "sample_weight.*nan"),
        ({"sample_weight": np.full(80, np.inf)}, "sample_weight.*inf"),
        ({"sample_weight": np.full(80, -1.0)}, "sample_weight.*negative"),
        ({"sample_weight": np.zeros(80)}, "sample_weight.*(zero|0)"),
        ({"validation_data": (X, Y, np.zeros(80))}, r"validation_data\[2\].*(zero|0)"),
    ],
)
def test_what_the_dtype_of_training_cannot_hold_is_refused(call, message, trained):
    net = reg(dtype="float32")
    if trained:
        net.fit(X, Y, epochs=1)
    assert_refused(net, message, **call)
    net.fit(X, Y, epochs=1)
    assert np.isfinite(net.parameters).all()


def test_the_dtype_that_the_data_choose_is_the_one_that_is_checked():
    net = reg()
    with pytest.raises(DataError, match=r"y\[0\].*float32"):
        net.fit(X32, LARGE)
    net.fit(X, LARGE / 1e39, epochs=1)
    assert net.dtype == np.float64


@pytest.mark.parametrize("call", ["predict", "evaluate", "score", "objective", "jacobian", "trace"])
def test_every_call_checks_after_conversion(call):
    net = reg(dtype="float32")
    data = (large_x(1e39),) if call in {"predict", "jacobian", "trace"} else (large_x(1e39), Y)
    with pytest.raises(DataError, match=r"X\[3, 1\].*float32"):
        getattr(net, call)(*data)


def test_numbers_that_only_lose_digits_are_accepted():
    net = reg(dtype="float32")
    net.fit(large_x(1e-60), Y + 1e-12, epochs=1)
    assert np.isfinite(net.parameters).all()


# -- Weights -----------------------------------------------------------------------------------------------------------

WEIGHTS = np.random.default_rng(1).uniform(0.2, 3.0, size=80)
SCALES = [1e-310, 1e-200, 1e-40, 0.3, 1.0, 1e10, 1e40, 1e200, 1e307]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", SCALES)
def test_equal_weights_of_any_scale_are_no_weights(scale, dtype):
    plain, weighed = reg(dtype=dtype), reg(dtype=dtype)
    validation = {"validation_data": (X, Y), "metrics": ["r2", "mean_absolute_error"]}
    expected = plain.fit(X, Y, epochs=3, **validation)
    history = weighed.fit(X, Y, epochs=3, sample_weight=np.full(80, scale), **validation)
    np.testing.assert_array_equal(plain.parameters, weighed.parameters)
    for name, values in expected.items():
        np.testing.assert_allclose(values, history[name], rtol=1e-6 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("optimizer", ["adam(learning_rate=0.01)", "levenberg_marquardt", "lbfgs"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", SCALES)
def test_the_scale_of_weights_does_not_matter(scale, dtype, optimizer):
    """Powers of two change nothing at all; other scales no more than a rounding of the weights."""
    one, scaled = reg(dtype=dtype, optimizer=optimizer), reg(dtype=dtype, optimizer=optimizer)
    weights = np.ldexp(WEIGHTS, int(np.floor(np.log2(scale)))) if scale > 1e-300 else WEIGHTS * scale
    settings = {"epochs": 3, "validation_split": 0.25}
    expected = one.fit(X, Y, sample_weight=WEIGHTS, **settings)
    history = scaled.fit(X, Y, sample_weight=weights, **settings)
    rounding = 1e-4 if dtype == "float32" else 1e-9
    np.testing.assert_allclose(one.parameters, scaled.parameters, rtol=rounding, atol=rounding)
    np.testing.assert_allclose(expected["val_loss"], history["val_loss"], rtol=rounding)


def test_weights_of_more_range_than_float64_are_accepted():
    net, expected = reg(), reg()
    weights = np.full(80, np.longdouble("1e-4000"))
    weights[:40] *= 2
    net.fit(X, Y, epochs=2, sample_weight=weights)
    expected.fit(X, Y, epochs=2, sample_weight=[2.0] * 40 + [1.0] * 40)
    np.testing.assert_allclose(expected.parameters, net.parameters, rtol=1e-12)


@pytest.mark.parametrize("call", ["score", "evaluate"])
@pytest.mark.parametrize("scale", [1e-310, 1e307])
def test_the_scale_of_weights_does_not_matter_in_an_evaluation(scale, call):
    net = reg(dtype="float32")
    weights = np.repeat([1.0, 0.5], 40)
    arguments = {} if call == "score" else {"metrics": ["r2", "mean_absolute_error"]}
    expected = getattr(net, call)(X, Y, sample_weight=weights, **arguments)
    actual = getattr(net, call)(X, Y, sample_weight=weights * scale, **arguments)
    assert actual == pytest.approx(expected, rel=1e-5)


def test_a_whole_weight_counts_a_row_as_often_in_a_confusion_matrix():
    net = cls()
    repeats = np.where(CLASSES == 1, 3, 1)
    weighed = net.evaluate(X, CLASSES, metrics=["confusion_matrix"], sample_weight=repeats)
    repeated = net.evaluate(np.repeat(X, repeats, axis=0), np.repeat(CLASSES, repeats), metrics=["confusion_matrix"])
    np.testing.assert_array_equal(repeated["confusion_matrix"], weighed["confusion_matrix"])


ONE_ROW = np.eye(80)[0]


@pytest.mark.parametrize("seed", range(8))
def test_a_part_of_a_split_without_weight_is_refused(seed):
    net = nnkit.Network([3, 8, 1], seed=seed)
    assert_refused(net, "(training|validation) part.*weight", sample_weight=ONE_ROW, validation_split=0.5)


@pytest.mark.parametrize("seed", range(8))
def test_class_weights_that_leave_no_weight_are_refused(seed):
    net = cls(seed=seed)
    positive = np.zeros(80, dtype=int)
    assert_refused(net, "class_weight.*no.*weight", y=positive, class_weight={0: 0, 1: 1})
    one = positive.copy()
    one[7] = 1
    settings = {"y": one, "class_weight": {0: 0, 1: 1}, "validation_split": 0.5}
    net.fit(X, epochs=2, **settings)  # a single sample of a class stays in the training part
    assert np.isfinite(net.parameters).all()
    assert np.isfinite(net.history["val_loss"]).all()


def test_batches_without_weight_in_between_are_no_problem():
    net = reg()
    history = net.fit(X, Y, epochs=4, batch_size=4, sample_weight=ONE_ROW)
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(net.parameters).all()


# -- Class weights and the split ---------------------------------------------------------------------------------------


def split_of(net, y, share, **settings):
    """The training and validation rows of a split, as a callback sees them."""
    seen = {}

    def look(view):
        seen["training"] = view.data
        seen["validation"] = view.validation_data

    net.fit(X, y, epochs=1, validation_split=share, callbacks=[LambdaCallback(train_begin=look)], **settings)
    return seen["training"], seen["validation"]


@pytest.mark.parametrize("weight", [{1: 9.0}, "balanced", [0.1, 5.0]])
def test_class_weights_concern_training_rows_only(weight):
    split, given = cls(), cls()
    training, validation = split_of(cls(), CLASSES, 0.3)
    rows = {"metrics": ["accuracy", "confusion_matrix"], "epochs": 3, "class_weight": weight, "batch_size": None}
    one = split.fit(X, CLASSES, validation_split=0.3, **rows)
    two = given.fit(training[0], training[1], validation_data=validation[:2], **rows)
    assert one["val_confusion_matrix"] == two["val_confusion_matrix"]
    assert one["val_accuracy"] == two["val_accuracy"]
    np.testing.assert_allclose(one["val_loss"], two["val_loss"], rtol=1e-12)
    np.testing.assert_allclose(one["loss"], two["loss"], rtol=1e-12)
    assert np.sum(one["val_confusion_matrix"][-1]) == len(validation[0])


def test_balanced_is_computed_from_the_training_rows():
    training, _ = split_of(cls(), CLASSES, 0.3)
    weighed, _ = split_of(cls(), CLASSES, 0.3, class_weight="balanced")
    labels, weight = np.argmax(weighed[1], axis=1), weighed[2]
    np.testing.assert_array_equal(training[1], weighed[1])
    sums = np.bincount(labels, weights=weight)
    np.testing.assert_allclose(sums[0], sums[1], rtol=1e-12)


def test_sample_weights_of_validation_rows_count():
    _, validation = split_of(cls(), CLASSES, 0.3, sample_weight=WEIGHTS, class_weight={1: 50.0})
    rows = [int(np.flatnonzero((row == X).all(axis=1))[0]) for row in validation[0]]
    np.testing.assert_allclose(validation[2] / validation[2][0], WEIGHTS[rows] / WEIGHTS[rows[0]], rtol=1e-12)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_split_keeps_the_shares_of_classes(share, seed):
    y = np.repeat([0, 1], [60, 20])[np.random.default_rng(3).permutation(80)]
    training, validation = split_of(cls(seed=seed), y, share)
    count = np.bincount(validation[1].argmax(axis=1), minlength=2)
    assert count.sum() == round(80 * share)
    np.testing.assert_allclose(count, np.array([60, 20]) * share, atol=1.0)
    together = np.concatenate([training[0], validation[0]])
    assert sorted(map(tuple, together)) == sorted(map(tuple, X))


@pytest.mark.parametrize(
    ("network", "y"),
    [
        (lambda: nnkit.Network([3, 1], output_activation="sigmoid", loss="binary_crossentropy", seed=0), CLASSES),
        (lambda: nnkit.Network([3, 1], output_activation="tanh", loss="hinge", seed=0), 2 * CLASSES - 1),
        (
            lambda: nnkit.Network([3, 2], output_activation="softmax", loss="sparse_categorical_crossentropy", seed=0),
            CLASSES,
        ),
    ],
)
def test_a_split_is_stratified_whatever_the_coding(network, y):
    _, validation = split_of(network(), y, 0.25)
    labels = np.asarray(validation[1]).ravel() > 0
    assert abs(labels.sum() - 0.25 * CLASSES.sum()) <= 1.0


def test_a_rare_class_never_goes_to_validation_alone():
    y = np.zeros(80, dtype=int)
    y[5] = 1
    for seed in range(6):
        training, validation = split_of(cls(seed=seed), y, 0.5)
        assert training[1][:, 1].sum() == 1.0
        assert len(validation[0]) == 40


def test_the_split_is_drawn_by_the_seed():
    first, second, other = (split_of(cls(seed=seed), CLASSES, 0.3)[1][0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_targets_of_numbers_are_split_without_classes():
    training, validation = split_of(reg(), Y, 0.25)
    assert (len(training[0]), len(validation[0])) == (60, 20)


def test_nothing_warns_on_the_way():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reg(dtype="float32").fit(X, Y, epochs=1, sample_weight=np.full(80, 1e307))


# -- Degenerate batches ------------------------------------------------------------------------------------------------

NORMED = [3, nnkit.Dense(8), "batch_norm", nnkit.Dense(1)]


@pytest.mark.parametrize(("rows", "batch_size"), [(80, 1), (1, 32), (1, None)])
def test_batch_norm_in_batches_of_one_row_is_refused(rows, batch_size):
    net = nnkit.Network(NORMED, seed=0)
    assert_refused(net, r"BatchNorm.*batch", X=X[:rows], y=Y[:rows], batch_size=batch_size)


def test_a_last_batch_of_one_row_is_warned_of():
    with pytest.warns(TrainingWarning, match="BatchNorm.*last batch.*batch_size"):
        nnkit.Network(NORMED, seed=0).fit(X, Y, epochs=1, batch_size=79)


@pytest.mark.parametrize("settings", [{"batch_size": 2}, {"batch_size": 79, "sampling": "random_batch"}])
def test_batches_of_two_rows_are_enough(settings):
    nnkit.Network(NORMED, seed=0).fit(X, Y, epochs=1, **settings)
    nnkit.Network([3, "layer_norm", 8, 1], seed=0).fit(X, Y, epochs=1, batch_size=1)


@pytest.mark.parametrize("layers", [[3, 8, "selu", 1], [3, 8, 1, "sigmoid"], [3, "tanh", 1]])
def test_an_activation_among_the_layers_is_answered_with_the_spelling_that_works(layers):
    name = next(layer for layer in layers if isinstance(layer, str))
    with pytest.raises(NNKitError, match=rf"(?s){name}.*activation\(activation='{name}'\)"):
        nnkit.Network(layers)
    spelled = [f"activation(activation={layer!r})" if layer == name else layer for layer in layers]
    nnkit.Network(spelled)
