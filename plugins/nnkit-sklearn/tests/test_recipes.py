"""Estimators by recipe and with several members."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

import nnkit
from nnkit_sklearn import NetworkClassifier, NetworkRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 3))
Y = 50.0 + 10.0 * X[:, 0] * X[:, 1] + X[:, 2]
LABELS = np.where(X[:, 0] > 0, "yes", "no")
SHORT = {"recipe": "tabular", "n_members": 2, "max_iter": 3, "random_state": 0}


def frame():
    cities = np.array(["Oslo", "Rome"], dtype=object)[(X[:, 0] > 0).astype(int)]
    cities[7] = None
    return pd.DataFrame({"city": cities, "age": np.where(X[:, 1] > 1.5, np.nan, X[:, 1])})


def test_a_frame_with_text_and_gaps_is_read_by_the_recipe():
    model = clone(NetworkRegressor(**SHORT)).fit(frame(), Y)
    direct = nnkit.fit_recipe("tabular", frame(), Y, task="regression", members=2, epochs=3, seed=0)
    np.testing.assert_array_equal(model.predict(frame()), direct.predict(frame())[:, 0])
    lower, upper = model.predict_interval(frame(), coverage=0.8)
    np.testing.assert_array_equal(upper, direct.intervals(frame(), level=0.8).upper[:, 0])
    point, deviation = model.predict(frame(), return_std=True)
    assert (lower < upper).all()
    assert (deviation > 0).all()
    assert point.shape == (90,)
    assert list(model.feature_names_in_) == ["city", "age"]
    assert "members" in str(model.plan_)
    assert len(model.networks_) == 2
    with pytest.raises(AttributeError, match="one for each member"):
        _ = model.network_


def test_a_classifier_by_recipe():
    weight = np.ones(90)
    weight[::10] = 0.0
    model = NetworkClassifier(class_weight="balanced", hidden_layer_sizes=(8,), **SHORT)
    model.fit(frame(), LABELS, sample_weight=weight)
    assert model.networks_[0].model.widths[-2:] == (8, 1)
    assert set(model.predict(frame())) <= {"no", "yes"}
    np.testing.assert_allclose(model.predict_proba(frame()).sum(axis=1), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(model.decision_function(frame()) > 0, model.predict(frame()) == "yes")
    assert np.isfinite(cross_val_score(NetworkClassifier(**SHORT), X, LABELS, cv=2)).all()


def test_an_array_with_missing_values_is_read_as_a_frame_with_them_is():
    gaps = np.where(X > 1.5, np.nan, X)
    models = [NetworkRegressor(**SHORT).fit(rows, Y) for rows in (gaps, pd.DataFrame(gaps))]
    np.testing.assert_array_equal(models[0].predict(gaps), models[1].predict(pd.DataFrame(gaps)))
    with pytest.raises(ValueError, match="infinity|inf"):
        NetworkRegressor(**SHORT).fit(np.where(X > 1.5, np.inf, X), Y)
    with pytest.raises(ValueError, match="NaN"):
        NetworkRegressor(max_iter=2).fit(gaps, Y)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_members_without_a_recipe_are_the_networks_of_their_seeds(early_stopping):
    arguments = {"max_iter": 3, "early_stopping": early_stopping}
    model = NetworkRegressor((4,), n_members=3, random_state=5, **arguments).fit(X, Y)
    each = [NetworkRegressor((4,), random_state=seed, **arguments).fit(X, Y).predict(X) for seed in (5, 6, 7)]
    np.testing.assert_allclose(model.predict(X), np.mean(each, axis=0), rtol=1e-12)
    several = NetworkClassifier((4,), n_members=2, max_iter=2, random_state=0).fit(X, np.column_stack([LABELS, LABELS]))
    assert several.predict(X).shape == (90, 2)
    assert len(several.networks_) == 4


@pytest.mark.parametrize(
    ("parameters", "arguments"),
    [({"early_stopping": True}, {}), ({}, {"X_val": X, "y_val": Y})],
    ids=["early stopping", "validation data"],
)
def test_what_a_recipe_decides_itself_is_refused(parameters, arguments):
    with pytest.raises(ValueError, match="leave early_stopping, X_val and y_val"):
        NetworkRegressor(**SHORT, **parameters).fit(X, Y, **arguments)
