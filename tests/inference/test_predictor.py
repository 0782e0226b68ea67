"""A predictor is the network as it was: the same predictions in every form, whatever happens to the network."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse

import nnkit
import nnkit.data
from nnkit.data.frames import NamedColumns
from nnkit.errors import DataError, ShapeError


@pytest.fixture(autouse=True)
def plainly(monkeypatch):
    monkeypatch.setenv("NNKIT_PLUGINS", "")


def data(rows=80):
    rng = np.random.default_rng(7)
    return rng.normal(size=(rows, 3)), rng.normal(size=(rows, 2))


def regression(**options):
    X, y = data()
    net = nnkit.Network([3, 8, "batch_norm", 2], target_scaling="standardize", seed=1, **options)
    net.fit(X, 50.0 + 9.0 * y, epochs=2)
    return net, X


def classes():
    X, _ = data()
    net = nnkit.Network(hidden=[8, "dropout", 8], task="multiclass", seed=1, dtype="float32")
    net.fit(X, np.array(["ant", "bee", "cat"])[np.arange(len(X)) % 3], epochs=2)
    return net, X.astype(np.float32)


def likelihood():
    X, y = data()
    net = nnkit.Network([3, 4, 4], loss="gaussian_nll", target_scaling="standardize", seed=1)
    net.fit(X, y, epochs=2)
    return net, X


CASES = {
    "scaled": (regression, ({}, {"point": True})),
    "full Jacobians": (lambda: regression(backward="jacobian"), ({},)),
    "labels": (classes, ({}, {"labels": True})),
    "point": (likelihood, ({}, {"point": True})),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rows", [1, 32, 80])
def test_predictions_are_bit_identical_in_every_form(case, rows):
    build, forms = CASES[case]
    net, X = build()
    predictor = net.predictor()
    assert not predictor.compiled
    for form in forms:
        for x in (X[:rows], X[:rows].astype(np.float64), X[:rows].tolist(), X[:rows][:, ::-1][:, ::-1]):
            expected, actual = net.predict(x, **form), predictor.predict(x, **form)
            assert actual.dtype == expected.dtype
            assert np.array_equal(actual, expected)


def test_tables_sparse_rows_and_pickles_are_predicted_alike():
    X, y = data()
    table = NamedColumns(X, ["a", "b", "c"])
    net = nnkit.Network([3, 6, 2], columns="auto", seed=0)
    net.fit(table, y, epochs=1)
    for predictor in (net.predictor(), pickle.loads(pickle.dumps(net.predictor()))):
        assert np.array_equal(predictor.predict(table), net.predict(table))
    plain = nnkit.Network([3, 6, 2], seed=0)
    rows = sparse.csr_matrix(np.where(X > 0, X, 0))
    assert np.array_equal(plain.predictor().predict(rows), plain.predict(rows))
    (window,) = plain.predictor().predict(nnkit.data.Rows(X, y))
    assert np.array_equal(window, plain.predict(X))


def test_it_stays_as_the_network_was():
    net, X = classes()
    before, predictor = net.predict(X), net.predictor()
    net.fit(X, np.array(["ant", "bee", "cat"])[np.arange(len(X)) % 3], epochs=1)
    net.parameters = np.zeros_like(net.parameters)
    assert np.array_equal(predictor.predict(X), before)
    first = predictor.predict(X[:1])
    kept = first.copy()
    predictor.predict(X[1:2])
    assert np.array_equal(first, kept)


def test_threads_do_not_see_each_other():
    net, X = classes()
    predictor, expected = net.predictor(), net.predict(X)
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda n: predictor.predict(X[n : n + 1]), [*range(80)] * 5))
    one_by_one = np.concatenate([net.predict(X[n : n + 1]) for n in range(80)])
    assert np.array_equal(np.concatenate(rows), np.tile(one_by_one, (5, 1)))
    np.testing.assert_allclose(one_by_one, expected, rtol=1e-5)


def test_values_of_ready_rows_are_not_checked_and_all_else_is():
    net, X = classes()
    predictor = net.predictor()
    wrong = X[:2].copy()
    wrong[1, 0] = np.nan
    assert np.isnan(predictor.predict(wrong)).all(axis=1).tolist() == [False, True]
    with pytest.raises(DataError, match=r"X\[1, 0\] is nan"):
        predictor.predict(wrong.tolist())
    with pytest.raises(DataError, match=r"X\[1, 0\] is nan"):
        net.predict(wrong)
    for asked in (net.predict, predictor.predict):
        with pytest.raises(ShapeError, match="X has 2 columns; this network takes 3"):
            asked(X[:, :2].copy())
        with pytest.raises(ShapeError, match="one row a sample"):
            asked(X[0])
        with pytest.raises(DataError, match="X is empty"):
            asked(X[:0])


def test_indices_are_always_checked():
    net = nnkit.Network([2, "embedding(categories=4, dimensions=2)", 1], seed=0, dtype="float32")
    predictor = net.predictor()
    ready = np.array([[0.0, 3.0]], dtype=np.float32)
    assert np.array_equal(predictor.predict(ready), net.predict(ready))
    with pytest.raises(DataError, match=r"X\[0, 1\] is 4; Embedding reads column 1 as an index"):
        predictor.predict(ready + np.float32(1.0))


def test_labels_need_classes():
    net, X = regression()
    with pytest.raises(DataError, match="labels=True, and the task of this network is regression"):
        net.predictor().predict(X, labels=True)


def test_its_arrays_cannot_be_changed_and_its_form_shows():
    net, _ = classes()
    predictor = net.predictor()
    with pytest.raises(AttributeError):
        predictor.parameters = net.parameters
    assert repr(predictor) == "Predictor([3, 8, 8, 8, 3], dtype=float32, compiled=False)"
