"""Networks carried to scikit-learn and back: the same predictions, labels and names."""

import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn import neural_network
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

import nnkit
from nnkit.errors import DataError
from nnkit_sklearn import compat, from_sklearn, to_sklearn

pytestmark = [
    pytest.mark.filterwarnings("ignore::nnkit.errors.TrainingWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, CODES = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
NAMES = np.array(["setosa", "versicolor", "virginica"])[CODES]
D, T = load_diabetes(return_X_y=True)
D = StandardScaler().fit_transform(D)
MANY, LABELS = make_multilabel_classification(n_samples=150, n_classes=4, random_state=0)
TASKS = {
    "two classes": ("MLPClassifier", X, NAMES == "setosa", {}),
    "three classes": ("MLPClassifier", X, NAMES, {}),
    "four labels": ("MLPClassifier", MANY, LABELS, {}),
    "one number": ("MLPRegressor", D, T / 100.0, {}),
    "counts": ("MLPRegressor", D, np.column_stack([T // 50, T // 80]), {"loss": "poisson"}),
}


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("package", [neural_network, compat], ids=["scikit-learn", "compat"])
@pytest.mark.parametrize("task", TASKS)
def test_there_and_back_predicts_the_same(task, package, activation):
    name, data, y, more = TASKS[task]
    estimator = getattr(package, name)
    if more and "loss" not in inspect.signature(estimator).parameters:
        pytest.skip("this scikit-learn has no parameter loss")
    mlp = estimator(hidden_layer_sizes=(6, 4), activation=activation, max_iter=8, random_state=0, **more).fit(data, y)
    network = from_sklearn(mlp)
    expected = mlp.predict_proba(data) if hasattr(mlp, "predict_proba") else mlp.predict(data)
    prediction = network.predict(data)
    if task == "two classes":
        prediction = np.hstack([1.0 - prediction, prediction])
    np.testing.assert_allclose(prediction.reshape(expected.shape), expected, rtol=1e-12, atol=1e-12)
    if more and "loss" not in inspect.signature(neural_network.MLPRegressor).parameters:
        with pytest.raises(DataError, match="scikit-learn's MLP has from 1.7"):
            to_sklearn(network)
        return
    back = to_sklearn(network)
    assert isinstance(back, getattr(neural_network, name))
    np.testing.assert_array_equal(mlp.predict(data), back.predict(data)) if "MLPC" in name else None
    again = back.predict_proba(data) if hasattr(back, "predict_proba") else back.predict(data)
    np.testing.assert_allclose(again, expected, rtol=1e-12, atol=1e-12)
    if name == "MLPClassifier" and task != "four labels":
        np.testing.assert_array_equal(mlp.predict(data), network.predict(data, labels=True))
    back.partial_fit(data, y)


def test_names_of_columns_and_float32_come_along():
    frame = pd.DataFrame(X.astype(np.float32), columns=["a", "b", "c", "d"])
    mlp = neural_network.MLPClassifier((5,), max_iter=3, random_state=0).fit(frame, NAMES)
    network = from_sklearn(mlp)
    assert ("a", "b", "c", "d") == network.features
    assert np.float32 == network.dtype
    back = to_sklearn(network)
    np.testing.assert_array_equal(mlp.predict(frame), back.predict(frame))
    with pytest.raises(ValueError, match="feature names"):
        back.predict(frame[["b", "a", "c", "d"]])


def test_a_converted_network_trains_on():
    mlp = neural_network.MLPClassifier((8,), max_iter=5, random_state=0).fit(X, NAMES)
    network = from_sklearn(mlp)
    before = network.evaluate(X, NAMES)["loss"]
    network.fit(X, NAMES, epochs=50)
    assert network.evaluate(X, NAMES)["loss"] < 0.8 * before


@pytest.mark.parametrize("scaling", [None, "standardize", "minmax"])
def test_networks_of_nnkit_predict_the_same_in_scikit_learn(scaling):
    layers = [10, 8, "dropout(rate=0.2)", nnkit.Dense(6, use_bias=False), "activation(activation='relu')", 1]
    network = nnkit.Network(layers, hidden_activation="relu", target_scaling=scaling, seed=0)
    network.fit(D, T, epochs=3)
    mlp = to_sklearn(network)
    np.testing.assert_allclose(mlp.predict(D), network.predict(D)[:, 0], rtol=1e-12)
    assert network.history["loss"] == mlp.loss_curve_


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (nnkit.Network([3, "layer_norm", 2], seed=0), "layer 0, LayerNorm.* has no counterpart"),
        (nnkit.Network([3, 4, 2], hidden_activation="elu", seed=0), "the hidden activation is ELU"),
        (nnkit.Network([3, 4, 4, 2], activations=["tanh", "relu", "identity"], seed=0), "scikit-learn has one for all"),
        (nnkit.Network([3, 4, 1], loss="hinge", seed=0), "no MLP for the task binary with the output activation None"),
        (nnkit.Network([3, 4, 1], output_activation="softplus", seed=0), "the output activation is Softplus"),
    ],
)
def test_what_scikit_learn_does_not_have_is_refused_by_name(network, words):
    with pytest.raises(DataError, match=words):
        to_sklearn(network)


def test_other_estimators_are_refused():
    with pytest.raises(TypeError, match="from_sklearn was passed LinearRegression; expected a fitted MLPClassifier"):
        from_sklearn(LinearRegression())
    with pytest.raises(NotFittedError):
        from_sklearn(neural_network.MLPClassifier())
