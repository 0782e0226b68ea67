"""A state from outside is compared with a new one before any use of it."""

import numpy as np
import pytest

from nnkit import registry
from nnkit.core.state_check import check_state, check_vector, is_finite
from nnkit.errors import DataError
from nnkit.interfaces import Optimizer, one_block

NEW = {
    "step": 0,
    "rate": 0.5,
    "velocity": np.zeros(4, np.float32),
    "inner": {"moved": False, "best": np.inf, "name": "a"},
}


def copy(tree):
    return {
        key: copy(value) if isinstance(value, dict) else np.copy(value) if isinstance(value, np.ndarray) else value
        for key, value in tree.items()
    }


def test_an_equal_and_a_later_state_are_accepted():
    state = copy(NEW)
    check_state(state, NEW, "Sgd")
    state.update(step=7, rate=2, velocity=np.arange(4, dtype=np.float32))
    state["inner"].update(moved=True, best=np.nan, name="b")
    check_state(state, NEW, "Sgd")


STEPPING = [name for name in registry.names("optimizer") if issubclass(registry.get("optimizer", name), Optimizer)]


@pytest.mark.parametrize("name", STEPPING)
def test_the_state_of_every_optimizer_passes(name):
    optimizer = registry.create("optimizer", name)
    rng = np.random.default_rng(0)
    theta = rng.normal(size=5)
    state = optimizer.init(theta, one_block(theta))
    for _ in range(3):
        if optimizer.uses_closure:
            theta, _ = optimizer.step(lambda at: (0.5 * at @ at, at), theta, state)
        else:
            theta = optimizer.update(theta, rng.normal(size=5), state)
    check_state(state, optimizer.init(theta, one_block(theta)), name)


CHANGES = {
    "a key less": (
        lambda state: state.pop("rate"),
        "has the keys 'inner', 'step', 'velocity'; this Sgd needs .*'rate'",
    ),
    "a key more": (lambda state: state.__setitem__("momentum", 0), "has the keys .*'momentum'"),
    "a key of another name within": (
        lambda state: state["inner"].update(other=state["inner"].pop("best")),
        r"\['inner'\]",
    ),
    "a shorter array": (
        lambda state: state.update(velocity=np.zeros(3, np.float32)),
        r"\(3,\) of float32; expected \(4,\)",
    ),
    "another dtype": (lambda state: state.update(velocity=np.zeros(4)), "of float64; expected .* float32"),
    "the other byte order": (lambda state: state.update(velocity=np.zeros(4, ">f4")), "expected .* float32"),
    "a strided array": (lambda state: state.update(velocity=np.zeros(8, np.float32)[::2]), "not contiguous"),
    "a read-only array": (lambda state: state["velocity"].setflags(write=False), "read-only"),
    "NaN": (lambda state: state["velocity"].__setitem__(2, np.nan), "NaN or infinite"),
    "infinity": (lambda state: state["velocity"].__setitem__(2, -np.inf), "NaN or infinite"),
    "a list for an array": (lambda state: state.update(velocity=[0.0] * 4), "is a list of 4 entries; expected"),
    "a negative count": (lambda state: state.update(step=-1), "is -1; expected an integer"),
    "a fractional count": (lambda state: state.update(step=1.5), "is 1.5; expected an integer"),
    "a true count": (lambda state: state.update(step=True), "is True; expected an integer"),
    "a huge count": (lambda state: state.update(step=10**400), "expected an integer"),
    "a text for a number": (lambda state: state.update(rate="fast"), "is 'fast'; expected a finite number"),
    "an infinite number": (lambda state: state.update(rate=np.inf), "is inf; expected a finite number"),
    "a number beyond all floats": (lambda state: state.update(rate=10**400), "expected a finite number"),
    "a number for a mapping": (lambda state: state.update(inner=3), "has a int"),
    "a number for a text": (lambda state: state["inner"].update(name=3), "is 3; expected a str"),
}


@pytest.mark.parametrize(("change", "reason"), CHANGES.values(), ids=CHANGES.keys())
def test_another_state_is_refused(change, reason):
    state = copy(NEW)
    change(state)
    with pytest.raises(DataError, match=reason):
        check_state(state, NEW, "Sgd")


def test_vectors():
    vector = np.arange(6, dtype=np.float32)
    check_vector(vector, 6, "parameters", np.dtype(np.float32))
    for wrong, reason in (
        (vector[:5], r"parameters is \(5,\) of float32; expected \(6,\) of float32"),
        (vector.astype(float), "of float64"),
        (vector.reshape(2, 3), r"\(2, 3\)"),
        ([1.0] * 6, "is list"),
        (np.arange(12, dtype=np.float32)[::2], "not contiguous"),
        (np.array([1, np.nan, 1, 1, 1, 1], np.float32), "NaN"),
    ):
        with pytest.raises(DataError, match=reason):
            check_vector(wrong, 6, "parameters", np.dtype(np.float32))


def test_finite_although_the_sum_is_not():
    assert is_finite(np.full(10, 3e38, np.float32))
    assert is_finite(np.empty(0))
    assert not is_finite(np.array([np.inf, -np.inf]))
    assert not is_finite(np.array([1.0, np.nan]))
