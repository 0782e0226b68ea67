"""Containers, indices as inputs, widths that a layer accepts, and layers in the place of activations."""

import attrs
import numpy as np
import pytest
from oracles.runs import reloaded, saved

import nnkit
from nnkit.core import chunks
from nnkit.core.workspace import Pool
from nnkit.data.arrays import as_array
from nnkit.errors import DataError, SpecError, UnknownNameError
from nnkit.interfaces import BoundLayer, Layer

RNG = np.random.default_rng(1)
X = np.column_stack([RNG.integers(0, 5, 60), RNG.normal(5.0, 3.0, size=(60, 3))])
Y = np.sin(X[:, 0]) + X[:, 1]
BRANCHES = {
    "name": "concatenate",
    "branches": ["embedding(categories=5, dimensions=2)", ["standardize", "dense(units=3, activation='tanh')"]],
    "columns": [[0, 1], [1, 4]],
}
INNER = [
    "layer_norm",
    {"name": "dense", "units": 7, "activation": "tanh"},
    {"name": "residual", "layers": ["dense(units=7)"]},
]
RESIDUAL = {"name": "residual", "layers": [*INNER, "dense(units=5)"]}


def network(**settings):
    return nnkit.Network([4, BRANCHES, RESIDUAL, 1], seed=0, optimizer="adam(learning_rate=0.01)", **settings)


def test_every_array_has_a_name_a_place_and_a_derivative():
    net = network()
    net.fit(X, Y, epochs=2, batch_size=16)
    assert {"0.0.weight", "0.1.0.mean", "0.1.1.weight", "1.0.scale", "1.2.0.weight", "1.3.bias", "2.weight"} <= set(
        net.arrays
    )
    assert net.check_gradient(X, Y), str(net.check_gradient(X, Y))
    objective, theta = net.objective(X, Y), net.parameters.copy()
    v = RNG.normal(size=theta.size)
    along = [objective.gradient(theta + h * v) for h in (2e-4, 1e-4, -1e-4, -2e-4)]
    differences = (-along[0] + 8 * along[1] - 8 * along[2] + along[3]) / 12e-4
    np.testing.assert_allclose(objective.hvp(theta, v), differences, rtol=1e-8, atol=1e-8)
    jacobian = net.parameter_jacobian(X)[:, 0]
    for index in range(0, theta.size, 7):
        unit = np.zeros(theta.size)
        unit[index] = 1e-6
        slopes = (_at(net, theta + unit) - _at(net, theta - unit)) / 2e-6
        np.testing.assert_allclose(jacobian[:, index], slopes, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(
        net.per_sample_gradients(X, Y).mean(axis=0), objective.gradient(theta), rtol=1e-9, atol=1e-12
    )


def _at(net, theta):
    here = net.parameters.copy()
    net.parameters = theta
    prediction = net.predict(X)[:, 0]
    net.parameters = here
    return prediction


def test_a_container_computes_what_its_layers_compute():
    net = network()
    net.fit(X, Y, epochs=1)
    a = net.arrays
    city = a["0.0.weight"][X[:, 0].astype(int)]
    scaled = (X[:, 1:] - a["0.1.0.mean"]) / a["0.1.0.stddev"]
    np.testing.assert_allclose(a["0.1.0.mean"], X[:, 1:].mean(axis=0), rtol=1e-12)
    z = np.column_stack([city, np.tanh(scaled @ a["0.1.1.weight"] + a["0.1.1.bias"])])
    normal = (z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True) + 1e-5) * a["1.0.scale"] + a["1.0.shift"]
    h = np.tanh(normal @ a["1.1.weight"] + a["1.1.bias"])
    h = h + h @ a["1.2.0.weight"] + a["1.2.0.bias"]
    z = z + h @ a["1.3.weight"] + a["1.3.bias"]
    np.testing.assert_allclose(net.predict(X), z @ a["2.weight"] + a["2.bias"], rtol=1e-10)


def test_containers_in_configs_files_and_on_the_full_jacobian_path():
    net = network()
    fast = net.fit(X, Y, epochs=3, batch_size=16)
    again = nnkit.Network.from_config(net.to_config())
    assert again.composition == net.composition
    loaded = reloaded(net)
    assert saved(loaded) == saved(net)
    np.testing.assert_array_equal(loaded.predict(X), net.predict(X))
    full = network(backward="jacobian")
    assert full.model.full_jacobians
    assert full.fit(X, Y, epochs=3, batch_size=16)["loss"] == pytest.approx(fast["loss"], rel=1e-10)
    net.freeze("1.2.0")
    assert "Residual[LayerNorm, Dense, Residual[Dense (frozen)], Dense]" in net.summary()


def test_layers_within_a_container_are_frozen_by_name():
    net = network()
    net.fit(X, Y, epochs=1)
    net.freeze("0.1", "1.2.0")
    before = {name: array.copy() for name, array in net.arrays.items()}
    net.fit(X, Y, epochs=2)
    same = {name for name, array in net.arrays.items() if np.array_equal(array, before[name])}
    assert same == {name for name in before if name.startswith(("0.1.", "1.2.0."))}
    assert net.objective(X, Y).size == sum(before[name].size for name in before.keys() - same)
    net.unfreeze("0.1")
    assert not net.model.trained.shapes.keys() & {"1.2.0.weight"}
    with pytest.raises(SpecError, match=r"expected layers: '0', '0\.0', '0\.1', '0\.1\.0'"):
        net.freeze("0.2")


@pytest.mark.parametrize(
    ("value", "message"),
    [(0.5, r"X\[3, 0\] is 0.5; .* non-negative integer below 5"), (5.0, r"is 5; .* below 5"), (-1.0, "is -1;")],
)
def test_indices_are_checked_before_training_and_prediction(value, message):
    net, wrong = network(), X.copy()
    wrong[3, 0] = value
    for call in (
        lambda: net.fit(wrong, Y),
        lambda: net.predict(wrong),
        lambda: net.objective(wrong, Y),
        lambda: net.evaluate(wrong, Y),
    ):
        with pytest.raises(DataError, match=message):
            call()
    with pytest.raises(DataError, match=r"validation_data\[0\]\[3, 0\]"):
        net.fit(X, Y, validation_data=(wrong, Y))
    assert net.epoch == 0


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [4, "group_norm(groups=3)", 1],
            "layer 0 (GroupNorm) does not accept 4 inputs: expected a multiple of groups=3",
        ),
        ([3, "glu", 1], "expected an even number"),
        ([4, "dense(units=3)", "embedding", 1], "layer 1 (Embedding) does not accept 3 inputs: its inputs are indices"),
        ([4, {"name": "residual", "layers": ["dense(units=3)"]}, 1], "have 3 outputs, and only as many as inputs"),
        ([3, BRANCHES, 1], "branch 1 reads columns 1 to 3"),
        (
            [4, {"name": "sequential", "layers": ["dense(units=2)", "standardize"]}, 1],
            "it adapts to the data, so it must",
        ),
        ([4, {"name": "sequential", "layers": ["dense(units=3)", "glu"]}, 1], "layer 1 within it (GLU) has 3 inputs"),
    ],
)
def test_what_a_layer_does_not_accept_is_refused_in_a_sentence(layers, message):
    with pytest.raises(SpecError) as raised:
        nnkit.Network(layers)
    assert message in str(raised.value)
    if layers[0] == 4 and layers[1] == "group_norm(groups=3)":
        with pytest.raises(SpecError, match="multiple of groups=3"):
            nnkit.Network([None, *layers[1:]]).fit(X, Y)


@pytest.mark.parametrize(("name", "units"), [("prelu", 6), ("glu", 12), ("swiglu", 12), ("maxout(pieces=3)", 18)])
def test_a_layer_in_the_place_of_an_activation(name, units):
    net = nnkit.Network([None, 6, 5, 1], hidden_activation=name, seed=0)
    net.fit(X, Y, epochs=1)
    assert net.model.widths == (units, 6, units // 6 * 5, 5, 1)
    by_hand = nnkit.Network([4, nnkit.Dense(units), name, nnkit.Dense(units // 6 * 5), name, 1], seed=0)
    assert by_hand.model.widths == net.model.widths
    by_hand.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(by_hand.predict(X), net.predict(X))
    each = nnkit.Network([4, 6, 5, 1], activations=[name, "tanh", "identity"], seed=0)
    assert each.model.widths == (units, 6, 5, 1)


def test_what_is_no_activation_is_refused():
    with pytest.raises(UnknownNameError, match="no activation is called 'perlu'"):
        nnkit.Network([2, 3, 1], hidden_activation="perlu")
    with pytest.raises(SpecError, match="as an activation cannot have 3 outputs"):
        nnkit.Network([2, 3, 1], hidden_activation="dense(units=2)")


@pytest.mark.parametrize("weighted", [False, True])
def test_windows_of_rows_adapt_as_all_of_them(monkeypatch, weighted):
    weight = RNG.integers(0, 4, size=60).astype(float) if weighted else None
    nets = []
    for window in (chunks.WINDOW, 7):
        monkeypatch.setattr(chunks, "WINDOW", window)
        net = nnkit.Network([4, BRANCHES, "batch_norm", "standardize", 1], seed=0)
        net.fit(as_array(X, "X"), Y, epochs=1, batch_size=60, sample_weight=weight)
        nets.append(net)
    for name, array in nets[0].arrays.items():
        np.testing.assert_allclose(nets[1].arrays[name], array, rtol=1e-12, atol=1e-14, err_msg=name)
    rows = X if weight is None else np.repeat(X, weight.astype(int), axis=0)
    np.testing.assert_allclose(nets[1].arrays["0.1.0.mean"], rows[:, 1:].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(nets[1].arrays["0.1.0.stddev"], rows[:, 1:].std(axis=0), rtol=1e-12)


@attrs.frozen(kw_only=True)
class Doubled(Layer):
    """``y = 2 x``, which counts its backward passes."""

    passes: list = attrs.field(factory=list, eq=False)

    def forward(self, parameters, x, *, training, rng):
        return 2.0 * x, None

    def backward(self, parameters, cache, grad):
        self.passes.append(len(grad))
        return 2.0 * grad, {}


@attrs.frozen(kw_only=True)
class OwnBind(Doubled):
    """The same, with a `bind` that does not look at what is needed."""

    def bind(self, parameters, gradients, workspace, *, inputs, training, needs_grad_x, rng):
        return BoundLayer(
            lambda x: self.forward(parameters, x, training=training, rng=rng)[0],
            lambda grad: self.backward(parameters, None, grad)[0],
        )


@pytest.mark.parametrize("cls", [Doubled, OwnBind])
def test_no_layer_below_the_lowest_trained_array_goes_back(cls):
    below = [cls() for _ in range(5)]
    above = cls()
    branches = [below[2], [below[3], below[4], nnkit.Dense(3), above]]
    net = nnkit.Network(
        [
            4,
            below[0],
            {"name": "sequential", "layers": [below[1]]},
            {"name": "concatenate", "branches": branches},
            nnkit.Dense(1, use_bias=False),
        ],
        seed=0,
    )
    net.fit(X, Y, epochs=1, batch_size=20)
    assert [layer.passes for layer in below] == [[]] * 5
    assert above.passes == [20, 20, 20]
    assert net.check_gradient(X, Y)


def test_a_default_bind_without_arrays_goes_back_only_where_the_input_needs_it():
    layer, grad = Doubled(), np.ones((2, 3))
    for needed in (False, True):
        bound = layer.bind(
            {}, {}, Pool(2, np.dtype(float)).for_layer(0, 2), inputs=3, training=True, needs_grad_x=needed, rng=None
        )
        bound.forward(grad)
        np.testing.assert_equal(bound.backward(grad), 2.0 * grad if needed else None)
    assert layer.passes == [2]
