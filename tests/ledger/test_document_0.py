"""What the first document (object-oriented, with an archiver) describes, done here through the public names."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import redirect_stdout

import numpy as np
import pytest

import nnkit
from nnkit.errors import DataError, HyperparameterError, NNKitError, ShapeError, SpecError, UnknownNameError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(float)


def classifier(**changes):
    settings = {
        "hidden_activation": "tanh",
        "output_activation": "logistic",
        "loss": "binary_crossentropy",
        "optimizer": "sgd(learning_rate=0.5)",
        "seed": 3,
    }
    return nnkit.Network([4, 5, 1], **(settings | changes))


@pytest.mark.ledger("S0.1", "S0.26")
def test_the_six_roles_are_here():
    net = classifier()
    assert all(isinstance(layer, nnkit.interfaces.Layer) for layer in net.layers)
    assert 4 == net.inputs
    assert isinstance(net.layers[0].activation, nnkit.interfaces.Activation)
    assert isinstance(net.composition.initializer, nnkit.interfaces.Initializer)
    history = net.fit(X, Y, epochs=2, metrics=["accuracy", "precision"], callbacks=["archiver(every=1)"])
    assert isinstance(net.archive, nnkit.Archive)
    latest = net.evaluate(X, Y, metrics=["accuracy", "precision"])
    assert latest["accuracy"] == history["accuracy"][-1]
    assert latest["precision"] == history["precision"][-1]


@pytest.mark.ledger("S0.2")
def test_training_takes_numpy_and_no_other_engine():
    program = (
        "import sys, numpy, numpy.random, pluggy, attrs; before = set(sys.modules)\n"
        "import nnkit; X = numpy.ones((8, 2)); nnkit.Network([2, 3, 1], seed=0).fit(X, X[:, 0], epochs=2)\n"
        "added = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(added - set(sys.stdlib_module_names) - {'nnkit', 'numpy', 'attr', 'attrs', 'pluggy'}))"
    )
    variables = {"NNKIT_PLUGINS": "", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=variables, check=True)
    assert "" == done.stdout.strip()


@pytest.mark.ledger("S0.3", "S0.4")
def test_a_layer_knows_its_units_and_its_activation_or_has_none():
    net = nnkit.Network([4, nnkit.Dense(5, "TANH"), nnkit.Dense(2)])
    hidden, output = net.layers
    assert (5, 2) == (hidden.units, output.units)
    assert output.activation is None
    assert nnkit.plugins.create("activation", "tanh") == hidden.activation
    assert [(4, 5), (5, 2)] == [weight.shape for weight in net.weights]
    np.testing.assert_array_equal(net.trace(X)[1].preactivation, net.trace(X)[1].activation)


@pytest.mark.ledger("S0.11", "S0.12", "S0.15")
def test_the_inputs_may_wait_for_the_data_and_so_do_the_parameters():
    net = nnkit.Network([None, 5, 1], seed=3)
    assert net.inputs is None
    with pytest.raises(DataError, match="number of inputs is not known yet"):
        net.parameters  # noqa: B018  # the look-up is the test
    net.fit(X, Y, epochs=1)
    assert 4 == net.inputs
    assert net.weights[0].shape == (4, 5)
    after = net.parameters.copy()
    net.predict(X)
    np.testing.assert_array_equal(after, net.parameters)  # drawn once
    net.reset()
    assert net.inputs is None  # as it was composed
    net.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(after, net.parameters)


@pytest.mark.ledger("S0.13", "S0.14")
def test_the_seed_alone_says_what_is_drawn_and_no_global_generator_is_touched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002  # it is what must not change
    first, second, other = (classifier(initializer="lecun_normal", seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.parameters, second.parameters)
    assert not np.array_equal(first.parameters, other.parameters)
    first.fit(X, Y, epochs=2)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.ledger("S0.16", "S0.17", "S0.18", "S0.19")
@pytest.mark.parametrize(
    ("initializer", "expected"),
    [("Normal(stddev=0.01)", 0.01), ("LECUN-NORMAL", 1 / np.sqrt(300)), ("glorot_normal", np.sqrt(2 / 700))],
)
def test_the_schemes_of_weights(initializer, expected):
    net = nnkit.Network([300, 400], initializer=initializer, seed=1)
    drawn = net.weights[0].ravel()
    assert abs(drawn.mean()) < 5 * expected / np.sqrt(drawn.size)
    assert drawn.std() == pytest.approx(expected, rel=5 / np.sqrt(drawn.size))
    np.testing.assert_array_equal(np.zeros(400), net.biases[0])


@pytest.mark.ledger("S0.18", "S0.19")
@pytest.mark.parametrize(("scheme", "value"), [("ZEROS", 0.0), ("ones", 1.0), ("constant(value=0.01)", 0.01)])
def test_the_schemes_of_biases(scheme, value):
    np.testing.assert_array_equal(np.full(5, value), classifier(bias_initializer=scheme).biases[0])


@pytest.mark.ledger("S0.20", "S0.19")
@pytest.mark.parametrize("factor", [-0.01, -1])
def test_a_factor_out_of_range_is_refused(factor):
    with pytest.raises(ValueError, match=r"stddev.*\[0, inf\)|stddev.*\(0, inf\)") as caught:
        classifier(initializer={"name": "normal", "stddev": factor})
    assert isinstance(caught.value, HyperparameterError)
    with pytest.raises(ValueError, match="xavier_average"):  # a scheme that does not exist is never passed over
        classifier(initializer="xavier")


Z = np.array([[-2.0, -0.5, 0.0, 0.5, 2.0]])
FORMULAS = {
    "logistic": (1 / (1 + np.exp(-Z)), np.exp(-Z) / (1 + np.exp(-Z)) ** 2),
    "relu": (np.array([[0, 0, 0, 0.5, 2.0]]), np.array([[0.0, 0, 0, 1, 1]])),
    "tanh": (np.tanh(Z), 1 / np.cosh(Z) ** 2),
    "linear": (Z, np.ones_like(Z)),
}


@pytest.mark.ledger("S0.21", "S0.22", "S0.23", "S0.24", "S0.25")
@pytest.mark.parametrize("name", FORMULAS)
def test_the_four_activations_and_their_derivatives(name):
    value, slope = FORMULAS[name]
    part = nnkit.plugins.create("activation", name.upper())
    a = part.forward(Z)
    np.testing.assert_allclose(a, value, rtol=1e-14)
    np.testing.assert_allclose(part.derivative(Z, a), slope, rtol=1e-14)
    np.testing.assert_array_equal(np.diag(part.derivative(Z, a)[0]), part.jacobian(Z, a)[0])
    extremes = np.array([[-800.0, 800.0]])
    assert np.isfinite(part.forward(extremes)).all()


@pytest.mark.ledger("S0.21", "S3.12")
def test_a_wrong_name_is_a_value_error_that_knows_the_right_one():
    with pytest.raises(ValueError, match="sigmoid") as caught:
        classifier(hidden_activation="sigmiod")
    assert isinstance(caught.value, UnknownNameError)


@pytest.mark.ledger("S0.30", "S0.31", "S0.32", "S0.43")
def test_cost_accuracy_and_precision_of_two_classes():
    net = classifier()
    net.fit(X, Y, epochs=20)
    p = net.predict(X)[:, 0]
    found = net.evaluate(X, Y, metrics=["accuracy", "precision"])
    assert found["loss"] == pytest.approx(-np.mean(Y * np.log(p) + (1 - Y) * np.log1p(-p)), rel=1e-12)
    assert isinstance(found["loss"], float)
    predicted = p > 0.5
    assert found["accuracy"] == pytest.approx(np.mean(predicted == Y))
    assert found["precision"] == pytest.approx(np.mean(Y[predicted]))
    assert 0.0 == net.evaluate(X[predicted == 0], Y[predicted == 0], metrics=["precision"])["precision"]


@pytest.mark.ledger("S0.34", "S0.38", "S0.39")
def test_training_by_iterations():
    net = classifier(optimizer="sgd(learning_rate=0.0000009)")
    net.fit(X, Y, epochs=10, batch_size=None)
    assert 10 == net.step
    net.fit(X, Y, epochs=2, batch_size=20, sampling="random_batch", validation_data=(X, Y))
    assert 10 + 2 * 3 == net.step
    assert list(range(1, 13)) == net.history["epoch"]
    assert [None] * 10 == net.history["val_loss"][:10]
    assert np.isfinite(net.history["val_loss"][10:]).all()


@pytest.mark.ledger("S0.35")
@pytest.mark.parametrize("layers", [[], [4]])
def test_a_network_that_cannot_be_trained_cannot_be_made(layers):
    with pytest.raises(SpecError, match="layers is empty|at least one layer"):
        nnkit.Network(layers)


@pytest.mark.ledger("S0.36", "S0.37")
@pytest.mark.parametrize(
    ("inputs", "targets", "says"),
    [(X, Y[:-1], "59 rows.*60"), (X.T, Y, "60 columns.*takes 4"), (X, np.c_[Y, Y], "2 columns.*1 output")],
)
def test_shapes_that_do_not_fit_are_refused(inputs, targets, says):
    with pytest.raises(ValueError, match=says) as caught:
        classifier().fit(inputs, targets)
    assert isinstance(caught.value, ShapeError)


@pytest.mark.ledger("S0.42")
def test_a_training_may_say_when_it_begins_and_ends_and_is_silent_otherwise():
    said = io.StringIO()
    with redirect_stdout(said):
        classifier().fit(X, Y, epochs=1)
    assert "" == said.getvalue()
    tell = nnkit.plugins.get("callback", "lambda")(
        train_begin=lambda view: print("Training begins"), train_end=lambda view: print("Training complete")
    )
    with redirect_stdout(said):
        classifier().fit(X, Y, epochs=1, callbacks=[tell])
    assert "Training begins\nTraining complete\n" == said.getvalue()


@pytest.mark.ledger("S0.52")
@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "sgd(learning_rate=0.05, momentum=0.9, nesterov=True)"},
        {"optimizer": "adam(learning_rate=0.02)"},
        {"optimizer": "adagrad(learning_rate=0.1)"},
        {"optimizer": {"name": "sgd", "learning_rate": {"name": "exponential", "learning_rate": 0.3}}},
        {"optimizer": "adam(learning_rate=0.02)", "regularizer": "l2(strength=0.001)"},
    ],
)
def test_what_the_document_leaves_to_its_reader(settings):
    """More classes than two with softmax, several outputs, penalties, class weights, better optimizers."""
    labels = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)
    net = nnkit.Network([4, 16, 3], output_activation="softmax", loss="categorical_crossentropy", seed=0, **settings)
    net.fit(X, labels, epochs=100, class_weight="balanced")
    assert net.score(X, labels, accuracy=True) > 0.9


def test_every_error_of_the_library_is_of_one_family():
    assert issubclass(UnknownNameError, NNKitError)
    assert issubclass(ShapeError, NNKitError)
