"""Tables, masked and sparse arrays, and images: read as a user means them, or refused with the fix."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import nnkit
from nnkit.data.arrays import as_array, as_inputs
from nnkit.errors import DataError, ShapeError

FLOAT = np.dtype(np.float64)
MIXED = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [True, False, True]})


def test_bool_columns_beside_floats_are_numbers():
    np.testing.assert_array_equal(as_array(MIXED, "X"), [[1, 1], [2, 0], [3, 1]])
    dummies = pd.get_dummies(pd.DataFrame({"size": [1.5, 2.5, 3.5], "city": ["x", "y", "x"]}))
    np.testing.assert_array_equal(as_array(dummies, "X"), [[1.5, 1, 0], [2.5, 0, 1], [3.5, 1, 0]])


def test_nullable_columns_of_several_types_are_numbers():
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, 2, 3], dtype="Int64"),
            "real": pd.array([0.5, 1.5, 2.5], dtype="Float64"),
            "flag": pd.array([True, False, True], dtype="boolean"),
            "small": np.array([1, 2, 3], dtype=np.uint8),
        }
    )
    np.testing.assert_array_equal(as_array(frame, "X"), [[1, 0.5, 1, 1], [2, 1.5, 0, 2], [3, 2.5, 1, 3]])
    np.testing.assert_array_equal(as_array(frame["whole"], "y"), [1, 2, 3])
    assert as_array(frame["flag"], "y").dtype == bool


def test_sparse_columns_of_dummies_are_numbers():
    frame = pd.DataFrame({"size": [1.5, 2.5, 3.5], "city": ["x", "y", "x"]})
    sparse_dummies = pd.get_dummies(frame, sparse=True)
    np.testing.assert_array_equal(as_array(sparse_dummies, "X"), [[1.5, 1, 0], [2.5, 0, 1], [3.5, 1, 0]])
    np.testing.assert_array_equal(as_array(sparse_dummies["city_x"], "y"), [1, 0, 1])


def test_missing_values_of_nullable_columns_are_refused_as_nan():
    frame = MIXED.assign(c=pd.array([1, None, 3], dtype="Int64"))
    with pytest.raises(DataError, match=r"X\[1, 2\] is .*nan.* \(1 such values\).*drop or fill"):
        as_inputs(frame, dtype=FLOAT)


def test_columns_without_numbers_are_named_with_the_fix():
    frame = MIXED.assign(
        kind=pd.Categorical(["x", "y", "x"]),
        code=pd.Categorical([1, 2, 1]),
        text=["p", "q", "r"],
        day=pd.Timestamp("2020-01-01"),
        things=[object(), 1, 2],
    )
    with pytest.raises(DataError) as caught:
        as_array(frame, "X")
    message = str(caught.value)
    assert all(f"'{name}' (" in message for name in ("kind", "code", "text", "day", "things"))
    assert "'a'" not in message
    assert "columns='auto'" in message


def test_more_refused_columns_than_can_be_read_are_counted():
    frame = pd.DataFrame({f"t{place}": ["x"] for place in range(9)})
    with pytest.raises(DataError, match="'t5' .* and 3 more; expected"):
        as_array(frame, "X")


def test_two_columns_of_one_name_are_two_columns():
    frame = pd.concat([MIXED, MIXED], axis=1)
    assert as_array(frame, "X").shape == (3, 4)


def test_a_frame_of_one_dtype_is_not_copied():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(6, 3)))
    assert np.shares_memory(as_array(frame, "X"), frame.to_numpy())


def test_training_on_a_frame_equals_training_on_its_numbers():
    frame = pd.DataFrame({"a": np.linspace(-1, 1, 40), "b": np.arange(40) % 2 == 0})
    by_frame, by_array = (nnkit.Network([2, 3, 1], seed=0) for _ in range(2))
    target = (frame["a"] ** 2).rename("square")
    by_frame.fit(frame, target, epochs=2)
    by_array.fit(frame.to_numpy(dtype=float), target.to_numpy(), epochs=2)
    np.testing.assert_array_equal(by_array.predict(frame), by_frame.predict(frame))


@pytest.mark.parametrize("where", ["X", "y", "sample_weight"])
def test_masked_arrays_are_refused_wherever_they_come(where):
    data = {"X": np.ones((4, 2)), "y": np.ones(4), "sample_weight": np.ones(4)}
    mask = np.zeros(data[where].shape, dtype=bool)
    mask[0] = True
    data[where] = np.ma.masked_array(data[where], mask=mask)
    net = nnkit.Network([2, 1], seed=0)
    with pytest.raises(DataError, match=rf"{where} has \d masked values.*filled"):
        net.fit(data["X"], data["y"], sample_weight=data["sample_weight"], epochs=1)
    assert net.step == 0


def test_a_masked_array_without_masked_values_is_an_array():
    np.testing.assert_array_equal(as_array(np.ma.masked_array([[1.0, 2.0]]), "X"), [[1.0, 2.0]])


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csr_matrix, sparse.coo_matrix, sparse.csc_array])
def test_sparse_arrays_are_refused_with_the_size_of_a_dense_one(form):
    with pytest.raises(DataError, match=r"X is a sparse array of shape \(2000, 5000\).*toarray\(\) takes 76 MiB"):
        as_array(form((2000, 5000)), "X")


def test_images_of_any_rank_become_rows():
    images = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    np.testing.assert_array_equal(as_inputs(images, dtype=FLOAT), images.reshape(2, 60))
    net = nnkit.Network([60, 1], seed=0)
    np.testing.assert_array_equal(net.predict(images), net.predict(images.reshape(2, 60)))
    with pytest.raises(
        ShapeError, match=r"X has 48 columns \(one row of 3 x 4 x 4 numbers a sample\); this network takes 60"
    ):
        net.predict(images[:, :, :, 1:])


def test_numbered_columns_are_put_in_the_order_of_their_numbers():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    frame, shuffled = pd.DataFrame(x), pd.DataFrame(x)[[2, 0, 1]]
    expected = nnkit.Network([3, 1], seed=0)
    expected.fit(x, x[:, 0], epochs=2)
    for first in (frame, shuffled):
        net = nnkit.Network([3, 1], seed=0)
        net.fit(first, x[:, 0], epochs=2, validation_data=(shuffled, x[:, 0]))
        assert net.features is None
        for later in (x, frame, shuffled):
            np.testing.assert_array_equal(net.predict(later), expected.predict(x))
            assert net.score(later, x[:, 0]) == expected.score(x, x[:, 0])


def test_other_names_that_are_no_texts_are_matched():
    x = np.random.default_rng(0).normal(size=(40, 3))
    frame = pd.DataFrame(x, columns=[2019, 2020, "total"])
    net = nnkit.Network([3, 1], seed=0)
    net.fit(frame, x[:, 0], epochs=2)
    assert net.features == ("2019", "2020", "total")
    np.testing.assert_array_equal(net.predict(frame[["total", 2020, 2019]]), net.predict(x))
    with pytest.raises(DataError, match=r"X lacks '2019'; the features of this network"):
        net.predict(frame.drop(columns=2019))
    repeated = pd.DataFrame(x, columns=[0, 1, 0])  # of pandas.concat: no names
    nnkit.Network([3, 1], seed=0).fit(repeated, x[:, 0], epochs=1)


def test_a_missing_value_is_named_with_its_column():
    frame = MIXED.assign(c=[1.0, np.nan, 3.0])
    with pytest.raises(DataError, match=r"X\[1, 2\] is nan \(1 such values\), in column 'c'; expected finite"):
        as_inputs(frame, dtype=FLOAT)
    net = nnkit.Network([3, 1], seed=0)
    net.fit(frame.fillna(0.0), [1.0, 2.0, 3.0], epochs=1)
    with pytest.raises(DataError, match="in column 'c'"):
        net.predict(frame.to_numpy(dtype=float))


def as_polars(frame):
    return pytest.importorskip("polars").DataFrame({name: frame[name].to_numpy() for name in frame})


def as_arrow(frame):
    return pytest.importorskip("pyarrow").table({name: frame[name].to_numpy() for name in frame})


CONTAINERS = {
    "another index": lambda frame: frame.set_index(np.arange(len(frame))[::-1] * 7),
    "nullable": lambda frame: frame.convert_dtypes(),
    "objects": lambda frame: frame.astype(object),
    "decimals": lambda frame: frame.assign(a=[Decimal(value) for value in frame["a"]]),
    "structured array": lambda frame: frame.to_records(index=False),
    "mapping": lambda frame: {name: frame[name].tolist() for name in frame},
    "records": lambda frame: frame.to_dict("records"),
    "polars": as_polars,
    "pyarrow": as_arrow,
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_of_a_table_is_the_same_table(tmp_path, container):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=40), "b": rng.random(40) > 0.5, "c": rng.integers(0, 5, 40)})
    y = np.where(frame["a"] + frame["b"] > 0.5, "yes", "no")
    other = CONTAINERS[container](frame)
    networks = [nnkit.Network(hidden=["standardize", 4], columns="auto", seed=0) for _ in range(2)]
    for network, X in zip(networks, (frame, other), strict=True):
        network.fit(X, y, epochs=2, validation_data=(X, y), class_weight="balanced", metrics=["accuracy"])
    assert networks[0].history == networks[1].history
    networks[1].save(tmp_path / "net.npz")
    loaded = nnkit.Network.load(tmp_path / "net.npz")
    np.testing.assert_array_equal(networks[0].predict(frame, labels=True), loaded.predict(other, labels=True))
    assert networks[0].evaluate(frame, y, metrics=["f1"]) == loaded.evaluate(other, y, metrics=["f1"])


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: pytest.importorskip("polars").DataFrame(MIXED.to_dict("list")).lazy(), r"pass X\.collect\(\)"),
        (lambda: {"a": [[1.0, 2.0], [3.0, 4.0]]}, "'a' has the shape"),
        (lambda: MIXED[:0], r"X is empty \(shape \(0, 2\)\)"),
        (list, "X is list of shape"),
    ],
)
def test_what_is_no_table_is_refused_with_what_to_do(make, problem):
    with pytest.raises(DataError, match=problem):
        nnkit.Network(hidden=[2], columns="auto", task="binary", seed=0).fit(make(), [0, 1, 0])


def test_a_column_of_lists_is_not_taken_for_several_columns():
    polars = pytest.importorskip("polars")
    with pytest.raises(DataError, match=r"'a' \(List\(Float64\)\)"):
        as_array(polars.DataFrame({"a": [[1.0, 2.0], [3.0, 4.0]]}), "X")


def test_advice_on_objects_works_and_names_what_is_no_number():
    for X in (np.array([[1, "2"]], dtype=object), np.array([["1", "2"]])):
        with pytest.raises(DataError, match=r"X\.astype\(float\) converts them$"):
            as_array(X, "X")
        assert as_array(X.astype(float), "X").tolist() == [[1.0, 2.0]]
    with pytest.raises(DataError, match=r"X\[0, 1\] is 'a': .*columns='auto'"):
        as_array(np.array([[1, "a"]], dtype=object), "X")
    with pytest.raises(DataError, match=r"sample_weight\[1\] is an integer of 1329 bits"):
        as_array([1, 10**400], "sample_weight")
