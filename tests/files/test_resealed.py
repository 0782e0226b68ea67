"""What a changed file says about parts and runs is checked when it is read."""

import re

import numpy as np
import pytest
from files.networks import X, Y, loaded, resealed, saved, trained

import nnkit
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.errors import (
    FileFormatError,
    NNKitError,
)
from nnkit.network.archive import Archive

# -- Errors name the file ---------------------------------------------------------------------------


def put(*place, value):
    """A change of one entry of the tree."""

    def change(tree, arrays):
        for key in place[:-1]:
            tree = tree[key]
        tree[place[-1]] = value

    return change


OPTIMIZER = ("composition", "optimizer")
UNUSABLE = {
    "a package that is missing": (put(*OPTIMIZER, value={"name": "nnkit-none/adam"}), "install 'nnkit-none'"),
    "a part that is missing": (put(*OPTIMIZER, "name", value="nnkit/superadam"), "'nnkit/superadam'"),
    "a part of its own": (put("composition", "loss", value={"unregistered": "my.Loss"}), "it was my.Loss"),
    "a hyperparameter that is missing": (put(*OPTIMIZER, "beta3", value=1), "no hyperparameter 'beta3'"),
    "a hyperparameter out of range": (put(*OPTIMIZER, "beta1", value=5), "beta1 must be"),
}


@pytest.mark.parametrize(("change", "reason"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_error_of_a_part_names_the_file(change, reason, tmp_path):
    path = tmp_path / "mine.npz"
    path.write_bytes(resealed(saved(trained()), change))
    for load in (nnkit.Network.load, Archive.load):
        with pytest.raises(NNKitError, match=f"{re.escape(str(path))}: .*{reason}"):
            load(path)
    folder = tmp_path / "archive"
    trained(callbacks=[{"name": "archiver", "every": 1, "path": str(folder)}])
    index = folder / "archive.npz"
    index.write_bytes(resealed(index.read_bytes(), change))
    with pytest.raises(NNKitError, match=f"{re.escape(str(folder))}: .*{reason}"):
        Archive.load(folder)


# -- What a run was cut in --------------------------------------------------------------------------


def cut_in_a_batch():
    """The file of a network whose callback raised in a batch."""
    net = nnkit.Network([3, 5, 1], seed=0)
    with pytest.raises(ZeroDivisionError):
        net.fit(X, Y, epochs=2, batch_size=16, callbacks=[LambdaCallback(batch_end=lambda view: 1 / 0)])
    return saved(net)


def replace_array(name, values):
    def change(tree, arrays):
        arrays[name] = values

    return change


PENDING = ("training", "pending")
CUTS = {
    "an event that is none": (put(*PENDING, "event", value="__class__"), "the pending event is '__class__'"),
    "an event that is repeated": (put(*PENDING, "event", value="on_train_end"), "the pending event is 'on_train_end'"),
    "an event without a batch": (put(*PENDING, "event", value="on_epoch_end"), "only a batch has it"),
    "rows that are not there": (replace_array("training.pending.batch_indices", np.array([99999])), "not all rows"),
    "rows before the first": (replace_array("training.pending.batch_indices", np.array([-1])), "not all rows"),
    "one number as the gradient": (
        replace_array("training.pending.gradient.0.weight", np.ones(1)),
        r"has '0.weight' with shape \(1,\)",
    ),
    "a negative rate": (put("training", "learning_rate", value=-1.0), "learning_rate is -1.0; expected a finite"),
    "an infinite rate": (put("training", "learning_rate", value=float("inf")), "learning_rate is inf; expected a"),
}


@pytest.mark.parametrize(("change", "reason"), CUTS.values(), ids=CUTS.keys())
def test_what_a_run_was_cut_in_is_checked_when_it_is_read(change, reason):
    content = cut_in_a_batch()
    loaded(content)
    with pytest.raises(FileFormatError, match=reason):
        loaded(resealed(content, change))


def test_an_archive_within_a_file_comes_back_from_a_resealed_one():
    """Arrays without dimensions stay so: the tools of these tests once made vectors of them."""
    content = saved(trained(callbacks=["archiver(every=1)"]))
    back = loaded(resealed(content, put("notes", "x", value=1)))
    assert back.archive.steps("parameters") == loaded(content).archive.steps("parameters") != []
