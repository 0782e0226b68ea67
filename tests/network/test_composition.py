"""A composition is a frozen value: equal parts make equal compositions, and a fit changes none of it."""

import attrs
import numpy as np
import pytest

import nnkit
from nnkit.network.composition import Composition

X = np.random.default_rng(0).normal(size=(40, 3))
Y = X[:, :1] * X[:, 1:2]
LAYERS = ([3, 8, 1], [None, 8, 1], [3, "dense(units=4)", "dropout(rate=0.1)", 2])


def changes():
    return {
        "layers": Composition.of([3, 5, 1], seed=0).layers,
        "loss": nnkit.plugins.create("loss", "huber"),
        "optimizer": nnkit.plugins.create("optimizer", "sgd"),
        "initializer": nnkit.plugins.create("initializer", "he_normal"),
        "bias_initializer": nnkit.plugins.create("initializer", "ones"),
        "regularizer": nnkit.plugins.create("regularizer", "l2"),
        "seed": 1,
        "dtype": np.dtype(np.float32),
        "backward": "jacobian",
        "task": "multilabel",
        "target_scaling": "minmax",
        "columns": "auto",
        "deferred": ("outputs",),
        "inputs": 4,
    }


@pytest.mark.parametrize("layers", LAYERS, ids=str)
def test_equal_when_made_alike_and_after_a_round_trip_through_a_config(layers):
    composition = Composition.of(layers, optimizer="adam(learning_rate=0.01)", regularizer="l2", seed=3)
    assert composition == Composition.of(layers, optimizer="adam(learning_rate=0.01)", regularizer="l2", seed=3)
    assert composition == Composition.from_config(composition.to_config())


@pytest.mark.parametrize("name", changes())
def test_another_part_or_choice_makes_another_composition(name):
    composition = Composition.of([3, 8, 1], seed=0)
    assert {field.name for field in attrs.fields(Composition)} == set(changes())
    assert attrs.evolve(composition, **{name: changes()[name]}) != composition


def test_it_cannot_be_changed():
    composition = Composition.of([3, 8, 1], seed=0)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        composition.seed = 1
    with pytest.raises(AttributeError):
        nnkit.Network([3, 8, 1]).loss = "huber"


@pytest.mark.parametrize(
    "callbacks", [(), ["reduce_on_plateau(patience=1, min_delta=100.0, monitor='loss')"], ["early_stopping"]]
)
def test_a_fit_leaves_it_as_it_was(callbacks):
    net = nnkit.Network([3, 8, 1], seed=0)
    before = net.composition
    net.fit(X, Y, epochs=4, validation_split=0.25, callbacks=callbacks)
    assert net.composition == before


def test_only_the_number_of_inputs_is_learned_from_data():
    net = nnkit.Network([None, 8, 1], seed=0)
    assert net.composition.inputs is None
    net.fit(X, Y, epochs=1)
    assert net.composition == Composition.of([3, 8, 1], seed=0)


def test_equal_compositions_train_alike():
    first = nnkit.Network([3, 8, 1], seed=0)
    second = nnkit.Network.from_config(first.to_config())
    for net in (first, second):
        net.fit(X, Y, epochs=3)
    np.testing.assert_array_equal(first.parameters, second.parameters)


def test_a_fit_that_is_refused_changes_nothing():
    net = nnkit.Network([None, 8, 1], seed=0)
    with pytest.raises(nnkit.errors.ShapeError):
        net.fit(X, Y[:-1])
    solving = {"loss": "poisson", "output_activation": "softplus", "optimizer": "levenberg_marquardt"}
    other = nnkit.Network([None, 8, 1], **solving)
    with pytest.raises(nnkit.errors.SpecError, match="sum of squares"):
        other.fit(X, np.abs(Y))
    assert net.inputs is None
    assert other.inputs is None
    assert other.epoch == other.step == 0
