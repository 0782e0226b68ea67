"""Words of other libraries, and what beginners write: each is answered with what to write here."""

import copy
import functools
import pickle
import re
import warnings

import numpy as np
import pytest

import nnkit
from nnkit.errors import TrainingWarning
from nnkit.inference import calling

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X[:, 0]


def net(**changes):
    return nnkit.Network([3, 4, 1], seed=0, **changes)


OTHERS = {
    "sklearn: hidden_layer_sizes": (lambda: nnkit.Network(hidden_layer_sizes=(64,)), r"hidden=\[64, 32\]"),
    "sklearn: activation": (lambda: net(activation="tanh"), "hidden_activation="),
    "sklearn: solver": (lambda: net(solver="adam"), "optimizer='adam'"),
    "sklearn: random_state": (lambda: nnkit.Network([3, 1], random_state=0), "seed=0"),
    "sklearn: max_iter": (lambda: net(max_iter=200), r"fit\(\.\.\., epochs=100\)"),
    "sklearn: alpha": (lambda: net(alpha=1e-4), "regularizer='l2"),
    "sklearn: learning_rate_init": (lambda: net(learning_rate_init=0.1), r"optimizer='adam\(learning_rate=0.01\)'"),
    "sklearn: predict_proba": (lambda: net().predict_proba(X), r"it has predict\(X\)"),
    "sklearn: coefs_": (lambda: net().coefs_, "it has arrays"),
    "sklearn: r2_score": (lambda: net().fit(X, Y, metrics=["r2_score"]), "'r2'"),
    "keras: verbose": (lambda: net().fit(X, Y, verbose=0), r"callbacks=\['progress'\]"),
    "keras: lr": (lambda: net(lr=0.1), r"optimizer='adam\(learning_rate=0.01\)'"),
    "keras: adam(lr=0.1)": (lambda: net(optimizer="adam(lr=0.1)"), "learning_rate"),
    "sklearn: momentum": (lambda: net(momentum=0.9), r"optimizer='sgd\(momentum=0.9\)'"),
    "sklearn: validation_fraction": (lambda: net(validation_fraction=0.1), r"fit\(\.\.\., validation_split=0.2\)"),
    "sklearn: warm_start": (lambda: net(warm_start=True), "goes on from the present parameters"),
    "sklearn: StandardScaler": (lambda: nnkit.StandardScaler, r"nnkit.Standardize\(\) as the first layer"),
    "keras: kernel_initializer": (lambda: net(kernel_initializer="he"), "initializer='he_normal'"),
    "keras: EarlyStopping": (lambda: nnkit.EarlyStopping, "the name of the callback, 'early_stopping'"),
    "keras: Flatten": (lambda: nnkit.Flatten, "X as it is"),
    "torch: Adam": (lambda: nnkit.Adam(lr=0.1), "the name of the optimizer, 'adam'"),
    "torch: ReLU": (lambda: nnkit.ReLU, "the name of the activation, 'relu'"),
    "torch: CrossEntropyLoss": (lambda: nnkit.CrossEntropyLoss, "loss='categorical_crossentropy'"),
    "torch: manual_seed": (lambda: nnkit.manual_seed(0), "seed=0"),
    "torch: cuda": (lambda: net().cuda(), "computes on the CPU"),
    "torch: eval": (lambda: net().eval(), r"predict\(X\) for inference"),
    "xgboost: eval_set": (lambda: net().fit(X, Y, eval_set=[(X, Y)]), r"validation_data=\(X, y\)"),
    "matlab: IW": (lambda: net().IW, "weights, biases and arrays"),
    "matlab: view": (lambda: net().view(), r"summary\(\)"),
    "keras: compile": (lambda: net().compile(optimizer="adam"), r"it has nnkit.Network\("),
    "keras: acc": (lambda: net().fit(X, Y, metrics=["acc"]), "'accuracy'"),
    "keras: the call": (lambda: net()(X), r"predict\(X\) makes predictions"),
    "keras: load_model": (lambda: nnkit.load_model("m.npz"), r"nnkit.Network.load\(path\)"),
    "keras: Sequential": (lambda: nnkit.Sequential([]), r"use nnkit.Network\(hidden="),
    "torch: load": (lambda: nnkit.load("m.npz"), r"nnkit.Network.load\(path\)"),
    "torch: state_dict": (lambda: net().state_dict(), "it has arrays"),
    "torch: kaiming_normal": (lambda: net(initializer="kaiming_normal"), "'he_normal'"),
    "matlab: tansig": (lambda: net(hidden_activation="tansig"), "'tanh'"),
    "matlab: purelin": (lambda: net(output_activation="purelin"), "'identity'"),
    "matlab: train": (lambda: net().train(X, Y), r"it has fit\(X, y\)"),
    "matlab: sim": (lambda: net().sim(X), r"it has predict\(X\)"),
}

BEGINNERS = {
    "widths without a list": (lambda: nnkit.Network(3, 4, 1), r"list the widths, nnkit.Network\(\[3, 4, 1\]\)"),
    "batch": (lambda: net().fit(X, Y, batch=8), "batch_size=32"),
    "epoch": (lambda: net().fit(X, Y, epoch=8), r"epochs=100|'epochs'"),
    "learning_rate in fit": (lambda: net().fit(X, Y, learning_rate=0.1), "belongs to the optimizer"),
    "epochs in Network": (lambda: net(epochs=3), r"fit\(\.\.\., epochs=100\)"),
    "metrics in Network": (lambda: net(metrics=["r2"]), r"fit\(\.\.\., metrics="),
    "callbacks=None": (lambda: net().fit(X, Y, callbacks=None), "None is no callback; expected"),
    "metrics=None": (lambda: net().fit(X, Y, metrics=None), "None is no metric; expected"),
    "a slip in an argument": (lambda: net().fit(X, Y, batchsize=8), "'batch_size'"),
    "a slip in a method": (lambda: net().pedict(X), "it has predict"),
    "an unknown argument": (lambda: net().fit(X, Y, colour="red"), "its arguments are X, y, epochs"),
    "no data": (lambda: net().fit(), "missing 1 required positional argument: 'X'"),
    "one column for three": (lambda: net().predict(Y), r"\[:, None\]"),
    "a width as text": (lambda: nnkit.Network(["3", 1]), "in layer 0|'3'"),
    "a huge width": (lambda: nnkit.Network([3, 10**12, 1]), "more than fit into memory"),
    "a width of 400 digits": (lambda: nnkit.Network([3, 10**400, 1]), "an integer of 1329 bits; expected a positive"),
    "a hyperparameter of 400 digits": (lambda: net(optimizer={"name": "sgd", "momentum": 10**400}), "momentum"),
    "a weight of 400 digits": (lambda: net().fit(X, Y, sample_weight=[10**400] * 40), "sample_weight holds values"),
    "a floating-point width": (lambda: nnkit.Network([3, 4.5, 1]), "4.5; expected a positive integer"),
}


@pytest.mark.parametrize("case", OTHERS | BEGINNERS)
def test_it_is_answered(case):
    make, answer = (OTHERS | BEGINNERS)[case]
    with pytest.raises((TypeError, ValueError, AttributeError, LookupError), match=answer):
        make()


def test_the_lists_are_long_enough():
    assert len(OTHERS) >= 15
    assert len(BEGINNERS) >= 15


ADVICE = sorted({*calling.ARGUMENTS.values(), *calling.ATTRIBUTES.values(), *nnkit._ELSEWHERE.values()})
CALL = re.compile(r"(?:nnkit\.)?[A-Za-z_.]+\(")
PLACES = {
    "metrics=[...]": "metrics=['accuracy']",
    "callbacks=[...]": "callbacks=['history']",
    "class_weight=...": "class_weight={0: 2.0}",
    "loss=..., optimizer=...": "loss='mse', optimizer='adam'",
    "nnkit.Network([...])": "nnkit.Network([3, 1])",
}
"""What to write where an answer leaves something open."""


def calls_in(text):
    """Every call that a text spells out, with its parentheses closed."""
    for found in CALL.finditer(text):
        depth = 0
        for place in range(found.end() - 1, len(text)):
            depth += {"(": 1, ")": -1}.get(text[place], 0)
            if depth == 0:
                yield text[found.start() : place + 1]
                break


@pytest.mark.parametrize("advice", [text for text in ADVICE if any(calls_in(text))])
def test_what_is_advised_works(advice, tmp_path):
    """The calls in an answer are run as they stand, with a network, data and a path in place of what is left open."""
    network = nnkit.Network([3, 4, 1], output_activation="sigmoid", loss="binary_crossentropy", seed=0)
    network.save(tmp_path / "net.npz")
    methods = ("fit", "predict", "evaluate", "save", "reset", "summary", "to_config")
    known = {name: getattr(network, name) for name in methods} | {"nnkit": nnkit, "network": network}
    known |= {"X": X, "y": (Y > 0).astype(int), "kind": "loss", "path": tmp_path / "net.npz"}
    for call in calls_in(advice):
        name = call.partition("(")[0]
        if name not in known and not name.startswith(("nnkit.", "network.")):
            continue  # a part, as in 'adam(learning_rate=0.01)': the call around it is run
        places = PLACES | {"...": "X, y" if name == "fit" else "[3, 4, 1]"}
        filled = functools.reduce(lambda text, gap: text.replace(*gap), places.items(), call)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrainingWarning)  # two classes under a loss of numbers
            eval(filled, known)


def test_networks_are_copied_and_inspected_as_before():
    network = net()
    assert not hasattr(network, "__array__")
    assert copy.deepcopy(network).to_config() == pickle.loads(pickle.dumps(network)).to_config()


def test_the_warning_of_a_nan_loss_comes_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net(optimizer="sgd(learning_rate=1e200)").fit(X, Y, epochs=6)
    assert 1 == sum("the loss is" in str(w.message) for w in caught if issubclass(w.category, TrainingWarning))
