"""The estimators beyond scikit-learn's own checks: targets of every kind, nested parameters, warm starts, intervals."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

import nnkit
from nnkit.optimizers.sgd import SGD
from nnkit_sklearn import NetworkClassifier, NetworkRegressor

# Few epochs over small data are meant here.
pytestmark = pytest.mark.filterwarnings("ignore::nnkit.errors.TrainingWarning")

X, CODES = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
NAMES = np.array(["setosa", "versicolor", "virginica"])[CODES]
D, T = load_diabetes(return_X_y=True)
D, T = StandardScaler().fit_transform(D)[:200], T[:200]
FAST = "adam(learning_rate=0.02)"


def classifier(**changes):
    return NetworkClassifier(
        **({"hidden_layer_sizes": (12,), "optimizer": FAST, "max_iter": 40, "random_state": 0} | changes)
    )


# -- classes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [NAMES, CODES + 5, NAMES.astype(object)], ids=["texts", "integers", "objects"])
@pytest.mark.parametrize("loss", [None, "hinge", "mean_squared_error", "sparse_categorical_crossentropy"])
def test_labels_of_every_type_come_back(labels, loss):
    model = classifier(loss=loss).fit(X, labels)
    assert model.score(X, labels) > 0.93
    assert labels.dtype == model.predict(X).dtype
    np.testing.assert_array_equal(np.unique(labels), model.classes_)
    scores = model.decision_function(X)
    np.testing.assert_array_equal(model.classes_[scores.argmax(axis=1)], model.predict(X))


@pytest.mark.parametrize("loss", [None, "hinge", "sparse_categorical_crossentropy"])
def test_two_classes_have_one_score(loss):
    labels = np.where(CODES == 2, "yes", "no")
    model = classifier(loss=loss, output_activation="softmax" if loss and "sparse" in loss else None).fit(X, labels)
    scores = model.decision_function(X)
    if loss and "sparse" in loss:
        scores = scores[:, 1] - scores[:, 0]
    np.testing.assert_array_equal(np.where(scores > 0, "yes", "no"), model.predict(X))
    assert model.score(X, labels) > 0.9


def test_probabilities_are_those_of_the_network():
    model = classifier().fit(X, NAMES)
    np.testing.assert_array_equal(model.network_.predict(X), model.predict_proba(X))
    np.testing.assert_allclose(np.log(model.predict_proba(X)), model.predict_log_proba(X))
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    assert not hasattr(classifier(loss="hinge"), "predict_proba")
    assert not hasattr(classifier(loss="hinge").fit(X, NAMES), "predict_proba")


@pytest.mark.parametrize("loss", [None, "hinge"])
def test_several_labels_a_row(loss):
    data, labels = make_multilabel_classification(n_samples=120, n_classes=4, random_state=0)
    model = classifier(loss=loss, max_iter=150, class_weight="balanced").fit(data, labels)
    assert (120, 4) == model.predict(data).shape
    assert (model.predict(data) == labels).mean() > 0.9
    np.testing.assert_array_equal(model.decision_function(data) > 0, model.predict(data) == 1)
    assert 1 == len(model.networks_)


def test_several_columns_of_classes_have_a_network_each():
    both = np.column_stack([NAMES, np.where(X[:, 0] > 0, "wide", "slim")])
    model = classifier(class_weight=["balanced", {"wide": 2.0}]).fit(X, both, X_val=X[::5], y_val=both[::5])
    assert (model.predict(X) == both).mean() > 0.9
    assert [(150, 3), (150, 2)] == [probability.shape for probability in model.predict_proba(X)]
    assert [3, 2] == [len(classes) for classes in model.classes_]
    assert [40, 40] == [len(curve) for curve in model.loss_curve_]
    assert all("val_loss" in network.history for network in model.networks_)
    with pytest.raises(AttributeError, match="there are 2, one for each target column: use networks_"):
        _ = model.network_


def test_class_weights_are_sample_weights():
    weights = {"setosa": 1.0, "versicolor": 3.0}
    named = classifier(class_weight=weights).fit(X, NAMES)
    direct = classifier().fit(X, NAMES, sample_weight=np.where(NAMES == "versicolor", 3.0, 1.0))
    np.testing.assert_array_equal(direct.network_.parameters, named.network_.parameters)
    with pytest.raises(ValueError, match="class_weight has the label 'virginca'; the classes are"):
        classifier(class_weight={"virginca": 1.0}).fit(X, NAMES)
    with pytest.raises(ValueError, match="class_weight is 'equal'; expected 'balanced', or a mapping"):
        classifier(class_weight="equal").fit(X, NAMES)
    with pytest.raises(ValueError, match="a list of 2 mappings"):
        classifier(class_weight=weights).fit(X, np.column_stack([NAMES, NAMES]))


def test_balanced_classes_weigh_the_same():
    few = np.r_[0:50, 50:60, 100:105]
    balanced = classifier(class_weight="balanced", max_iter=5).fit(X[few], NAMES[few])
    weight = (65 / 3 / np.array([50, 10, 5]))[CODES[few]]
    direct = classifier(max_iter=5).fit(X[few], NAMES[few], weight)
    np.testing.assert_allclose(direct.network_.parameters, balanced.network_.parameters, rtol=1e-10)


# -- regression ------------------------------------------------------------------------------------


def regressor(**changes):
    settings = {"hidden_layer_sizes": (3,), "hidden_activation": "tanh", "optimizer": "levenberg_marquardt"}
    more = {"target_scaling": "standardize", "regularizer": "l2(strength=0.01)", "max_iter": 40, "random_state": 0}
    return NetworkRegressor(**(settings | more | changes))


def test_several_targets_come_in_their_units():
    model = regressor().fit(D, np.column_stack([T, 1000.0 * T]))
    prediction = model.predict(D)
    assert (200, 2) == prediction.shape
    assert np.corrcoef(prediction[:, 1], 1000.0 * T)[0, 1] > 0.6
    assert (200,) == regressor().fit(D, T).predict(D).shape


def test_intervals_cover_new_observations():
    rng = np.random.default_rng(0)
    data = rng.uniform(-1.0, 1.0, (700, 2))
    y = np.sin(3.0 * data[:, 0]) + rng.normal(scale=0.1, size=700)
    model = regressor(intervals=True, regularizer=None, max_iter=100).fit(data[:200], y[:200])
    for coverage in (0.5, 0.9):
        lower, upper = model.predict_interval(data[200:], coverage)
        assert (500,) == lower.shape == upper.shape
        inside = ((lower <= y[200:]) & (y[200:] <= upper)).mean()
        assert abs(inside - coverage) < 4.0 * np.sqrt(coverage * (1 - coverage) / 500)
    with pytest.raises(ValueError, match=r"set intervals=True and call fit"):
        model.partial_fit(data, y).predict_interval(data)
    with pytest.raises(ValueError, match=r"set intervals=True and call fit"):
        regressor().fit(data, y).predict_interval(data)


@pytest.mark.parametrize("loss", ["gaussian_nll", None])
@pytest.mark.parametrize("scaling", [None, "standardize"])
def test_the_standard_deviation_of_a_new_observation(loss, scaling):
    rng = np.random.default_rng(0)
    data = rng.uniform(-1.0, 1.0, (600, 1))
    noise = np.where(data[:, 0] > 0.0, 0.8, 0.2) if loss else np.full(600, 0.5)
    y = 3.0 + data[:, 0] + noise * rng.normal(size=600)
    settings = {
        "loss": loss,
        "intervals": loss is None,
        "target_scaling": scaling,
        "regularizer": None,
        "max_iter": 150,
    }
    model = regressor(**settings, optimizer="lbfgs" if loss else "levenberg_marquardt").fit(data, y)
    point, deviation = model.predict(data, return_std=True)
    np.testing.assert_array_equal(model.predict(data), point)
    assert (600,) == point.shape == deviation.shape
    for half in (data[:, 0] > 0.1, data[:, 0] < -0.1):
        assert deviation[half].mean() == pytest.approx(noise[half].mean(), rel=0.2)
    with pytest.raises(ValueError, match="return_std needs a loss that predicts a distribution"):
        regressor(max_iter=2).fit(data, y).predict(data, return_std=True)


# -- nested parameters -----------------------------------------------------------------------------


def test_hyperparameters_of_parts_are_parameters():
    model = NetworkRegressor(optimizer="sgd(momentum=0.5)", hidden_activation={"name": "elu"}, regularizer="l2")
    parameters = model.get_params()
    assert (0.5, 0.01, 1.0) == tuple(
        parameters[name] for name in ("optimizer__momentum", "optimizer__learning_rate", "hidden_activation__alpha")
    )
    model.set_params(optimizer__momentum=0.9, hidden_activation__alpha=0.5, regularizer__strength=np.float64(0.1))
    assert "sgd(momentum=0.9)" == model.optimizer
    assert {"name": "elu", "alpha": 0.5} == model.hidden_activation
    assert "l2(strength=0.1)" == model.regularizer
    assert model.get_params() == clone(model).get_params()


def test_hyperparameters_of_instances_classes_and_parts_inside_parts():
    model = NetworkRegressor(optimizer=SGD(momentum=0.5))
    assert SGD(momentum=0.9) == model.set_params(optimizer__momentum=0.9).optimizer
    assert SGD(momentum=0.1) == model.set_params(optimizer=SGD, optimizer__momentum=0.1).optimizer
    model.set_params(optimizer="clip_by_norm(optimizer='adam')", optimizer__optimizer__learning_rate=0.5)
    assert 0.5 == model.get_params()["optimizer__optimizer__learning_rate"]
    model.set_params(optimizer__learning_rate="step", optimizer="sgd")
    assert "sgd(learning_rate='step')" == model.optimizer


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"optimizer__momentm": 0.9}, "no hyperparameter 'momentm'; did you mean 'momentum'"),
        ({"regularizer__strength": 0.9}, "the regularizer is None; choose the regularizer first"),
        ({"optimizer__momentum__rate": 1}, "'momentum' of the optimizer 'sgd' is no part"),
        ({"optimzer": "adam"}, "Invalid parameter 'optimzer'"),
    ],
)
def test_a_parameter_that_does_not_exist_is_refused(parameters, words):
    with pytest.raises(ValueError, match=words):
        NetworkRegressor(optimizer="sgd").set_params(**parameters)


def test_a_search_over_optimizers_and_their_hyperparameters():
    grid = [
        {"optimizer": ["adam", "rmsprop(momentum=0.5)"], "optimizer__learning_rate": [1e-6, 0.02]},
        {"optimizer": ["lbfgs"], "optimizer__memory": [5]},
    ]
    search = GridSearchCV(classifier(max_iter=15), grid, cv=2).fit(X, NAMES)
    assert 5 == len(search.cv_results_["params"])
    assert search.best_score_ > 0.9
    assert 1e-6 != search.best_params_.get("optimizer__learning_rate")
    assert search.best_params_["optimizer"].partition("(")[0] in search.best_estimator_.optimizer


# -- training --------------------------------------------------------------------------------------


def test_layers_may_stand_among_the_widths():
    model = classifier(hidden_layer_sizes=(12, "dropout(rate=0.1)", nnkit.Dense(6, activation="tanh"))).fit(X, NAMES)
    assert ["Dense", "Dropout", "Dense", "Dense"] == [type(layer).__name__ for layer in model.network_.layers]
    assert (6, 3) == classifier(hidden_layer_sizes=6).fit(X, NAMES).network_.model.widths


def test_early_stopping_uses_the_validation_data_that_it_is_passed():
    model = classifier(early_stopping=True, n_iter_no_change=3, max_iter=500, optimizer="adam(learning_rate=0.1)")
    model.fit(X[::2], NAMES[::2], X_val=X[1::2], y_val=NAMES[1::2])
    assert model.n_iter_ == len(model.loss_curve_) < 500
    best = min(model.network_.history["val_loss"])
    assert best == pytest.approx(model.network_.evaluate(X[1::2], NAMES[1::2])["loss"])
    with pytest.raises(ValueError, match="X_val and y_val belong together"):
        model.fit(X, NAMES, X_val=X)
    with pytest.raises(ValueError, match="y_val has the label 'rose'"):
        model.fit(X, NAMES, X_val=X, y_val=np.where(CODES == 1, "rose", NAMES))


def test_a_warm_start_goes_on():
    once = classifier(max_iter=10).fit(X, NAMES)
    twice = classifier(max_iter=5, warm_start=True).fit(X, NAMES).fit(X, NAMES)
    assert 10 == twice.n_iter_ == len(twice.loss_curve_)
    np.testing.assert_array_equal(once.network_.parameters, twice.network_.parameters)
    with pytest.raises(ValueError, match="describe another network than the fitted one"):
        twice.set_params(hidden_layer_sizes=(9,)).fit(X, NAMES)
    with pytest.raises(ValueError, match="the training to go on with has"):
        twice.set_params(hidden_layer_sizes=(12,)).fit(X, CODES)
    twice.set_params(optimizer="lbfgs").fit(X, NAMES)
    assert twice.score(X, NAMES) > 0.95


def test_partial_fit_sees_a_part_of_the_classes():
    model = classifier()
    with pytest.raises(ValueError, match="classes is None in the first call of partial_fit"):
        model.partial_fit(X, NAMES)
    for _ in range(30):
        model.partial_fit(X[:60], NAMES[:60], classes=np.unique(NAMES)).partial_fit(X[60:], NAMES[60:])
    assert 60 == model.n_iter_
    assert model.score(X, NAMES) > 0.9
    columns = [np.unique(NAMES), np.array(["x", "y"])]
    both = classifier().partial_fit(X[:50], np.column_stack([NAMES, ["x"] * 150])[:50], classes=columns)
    assert [3, 2] == [probability.shape[1] for probability in both.predict_proba(X)]


def test_names_of_columns_reach_the_network():
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = classifier(max_iter=2).fit(frame, NAMES)
    assert ("a", "b", "c", "d") == model.network_.features == tuple(model.feature_names_in_)


def test_a_fit_that_is_refused_leaves_no_fitted_estimator():
    model = classifier()
    with pytest.raises(ValueError, match="y has 1 class"):
        model.fit(X[:50], NAMES[:50])
    with pytest.raises(NotFittedError):
        model.predict(X)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
@pytest.mark.parametrize("optimizer", [FAST, "lbfgs", "levenberg_marquardt"])
def test_sparse_inputs_give_the_same_network(container, optimizer):
    data = np.where(np.abs(D) > 0.8, D, 0.0)
    models = [regressor(optimizer=optimizer, max_iter=5).fit(form, T) for form in (data, container(data))]
    np.testing.assert_allclose(models[1].predict(container(data)), models[0].predict(data), rtol=1e-6)
    stopped = classifier(early_stopping=True, max_iter=5).fit(container(data), T > 150, np.arange(200) % 3)
    assert stopped.predict_proba(container(data)) == pytest.approx(stopped.predict_proba(data))


def test_sparse_inputs_need_a_dense_first_layer():
    with pytest.raises(ValueError, match=r"X is sparse, and the first layer, Dropout.*X.toarray\(\)"):
        classifier(hidden_layer_sizes=("dropout(rate=0.1)", 8)).fit(sparse.csr_array(X), NAMES)
