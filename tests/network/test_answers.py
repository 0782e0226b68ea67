"""Mistakes of beginners and habits from other libraries: each answer is followed as it stands, and helps."""

import re
import tempfile
import warnings

import attrs
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

import nnkit
from nnkit.errors import NNKitError, TrainingWarning

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
REAL = X @ [1.0, -2.0, 0.5]
LABELS = np.digitize(REAL, [-1.0, 1.0])
BINARY = (REAL > 0).astype(int)
WORDS = np.array(["low", "middle", "high"])[LABELS]
PERCENT = 100.0 / (1.0 + np.exp(-REAL))
GAPS = np.where((X > 1.5) & (np.arange(3) > 1), np.nan, X)  # of the column that matters least
FAST = "adam(learning_rate=0.03)"


def network(layers=(3, 8, 1), **changes):
    return nnkit.Network(list(layers), **({"hidden_activation": "tanh", "optimizer": FAST, "seed": 0} | changes))


def fitted(y, *, x=X, layers=(3, 8, 1), epochs=60, **changes):
    """A network trained without any warning."""
    net = network(layers, **changes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.fit(x, y, epochs=epochs)
    return net


def named(text):
    """The keyword arguments that an answer spells out."""
    return eval(f"dict({text})", {"nnkit": nnkit})


def learns_numbers(y, **changes):
    """Whether a network explains the targets, in their own units."""
    net = fitted(y, **changes)
    return r2_score(y, net.predict(changes.get("x", X))[:, 0]) > 0.95


def learns_classes(y, **changes):
    """Whether a network learns the classes, and answers with the labels as they were passed."""
    labels = fitted(y, **changes).predict(changes.get("x", X), labels=True)
    return labels.dtype.kind == np.asarray(y).dtype.kind and accuracy_score(y, labels) > 0.9


def lowered(_):
    """Whether a rate that is lowered by a tenth, and again, trains well and without a warning."""
    for power in range(1, 6):
        net = network(hidden_activation="relu", optimizer=f"adam(learning_rate={1e3 / 10**power})")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            net.fit(X, REAL, epochs=60)
        if not caught and r2_score(REAL, net.predict(X)[:, 0]) > 0.95:
            return True
    return False


@attrs.frozen
class Case:
    """A mistake, its answer, and what follows from it.

    Args:
        wrong: The mistake.
        answer: A pattern of the answer; its groups are what a person copies from it.
        follow: Does what the groups say; whether that is what the person needs.
    """

    wrong: object
    answer: str
    follow: object


BEGINNERS = {
    "softmax with one output": Case(
        lambda: network(output_activation="softmax"),
        "use '(.*)' with '(.*)' for two classes",
        lambda head, loss: learns_classes(BINARY, output_activation=head, loss=loss),
    ),
    "a softmax judged output by output": Case(
        lambda: network((3, 8, 3), output_activation="softmax", loss="binary_crossentropy"),
        "use '(.*)' with a softmax",
        lambda loss: learns_classes(LABELS, layers=(3, 8, 3), output_activation="softmax", loss=loss),
    ),
    "sigmoid for three classes": Case(
        lambda: network((3, 8, 3), output_activation="sigmoid", loss="categorical_crossentropy"),
        r"use (output_activation='\w+')",
        lambda head: learns_classes(LABELS, layers=(3, 8, 3), loss="categorical_crossentropy", **named(head)),
    ),
    "one output for the loss of many classes": Case(
        lambda: network(output_activation="sigmoid", loss="categorical_crossentropy"),
        "use '(.*)' with '(.*)' for a single output",
        lambda loss, head: learns_classes(BINARY, output_activation=head, loss=loss),
    ),
    "no activation for probabilities": Case(
        lambda: network(loss="binary_crossentropy"),
        r"use (output_activation='\w+')",
        lambda head: learns_classes(BINARY, loss="binary_crossentropy", **named(head)),
    ),
    "three classes fitted as numbers": Case(
        lambda: network().fit(X, LABELS, epochs=2),
        r"for classes use (\d) outputs, (.*?); for",
        lambda outputs, rest: learns_classes(LABELS, layers=(3, 8, int(outputs)), **named(rest)),
    ),
    "counts taken for classes": Case(
        lambda: network().fit(X, LABELS, epochs=2),
        "for numbers state (.*)",
        lambda task: fitted(LABELS, epochs=2, **named(task)).task == "regression",
    ),
    "two classes fitted as numbers": Case(
        lambda: network().fit(X, BINARY, epochs=2),
        "for classes use (.*?); for",
        lambda rest: learns_classes(BINARY, **named(rest)),
    ),
    "labels for several outputs of numbers": Case(
        lambda: network((3, 8, 3)).fit(X, LABELS),
        r"(nnkit\.to_categorical) makes such rows",
        lambda name: r2_score(rows := eval(name)(LABELS), fitted(rows, layers=(3, 16, 3), epochs=200).predict(X)) > 0.6,
    ),
    "texts as targets of numbers": Case(
        lambda: network().fit(X, WORDS),
        r"with (hidden=)\[...\]",
        lambda hidden: _open(WORDS, **named(f"{hidden}[8]")),
    ),
    "integers without a task": Case(
        lambda: nnkit.Network(hidden=[8]).fit(X, LABELS),
        "state which: task='regression', or 'binary' or '(multiclass)'",
        lambda task: _open(LABELS, task=task),
    ),
    "probabilities for the loss of labels": Case(
        lambda: network((3, 8, 3), output_activation="softmax", loss="sparse_categorical_crossentropy").fit(
            X, np.full((120, 3), 1 / 3)
        ),
        r"for probabilities use (\w+)",
        lambda loss: np.allclose(
            fitted(np.tile([0.2, 0.3, 0.5], (120, 1)), layers=(3, 3), output_activation="softmax", loss=loss).predict(
                X
            ),
            [0.2, 0.3, 0.5],
            atol=0.02,
        ),
    ),
    "targets beyond the output activation": Case(
        lambda: network(output_activation="sigmoid").fit(X, REAL, epochs=1),
        "leave the (output) activation out",
        lambda _: learns_numbers(REAL),
    ),
    "targets in large units": Case(
        lambda: network().fit(X, 1e6 * REAL + 3e7, epochs=2),
        r"pass (target_scaling='\w+') to nnkit.Network",
        lambda scaling: learns_numbers(1e6 * REAL + 3e7, **named(scaling)),
    ),
    "inputs that nothing scales": Case(
        lambda: network().fit(1e5 * X, REAL, epochs=2),
        r"put (nnkit\.Standardize\(\)) in front",
        lambda layer: learns_numbers(REAL, x=1e5 * X, layers=(3, eval(layer), 8, 1)),
    ),
    "a learning rate of a thousand": Case(
        lambda: network(hidden_activation="relu", optimizer="adam(learning_rate=1e3)").fit(X, REAL, epochs=60),
        r"(lower the learning rate) \(a tenth, and again\)",
        lowered,
    ),
    "samples in columns": Case(
        lambda: network().predict(X.T),
        r"did you mean (X\.T)\?",
        lambda turned: np.array_equal(network().predict(eval(turned, {"X": X.T})), network().predict(X)),
    ),
    "one row as a vector": Case(
        lambda: network().predict(X[0]),
        r"(X\[None, :\]) one row",
        lambda row: np.allclose(network().predict(eval(row, {"X": X[0]})), network().predict(X)[:1], rtol=1e-12),
    ),
    "missing values": Case(
        lambda: network().fit(GAPS, REAL),
        r"pass (columns='\w+') to the Network",
        lambda columns: learns_numbers(REAL, x=GAPS, layers=(None, 8, 1), epochs=150, **named(columns)),
    ),
    "text among the inputs": Case(
        lambda: nnkit.Network(hidden=[8]).fit(pd.DataFrame({"size": WORDS, "x": X[:, 0]}), REAL),
        r"pass (columns='\w+') to the Network",
        lambda columns: (
            accuracy_score(WORDS, _plan(pd.DataFrame({"size": WORDS, "x": X[:, 0]}), **named(columns))) == 1.0
        ),
    ),
    "percentages as probabilities": Case(
        lambda: network(output_activation="sigmoid", loss="binary_crossentropy").fit(X, PERCENT),
        r"percentages are (y / 100)",
        lambda ratio: learns_numbers(
            eval(ratio, {"y": PERCENT}), output_activation="sigmoid", loss="binary_crossentropy"
        ),
    ),
    "numbers written as texts": Case(
        lambda: network().fit(X.astype(str), REAL),
        r"(X\.astype\(float\)) converts",
        lambda converted: np.array_equal(eval(converted, {"X": X.astype(str)}), X),
    ),
    "a slip in a name": Case(
        lambda: network(optimizer="adamm"),
        "did you mean '(.*?)'",
        lambda name: learns_numbers(REAL, optimizer=f"{name}(learning_rate=0.03)"),
    ),
    "a slip in an argument": Case(
        lambda: network().fit(X, REAL, batchsize=120),
        "did you mean '(.*?)'",
        lambda name: _steps(**{name: 120}) == 2,
    ),
}


def _open(y, **settings):
    """Whether a network that leaves the rest to the data learns the labels, and answers with them."""
    net = nnkit.Network(**({"hidden": [8], "optimizer": FAST, "seed": 0} | settings))
    net.fit(X, y, epochs=60)
    return accuracy_score(y, net.predict(X, labels=True)) > 0.9


def _plan(table, **settings):
    """The texts that a plan's inputs stand for."""
    net = nnkit.Network(hidden=[2], seed=0, **settings)
    net.fit(table, REAL, epochs=1)
    inputs, features = net.columns.matrix(table), net.features
    places = [place for place, name in enumerate(features) if name.startswith("size=")]
    return [features[places[row]].partition("=")[2] for row in inputs[:, places].argmax(axis=1)]


def _steps(**options):
    net = network()
    net.fit(X, REAL, epochs=2, **options)
    return net.step


def judged(metric, expected, y, **changes):
    """Whether a metric has the value of scikit-learn."""
    net = fitted(y, epochs=5, **changes)
    value = net.evaluate(X, y, metrics=[metric])[metric]
    return value == pytest.approx(expected(y, net), rel=1e-12)


def _loaded(text):
    """Whether a network loaded by this call predicts what the saved one does."""
    with tempfile.TemporaryDirectory() as place:
        path = f"{place}/net.npz"
        net = network()
        net.save(path)
        return np.array_equal(eval(text, {"nnkit": nnkit, "path": path}).predict(X), net.predict(X))


def called(text, net=None, **names):
    """The value of a call that an answer spells out, with this network's methods."""
    net = net or network()
    known = {name: getattr(net, name) for name in ("fit", "predict")}
    return eval(text.replace("...", "X, y"), {"nnkit": nnkit, "X": X, "y": REAL} | known | names)


def composed(text):
    """The network that an answer spells out, with layers in place of what it leaves open."""
    return eval(text.replace("...", "[3, 8, 1]"), {"nnkit": nnkit})


CROSS = {"layers": (3, 8, 1), "output_activation": "sigmoid", "loss": "binary_crossentropy"}
STRANGERS = {
    "scikit-learn: hidden_layer_sizes": Case(
        lambda: nnkit.Network(hidden_layer_sizes=(64, 32)),
        r"pass (nnkit\.Network\(hidden=.*\))",
        lambda text: (net := eval(text), net.fit(X, REAL, epochs=1))[0].parameters.size == 4 * 64 + 65 * 32 + 33,
    ),
    "scikit-learn: solver": Case(
        lambda: network(solver="adam"),
        r"pass (nnkit\.Network\(.*\))",
        lambda text: composed(text).optimizer == nnkit.Network([3, 1], optimizer="adam").optimizer,
    ),
    "scikit-learn: random_state": Case(
        lambda: network(random_state=0),
        r"pass (nnkit\.Network\(.*\))",
        lambda text: np.array_equal(composed(text).predict(X), composed(text).predict(X)),
    ),
    "scikit-learn: max_iter": Case(
        lambda: network(max_iter=100),
        r"pass (fit\(.*\))",
        lambda text: len(called(text)["loss"]) == 100,
    ),
    "scikit-learn: validation_fraction": Case(
        lambda: network(validation_fraction=0.2),
        r"pass (fit\(.*\))",
        lambda text: (net := network(), called(text, net))[0].step == 10 * 3 and "val_loss" in net.history,
    ),
    "scikit-learn: learning_rate_init": Case(
        lambda: network(learning_rate_init=0.01),
        r"(nnkit\.Network\(.*\))",
        lambda text: composed(text).optimizer.learning_rate == 0.01,
    ),
    "scikit-learn: momentum": Case(
        lambda: network(momentum=0.9),
        r"pass (nnkit\.Network\(.*\))",
        lambda text: composed(text).optimizer.momentum == 0.9,
    ),
    "scikit-learn: predict_proba": Case(
        lambda: fitted(LABELS, layers=(3, 8, 3), epochs=1, **SOFTMAX).predict_proba(X),
        r"it has (predict\(X\))",
        lambda text: np.allclose(
            called(text, fitted(LABELS, layers=(3, 8, 3), epochs=1, **SOFTMAX)).sum(axis=1), 1.0, rtol=1e-12
        ),
    ),
    "scikit-learn: r2_score": Case(
        lambda: network().fit(X, REAL, metrics=["r2_score"]),
        "did you mean '(.*?)'",
        lambda name: judged(name, lambda y, net: r2_score(y, net.predict(X)), REAL),
    ),
    "scikit-learn: StandardScaler": Case(
        lambda: nnkit.StandardScaler,
        r"use (nnkit\.Standardize\(\)) as the first layer",
        lambda layer: np.allclose(
            fitted(REAL, x=5 * X + 3, layers=(3, eval(layer), 1), epochs=1).trace(5 * X + 3)[0].activation,
            StandardScaler().fit_transform(X),
            atol=1e-9,
        ),
    ),
    "scikit-learn: a frame with its columns in another order": Case(
        lambda: _framed().predict(pd.DataFrame(X, columns=list("abd"))),
        "lacks 'c' and has 'd' in addition; .* pass a frame with these columns, in (any order)",
        lambda _: np.array_equal(
            _framed().predict(pd.DataFrame(X, columns=list("abc"))[["c", "a", "b"]]), _framed().predict(X)
        ),
    ),
    "Keras: acc": Case(
        lambda: network(**CROSS).fit(X, BINARY, metrics=["acc"]),
        "did you mean '(.*?)'",
        lambda name: judged(name, lambda y, net: accuracy_score(y, net.predict(X, labels=True)), BINARY, **CROSS),
    ),
    "scikit-learn: roc_auc_score": Case(
        lambda: network(**CROSS).fit(X, BINARY, metrics=["roc_auc_score"]),
        "did you mean '(.*?)'",
        lambda name: judged(name, lambda y, net: roc_auc_score(y, net.predict(X)[:, 0]), BINARY, **CROSS),
    ),
    "Keras: lr": Case(
        lambda: network(lr=0.01),
        r"(nnkit\.Network\(.*\))",
        lambda text: composed(text).optimizer.learning_rate == 0.01,
    ),
    "Keras: EarlyStopping": Case(
        lambda: nnkit.EarlyStopping,
        "the name of the callback, '(.*)'",
        lambda name: (
            (
                net := network(),
                net.fit(X, RNG.normal(size=120), epochs=300, validation_split=0.3, callbacks=[name]),
            )[0].epoch
            < 300
        ),
    ),
    "Keras: Flatten": Case(
        lambda: nnkit.Flatten,
        "use (X) as it is",
        lambda text: np.array_equal(
            nnkit.Network([64, 10], seed=0).predict(eval(text, {"X": load_digits().images})),
            nnkit.Network([64, 10], seed=0).predict(load_digits().data),
        ),
    ),
    "Keras: kernel_initializer": Case(
        lambda: network(kernel_initializer="he_normal"),
        r"pass (nnkit\.Network\(.*\))",
        lambda text: (
            eval(text.replace("...", "[400, 300]"), {"nnkit": nnkit}).parameters[: 400 * 300].std()
            == pytest.approx((2 / 400) ** 0.5, rel=0.01)
        ),
    ),
    "Keras: load_model": Case(lambda: nnkit.load_model("net.npz"), r"use (nnkit\.Network\.load\(path\))", _loaded),
    "torch: CrossEntropyLoss": Case(
        lambda: nnkit.CrossEntropyLoss,
        r"use (loss='\w+') with (output_activation='\w+')",
        lambda loss, head: learns_classes(LABELS, layers=(3, 8, 3), **named(f"{loss}, {head}")),
    ),
    "XGBoost: eval_set": Case(
        lambda: network().fit(X, REAL, eval_set=[(X, REAL)]),
        r"pass (fit\(.*\))",
        lambda text: (
            (net := network(), called(text, net))[0].history["val_loss"][-1]
            == pytest.approx(net.evaluate(X, REAL)["loss"], rel=1e-12)
        ),
    ),
    "MATLAB: tansig": Case(
        lambda: network(hidden_activation="tansig"),
        "did you mean '(.*?)'",
        lambda name: np.allclose(_activated(name), 2 / (1 + np.exp(-2 * X)) - 1, rtol=1e-12),
    ),
    "MATLAB: purelin": Case(
        lambda: network(output_activation="purelin"),
        "did you mean '(.*?)'",
        lambda name: np.array_equal(_activated(name), X),
    ),
    "MATLAB: sim": Case(
        lambda: network().sim(X),
        r"it has (predict\(X\))",
        lambda text: np.array_equal(called(text), network().predict(X)),
    ),
    "MATLAB: trainlm": Case(
        lambda: network(trainFcn="trainlm"),
        r"(optimizer='\w+')",
        lambda text: learns_numbers(REAL, epochs=30, **named(text)),
    ),
}
SOFTMAX = {"output_activation": "softmax", "loss": "categorical_crossentropy"}


def _framed():
    net = network()
    net.fit(pd.DataFrame(X, columns=list("abc")), REAL, epochs=1)
    return net


def _activated(name):
    layer = nnkit.Network([3, 1, 1], hidden_activation=name, seed=0).layers[0]
    return layer.activation.forward(X)


def answer_to(mistake):
    """What a person reads: the error, or else the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            mistake()
        except (NNKitError, AttributeError) as error:
            return str(error)
    assert all(issubclass(warning.category, TrainingWarning) for warning in caught)
    return "\n".join(str(warning.message) for warning in caught)


@pytest.mark.parametrize("name", BEGINNERS | STRANGERS)
def test_what_the_answer_says_is_what_the_person_needs(name):
    case = (BEGINNERS | STRANGERS)[name]
    answer = answer_to(case.wrong)
    found = re.search(case.answer, answer, re.DOTALL)
    assert found is not None, answer
    assert case.follow(*found.groups()), answer
