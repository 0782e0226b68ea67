"""Records: what is written comes back, and what is wrong is named."""

import attrs
import numpy as np
import pytest

from nnkit.core.state import Plan
from nnkit.errors import FileFormatError
from nnkit.files.schema import (
    ArchiveRecord,
    CompositionRecord,
    NetworkRecord,
    OptimizerRecord,
    ProbeRecord,
    TrainingRecord,
    from_tree,
    to_tree,
)
from nnkit.files.trees import NamedArrays

NOISE = np.random.PCG64(0).state


def training(**changes):
    entries = {
        "entropy": 3,
        "noise": NOISE,
        "batch": 1,
        "loss_sum": 0.5,
        "optimizer": OptimizerRecord(owner="nnkit/adam", state={"step": 1}),
        "plan": Plan(
            first_epoch=0, last_epoch=3, batch_size=2, samples=5, sampling="shuffle", data="0a", validation=None
        ),
        "callbacks": {"EarlyStopping": {"best": 1.0}},
        "stopped": None,
    }
    return TrainingRecord(**entries | changes)


def network(**changes):
    entries = {
        "composition": CompositionRecord(
            version=2, inputs=1, layers=[{"name": "nnkit/dense", "units": 3}], loss={"name": "nnkit/mean_squared_error"}
        ),
        "parameters": NamedArrays(np.zeros(3), {"0.weight": (3, 1)}),
        "buffers": NamedArrays(np.zeros(0), {}),
        "epoch": 1,
        "step": 2,
        "adapted": True,
        "training": training(),
        "history": {"epoch": [1], "loss": [0.5], "confusion_matrix": [[[1, 0], [0, 1]]], "val_loss": [None]},
        "notes": {"a": np.arange(2)},
        "probe": ProbeRecord(inputs=np.zeros((8, 2)), prediction=np.zeros((8, 1))),
        "software": {"numpy": "2.1.0"},
    }
    return NetworkRecord(**entries | changes)


def test_a_record_comes_back():
    record = network()
    back = from_tree(NetworkRecord, to_tree(record))
    assert isinstance(back.training, TrainingRecord)
    assert isinstance(back.training.optimizer, OptimizerRecord)
    assert record.training.plan == back.training.plan
    assert record.history == back.history
    assert back.archive is None


def test_entries_that_have_a_default_may_be_missing():
    tree = to_tree(network())
    for name in ("training", "probe", "notes", "history", "software", "archive"):
        del tree[name]
    assert from_tree(NetworkRecord, tree).training is None


DAMAGES = {
    "one entry less": (lambda tree: tree.pop("step"), "has the entries.*expected.*step"),
    "one entry more": (lambda tree: tree.__setitem__("more", 1), "has the entries.*more"),
    "one entry more within": (lambda tree: tree["training"].__setitem__("more", 1), "TrainingRecord has the entries"),
    "a number as plan": (lambda tree: tree["training"].__setitem__("plan", 3), "Plan has the entries 3"),
    "no composition": (lambda tree: tree.__setitem__("composition", []), "CompositionRecord has the entries"),
    "a negative epoch": (lambda tree: tree.__setitem__("epoch", -1), "epoch is -1; expected a non-negative integer"),
    "a true epoch": (lambda tree: tree.__setitem__("epoch", True), "epoch is True"),
    "a huge step": (lambda tree: tree.__setitem__("step", 10**5000), "step is an integer of .* bits"),
    "a list as notes": (lambda tree: tree.__setitem__("notes", []), "notes is a list"),
    "a history of words": (lambda tree: tree.__setitem__("history", {"loss": "low"}), "history is"),
    "whole parameters": (
        lambda tree: tree.__setitem__("parameters", NamedArrays(np.zeros(3, int), {"0.weight": (3, 1)})),
        "parameters is .*; expected arrays of float32 or float64",
    ),
    "complex parameters": (
        lambda tree: tree.__setitem__("parameters", NamedArrays(np.zeros(3, complex), {"0.weight": (3, 1)})),
        "parameters is",
    ),
    "parameters of the other byte order": (
        lambda tree: tree.__setitem__("parameters", NamedArrays(np.zeros(3, ">f8"), {"0.weight": (3, 1)})),
        "parameters is",
    ),
    "another batch than the plan has": (
        lambda tree: tree["training"].__setitem__("batch", 7),
        "batch is 7; the epoch has 3",
    ),
    "another generator": (
        lambda tree: tree["training"].__setitem__("noise", np.random.MT19937(0).state),
        "noise is .*; expected the state of a PCG64",
    ),
    "half a generator": (lambda tree: tree["training"]["noise"]["state"].pop("inc"), "noise is"),
    "memory that is not memory": (lambda tree: tree["training"].__setitem__("callbacks", {"a": 1}), "callbacks is"),
    "versions with line breaks": (lambda tree: tree.__setitem__("software", {"numpy": "1\n2"}), "software is"),
    "a name of 10 MB": (lambda tree: tree["composition"]["loss"].__setitem__("a" * 10**7, 1), "loss is"),
    "an array in the config": (lambda tree: tree["composition"]["loss"].__setitem__("a", np.zeros(1)), "loss is"),
    "no inputs": (
        lambda tree: tree["composition"].__setitem__("inputs", 0),
        "inputs is 0; expected a positive integer",
    ),
    "another way back": (lambda tree: tree["composition"].__setitem__("backward", []), "backward is a list"),
    "a layer that is a word": (lambda tree: tree["composition"].__setitem__("layers", ["dense"]), "layers is a list"),
}


@pytest.mark.parametrize(("change", "reason"), DAMAGES.values(), ids=DAMAGES.keys())
def test_what_is_wrong_is_named(change, reason):
    tree = to_tree(network(training=training(noise={**NOISE, "state": dict(NOISE["state"])})))
    change(tree)
    with pytest.raises(FileFormatError, match=f"damaged: .*{reason}"):
        from_tree(NetworkRecord, tree)


@pytest.mark.parametrize("tree", [None, 3, [], "text", {1: 2}])
def test_what_is_not_a_record_at_all(tree):
    with pytest.raises(FileFormatError, match="NetworkRecord has the entries"):
        from_tree(NetworkRecord, tree)


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(NetworkRecord)])
@pytest.mark.parametrize("value", [print, object(), 1j, "a" * 10**6, float("nan"), {1: 2}, [[]], np.zeros(2, object)])
def test_no_entry_accepts_anything(name, value):
    """Each value is of no use in any entry."""
    with pytest.raises(FileFormatError):
        from_tree(NetworkRecord, {**to_tree(network()), name: value})


def archive(**changes):
    entries = {
        "folder": None,
        "widths": [3, 1],
        "has_preactivation": [True, True],
        "values": {"training": {"cost": {"step": [1, 2], "value": [0.5, float("nan")]}}},
        "steps": {"1": {"epoch": np.array(0), "parameters": np.zeros(3), "training.activation": np.zeros((2, 4))}},
        "parameters": {"0.weight": [3, 1]},
        "buffers": {},
    }
    return ArchiveRecord(**entries | changes)


def test_an_archive_may_hold_values_that_are_not_finite():
    assert archive().values["training"]["cost"]["step"] == [1, 2]


@pytest.mark.parametrize(
    "changes",
    [
        {"folder": 3},
        {"widths": [3]},
        {"widths": [-1, 2]},
        {"has_preactivation": [1, 2]},
        {"values": {"training": {"cost": {"step": [1], "value": []}}}},
        {"values": {"training": {"cost": {"step": ["1"], "value": [0.5]}}}},
        {"values": {"training": {"cost": [1, 2]}}},
        {"values": {"training": 3}},
        {"steps": {"one": {"epoch": np.array(0)}}},
        {"steps": {"1": {}}},
        {"steps": {"1": {"epoch": np.array(0.5)}}},
        {"steps": {"1": {"epoch": np.array(0), "parameters": np.zeros((3, 1))}}},
        {"steps": {"1": {"epoch": np.array(0), "rows": np.zeros(2)}}},
        {"steps": {"1": {"epoch": np.array(0), "training.activation": np.array([["a"]])}}},
        {"parameters": {"0.weight": ["a"]}},
    ],
)
def test_an_archive_that_is_damaged(changes):
    with pytest.raises(FileFormatError, match="damaged"):
        archive(**changes)
