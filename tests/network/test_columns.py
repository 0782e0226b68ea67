"""Networks with a column plan: tables in, as they are; learned by the first fit, saved, and repeated."""

import numpy as np
import pandas as pd
import pytest

from nnkit import Network
from nnkit.data import table
from nnkit.data.columns import ColumnPlan
from nnkit.errors import DataError, FileFormatError, SpecError, TrainingWarning


def people(rows=90, seed=0):
    rng = np.random.default_rng(seed)
    city = np.array(["Oslo", "Rome", "Lima"], dtype=object)[rng.integers(0, 3, rows)]
    age = rng.normal(size=rows)
    frame = pd.DataFrame({"age": age, "city": city, "member": rng.random(rows) > 0.5})
    frame.loc[::8, "age"] = np.nan
    return frame, np.where((city == "Rome") | (np.nan_to_num(frame["age"].to_numpy()) > 0.5), "yes", "no")


def network(columns="auto", **more):
    return Network(hidden=[8], task="binary", columns=columns, seed=0, **more)


def test_a_table_is_trained_on_as_it_is(tmp_path):
    X, y = people()
    net = network()
    net.fit(X, y, epochs=60, batch_size=16)
    assert ColumnPlan.learn(X) == net.columns
    assert net.columns.outputs == net.features
    by_hand = Network(hidden=[8], task="binary", seed=0)
    by_hand.fit(net.columns.matrix(X), y, epochs=60, batch_size=16)
    np.testing.assert_array_equal(by_hand.parameters, net.parameters)
    assert net.score(X, y, accuracy=True) > 0.85
    net.save(tmp_path / "net.npz")
    loaded = Network.load(tmp_path / "net.npz")
    assert (net.columns, net.composition) == (loaded.columns, loaded.composition)
    shuffled = X[["member", "city", "age"]]
    np.testing.assert_array_equal(net.predict(X, labels=True), loaded.predict(shuffled, labels=True))
    assert {"yes", "no"} == set(loaded.predict(X, labels=True))
    with pytest.warns(TrainingWarning, match=r"'city' in 90 rows \(Bonn\)"):
        loaded.predict(X.assign(city="Bonn"))
    assert "columns: age, city, member" in net.summary()
    net.reset()
    assert (None, None, "auto") == (net.columns, net.inputs, net.composition.columns)


def test_only_the_rows_of_training_are_learned_from():
    X, y = people()
    net = network()
    net.fit(X, y, epochs=1, validation_split=0.3)
    assert ColumnPlan.learn(X) != net.columns
    fills = {np.nanmedian(X["age"].iloc[rows]) for rows in (slice(None), slice(0, 63))}
    assert dict(net.columns.rules)["age"].fill not in fills


def test_rows_without_a_value_are_left_out_where_that_is_declared():
    X, y = people()
    whole = X["age"].notna().to_numpy()
    rules = {"age": "number(missing='drop')"}
    net, expected = network(rules), network(rules)
    weight = np.linspace(1.0, 2.0, len(X))
    net.fit(X, list(y), epochs=2, sample_weight=weight, validation_data=(X, pd.Series(y)))
    expected.fit(X[whole], y[whole], epochs=2, sample_weight=weight[whole], validation_data=(X[whole], y[whole]))
    np.testing.assert_array_equal(expected.parameters, net.parameters)
    assert expected.history == net.history
    with pytest.raises(DataError, match=r"X: column 'age' has no value in row 0"):
        net.predict(X)


def test_text_without_a_plan_is_refused_with_what_to_do():
    X, y = people()
    with pytest.raises(DataError, match=r"'city' .*pass columns='auto' to the Network"):
        Network(hidden=[8], task="binary").fit(X, y)
    with pytest.raises(SpecError, match="columns is 'automatic'"):
        network("automatic")
    with pytest.raises(DataError, match="a column plan needs columns"):
        network().fit(np.ones(4), ["a", "b", "a", "b"])
    net = network()
    net.fit(X, y, epochs=1)
    with pytest.raises(
        DataError, match="ndarray without names.*pass a frame or a mapping with the columns 'age', 'city'"
    ):
        net.predict(X.to_numpy())


def test_an_array_of_objects_is_planned_by_the_places_of_its_columns():
    X, y = people()
    net, expected = network(), network()
    net.fit(X.to_numpy(), y, epochs=1)
    expected.fit(X, y, epochs=1)
    np.testing.assert_array_equal(expected.predict(X), net.predict(X.to_numpy()))
    np.testing.assert_array_equal(expected.predict(X), net.predict(X.to_numpy().tolist()))


def test_a_failed_fit_learns_nothing():
    X, y = people()
    net = network()
    with pytest.raises(DataError):
        net.fit(X, y[:-1])
    assert net.columns is None


def test_a_damaged_plan_is_refused(tmp_path, monkeypatch):
    X, y = people()
    net = network()
    net.fit(X, y, epochs=1)
    monkeypatch.setattr(ColumnPlan, "to_config", lambda self: [{"column": "age", "rule": "cubic"}])
    net.save(tmp_path / "net.npz")
    monkeypatch.undo()
    with pytest.raises(FileFormatError, match="the column plan cannot be understood"):
        Network.load(tmp_path / "net.npz")


def streets(rows=900):
    rng = np.random.default_rng(0)
    street, area = rng.integers(0, 60, rows), rng.uniform(0, 200, rows)
    price = area * rng.uniform(1, 3, 60)[street]
    return pd.DataFrame({"street": [f"s{number}" for number in street], "area": area}), price


@pytest.mark.parametrize(
    ("layers", "scaled"),
    [
        ({"hidden": ["standardize", 16]}, "standardize"),
        (
            {"layers": [None, "rescale(scale=0.02)", "rescale(scale=0.5)", 16, 1]},
            ["rescale(scale=0.02)", "rescale(scale=0.5)"],
        ),
        ({"hidden": [16]}, "activation"),
    ],
)
@pytest.mark.filterwarnings("ignore:column .* of X reaches")
def test_embedded_columns_get_a_layer_of_their_own(layers, scaled, tmp_path):
    X, y = streets()
    net = Network(**layers, columns="auto", target_scaling="standardize", seed=0)
    net.fit(X, y, epochs=20)
    vectors = {"name": "embedding", "categories": 60, "dimensions": 8, "other": True}
    first = {"name": "concatenate", "branches": [scaled, vectors], "columns": [[0, 1], [1, 2]]}
    by_hand = Network([2, first, 16, 1], target_scaling="standardize", seed=0)
    by_hand.fit(net.columns.matrix(X), y, epochs=20)
    np.testing.assert_array_equal(by_hand.parameters, net.parameters)
    net.save(tmp_path / "net.npz")
    np.testing.assert_array_equal(net.predict(X), Network.load(tmp_path / "net.npz").predict(X))
    assert net.check_gradient(X[:20], y[:20])
    net.reset()
    net.fit(X, y, epochs=20)
    np.testing.assert_array_equal(by_hand.parameters, net.parameters)


def test_an_embedding_learns_what_a_category_is_worth():
    X, y = streets()
    net = Network(hidden=["standardize", 16], columns="auto", target_scaling="standardize", seed=0)
    net.fit(X[:700], y[:700], epochs=80)
    without = Network(hidden=["standardize", 16], columns={"street": "drop"}, target_scaling="standardize", seed=0)
    without.fit(X[:700], y[:700], epochs=80)
    explained = [n.evaluate(X[700:], y[700:], metrics=["r2"])["r2"] for n in (net, without)]
    assert explained[0] > 0.95 > explained[1]


def test_an_unseen_category_counts_as_the_mean_of_all():
    """A new street has the price of the average street, which is what a network without streets predicts."""
    X, y = streets()
    net = Network(hidden=["standardize", 16], columns="auto", target_scaling="standardize", seed=0)
    net.fit(X, y, epochs=80)
    new = X.assign(street="another")
    with pytest.warns(TrainingWarning, match=r"'street' in 900 rows \(another\)"):
        prediction = net.predict(new)[:, 0]
    fair = Network(hidden=["standardize", 16], columns={"street": "drop"}, target_scaling="standardize", seed=0)
    fair.fit(X, y, epochs=80)
    error, least = (np.sqrt(np.mean((p - y) ** 2)) for p in (prediction, fair.predict(X)[:, 0]))
    assert error < 1.1 * least < 0.7 * np.std(y)


def test_a_network_that_reads_indices_itself_is_left_alone():
    X, y = streets()
    first = {
        "name": "concatenate",
        "branches": ["standardize", "embedding(categories=61, dimensions=2)"],
        "columns": [[0, 1], [1, 2]],
    }
    net = Network([2, first, 8, 1], columns="auto", target_scaling="standardize", seed=0)
    net.fit(X, y, epochs=1)
    assert (3, 8, 1) == net.model.widths
    with pytest.raises(DataError, match=r"embeds 'street', and the network begins with the stated number of inputs"):
        Network([2, 8, 1], columns="auto", target_scaling="standardize", seed=0).fit(X, y, epochs=1)


def test_only_embedded_columns():
    X, y = streets()
    net = Network(hidden=[8], columns="auto", target_scaling="standardize", seed=0)
    net.fit(X[["street"]], y, epochs=1)
    assert (8, 8, 1) == net.model.widths


def test_leading_layers_scale_the_numbers_alone():
    X, y = people()
    net = Network(hidden=["standardize", 8], task="binary", columns="auto", seed=0)
    net.fit(X, y, epochs=5)
    assert (2, 6) == (net.columns.numbers, len(net.columns.outputs))
    first = {"name": "concatenate", "branches": ["standardize", "activation"], "columns": [[0, 2], [2, 6]]}
    settings = {"output_activation": "sigmoid", "loss": "binary_crossentropy"}
    by_hand = Network([6, first, 8, 1], seed=0, **settings)
    by_hand.fit(net.columns.matrix(X), y, epochs=5)
    np.testing.assert_array_equal(by_hand.parameters, net.parameters)
    stated = Network([6, "standardize", 8, 1], columns="auto", seed=0, **settings)
    stated.fit(X, y, epochs=1)
    assert "Standardize" == type(stated.layers[0]).__name__


def test_a_fit_reads_each_column_of_a_frame_once(monkeypatch):
    read = []
    monkeypatch.setattr(table, "as_column", lambda series, read_one=table.as_column: read.append(1) or read_one(series))
    frame = pd.DataFrame({"size": np.arange(20.0), "zone": ["a", "b"] * 10})
    net = Network(hidden=["standardize", 4], columns="auto", seed=0)
    net.fit(frame, np.arange(20.0) / 20, epochs=1, validation_split=0.2)
    assert len(read) == 2
