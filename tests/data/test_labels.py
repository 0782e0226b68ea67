"""Labels of every type and names of columns: learned by the first fit, matched later, saved, and given back."""

import copy
import io
import pickle
import re
from datetime import date

import numpy as np
import pandas as pd
import pytest

import nnkit
from nnkit.data.frames import NamedColumns
from nnkit.data.labels import Labels
from nnkit.errors import DataError

RNG = np.random.default_rng(0)
CODES = np.arange(90) % 3
X = np.eye(3)[CODES] * 4.0 + RNG.normal(scale=0.1, size=(90, 3))
NAMES = ["p", "q", "r"]
FRAME = pd.DataFrame(X, columns=NAMES)


def classifier(classes=3, **changes):
    settings = {
        "output_activation": "softmax",
        "loss": "categorical_crossentropy",
        "optimizer": "adam(learning_rate=0.05)",
        "seed": 0,
    }
    return nnkit.Network([3, 8, classes], **(settings | changes))


def saved(net):
    file = io.BytesIO()
    net.save(file)
    file.seek(0)
    return nnkit.Network.load(file)


THREE = {
    "texts": np.array(["no", "perhaps", "yes"]),
    "objects": np.array(["no", "perhaps", "yes"], dtype=object),
    "letters of any script": np.array(["a", "é", "日本"]),
    "integers with gaps": np.array([3, 7, 40]),
    "negative integers": np.array([-5, 0, 5]),
    "one to three": np.array([1, 2, 3], dtype=np.uint8),
    "beyond 2**53": np.array([2**53 + 1, 2**53 + 2, 2**63 - 1]),
    "beyond 64 bits": np.array([-(2**70), 5, 2**70], dtype=object),
    "integral floats": np.array([1.0, 2.0, 1e300]),
    "codes": np.array([0, 1, 2]),
    "codes as floats": np.array([0.0, 1.0, 2.0], dtype=np.float32),
}


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
@pytest.mark.parametrize("kind", THREE)
def test_labels_of_every_type_come_back(kind, loss):
    labels = THREE[kind]
    y = labels[CODES]
    net = classifier(loss=loss)
    net.fit(X, y, epochs=40, metrics=["accuracy"], validation_split=0.2)
    assert tuple(labels.tolist()) == net.classes
    assert 1.0 == net.history["val_accuracy"][-1] == net.score(X, y, accuracy=True)
    assert y.tolist() == net.predict(X, labels=True).tolist()
    for copied in (saved(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert net.classes == copied.classes
        assert list(map(type, net.classes)) == list(map(type, copied.classes))
        assert y.tolist() == copied.predict(X, labels=True).tolist()
        assert net.score(X[:7], y[:7]) == copied.score(X[:7], y[:7])


TWO = {
    "texts": ["no", "yes"],
    "booleans": [False, True],
    "signs": [-1, 1],
    "codes": [0, 1],
    "integers": [4, 2**60],
    "integral floats": [1.0, 2.0],
}


@pytest.mark.parametrize(
    ("head", "loss", "task"),
    [
        ("sigmoid", "binary_crossentropy", None),
        ("tanh", "hinge", None),
        (None, "mean_squared_error", "binary"),
        ("softmax", "categorical_crossentropy", None),
    ],
)
@pytest.mark.parametrize("kind", TWO)
def test_two_classes_of_every_type_come_back(kind, head, loss, task):
    y = np.array(TWO[kind])[(X[:, 0] > 2).astype(int)]
    net = classifier(2 if head == "softmax" else 1, output_activation=head, loss=loss, task=task)
    net.fit(X, y, epochs=40, metrics=["accuracy"], class_weight={TWO[kind][1]: 2.0})
    assert tuple(TWO[kind]) == net.classes
    assert 1.0 == net.history["accuracy"][-1]
    np.testing.assert_array_equal(y, net.predict(X, labels=True))
    assert y.dtype == net.predict(X, labels=True).dtype
    # One class present: the same codes, so the scores of the parts average to that of all rows.
    first = y == y[0]
    parts = [net.score(X[rows], y[rows]) * rows.sum() for rows in (first, ~first)]
    np.testing.assert_allclose(net.score(X, y), sum(parts) / len(y), rtol=1e-12)
    np.testing.assert_array_equal(y, saved(net).predict(X, labels=True))


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["b", "a", "c"] * 30),
        pd.Series(["b", "a", "c"] * 30, dtype=object),
        pd.Series(["b", "a", "c"] * 30, dtype="string"),
        pd.Series(["b", "a", "c"] * 30).to_frame("kind"),
        ["b", "a", "c"] * 30,
        [["b"], ["a"], ["c"]] * 30,
        pd.Categorical(["b", "a", "c"] * 30),
        pd.CategoricalIndex(["b", "a", "c"] * 30),
        np.array([b"b", b"a", b"c"] * 30),
        pd.Series([b"b", b"a", b"c"] * 30),
        np.array(["b", "a", "c"] * 30, dtype=np.dtypes.StringDType()),
    ],
    ids=["str", "object", "string", "frame", "list", "rows", "categorical", "index", "bytes", "objects", "variable"],
)
def test_texts_in_every_container(column):
    net = classifier()
    net.fit(X, column, epochs=1)
    assert ("a", "b", "c") == net.classes


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_columns_of_other_libraries_are_labels_and_features(library):
    module = pytest.importorskip(library)
    if library == "polars":
        frame, y = module.DataFrame(X, schema=NAMES), module.Series(["b", "a", "c"] * 30)
        other = frame.select(["r", "p", "q"])
    else:
        frame = module.table({name: X[:, place] for place, name in enumerate(NAMES)})
        y, other = module.array(["b", "a", "c"] * 30).dictionary_encode(), frame.select(["r", "p", "q"])
    net = classifier()
    net.fit(frame, y, epochs=2)
    assert (tuple(NAMES), ("a", "b", "c")) == (net.features, net.classes)
    np.testing.assert_array_equal(net.predict(X), net.predict(other))
    np.testing.assert_array_equal(net.predict(X), net.predict(FRAME[["q", "r", "p"]]))
    with pytest.raises(DataError, match="X lacks 'r'"):
        net.predict(frame.select(["p", "q"]))


def test_declared_categories_keep_their_order_and_absent_ones():
    sizes = pd.Categorical.from_codes(CODES % 2, ["small", "large", "huge"], ordered=True)
    net = classifier()
    net.fit(X, pd.Series(sizes), epochs=30)
    assert ("small", "large", "huge") == net.classes
    assert np.array(sizes).tolist() == net.predict(X, labels=True).tolist()
    two = classifier(2)
    two.fit(X, pd.Series(sizes), epochs=1)
    assert ("small", "large") == two.classes


def test_nullable_integers_are_labels():
    net = classifier()
    net.fit(X, pd.Series(CODES + 1).astype("Int64"), epochs=1)
    assert (1, 2, 3) == net.classes
    with pytest.raises(DataError, match="finite|missing"):
        net.fit(X, pd.Series([None, 1, 2] * 30, dtype="Int64"), epochs=1)


def test_labels_that_are_not_among_the_classes_are_refused_by_name():
    net = classifier()
    net.fit(X, np.array(["a", "b", "c"])[CODES], epochs=1)
    before = net.parameters.copy()
    for call in (
        lambda y: net.evaluate(X, y),
        lambda y: net.fit(X, y, epochs=1),
        lambda y: net.fit(X, np.array(["a", "b", "c"])[CODES], validation_data=(X, y), epochs=1),
    ):
        with pytest.raises(DataError, match=r"has the label 'z'; the classes of this network are 'a', 'b', 'c'"):
            call(["a", "z", "c"] * 30)
    with pytest.raises(DataError, match=r"has the label 0, 1, 2; the classes of this network are 'a', 'b', 'c'"):
        net.evaluate(X, CODES)
    np.testing.assert_array_equal(before, net.parameters)
    assert net.evaluate(X, np.eye(3)[CODES])["loss"] == net.score(X, np.array(["a", "b", "c"])[CODES])
    net.reset()
    assert net.classes is None
    net.fit(X, np.array(["x", "y", "z"])[CODES], epochs=1)
    assert ("x", "y", "z") == net.classes


def test_class_weights_are_by_label_and_equal_sample_weights():
    names = np.array(["a", "b", "c"])[CODES]
    by_class, by_sample, by_place = classifier(), classifier(), classifier()
    by_class.fit(X, names, epochs=3, class_weight={"b": 3.0, "c": 0.5})
    by_place.fit(X, names, epochs=3, class_weight=[1.0, 3.0, 0.5])
    by_sample.fit(X, names, epochs=3, sample_weight=np.array([1.0, 3.0, 0.5])[CODES])
    np.testing.assert_array_equal(by_sample.parameters, by_class.parameters)
    np.testing.assert_array_equal(by_sample.parameters, by_place.parameters)
    with pytest.raises(DataError, match=r"class_weight names the class 1; the classes of this network are 'a', 'b'"):
        classifier().fit(X, names, epochs=1, class_weight={1: 2.0})


def test_class_weights_of_rows_without_one_class_are_refused_with_what_to_do():
    indicators = (RNG.random((90, 3)) < 0.5).astype(int)
    multilabel = classifier(output_activation="sigmoid", loss="binary_crossentropy")
    with pytest.raises(DataError, match=r"multilabel have several: .*binary_crossentropy\(pos_weight=\[\.\.\.\]\)"):
        multilabel.fit(X, indicators, epochs=1, class_weight="balanced")
    regression = nnkit.Network([3, 2], seed=0)
    with pytest.raises(DataError, match="the task of this network is regression; use sample_weight"):
        regression.fit(X, indicators[:, :2], epochs=1, class_weight={0: 2.0})
    assert 0 == multilabel.step == regression.step


def test_columns_of_indicators_are_named_and_matched():
    wanted = pd.DataFrame((RNG.random((90, 3)) < 0.5).astype(int), columns=["red", "green", "blue"])
    net = classifier(output_activation="sigmoid", loss="binary_crossentropy")
    net.fit(X, wanted, epochs=2)
    assert ("red", "green", "blue") == net.classes
    assert (90, 3) == net.predict(X, labels=True).shape
    assert net.score(X, wanted) == net.score(X, wanted[["blue", "red", "green"]]) == net.score(X, wanted.to_numpy())
    with pytest.raises(DataError, match="y lacks 'blue' and has 'grey' in addition; the targets of this network are"):
        net.score(X, wanted.rename(columns={"blue": "grey"}))


def test_one_hot_frames_name_the_classes():
    net = classifier()
    net.fit(X, pd.get_dummies(pd.Series(np.array(["u", "v", "w"])[CODES])), epochs=1)
    assert ("u", "v", "w") == net.classes
    assert set(net.predict(X, labels=True)) <= {"u", "v", "w"}
    assert net.score(X, np.array(["u", "v", "w"])[CODES]) == net.score(X, np.eye(3)[CODES])


def test_soft_targets_of_two_classes_stay_probabilities():
    net = classifier(1, output_activation="sigmoid", loss="binary_crossentropy")
    net.fit(X, np.linspace(0, 1, 90), epochs=1)
    assert (0, 1) == net.classes
    with pytest.raises(DataError, match="no class labels; use sample_weight"):
        net.fit(X, np.linspace(0, 1, 90), epochs=1, class_weight="balanced")


CALLS = {
    "predict": lambda net, frame: net.predict(frame),
    "score": lambda net, frame: net.score(frame, X[:, 0]),
    "evaluate": lambda net, frame: net.evaluate(frame, X[:, 0], metrics=["r2"])["r2"],
    "jacobian": lambda net, frame: net.jacobian(frame),
    "trace": lambda net, frame: net.trace(frame)[-1].activation,
    "objective": lambda net, frame: net.objective(frame, X[:, 0]).value(net.parameters),
    "validation_data": lambda net, frame: copy.deepcopy(net).fit(
        FRAME, X[:, 0], epochs=1, validation_data=(frame, X[:, 0])
    )["val_loss"][-1],
    "fit": lambda net, frame: copy.deepcopy(net).fit(frame, X[:, 0], epochs=1)["loss"][-1],
}


@pytest.mark.parametrize("call", CALLS)
def test_columns_are_matched_by_name_or_refused(call):
    net = nnkit.Network([3, 4, 1], seed=0)
    net.fit(FRAME, X[:, 0], epochs=2)
    assert tuple(NAMES) == net.features
    assert "features: p, q, r" in net.summary()
    expected = CALLS[call](net, X)
    for order in (["r", "p", "q"], ["q", "p", "r"]):
        np.testing.assert_array_equal(expected, CALLS[call](net, FRAME[order]))
        by_hand = NamedColumns(FRAME[order].to_numpy(), order)
        np.testing.assert_array_equal(expected, CALLS[call](saved(net), by_hand))
    mixed = FRAME[["q", "p", "r"]].assign(r=FRAME["r"].astype("Float64"))
    np.testing.assert_array_equal(expected, CALLS[call](net, mixed))
    with pytest.raises(DataError, match=r"lacks 'r' and has 's' in addition; the features of this network are 'p'"):
        CALLS[call](net, FRAME.rename(columns={"r": "s"}))
    with pytest.raises(DataError, match="lacks 'q'; the features"):
        CALLS[call](net, FRAME[["p", "r"]])
    with pytest.raises(DataError, match="has 'extra' in addition"):
        CALLS[call](net, FRAME.assign(extra=1.0))


def test_names_are_learned_from_the_first_frame_only_where_they_are_texts():
    net = nnkit.Network([3, 1], seed=0)
    net.fit(X, X[:, 0], epochs=1)
    assert net.features is None
    net.fit(pd.DataFrame(X), X[:, 0], epochs=1)
    assert net.features is None
    net.fit(FRAME, X[:, 0], epochs=1)
    assert tuple(NAMES) == net.features
    net.reset()
    assert net.features is None
    with pytest.raises(DataError, match="X has several columns called 'p'"):
        net.fit(pd.concat([FRAME[["p", "q"]], FRAME[["p"]]], axis=1), X[:, 0], epochs=1)


def test_freezing_keeps_names_and_labels():
    net = classifier()
    net.fit(FRAME, np.array(["a", "b", "c"])[CODES], epochs=1)
    net.freeze("0")
    assert (tuple(NAMES), ("a", "b", "c")) == (net.features, net.classes)


def test_a_refused_fit_learns_nothing():
    net = classifier()
    with pytest.raises(DataError, match="finite"):
        net.fit(FRAME, np.array(["a", "b", "c"])[CODES], epochs=1, sample_weight=np.full(90, np.nan))
    assert (None, None) == (net.features, net.classes)


def test_an_archive_keeps_names_and_labels(tmp_path):
    net = classifier()
    folder = tmp_path / "archive"
    net.fit(
        FRAME,
        np.array(["a", "b", "c"])[CODES],
        epochs=1,
        callbacks=[f"archiver(every=1, stream=True, path='{folder}')"],
    )
    for archive in (net.archive, nnkit.Archive.load(folder)):
        again = nnkit.Network.from_archive(archive, net.step)
        assert (net.features, net.classes) == (again.features, again.classes)


def test_labels_with_declared_classes_need_no_library():
    net = classifier()
    net.fit(X, Labels(("b", "a", "c"), CODES), epochs=1)
    assert ("b", "a", "c") == net.classes
    assert net.score(X, Labels(("c", "b", "a"), (CODES + 1) % 3)) == net.score(X, np.array(["b", "a", "c"])[CODES])


def test_a_prediction_of_nan_is_of_no_class():
    net = classifier()
    net.fit(X, np.array(["a", "b", "c"])[CODES], epochs=1)
    net.parameters[:] = np.nan
    with pytest.raises(DataError, match=r"row 0 \(counted from 0\) is NaN, which belongs to no class"):
        net.predict(X, labels=True)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"no": "much"}, r"class_weight\['no'\] holds values of dtype <U4; expected numbers"),
        ({"no": 10**400}, r"class_weight\['no'\] holds values of dtype object"),
        ({"no": None}, r"class_weight\['no'\] holds values of dtype object"),
        ({"no": [1.0, 2.0]}, r"class_weight\['no'\] has shape \(2,\); expected one number"),
        ({"no": np.nan}, r"class_weight holds \[nan, 1.0\]; expected finite"),
        (["a", "b"], "class_weight holds values of dtype <U1"),
        (np.ma.masked_array([1.0, 2.0], mask=[False, True]), "class_weight has 1 masked values"),
        ([[1.0], [2.0]], r"class_weight has shape \(2, 1\); expected one weight for each of 2 classes"),
    ],
)
def test_class_weights_that_are_no_numbers_are_refused_before_training(wrong, words):
    net = nnkit.Network([3, 1], output_activation="sigmoid", loss="binary_crossentropy", seed=0)
    before = net.parameters.copy()
    with pytest.raises(DataError, match=words):
        net.fit(X, np.where(CODES > 0, "yes", "no"), epochs=1, class_weight=wrong)
    np.testing.assert_array_equal(net.parameters, before)


def test_categories_of_several_types_are_refused_as_a_list_of_them_is():
    several = [["a", 1, 2][code] for code in CODES]
    for labels in (several, pd.Series(several).astype("category")):
        with pytest.raises(DataError, match=r"y has labels of several types \(number, str\)"):
            classifier().fit(X, labels, epochs=1)


def test_masked_texts_are_refused():
    labels = np.ma.masked_array(np.array(["a", "b", "c"])[CODES], mask=CODES == 1)
    with pytest.raises(DataError, match="y has 30 masked values"):
        classifier().fit(X, labels, epochs=1)


def test_integers_that_no_integer_dtype_holds_together_stay_exact():
    wide = [-1, 2**63, 2**63 + 1]
    net = classifier()
    net.fit(X, [wide[code] for code in CODES], epochs=100)
    assert net.classes == tuple(wide)
    assert saved(net).predict(X, labels=True).tolist() == [wide[code] for code in CODES]


@pytest.mark.parametrize(("loss", "low"), [("mean_squared_error", 0.0), ("hinge", -1.0)])
def test_labels_are_columns_for_a_loss_that_judges_each_output_alone(loss, low):
    names = np.array(["a", "b", "c"])[CODES]
    labelled = nnkit.Network([3, 8, 3], loss=loss, task="multiclass", optimizer="adam(learning_rate=0.05)", seed=0)
    columns = nnkit.Network([3, 8, 3], loss=loss, task="multiclass", optimizer="adam(learning_rate=0.05)", seed=0)
    labelled.fit(X, names, epochs=20)
    columns.fit(X, np.where(np.eye(3)[CODES] == 1.0, 1.0, low), epochs=20)
    np.testing.assert_array_equal(columns.parameters, labelled.parameters)
    assert ("a", "b", "c") == labelled.classes
    assert (names == labelled.predict(X, labels=True)).all()


def test_balanced_classes_count_a_row_by_its_weight():
    weight = 1.0 + (np.arange(90) % 2) + 2.0 * (CODES == 2)
    settings = {"class_weight": "balanced", "batch_size": None, "epochs": 5}
    weighted, repeated = classifier(), classifier()
    weighted.fit(X, CODES, sample_weight=weight, **settings)
    repeated.fit(np.repeat(X, weight.astype(int), axis=0), np.repeat(CODES, weight.astype(int)), **settings)
    np.testing.assert_allclose(weighted.parameters, repeated.parameters, rtol=1e-9)


def test_declared_categories_keep_their_order_without_a_series():
    y = pd.Categorical(["low", "high", "mid", "low"], categories=["low", "mid", "high"])
    net = nnkit.Network(hidden=[2], task="multiclass", seed=0)
    net.fit(np.eye(4), y, epochs=1)
    assert ("low", "mid", "high") == net.classes


@pytest.mark.parametrize(
    ("y", "problem"),
    [
        (np.array([0.0, np.nan, 1.0, 2.0]), r"y\[1\] is missing \(1 such labels\); drop those rows"),
        (
            [date(2020, 1, day) for day in (1, 2, 1, 2)],
            r"y has the value datetime.date.*: convert them, .*(\[str.*\])$",
        ),
    ],
)
def test_what_is_no_label_is_refused_with_what_to_do(y, problem):
    net = nnkit.Network(hidden=[2], task="multiclass", seed=0)
    with pytest.raises(DataError, match=problem) as raised:
        net.fit(np.eye(4), y, epochs=1)
    for advice in re.search(problem, str(raised.value)).groups():
        net.fit(np.eye(4), eval(advice, {"y": y}), epochs=1)
        assert ("2020-01-01", "2020-01-02") == net.classes
