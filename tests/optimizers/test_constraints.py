"""max_norm, non_negative and unit_norm: what holds after every step of every optimizer, in real trainings."""

import numpy as np
import pytest
from oracles.runs import plainly

import nnkit
from nnkit.errors import SpecError

rng = np.random.default_rng(5)
X, Y = rng.normal(size=(60, 3)), rng.normal(size=(60, 2))

HOLDS = {
    "max_norm": (0.4, lambda weight: (np.linalg.norm(weight, axis=0) <= 0.4 * (1 + 1e-12)).all()),
    "non_negative": (None, lambda weight: (weight >= 0).all()),
    "unit_norm": (None, lambda weight: np.allclose(np.linalg.norm(weight, axis=0), 1.0, rtol=1e-12, atol=0)),
}


def network(name, inner, **more):
    spec = {"name": name, "optimizer": inner}
    if HOLDS[name][0]:
        spec["limit"] = HOLDS[name][0]
    return nnkit.Network([3, 5, 2], optimizer=spec, seed=1, **more)


@pytest.mark.parametrize("inner", ["sgd(momentum=0.9)", "adamw", "clip_by_norm(optimizer='adam')"])
@pytest.mark.parametrize("name", HOLDS)
def test_it_holds_for_weights_and_leaves_biases_to_the_optimizer(name, inner):
    net = network(name, inner)
    net.fit(X, Y, epochs=3, batch_size=16)
    for key, array in net.arrays.items():
        assert HOLDS[name][1](array) or key.endswith("bias")
    assert any((array < 0).any() for key, array in net.arrays.items() if key.endswith("bias"))


def test_where_nothing_is_bounded_it_is_the_optimizer_alone():
    inner = "sgd(learning_rate=0.01, momentum=0.9)"
    plain = nnkit.Network([3, 5, 2], optimizer=inner, seed=1)
    bounded = nnkit.Network([3, 5, 2], optimizer={"name": "max_norm", "optimizer": inner, "limit": 99.0}, seed=1)
    with plainly():  # a compiled step rounds otherwise
        plain.fit(X, Y, epochs=3)
        bounded.fit(X, Y, epochs=3)
    assert np.array_equal(plain.parameters, bounded.parameters)


@pytest.mark.parametrize("name", HOLDS)
def test_a_resumed_run_and_a_file_go_on_as_if_never_cut(name, tmp_path):
    whole, cut = network(name, "adam"), network(name, "adam")
    for _ in range(2):
        whole.fit(X, Y, epochs=2)
    cut.fit(X, Y, epochs=2)
    cut.save(tmp_path / "net.npz")
    loaded = nnkit.Network.load(tmp_path / "net.npz")
    loaded.fit(X, Y, epochs=2)
    assert np.array_equal(whole.parameters, loaded.parameters)


def test_an_average_of_parameters_goes_outside():
    with pytest.raises(SpecError, match="pass the UnitNorm as the optimizer of EMA"):
        network("unit_norm", "ema").fit(X, Y, epochs=1)
