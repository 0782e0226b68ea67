"""Pipelines converted by skl2onnx predict the same in onnxruntime as in scikit-learn."""

import sys

import attrs
import numpy as np
import onnxruntime
import pandas as pd
import pytest
import skl2onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nnkit import interfaces
from nnkit.errors import DataError, MissingExtraError
from nnkit_sklearn import NetworkClassifier, NetworkRegressor, compat, register_onnx_converters

pytestmark = [
    pytest.mark.filterwarnings("ignore::nnkit.errors.TrainingWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, CODES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[CODES]
LABELS = np.column_stack([CODES == 0, X[:, 0] > 6.0, X[:, 3] > 1.0]).astype(int)
D, T = load_diabetes(return_X_y=True)
D, T = D[:150, :4] * 10.0, T[:150]
BOTH = np.column_stack([T, 1000.0 - 2.0 * T])
COMMON = {"random_state": 0, "max_iter": 8}
ADAM = "adam(learning_rate=0.02)"


def classifier(**parameters):
    return NetworkClassifier((6,), optimizer=ADAM, **COMMON, **parameters)


def regressor(**parameters):
    return NetworkRegressor((6,), optimizer=ADAM, **COMMON, **parameters)


def mlp(name, **parameters):
    return getattr(compat, name)(hidden_layer_sizes=(6,), learning_rate_init=0.05, **COMMON, **parameters)


CLASSIFIERS = {
    "integers, two": (classifier(), CODES > 0),
    "integers, three": (classifier(), CODES * 10 - 3),
    "text, two": (classifier(), np.where(CODES == 2, "yes", "no")),
    "text, three": (classifier(), NAMES),
    "text as objects": (classifier(), NAMES.astype(object)),
    "floats that are integers": (classifier(), CODES + 1.0),
    "two classes, two outputs": (classifier(loss="sparse_categorical_crossentropy"), np.minimum(CODES, 1)),
    "logarithms of probabilities": (classifier(loss="nll"), NAMES),
    "squared error": (classifier(loss="mean_squared_error", output_activation="sigmoid"), CODES > 0),
    "several labels": (classifier(), LABELS),
    "float32": (classifier(dtype="float32"), NAMES),
    "layers": (
        NetworkClassifier((6, "batch_norm", "dropout(rate=0.2)", 4), hidden_activation="gelu", **COMMON),
        NAMES,
    ),
    "MLPClassifier, two": (mlp("MLPClassifier"), NAMES == "setosa"),
    "MLPClassifier, three": (mlp("MLPClassifier", activation="logistic"), NAMES),
    "MLPClassifier, several labels": (mlp("MLPClassifier"), LABELS),
}
REGRESSORS = {
    "one": (regressor(target_scaling="standardize"), T),
    "several": (regressor(target_scaling="standardize", hidden_activation="tanh"), BOTH),
    "a distribution": (regressor(loss="gaussian_nll", target_scaling="standardize"), BOTH),
    "MLPRegressor, one": (mlp("MLPRegressor", activation="tanh"), T / 100.0),
    "MLPRegressor, several": (mlp("MLPRegressor", solver="lbfgs"), BOTH / 100.0),
}
TOLERANCES = {np.float32: 1e-5, np.float64: 1e-11}


@pytest.fixture(autouse=True)
def registered():
    register_onnx_converters()


def run(model, inputs, **arguments):
    """The outputs of the ONNX model, which is converted from the first row only."""
    converted = skl2onnx.to_onnx(model, inputs[:1], **arguments)
    session = onnxruntime.InferenceSession(converted.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"X": inputs})


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("case", CLASSIFIERS)
def test_labels_and_probabilities_of_a_pipeline(case, dtype):
    estimator, y = CLASSIFIERS[case]
    x = X.astype(dtype)
    pipeline = make_pipeline(StandardScaler(), estimator).fit(x if case == "float32" else X, y)
    labels, probabilities = run(pipeline, x, options={"zipmap": False})
    np.testing.assert_array_equal(labels, pipeline.predict(x))
    assert len({str(label) for label in labels}) > 1
    assert probabilities.dtype == dtype
    tolerance = 1e-5 if case == "float32" else TOLERANCES[dtype]
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(x), rtol=0.0, atol=tolerance)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("case", REGRESSORS)
def test_predictions_of_a_pipeline(case, dtype):
    estimator, y = REGRESSORS[case]
    x = D.astype(dtype)
    pipeline = make_pipeline(StandardScaler(), estimator).fit(D, y)
    (prediction,) = run(pipeline, x)
    assert prediction.shape == (len(D), 1 if y.ndim == 1 else y.shape[1])
    assert prediction.dtype == dtype
    expected = pipeline.predict(x)
    scale = TOLERANCES[dtype] * np.abs(expected).max()
    np.testing.assert_allclose(prediction.reshape(expected.shape), expected, rtol=0.0, atol=scale)


def test_the_options_of_classifiers():
    x = X.astype(np.float32)
    pipeline = make_pipeline(StandardScaler(), classifier()).fit(x, NAMES)
    labels, rows = run(pipeline, x)
    np.testing.assert_array_equal(labels, pipeline.predict(x))
    expected = pipeline.predict_proba(x)
    np.testing.assert_allclose(pd.DataFrame(rows)[pipeline.classes_.tolist()], expected, rtol=0.0, atol=1e-5)
    model = pipeline[-1]
    labels, *columns = run(model, x, options={"zipmap": "columns"})
    np.testing.assert_allclose(np.column_stack(columns), model.predict_proba(x), rtol=0.0, atol=1e-5)
    numbers, _ = run(model, x, options={"zipmap": False, "nocl": True})
    np.testing.assert_array_equal(model.classes_[numbers], model.predict(x))
    assert run(model, x, options={"zipmap": False, "output_class_labels": True})[2].tolist() == model.classes_.tolist()


def test_a_table_with_text_beside_numbers():
    table = pd.DataFrame({"length": X[:, 2], "width": X[:, 3], "site": np.array(["a", "b"])[CODES % 2]})
    steps = [("numbers", StandardScaler(), ["length", "width"]), ("text", OneHotEncoder(), ["site"])]
    pipeline = make_pipeline(ColumnTransformer(steps), classifier()).fit(table, NAMES)
    kinds = {"length": DoubleTensorType, "width": DoubleTensorType, "site": StringTensorType}
    converted = skl2onnx.convert_sklearn(
        pipeline,
        initial_types=[(name, kind([None, 1])) for name, kind in kinds.items()],
        options={"zipmap": False},
    )
    session = onnxruntime.InferenceSession(converted.SerializeToString(), providers=["CPUExecutionProvider"])
    labels, probabilities = session.run(None, {name: table[[name]].to_numpy() for name in kinds})
    np.testing.assert_array_equal(labels, pipeline.predict(table))
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(table), rtol=0.0, atol=1e-5)


@pytest.mark.parametrize(
    "model",
    [
        GridSearchCV(classifier(), {"optimizer": ["adam"]}, cv=2),
        VotingClassifier(
            [("first", classifier()), ("second", mlp("MLPClassifier"))], voting="soft", flatten_transform=False
        ),
    ],
    ids=lambda model: type(model).__name__,
)
def test_meta_estimators(model):
    x = X.astype(np.float32)
    model.fit(x, NAMES)
    labels, probabilities = run(model, x, options={"zipmap": False})
    np.testing.assert_array_equal(labels, model.predict(x))
    np.testing.assert_allclose(probabilities, model.predict_proba(x), rtol=0.0, atol=1e-5)


def test_several_columns_of_classes_are_refused_with_the_way_that_works():
    x, y = X.astype(np.float32), np.column_stack([CODES, CODES[::-1]])
    with pytest.raises(DataError, match=r"2 columns of classes.*MultiOutputClassifier\(NetworkClassifier"):
        skl2onnx.to_onnx(classifier().fit(x, y), x[:1])
    model = MultiOutputClassifier(classifier()).fit(x, y)
    labels, probabilities = run(model, x, options={"zipmap": False})
    np.testing.assert_array_equal(labels, model.predict(x))
    for own, expected in zip(probabilities, model.predict_proba(x), strict=True):
        np.testing.assert_allclose(own, expected, rtol=0.0, atol=1e-5)


@attrs.frozen(kw_only=True)
class Doubled(interfaces.Loss):
    """A squared error whose point prediction is twice the output."""

    def point(self, prediction):
        return 2.0 * prediction

    def value(self, prediction, target):
        return ((2.0 * prediction - target) ** 2).sum(axis=1)

    def gradient(self, prediction, target):
        return 4.0 * (2.0 * prediction - target)


@pytest.mark.parametrize(
    ("model", "y", "message"),
    [
        (mlp("MLPClassifier"), np.zeros(150, dtype=int), "trained with one class, 0"),
        (classifier(loss="hinge"), CODES > 0, "predicts no probabilities.*use loss=None"),
        (regressor(loss=Doubled()), T, "Doubled.*only a selection of the outputs can"),
    ],
    ids=["one class", "no probabilities", "point prediction"],
)
def test_what_cannot_be_converted_is_refused(model, y, message):
    with pytest.raises(NotFittedError):
        skl2onnx.to_onnx(model, X[:1])
    with pytest.raises(DataError, match=message):
        skl2onnx.to_onnx(model.fit(X, y), X[:1])


def test_labels_that_are_fractions_are_refused():
    model = classifier().partial_fit(X, np.minimum(CODES, 1.0), classes=[0.0, 0.5, 1.0])
    with pytest.raises(DataError, match=r"has the classes \[0.0, 0.5, 1.0\] of dtype float64.*convert y before fit"):
        skl2onnx.to_onnx(model, X[:1])


def test_an_old_opset_and_several_inputs_are_refused():
    model = regressor().fit(X, CODES)
    with pytest.raises(DataError, match="target_opset is 15; the networks of nnkit need 18 or newer"):
        skl2onnx.to_onnx(model, X[:1], target_opset=15)
    halves = [("a", FloatTensorType([None, 2])), ("b", Int64TensorType([None, 2]))]
    with pytest.raises(RuntimeError, match="input"):
        skl2onnx.convert_sklearn(model, initial_types=halves)


@pytest.mark.parametrize("package", ["skl2onnx", "nnkit_export"])
def test_a_missing_package_is_named(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"needs {package}: pip install 'nnkit-sklearn\[onnx\]'"):
        register_onnx_converters()
