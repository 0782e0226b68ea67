"""The estimators inside scikit-learn's own meta-estimators, and with packages that build on scikit-learn."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor, BaggingClassifier, BaggingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nnkit_sklearn import NetworkClassifier, NetworkRegressor, compat

pytestmark = [
    pytest.mark.filterwarnings("ignore::nnkit.errors.TrainingWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, CODES = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)[:240, :6]
LABELS = np.where(CODES[:240] == 1, "benign", "malignant")
D, T = load_diabetes(return_X_y=True)
D, T = StandardScaler().fit_transform(D)[:240], T[:240]

CLASSIFIERS = {
    "NetworkClassifier": NetworkClassifier((8,), optimizer="adam(learning_rate=0.02)", max_iter=20, random_state=0),
    "MLPClassifier": compat.MLPClassifier((8,), learning_rate_init=0.02, max_iter=80, random_state=0),
}
REGRESSORS = {
    "NetworkRegressor": NetworkRegressor(
        (4,),
        optimizer="lbfgs",
        target_scaling="standardize",
        regularizer="l2(strength=0.1)",
        max_iter=30,
        random_state=0,
    ),
    "MLPRegressor": compat.MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", alpha=10, max_iter=60, random_state=0),
}


@pytest.fixture(params=CLASSIFIERS)
def classifier(request):
    return clone(CLASSIFIERS[request.param])


@pytest.fixture(params=REGRESSORS)
def regressor(request):
    return clone(REGRESSORS[request.param])


def test_a_search_over_optimizers_of_three_packages_with_text_and_numbers():
    """In two processes; the columns of texts are sparse."""
    rng = np.random.default_rng(0)
    words = np.array(["fine", "good", "poor", "bad", "film", "plot"])
    kind = rng.integers(0, 2, 120)
    texts = [
        " ".join(
            rng.choice(words, 4, p=[0.3, 0.3, 0.05, 0.05, 0.15, 0.15] if k else [0.05, 0.05, 0.3, 0.3, 0.15, 0.15])
        )
        for k in kind
    ]
    frame = pd.DataFrame({"text": texts, "length": rng.normal(2.0 * kind), "noise": rng.normal(size=120)})
    columns = ColumnTransformer(
        [("words", TfidfVectorizer(), "text"), ("numbers", StandardScaler(), ["length", "noise"])], sparse_threshold=1.0
    )
    model = make_pipeline(columns, NetworkClassifier((4,), max_iter=20, random_state=0))
    part = "networkclassifier__optimizer"
    grid = [
        {part: ["adam"], f"{part}__learning_rate": [1e-5, 0.05]},  # nnkit
        {part: ["lion"], f"{part}__learning_rate": [0.02]},  # nnkit-optimizers
        {part: ["lbfgs"], "networkclassifier__regularizer": ["l2(strength=0.01)"]},  # nnkit-scipy
    ]
    search = GridSearchCV(model, grid, cv=2, n_jobs=2).fit(frame, np.where(kind, "pos", "neg"))
    scores = search.cv_results_["mean_test_score"]
    assert 4 == len(scores)
    assert min(scores[1:]) > 0.8
    assert scores[0] == min(scores)
    again = GridSearchCV(model, grid, cv=2).fit(frame, np.where(kind, "pos", "neg"))
    np.testing.assert_array_equal(scores, again.cv_results_["mean_test_score"])


def test_cross_validation_and_ensembles(classifier):
    assert cross_val_score(classifier, X, LABELS, cv=3).min() > 0.85
    assert BaggingClassifier(classifier, n_estimators=3, random_state=0).fit(X, LABELS).score(X, LABELS) > 0.85
    boosted = AdaBoostClassifier(classifier, n_estimators=3, random_state=0)
    if sklearn.__version__ >= "1.7" or isinstance(classifier, NetworkClassifier):
        assert boosted.fit(X, LABELS).score(X, LABELS) > 0.9


def test_calibrated_probabilities(classifier):
    calibrated = CalibratedClassifierCV(classifier, cv=2).fit(X, LABELS)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1.0)
    assert calibrated.score(X, LABELS) > 0.9


def test_ensembles_of_regressors(regressor):
    for ensemble in (BaggingRegressor, AdaBoostRegressor):
        assert ensemble(regressor, n_estimators=3, random_state=0).fit(D, T).score(D, T) > 0.4


def test_transformed_targets(regressor):
    model = TransformedTargetRegressor(regressor, func=np.log, inverse_func=np.exp).fit(D, T)
    assert model.score(D, T) > 0.3
    assert (model.predict(D) > 0.0).all()


def test_feature_selection_finds_the_column_that_counts(classifier):
    rng = np.random.default_rng(0)
    data = rng.normal(size=(120, 4))
    selector = SequentialFeatureSelector(classifier, n_features_to_select=1, cv=2).fit(data, data[:, 2] > 0)
    assert [2] == np.flatnonzero(selector.get_support()).tolist()


def test_inspection_finds_the_column_that_counts(regressor):
    rng = np.random.default_rng(0)
    data = rng.normal(size=(150, 3))
    y = np.sin(2.0 * data[:, 1])
    wide = regressor.set_params(hidden_layer_sizes=(8,), max_iter=300)
    if isinstance(wide, compat.MLPRegressor):
        wide.set_params(activation="tanh", alpha=1e-3)
    else:
        wide.set_params(hidden_activation="tanh", regularizer=None)
    model = wide.fit(data, y)
    importance = permutation_importance(model, data, y, n_repeats=3, random_state=0).importances_mean
    assert 1 == importance.argmax()
    curve = partial_dependence(model, data, [1], grid_resolution=9)
    assert np.corrcoef(curve["average"][0], np.sin(2.0 * curve["grid_values"][0]))[0, 1] > 0.95


@pytest.mark.parametrize("carry", ["pickle", "joblib", "skops", "clone"])
def test_estimators_are_stored_and_copied(carry, classifier, tmp_path):
    model = classifier.fit(X, LABELS)
    if carry == "clone":
        again = clone(model).fit(X, LABELS)
    elif carry == "pickle":
        again = pickle.loads(pickle.dumps(model))
    elif carry == "joblib":
        joblib.dump(model, tmp_path / "model")
        again = joblib.load(tmp_path / "model")
    else:
        skops = pytest.importorskip("skops.io")
        content = skops.dumps(model)
        types = skops.get_untrusted_types(data=content)
        assert all(name.startswith(("nnkit.", "nnkit_sklearn.", "numpy.")) for name in types), types
        again = skops.loads(content, trusted=types)
    np.testing.assert_array_equal(model.predict_proba(X), again.predict_proba(X))
    if carry != "skops":
        np.testing.assert_array_equal(
            model.partial_fit(X, LABELS).predict_proba(X), again.partial_fit(X, LABELS).predict_proba(X)
        )


def test_the_display_shows_what_was_changed(classifier):
    page = make_pipeline(StandardScaler(), classifier)._repr_html_()
    assert type(classifier).__name__ in page
    assert "max_iter" in page
    assert "hidden_layer_sizes=(8,)" in repr(classifier)


def test_weights_and_validation_data_are_routed():
    weight = np.linspace(0.1, 1.0, len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        inner = clone(CLASSIFIERS["NetworkClassifier"]).set_fit_request(sample_weight=True, X_val=True, y_val=True)
        model = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), inner, transform_input=["X_val"])
        model.fit(X, LABELS, sample_weight=weight, X_val=X[:50], y_val=LABELS[:50])
    assert 20 == len(model[-1].network_.history["val_loss"])
    scaled = StandardScaler().fit_transform(X)
    direct = clone(CLASSIFIERS["NetworkClassifier"]).fit(scaled, LABELS, weight)
    np.testing.assert_array_equal(direct.predict_proba(scaled), model.predict_proba(X))


class Recorder:
    """A callback of scikit-learn that is handed on to the estimators inside, and stops after some epochs."""

    max_propagation_depth = None

    def __init__(self, epochs=None):
        self.epochs, self.tasks = epochs, []

    def setup(self, estimator, context):
        self.tasks.append("setup")

    def teardown(self, estimator, context):
        self.tasks.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.tasks.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context):
        self.tasks.append(f"end {context.task_name}")
        return self.epochs is not None and self.tasks.count("end epoch") >= self.epochs


def test_callbacks_of_scikit_learn_see_every_epoch():
    if not hasattr(NetworkClassifier, "set_callbacks"):
        pytest.skip("callbacks came with scikit-learn 1.9")
    recorder = Recorder()
    model = clone(CLASSIFIERS["NetworkClassifier"]).set_params(max_iter=3)
    assert model.set_callbacks(recorder).fit(X, LABELS).n_iter_ == 3
    assert ["setup", "begin fit", *["begin epoch", "end epoch"] * 3, "end fit", "teardown"] == recorder.tasks
    assert 2 == clone(model).set_callbacks(Recorder(epochs=2)).fit(X, LABELS).n_iter_
    failing = clone(model).set_params(optimizer="no such").set_callbacks(recorder)
    with pytest.raises(ValueError, match="no such"):
        failing.fit(X, LABELS)
    assert not hasattr(failing, "_callback_fit_ctx")
    outer = Recorder()
    fresh = clone(CLASSIFIERS["NetworkClassifier"]).set_params(max_iter=3)
    GridSearchCV(fresh, {"hidden_layer_sizes": [(2,), (3,)]}, cv=2).set_callbacks(outer).fit(X, LABELS)
    assert 3 * (2 * 2 + 1) == outer.tasks.count("end epoch")


def test_shap_explains_the_difference_from_the_mean():
    shap = pytest.importorskip("shap")
    model = clone(REGRESSORS["NetworkRegressor"]).fit(D[:, :4], T)
    explained = shap.KernelExplainer(model.predict, D[:20, :4])
    values = explained.shap_values(D[20:23, :4], silent=True)
    np.testing.assert_allclose(values.sum(axis=1) + explained.expected_value, model.predict(D[20:23, :4]), rtol=1e-6)


def test_mapie_conformalizes_regressor_and_classifier():
    pytest.importorskip("mapie")
    from mapie.classification import SplitConformalClassifier
    from mapie.regression import SplitConformalRegressor

    model = clone(REGRESSORS["NetworkRegressor"]).fit(D[:100], T[:100])
    conformal = SplitConformalRegressor(model, confidence_level=0.8, prefit=True).conformalize(D[100:180], T[100:180])
    lower, upper = conformal.predict_interval(D[180:])[1][:, :, 0].T
    assert 0.6 < ((lower <= T[180:]) & (T[180:] <= upper)).mean() < 0.95
    classes = clone(CLASSIFIERS["NetworkClassifier"]).fit(X[:100], LABELS[:100])
    sets = SplitConformalClassifier(classes, confidence_level=0.9, prefit=True).conformalize(
        X[100:180], LABELS[100:180]
    )
    chosen = sets.predict_set(X[180:])[1][:, :, 0]
    hit = chosen[np.arange(60), np.searchsorted(classes.classes_, LABELS[180:])]
    assert hit.mean() > 0.75
