"""A beginner's mistakes: each gets an error or a warning that says what to do; ordinary use gets none."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import nnkit
from nnkit.errors import DataError, HyperparameterError, ShapeError, SpecError, TrainingWarning, UnknownNameError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.3)
BINARY = (X[:, 0] * X[:, 1] > 0).astype(int)
REAL = X @ [1.0, -2.0, 0.5]


def classifier(classes=3, **changes):
    settings = {"output_activation": "softmax", "loss": "categorical_crossentropy", "seed": 0}
    return nnkit.Network([3, 8, classes], **(settings | changes))


def binary(**changes):
    settings = {"output_activation": "sigmoid", "loss": "binary_crossentropy", "seed": 0}
    return nnkit.Network([3, 8, 1], **(settings | changes))


def regressor(**changes):
    return nnkit.Network([3, 8, 1], **({"seed": 0} | changes))


ERRORS = {
    "labels with fractions": (lambda: classifier().fit(X, LABELS + 0.5), DataError, "0.5; expected class labels"),
    "more labels than outputs": (
        lambda: classifier(2).fit(X, LABELS + 1),
        DataError,
        r"y has 3 classes \(1, 2, 3\); expected 2, or integers from 0 to 1: the network has 2 outputs",
    ),
    "words where numbers are expected": (
        lambda: regressor().fit(X, np.array(list("abc"))[LABELS]),
        DataError,
        "expected numbers",
    ),
    "softmax with one output": (lambda: classifier(1), SpecError, "'sigmoid' with 'binary_crossentropy'"),
    "probabilities with the sparse loss": (
        lambda: classifier(loss="sparse_categorical_crossentropy").fit(X, np.full((120, 3), 1 / 3)),
        DataError,
        "for probabilities use categorical_crossentropy",
    ),
    "labels with a loss of numbers": (
        lambda: classifier(loss="mean_squared_error").fit(X, LABELS),
        ShapeError,
        r"expected shape \(120, 3\); nnkit.to_categorical makes such rows of class labels",
    ),
    "validation data of another width": (
        lambda: regressor().fit(X, REAL, validation_data=(X[:, :2], REAL)),
        ShapeError,
        r"validation_data\[0\] has 2 columns; this network takes 3",
    ),
    "samples in columns": (lambda: regressor().fit(X.T, REAL), ShapeError, r"rows are samples, did you mean X\.T\?"),
    "a single row as a vector": (lambda: regressor().predict(X[0]), ShapeError, r"X\[None, :\] one row"),
    "missing values": (lambda: regressor().fit(np.where(X > 2, np.nan, X), REAL), DataError, "drop or fill"),
    "dropout in per cent": (lambda: nnkit.Dropout(50), HyperparameterError, r"rate.*\[0, 1\)"),
    "percentages with a loss of probabilities": (lambda: binary().fit(X, BINARY * 2.5), DataError, "between 0 and 1"),
    "a name nearly right": (lambda: regressor(optimizer="adamm"), UnknownNameError, "'adam'"),
    "the learning rate in the wrong place": (
        lambda: regressor(optimizer="adam").fit(X, REAL, learning_rate=0.1),
        TypeError,
        "learning_rate",
    ),
}


@pytest.mark.parametrize("mistake", ERRORS)
def test_an_error_says_what_to_do(mistake):
    make, error, says = ERRORS[mistake]
    with pytest.raises(error, match=says):
        make()


def several_columns():
    shift = np.array([2e5, 0.0, 0.0])
    return nnkit.Network([3, 8, 1], hidden_activation="tanh", seed=0).fit(X * 1e5 + shift, REAL, epochs=1)


WARNINGS = {
    "sigmoid with the loss of three classes": (
        lambda: classifier(output_activation="sigmoid"),
        "use output_activation='softmax'",
    ),
    "one output with the loss of many": (
        lambda: nnkit.Network([3, 8, 1], output_activation="sigmoid", loss="categorical_crossentropy"),
        "needs one output for each class: use 'binary_crossentropy'",
    ),
    "no activation with a loss of probabilities": (
        lambda: binary(output_activation=None),
        "use output_activation='sigmoid'",
    ),
    "softmax with the loss of two": (lambda: classifier(loss="binary_crossentropy"), "use 'categorical_crossentropy'"),
    "units that die": (
        lambda: nnkit.Network([3, 8, 8, 1], optimizer="sgd(learning_rate=0.3)", seed=0).fit(X, REAL, epochs=3),
        "all predictions the same: the units of a layer are dead.*lower the learning rate.*scale the inputs",
    ),
    "inputs that explode within an epoch": (
        lambda: nnkit.Network([3, 8, 1], optimizer="sgd(learning_rate=0.01)", seed=0).fit(1e2 * X, REAL, epochs=1),
        "larger, from 1.*scale the inputs",
    ),
    "inputs that explode": (
        lambda: nnkit.Network([3, 1], optimizer="sgd(learning_rate=0.01)", seed=0).fit(1e3 * X, REAL, epochs=1),
        "lower the learning rate, scale the inputs|larger, from",
    ),
    "inputs that are not scaled": (
        several_columns,
        r"column \d \(counted from 0\) of X reaches .*nnkit\.Standardize\(\)",
    ),
    "a learning rate of a thousand, adam": (
        lambda: regressor(optimizer="adam(learning_rate=1e3)").fit(X, REAL, epochs=3),
        "lower the learning rate",
    ),
    "a learning rate of a thousand, sgd": (
        lambda: regressor(optimizer="sgd(learning_rate=1e3)").fit(X, REAL, epochs=3),
        "lower the learning rate",
    ),
    "a learning rate of a thousand, classes": (
        lambda: classifier(optimizer="adam(learning_rate=1e3)").fit(X, RNG.integers(0, 3, 120), epochs=3),
        "lower the learning rate",
    ),
    "a learning rate of a thousand, two classes": (
        lambda: binary(optimizer="adam(learning_rate=1e3)", hidden_activation="tanh").fit(
            X, RNG.integers(0, 2, 120), epochs=3
        ),
        "lower the learning rate",
    ),
    "targets that the output cannot reach": (
        lambda: regressor(output_activation="sigmoid").fit(X, 100 + REAL, epochs=1),
        "y ranges from 9.* and Sigmoid gives 0 to 1: scale y",
    ),
    "large targets": (
        lambda: regressor().fit(X, 1e6 * REAL, epochs=2),
        r"root mean square of .* times that of the untrained network's.*target_scaling='standardize'",
    ),
    "integer labels with a loss of numbers": (
        lambda: regressor().fit(X, LABELS, epochs=2),
        "integers 0 to 2, as class labels do.* 3 outputs, output_activation='softmax'.*task='regression'",
    ),
    "two classes with a loss of numbers": (
        lambda: regressor().fit(X, BINARY, epochs=2),
        "integers 0 to 1.*output_activation='sigmoid', loss='binary_crossentropy'",
    ),
    "negative targets and relu": (
        lambda: regressor(output_activation="relu").fit(X, REAL, epochs=1),
        "ReLU gives 0 to inf",
    ),
}


@pytest.mark.parametrize("mistake", WARNINGS)
def test_a_warning_says_what_to_do(mistake):
    make, says = WARNINGS[mistake]
    with pytest.warns(TrainingWarning, match=says) as caught:
        make()
    by_hand = [warning for warning in caught if "after epoch" not in str(warning.message)]
    assert all(__file__ == warning.filename for warning in by_hand)


FRAME = pd.DataFrame({"a": X[:, 0], "price": 200.0 + 30.0 * REAL, "sold": BINARY})


@pytest.mark.parametrize(
    ("y", "settings"),
    [
        (FRAME["price"], {"target_scaling": "standardize"}),
        (FRAME[["price"]], {"target_scaling": "standardize", "columns": "auto"}),
        (FRAME["sold"], {"task": "binary"}),
    ],
)
def test_a_target_among_the_inputs_is_noticed(y, settings):
    name = y.name if y.ndim == 1 else y.columns[0]
    with pytest.warns(TrainingWarning, match=rf"'{name}', which is the target itself.*X.drop\(columns='{name}'\)"):
        nnkit.Network(hidden=[4], seed=0, **settings).fit(FRAME, y, epochs=1, validation_split=0.25)
    nnkit.Network(hidden=[2], seed=0).fit(FRAME / 100, FRAME / 100, epochs=1)  # an autoencoder means it
    later = FRAME["price"].shift(-1)[:-1]  # another target of the same name
    nnkit.Network(hidden=[4], target_scaling="standardize", seed=0).fit(FRAME[:-1], later, epochs=1)


@pytest.mark.parametrize("target", [REAL, LABELS])
def test_a_metric_of_classes_is_refused_for_a_regression_before_training(target):
    net = regressor()
    with pytest.raises(DataError, match=r"Accuracy judges .*task of this network is regression.*task="):
        net.fit(X, target, epochs=1, metrics=["accuracy"])
    assert net.step == 0


MEANT = {
    "labels from 1 to 3": lambda: classifier().fit(X, LABELS + 1, epochs=2),
    "labels that are words": lambda: classifier().fit(X, np.array(list("abc"))[LABELS], epochs=2),
    "signs with a loss of probabilities": lambda: binary().fit(X, 2 * BINARY - 1, epochs=2),
    "labels as whole floats": lambda: classifier().fit(X, LABELS.astype(float), epochs=2),
    "one-hot rows with the sparse loss": lambda: classifier(loss="sparse_categorical_crossentropy").fit(
        X, nnkit.to_categorical(LABELS), epochs=2
    ),
    "labels with the loss of rows": lambda: classifier().fit(X, LABELS, epochs=2, metrics=["accuracy", "f1"]),
    "booleans": lambda: binary().fit(X, BINARY.astype(bool), epochs=2, metrics=["auc"]),
    "squares of one-hot rows": lambda: classifier(loss="mean_squared_error", task="multiclass").fit(
        X, nnkit.to_categorical(LABELS), epochs=2, metrics=["accuracy"]
    ),
    "squares of signs": lambda: regressor(output_activation="tanh", task="binary").fit(
        X, 2.0 * BINARY - 1, epochs=2, metrics=["accuracy"]
    ),
    "pixels": lambda: classifier().fit(RNG.integers(0, 256, size=(120, 3)), LABELS, epochs=2),
    "years": lambda: regressor().fit(np.c_[RNG.integers(1900, 2030, 120), X[:, :2]], REAL, epochs=2),
    "large inputs that are scaled": lambda: nnkit.Network(
        [nnkit.Standardize(), nnkit.Dense(8, "relu"), nnkit.Dense(1)], seed=0
    ).fit(1e6 * X, REAL, epochs=2),
    "counts": lambda: regressor(output_activation="softplus", loss="poisson").fit(X, RNG.poisson(3, 120), epochs=2),
    "large targets that are scaled": lambda: regressor(target_scaling="minmax").fit(X, 1e6 * REAL, epochs=2),
    "integers as numbers": lambda: regressor(task="regression").fit(X, LABELS, epochs=2),
    "targets of 0 alone": lambda: regressor().fit(X, np.zeros(120), epochs=2),
    "a high rate that works": lambda: regressor(hidden_activation="tanh", optimizer="sgd(learning_rate=0.3)").fit(
        X, REAL, epochs=5
    ),
    "a solver": lambda: regressor(hidden_activation="tanh", optimizer="levenberg_marquardt").fit(X, REAL, epochs=5),
    "one sample": lambda: regressor().fit(X[:1], REAL[:1], epochs=2),
    "weights of 0": lambda: regressor().fit(X, REAL, epochs=2, sample_weight=(np.arange(120) == 7).astype(float)),
}


@pytest.mark.parametrize("use", MEANT)
def test_no_false_alarm(use):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MEANT[use]()


def test_sorted_targets_are_no_growth():
    net = regressor(optimizer="sgd(learning_rate=0.01)")
    order = np.argsort(np.abs(REAL))
    net.fit(X[order], REAL[order], epochs=1, sampling="sequential")


def test_the_network_is_trained_all_the_same():
    net = regressor(output_activation="sigmoid")
    with pytest.warns(TrainingWarning):
        net.fit(X, 100 + REAL, epochs=2)
    assert 2 == net.epoch
