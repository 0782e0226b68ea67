"""Copies and pickles of networks go on like the original and share nothing with it."""

import copy
import pickle
import pickletools

import numpy as np
import pytest
from files.networks import X, Y, trained

import nnkit

# -- Pickles and copies -----------------------------------------------------------------------------


def double(z):
    return 2.0 * z


def twos(z):
    return np.full_like(z, 2.0)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_goes_on_like_the_original_and_shares_nothing(duplicate):
    net = nnkit.Network([3, 5, 1], hidden_activation=(double, twos), seed=0)
    net.fit(X, Y, epochs=2, callbacks=["archiver(every=2)"])
    net.notes["a"] = np.arange(2)
    other = duplicate(net)
    for one in (net, other):
        one.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(net.parameters, other.parameters)
    assert net.history == other.history
    assert not np.shares_memory(net.parameters, other.parameters)
    assert net.archive.steps("parameters") == other.archive.steps("parameters")


def test_a_pickle_holds_the_content_of_a_file_and_no_internals():
    names = {
        argument
        for opcode, argument, _ in pickletools.genops(pickle.dumps(trained()))
        if opcode.name in {"SHORT_BINUNICODE", "BINUNICODE"}
    }
    assert names == {"nnkit.files.stored", "_unpickled", "nnkit.network.network", "Network"}
