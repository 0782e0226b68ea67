"""``Network(hidden=[...])``: the first fit chooses inputs, outputs, loss and output activation; each can be given."""

import copy

import numpy as np
import pandas as pd
import pytest

import nnkit
from nnkit.errors import DataError, ShapeError, SpecError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
THREE = np.array(["a", "b", "c"])[np.arange(60) % 3]
SOFTMAX = {"loss": "categorical_crossentropy", "output_activation": "softmax"}
SIGMOID = {"loss": "binary_crossentropy", "output_activation": "sigmoid"}

CHOICES = {
    "texts": (THREE, {}, "multiclass", 3, SOFTMAX),
    "two texts": (np.where(X[:, 0] > 0, "yes", "no"), {}, "binary", 1, SIGMOID),
    "booleans": (X[:, 0] > 0, {}, "binary", 1, SIGMOID),
    "columns of booleans": (X > 0, {}, "multilabel", 3, SIGMOID),
    "categories": (pd.Series(pd.Categorical(THREE, list("abcd"))), {}, "multiclass", 4, SOFTMAX),
    "numbers": (X[:, 0], {}, "regression", 1, {}),
    "columns of numbers": (X[:, :2], {}, "regression", 2, {}),
    "integers as numbers": (np.arange(60), {"task": "regression", "target_scaling": "minmax"}, "regression", 1, {}),
    "integers as classes": (np.arange(60) % 4 + 1, {"task": "multiclass"}, "multiclass", 4, SOFTMAX),
    "integers as two classes": (np.arange(60) % 2, {"task": "binary"}, "binary", 1, SIGMOID),
    "indicators": ((X > 0).astype(int), {"task": "multilabel"}, "multilabel", 3, SIGMOID),
    "one-hot rows": (np.eye(3)[np.arange(60) % 3], {"task": "multiclass"}, "multiclass", 3, SOFTMAX),
    "a loss of labels": (
        np.arange(60) % 3,
        {"loss": "sparse_categorical_crossentropy"},
        "multiclass",
        3,
        {"loss": "sparse_categorical_crossentropy", "output_activation": "softmax"},
    ),
    "a loss of two outputs": (X[:, :2], {"loss": "gaussian_nll"}, "regression", 4, {"loss": "gaussian_nll"}),
    "a loss of counts": (
        np.arange(60),
        {"loss": "poisson"},
        "regression",
        1,
        {"loss": "poisson", "output_activation": "softplus"},
    ),
    "signs": (np.where(X[:, 0] > 0, 1, -1), {"loss": "hinge"}, "binary", 1, {"loss": "hinge"}),
    "an activation of its own": (
        THREE,
        {"output_activation": "log_softmax", "loss": "nll"},
        "multiclass",
        3,
        {"loss": "nll", "output_activation": "log_softmax"},
    ),
}


@pytest.mark.parametrize("case", CHOICES)
def test_what_is_left_open_equals_what_would_be_written(case, tmp_path):
    y, given, task, outputs, written = CHOICES[case]
    net = nnkit.Network(hidden=[8, "dropout", 4], seed=0, **given)
    assert "chosen by the first fit" in net.summary() or {"task", "loss"} <= {"task", *given}
    composed = net.to_config()
    for copied in (nnkit.Network.from_config(composed), copy.deepcopy(net)):
        assert composed == copied.to_config()
    net.save(tmp_path / "open.npz")
    loaded = nnkit.Network.load(tmp_path / "open.npz")
    by_hand = nnkit.Network([3, 8, "dropout", 4, outputs], seed=0, **(given | written))
    for each in (net, loaded, by_hand):
        each.fit(X, y, epochs=2)
    assert (task, 3, outputs) == (net.task, net.inputs, net.outputs)
    assert by_hand.to_config() == net.to_config() == loaded.to_config()
    np.testing.assert_array_equal(by_hand.parameters, net.parameters)
    np.testing.assert_array_equal(by_hand.parameters, loaded.parameters)
    assert f"task: {task}\nloss: {by_hand.loss!r}" in net.summary()
    net.reset()
    assert composed == net.to_config()
    other = "four" if task == "multiclass" else None
    if other and "loss" not in given:
        net.fit(
            np.c_[X, X], np.eye(5)[np.arange(60) % 5] if "task" in given else np.array(list("vwxyz"))[np.arange(60) % 5]
        )
        assert (6, 5) == (net.inputs, net.outputs)


@pytest.mark.parametrize(
    "y", [np.arange(60) % 3, np.arange(60.0), (X > 0).astype(int)], ids=["codes", "floats", "wide"]
)
def test_integers_ask_for_the_task_and_change_nothing(y):
    net = nnkit.Network(hidden=[8], seed=0)
    before = net.to_config()
    with pytest.raises(
        DataError, match=r"integers, which may be numbers or classes: state which: task='regression', or '(multi|bin)"
    ):
        net.fit(X, y, epochs=1)
    assert before == net.to_config()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nnkit.Network(hidden=8), "hidden is 8; expected a list of widths or layers"),
        (lambda: nnkit.Network([3, 1], hidden=[8]), "layers and hidden were both passed"),
        (nnkit.Network, "layers is None; expected a list of widths"),
        (lambda: nnkit.Network(hidden=[8]).predict(X), "call fit"),
        (
            lambda: nnkit.Network(hidden=[8], task="regression", loss="hinge").fit(X, X[:, 0] > 0),
            "task is 'regression'",
        ),
        (lambda: nnkit.Network(hidden=[8], target_scaling="minmax").fit(X, THREE), "cannot be scaled"),
        (lambda: nnkit.Network(hidden=[0]), r"layers\[0\] is 0; expected a positive integer"),
    ],
    ids=range(7),
)
def test_what_cannot_be_chosen_is_a_sentence(make, message):
    with pytest.raises((DataError, SpecError), match=message):
        make()


def test_an_objective_makes_the_same_choices():
    net = nnkit.Network(hidden=[4], seed=0)
    objective = net.objective(X, THREE)
    assert ("multiclass", ("a", "b", "c"), 3) == (net.task, net.classes, net.outputs)
    assert net.layout.size == objective.size


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"task": "classification"}, "task is 'classification'; expected one of 'regression', 'binary'"),
        ({"task": ["binary"]}, r"task is \['binary'\]; expected one of"),
        ({"target_scaling": "zscore"}, "target_scaling is 'zscore'; expected 'standardize', 'minmax' or None"),
        ({"target_scaling": True}, "target_scaling is True; expected"),
        ({"target_scaling": "minmax", "loss": "poisson"}, "the targets of Poisson cannot be scaled"),
    ],
)
def test_choices_that_do_not_exist_are_refused_before_there_are_data(wrong, words):
    with pytest.raises(SpecError, match=words):
        nnkit.Network(hidden=[4], **wrong)


@pytest.mark.parametrize(
    ("y", "settings", "words"),
    [
        (np.full(60, "a"), {}, r"y has the one class 'a'; expected two or more"),
        (np.full(60, 7), {"task": "multiclass"}, r"y has the one class 7; expected two or more"),
        (np.zeros((60, 0)), {"task": "regression"}, r"y has shape \(60, 0\); expected \(N,\) or \(N, K\)"),
        (np.zeros((60, 2, 2)), {}, r"y has shape \(60, 2, 2\); expected \(N,\) or \(N, K\)"),
        ([], {}, r"y has shape \(0,\)"),
    ],
)
def test_targets_that_decide_nothing_are_refused(y, settings, words):
    net = nnkit.Network(hidden=[4], seed=0, **settings)
    with pytest.raises((DataError, ShapeError), match=words):
        net.fit(X, y, epochs=1)
    assert net.inputs is None
