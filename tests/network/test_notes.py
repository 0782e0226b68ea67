"""Notes: what a person wants to keep with a network is in its file, and nowhere else."""

import numpy as np

from nnkit import Network


def test_notes_are_saved_with_the_network_and_are_no_part_of_its_config(tmp_path):
    net = Network([2, 1], seed=0)
    assert {} == net.notes
    bare = net.to_config()
    net.notes.update(classes=["no", "yes"], scale=0.5, seen={"rows": 7}, mean=np.array([1.0, 2.0]))
    assert bare == net.to_config()
    net.save(tmp_path / "net.npz")
    notes = Network.load(tmp_path / "net.npz").notes
    np.testing.assert_array_equal(net.notes.pop("mean"), notes.pop("mean"))
    assert net.notes == notes
