"""The state of an optimizer in a file fits the optimizer, or is refused with a reason."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from files.networks import X, Y, loaded, resealed, saved, trained
from oracles.runs import COMPILED

import nnkit
from nnkit.errors import (
    DataError,
    FileFormatError,
    FileSaveError,
    SpecError,
)

# -- State of the optimizer -------------------------------------------------------------------------

OPTIMIZERS = [
    "sgd",
    "sgd(momentum=0.9)",
    "adam",
    "amsgrad",
    "adamw",
    "nadam",
    "rmsprop",
    "adagrad",
    "adadelta",
    "clip_by_norm",
]
SOLVERS = ["levenberg_marquardt", "gauss_newton", "bayesian_regularization"]


@pytest.fixture(scope="module")
def files():
    return {name: saved(trained(optimizer=name)) for name in OPTIMIZERS + SOLVERS}


@pytest.mark.parametrize("first", OPTIMIZERS + SOLVERS)
def test_another_optimizer_begins_a_state_of_its_own(first, files):
    for second in OPTIMIZERS + SOLVERS:
        back = loaded(files[first], overrides={"optimizer": second})
        same = nnkit.Network([3, 1], optimizer=first).optimizer == back.optimizer
        assert (back._state.optimizer is None) == (not same)
        back.fit(X, Y, epochs=1, batch_size=16)
        assert np.isfinite(back.parameters).all()


@pytest.mark.parametrize("name", OPTIMIZERS + SOLVERS)
def test_the_same_optimizer_goes_on(name, files):
    net = trained(optimizer=name, epochs=2)
    back = loaded(files[name])
    for one in (net, back):
        one.fit(X, Y, epochs=2, batch_size=16)
    np.testing.assert_array_equal(net.parameters, back.parameters)
    assert net.history == back.history


def test_a_stand_in_for_an_unregistered_optimizer_goes_on_with_its_state():
    class Momentum:
        def __init__(self):
            self.velocity = None

        def update(self, old_params, gradient):
            return old_params - 0.01 * gradient

    net = trained(optimizer=Momentum())
    content = saved(net)
    with pytest.raises(SpecError, match="optimizer"):
        loaded(content)
    back = loaded(content, overrides={"optimizer": Momentum()})
    for one in (net, back):
        one.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(net.parameters, back.parameters)


def test_a_state_with_other_keys_is_answered_with_both_lists():
    def change(tree, arrays):
        state = tree["training"]["optimizer"]["state"]
        state["velocity"] = state.pop("square_sum")

    with pytest.raises(
        FileFormatError,
        match=r"'gradient_sum', 'step', 'velocity'; .* needs 'gradient_sum', 'square_sum', 'step'.*training_state",
    ):
        loaded(resealed(saved(trained()), change))
    back = loaded(resealed(saved(trained()), change), training_state=False)
    back.fit(X, Y, epochs=1)


def test_a_state_of_another_owner_is_refused():
    def change(tree, arrays):
        tree["training"]["optimizer"]["owner"] = "nnkit/sgd"

    with pytest.raises(FileFormatError, match="that of 'nnkit/sgd'; the network has 'nnkit/adam'"):
        loaded(resealed(saved(trained()), change))


def test_a_state_that_does_not_fit_is_refused_by_save_and_by_fit():
    net = trained()
    net._state.optimizer["square_sum"] = np.ones(3)
    with pytest.raises(FileSaveError, match=r"square_sum.*\(3,\) of float64; expected \(26,\)"):
        saved(net)
    with pytest.raises(DataError, match=r"square_sum.*\(3,\) of float64; expected \(26,\)"):
        net.fit(X, Y, epochs=1)


PROGRAM = """
    import io, sys
    import numpy as np
    import nnkit
    from nnkit.errors import NNKitError

    X = np.random.default_rng(0).normal(size=(600, 64))
    y = X[:, 0]
    net = nnkit.Network([64, 256, 1], seed=0)
    net.fit(X, y, epochs=1)
    print(type(nnkit.registry.accelerate(net.optimizer)).__module__)
    size = net.parameters.size
    for wrong in (np.ones(3), np.ones(0), np.ones(size, np.float32), np.ones(2 * size)[::2]):
        for key in ("gradient_sum", "square_sum"):
            net._state.optimizer[key] = wrong
        try:
            net.fit(X, y, epochs=3)
        except NNKitError as error:
            print("refused")
    print("alive")
"""


def test_no_compiled_kernel_writes_outside_of_an_array():
    """In a process of its own: it ended in a segmentation fault. With nnkit-numba installed the kernel is compiled."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(PROGRAM)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    adam = "nnkit_numba.adam" if COMPILED else "nnkit.optimizers.adam"
    assert [adam, *["refused"] * 4, "alive"] == done.stdout.split()
