"""`nnkit predict` and `nnkit describe`: the network's own figures, row by row."""

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_iris

import nnkit as package
from nnkit import Network
from nnkit.cli.app import nnkit

IRIS = load_iris()
NAMES = ["sl", "sw", "pl", "pw"]
CLASSES = ["setosa", "versicolor", "virginica"]


def run(*arguments):
    return CliRunner().invoke(nnkit, [*map(str, arguments)], prog_name="nnkit", catch_exceptions=False)


def network(outputs=3, head="softmax", loss="categorical_crossentropy", y=IRIS.target, X=IRIS.data, **notes):
    net = Network([4, 6, outputs], output_activation=head, loss=loss, seed=0)
    net.fit(X, y, epochs=2, metrics=["accuracy"] if head == "softmax" else [])
    net.notes.update(notes)
    return net


@pytest.fixture
def model(tmp_path):
    flowers = pd.DataFrame(IRIS.data, columns=NAMES)
    net = network(X=flowers, y=np.array(CLASSES)[IRIS.target], x="X", experiment="…")
    net.save(tmp_path / "iris.npz")
    return tmp_path / "iris.npz"


def write_csv(path, header, X):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([*([header] if header else []), *np.asarray(X).tolist()])
    return path


def rows(text):
    return list(csv.reader(io.StringIO(text)))


def test_predictions_lose_no_digit_on_their_way_to_the_screen(model, tmp_path):
    shown = run("predict", model, write_csv(tmp_path / "x.csv", None, IRIS.data))
    header, *figures = rows(shown.stdout)
    assert CLASSES == header
    np.testing.assert_array_equal(Network.load(model).predict(IRIS.data), np.array(figures, dtype=np.float64))


def test_columns_are_found_by_name_whatever_their_order_and_company(model, tmp_path):
    shuffled = [[pw, "?", sl, pl, sw] for sl, sw, pl, pw in IRIS.data.tolist()]
    path = tmp_path / "x.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["pw", "remark", "sl", "pl", "sw"], *shuffled])
    plain = write_csv(tmp_path / "plain.csv", None, IRIS.data)
    assert run("predict", model, plain).stdout == run("predict", model, path).stdout


def test_labels_are_the_names_of_the_classes(model, tmp_path):
    np.savez(tmp_path / "x.npz", X=IRIS.data)
    shown = run("predict", model, tmp_path / "x.npz", "--labels")
    expected = Network.load(model).predict(IRIS.data, labels=True)
    assert set(expected) <= set(CLASSES)
    assert [["label"], *([name] for name in expected)] == rows(shown.stdout)


def test_files_instead_of_the_screen(model, tmp_path):
    np.savez(tmp_path / "x.npz", flowers=IRIS.data)
    arguments = ("predict", model, tmp_path / "x.npz", "--x", "flowers", "--output")
    for name in ("p.csv", "p.npz"):
        shown = run(*arguments, tmp_path / name)
        assert (0, "") == (shown.exit_code, shown.output)
    assert run(*arguments[:-1]).stdout == (tmp_path / "p.csv").read_text()
    with np.load(tmp_path / "p.npz", allow_pickle=False) as stored:
        np.testing.assert_array_equal(Network.load(model).predict(IRIS.data), stored["prediction"])
    run(*arguments, tmp_path / "l.npz", "--labels")
    with np.load(tmp_path / "l.npz", allow_pickle=False) as stored:
        np.testing.assert_array_equal(Network.load(model).predict(IRIS.data, labels=True), stored["labels"])


def test_outputs_are_named_by_integers_where_these_are_the_labels(tmp_path):
    net = network()
    net.save(tmp_path / "net.npz")
    np.savez(tmp_path / "x.npz", X=IRIS.data)
    shown = run("predict", tmp_path / "net.npz", tmp_path / "x.npz").stdout
    assert ["0", "1", "2"] == rows(shown)[0]
    labels = run("predict", tmp_path / "net.npz", tmp_path / "x.npz", "--labels").stdout
    assert [str(i) for i in net.predict(IRIS.data, labels=True)] == [row[0] for row in rows(labels)[1:]]


def test_two_classes_at_one_output_have_their_names(tmp_path):
    np.savez(tmp_path / "x.npz", X=IRIS.data)
    first = np.where(IRIS.target == 0, "yes", "no")
    for head, loss in (("sigmoid", "binary_crossentropy"), ("tanh", "hinge")):
        net = network(1, head, loss, first)
        net.save(tmp_path / "net.npz")
        shown = run("predict", tmp_path / "net.npz", tmp_path / "x.npz", "--labels").stdout
        expected = np.where(net.predict(IRIS.data)[:, 0] > (0 if loss == "hinge" else 0.5), "yes", "no")
        assert expected.tolist() == [row[0] for row in rows(shown)[1:]]
        assert ["yes"] == rows(run("predict", tmp_path / "net.npz", tmp_path / "x.npz").stdout)[0]


def test_what_cannot_be_predicted_is_a_sentence(model, tmp_path):
    net = network(1, None, "mean_squared_error", IRIS.target.astype(float))
    net.save(tmp_path / "numbers.npz")
    np.savez(tmp_path / "x.npz", X=IRIS.data)
    np.savez(tmp_path / "narrow.npz", X=IRIS.data[:, :3])
    nan = IRIS.data.copy()
    nan[3, 1] = np.nan
    np.savez(tmp_path / "nan.npz", X=nan)
    write_csv(tmp_path / "missing.csv", ["sl", "sw", "pl"], IRIS.data[:, :3])
    (tmp_path / "foreign.npz").write_bytes((tmp_path / "x.npz").read_bytes())
    (tmp_path / "damaged.npz").write_bytes(model.read_bytes()[:-900])
    for arguments, said in (
        (
            (tmp_path / "numbers.npz", tmp_path / "x.npz", "--labels"),
            "predicts numbers, not classes; leave out --labels",
        ),
        ((model, tmp_path / "narrow.npz"), "has 3 columns of features;"),
        ((model, tmp_path / "nan.npz"), "X[3, 1]"),
        ((model, tmp_path / "missing.csv"), "has no column 'pw'"),
        ((model, tmp_path / "x.npz", "--x", "Y"), "has no array 'Y'; it has X"),
        ((tmp_path / "foreign.npz", tmp_path / "x.npz"), "not an nnkit file"),
        ((tmp_path / "damaged.npz", tmp_path / "x.npz"), "damaged"),
        ((model, tmp_path / "x.npz", "--output", tmp_path / "x.npz" / "p.csv"), "could not be written"),
    ):
        shown = run("predict", *arguments)
        assert (1, "") == (shown.exit_code, shown.stdout)
        assert said in shown.stderr


def test_wrong_use_is_exit_code_2(model, tmp_path):
    np.savez(tmp_path / "x.npz", X=IRIS.data)
    assert 2 == run("predict", model).exit_code
    assert 2 == run("predict", model, tmp_path / "none.npz").exit_code
    shown = run("predict", model, tmp_path / "x.npz", "--output", tmp_path / "p.xlsx")
    assert (2, True) == (shown.exit_code, "expected .csv or .npz" in shown.stderr)


def test_describe_says_what_a_model_is_made_of(model):
    net = Network.load(model)
    shown = run("describe", model).stdout
    assert net.summary() in shown
    assert f"{model.stat().st_size:,} bytes, float64, 2 epochs (10 steps) of training" in shown
    assert f"provided by: nnkit-core {package.__version__}" in shown
    assert "features: sl, sw, pl, pw\nclasses: 'setosa', 'versicolor', 'virginica'" in shown
    assert f"loss {net.history['loss'][-1]:.6g}, accuracy {net.history['accuracy'][-1]:.6g}" in shown


def test_describe_as_json_holds_config_notes_and_history(model):
    net = Network.load(model)
    net.notes["mean"] = np.array([1.0, 2.0])
    net.save(model)
    told = json.loads(run("describe", model, "--json").stdout)
    assert json.loads(json.dumps(net.to_config())) == told["config"]
    assert net.history == told["history"]
    assert [1.0, 2.0] == told["notes"]["mean"]


def test_describe_of_an_untrained_network_and_of_no_network(tmp_path):
    Network([2, 1], seed=0).save(tmp_path / "new.npz")
    shown = run("describe", tmp_path / "new.npz")
    assert (0, True) == (shown.exit_code, "0 epochs (0 steps)" in shown.stdout)
    assert "last epoch" not in shown.stdout
    (tmp_path / "text.npz").write_text("hello")
    assert 1 == run("describe", tmp_path / "text.npz").exit_code
