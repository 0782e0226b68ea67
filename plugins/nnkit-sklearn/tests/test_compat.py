"""``nnkit_sklearn.compat`` beside scikit-learn's own MLP: the same steps where the rows have the same order."""

import inspect

import numpy as np
import pytest
from sklearn import neural_network as original
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from nnkit_sklearn import compat

X, CODES = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
D, T = load_diabetes(return_X_y=True)
D, T = StandardScaler().fit_transform(D)[:160], T[:160] / 100.0
MANY, LABELS = make_multilabel_classification(n_samples=150, n_classes=4, random_state=0)

TASKS = {
    "two classes": ("MLPClassifier", X, np.where(CODES == 1, "yes", "no"), {}),
    "three classes": ("MLPClassifier", X, CODES, {}),
    "four labels": ("MLPClassifier", MANY, LABELS, {}),
    "one number": ("MLPRegressor", D, T, {}),
    "three numbers": ("MLPRegressor", D, np.column_stack([T, -T, T**2]), {}),
    "counts": ("MLPRegressor", D, np.column_stack([np.round(T), np.round(2 * T)]), {"loss": "poisson"}),
}
SOLVERS = {
    # scikit-learn adds epsilon before the correction of the bias, nnkit after it, as the paper does: both vanish here.
    "adam": {"solver": "adam", "learning_rate_init": 0.01, "epsilon": 1e-15},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.02},
    "momentum": {"solver": "sgd", "learning_rate_init": 0.02, "nesterovs_momentum": False, "momentum": 0.5},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "momentum": 0.0, "learning_rate_init": 0.5},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "momentum": 0.0, "tol": 0.05, "n_iter_no_change": 2},
    "lbfgs": {"solver": "lbfgs", "max_iter": 8},
}
SHARED = {"hidden_layer_sizes": (7, 5), "alpha": 0.1, "max_iter": 25, "random_state": 3}


def pair(name, **parameters):
    if "loss" in parameters and "loss" not in inspect.signature(original.MLPRegressor).parameters:
        pytest.skip("this scikit-learn has no parameter loss")
    return [getattr(package, name)(**(SHARED | parameters)) for package in (original, compat)]


def assert_same(theirs, ours):
    for expected, actual in zip(theirs.coefs_ + theirs.intercepts_, ours.coefs_ + ours.intercepts_, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
def test_all_rows_in_one_batch_give_scikit_learns_numbers(task, solver):
    name, data, y, more = TASKS[task]
    theirs, ours = pair(name, **(SOLVERS[solver] | more))
    theirs.fit(data, y)
    ours.fit(data, y)
    assert_same(theirs, ours)
    if not (solver == "lbfgs" and task == "three numbers"):  # scikit-learn adds its penalty to the mean over outputs
        assert theirs.loss_ == pytest.approx(ours.loss_, rel=2e-2 if task == "three numbers" else 1e-5)
    assert theirs.n_iter_ == ours.n_iter_
    predictions = [method for method in ("predict", "predict_proba", "predict_log_proba") if hasattr(theirs, method)]
    for method in predictions:
        expected, actual = getattr(theirs, method)(data), getattr(ours, method)(data)
        assert expected.dtype == actual.dtype
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)
        else:
            np.testing.assert_array_equal(actual, expected)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_batches_in_order_give_scikit_learns_numbers(solver):
    theirs, ours = pair("MLPClassifier", batch_size=30, shuffle=False, **SOLVERS[solver])
    assert_same(theirs.fit(X, CODES), ours.fit(X, CODES))
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("name", "data", "y"), [("MLPClassifier", X, CODES == 1), ("MLPRegressor", D, T)])
def test_early_stopping_validates_the_same_rows_and_restores_the_same_weights(name, data, y):
    theirs, ours = pair(
        name, early_stopping=True, learning_rate_init=0.03, epsilon=1e-15, max_iter=60, n_iter_no_change=4
    )
    assert_same(theirs.fit(data, y), ours.fit(data, y))
    np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, rtol=1e-6)
    assert theirs.n_iter_ == ours.n_iter_
    assert theirs.best_validation_score_ == pytest.approx(ours.best_validation_score_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_sample_weights_give_scikit_learns_numbers(solver):
    theirs, ours = pair("MLPRegressor", **SOLVERS[solver])
    if "sample_weight" not in inspect.signature(theirs.fit).parameters:
        pytest.skip("this scikit-learn has no sample_weight in its MLP")
    weight = np.random.default_rng(0).uniform(0.1, 2.0, len(D))
    assert_same(theirs.fit(D, T, weight), ours.fit(D, T, weight))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "invscaling", "momentum"])
def test_partial_fit_goes_on_as_scikit_learns(solver):
    theirs, ours = pair("MLPClassifier", **SOLVERS[solver])
    for _ in range(6):
        for model in (theirs, ours):
            model.partial_fit(X, CODES, classes=[0, 1, 2])
    assert_same(theirs, ours)
    assert (theirs.t_, theirs.n_iter_) == (ours.t_, ours.n_iter_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_parameters_and_attributes_are_scikit_learns(name, early_stopping):
    theirs, ours = pair(name, early_stopping=early_stopping, max_iter=3)
    newest = set(inspect.signature(compat.MLPRegressor).parameters) - {"loss"}
    assert set(theirs.get_params()) | {"loss"} == newest | {"loss"}
    assert {**type(theirs)().get_params(), "loss": None} == {**type(ours)().get_params(), "loss": None}
    theirs.fit(X, CODES)
    ours.fit(X, CODES)
    for attribute in [name for name in vars(theirs) if name.endswith("_") and not name.startswith("_")]:
        assert isinstance(getattr(theirs, attribute), type(getattr(ours, attribute))), attribute


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_weights_are_views_of_the_network_and_can_be_assigned():
    model = compat.MLPRegressor(**SHARED).fit(D, T)
    model.coefs_ = [np.zeros_like(weights) for weights in model.coefs_]
    model.intercepts_ = [np.ones_like(bias) for bias in model.intercepts_]
    np.testing.assert_array_equal(np.ones(len(D)), model.predict(D))
    model.coefs_[-1][:] = 1.0
    np.testing.assert_array_equal(np.full(len(D), 6.0), model.network_.predict(D)[:, 0])


@pytest.mark.parametrize(
    "solver", ["lion(learning_rate=0.02)", "levenberg_marquardt", "clip_by_norm(optimizer='adam')"]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_optimizers_and_solvers_of_nnkit_are_solvers(solver):
    model = compat.MLPRegressor(**SHARED).set_params(solver=solver, max_iter=100, alpha=1e-3, activation="tanh")
    assert model.fit(D, T).score(D, T) > 0.4
    assert hasattr(model, "partial_fit") is (solver != "levenberg_marquardt")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"activation": "swish"}, "activation is 'swish'; expected one of 'identity'"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'"),
        ({"alpha": -1.0}, r"alpha is -1.0; expected a number in \[0, inf\)"),
        ({"learning_rate_init": 0.0}, r"learning_rate_init is 0.0; expected a number in \(0, inf\)"),
        ({"max_iter": 2.5}, r"max_iter is 2.5; expected an integer in \[1, inf\)"),
        ({"momentum": 1.0}, r"momentum is 1.0; expected a number in \[0, 1\)"),
        ({"batch_size": "all"}, "batch_size is 'all'; expected an integer"),
        ({"hidden_layer_sizes": (5, 0)}, "hidden_layer_sizes must be > 0"),
        ({"loss": "huber"}, "loss is 'huber'"),
        ({"solver": "adm"}, "adam"),
    ],
)
def test_a_parameter_out_of_range_is_refused(parameters, words):
    with pytest.raises(ValueError, match=words):
        clone(compat.MLPRegressor()).set_params(**parameters).fit(D, T)


CONFIGURATIONS = [
    compat.MLPClassifier((10,), max_iter=100, learning_rate_init=0.02),
    compat.MLPClassifier((10,), solver="lbfgs", max_iter=200),
    compat.MLPRegressor(hidden_layer_sizes=(10,), max_iter=100, learning_rate_init=0.02),
    compat.MLPRegressor(hidden_layer_sizes=(10,), solver="lbfgs", max_iter=200),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(CONFIGURATIONS)
def test_scikit_learns_checks(estimator, check):
    check(estimator)
